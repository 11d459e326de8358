//! How far segments overlap: counted by who is in them, without any user's record.

use super::segments::known_segment;
use crate::engine::Published;
use crate::engine::segments::{Members, Segment};
use crate::error::Result;
use crate::storage::View;
use crate::telemetry::{Operation, observed};
use serde::Serialize;
use std::sync::Arc;

/// How far two segments overlap.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Overlap {
    /// The name of the one: of the two the one that was defined first, unless one was asked for, which is this.
    pub segment: String,
    /// The name of the other.
    pub other: String,
    /// Users in the one.
    pub members: u64,
    /// Users in the other.
    pub members_of_other: u64,
    /// Users in both.
    pub both: u64,
    /// The Jaccard index, 0 to 1: of the users who are in either, the share of those who are in both. 0 where nobody is in either.
    pub jaccard: f64,
    /// The share of the one's users who are in the other, 0 to 1. 0 where there are none.
    pub share: f64,
    /// The share of the other's users who are in the one.
    pub share_of_other: f64,
    /// How many times as many are in both as were to be expected if the one had nothing to do with the other: users in both times all users of the
    /// store, by the product of users in the one and in the other. 0 where nobody is in one of them.
    pub lift: f64,
}

/// A question for how far segments overlap: set what is wanted, then [`Overlaps::run`].
#[must_use = "a question does nothing until it is run"]
pub struct Overlaps<'a> {
    view: &'a View<Published>,
    of: Option<&'a str>,
    limit: usize,
}

/// A segment, and who is in it.
struct Part<'a> {
    segment: &'a Segment,
    members: &'a Members,
    len: u64,
}

/// Two segments, and how many users are in both.
struct Pair<'a> {
    one: &'a Part<'a>,
    other: &'a Part<'a>,
    both: u64,
}

impl<'a> Overlaps<'a> {
    pub(crate) const fn new(view: &'a View<Published>) -> Self {
        Self { view, of: None, limit: usize::MAX }
    }

    /// Only those of one segment with each of the others.
    pub fn of(mut self, segment: &'a str) -> Self {
        self.of = Some(segment);
        self
    }

    /// How many pairs at most; all unless said.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// All pairs of segments, with how far they overlap: the most users in both first, among equals the larger Jaccard index, then the order in
    /// which they were first defined.
    ///
    /// # Errors
    /// [`crate::Error::Unknown`] for a segment that is not there; [`crate::Error::Damaged`] as for [`crate::Snapshot::segments`].
    pub fn run(&self) -> Result<Vec<Overlap>> {
        observed(Operation::Query, || {
            let parts = self.parts()?;
            let mut pairs = self.pairs(&parts)?;
            // Behind a stable sort, what is alike stays in its order.
            pairs.sort_by(|a, b| b.both.cmp(&a.both).then_with(|| b.jaccard().total_cmp(&a.jaccard())));
            pairs.truncate(self.limit);
            let users = self.view.attachment().counters.users;
            Ok(pairs.iter().map(|pair| pair.overlap(users)).collect())
        })
    }

    fn parts(&self) -> Result<Vec<Part<'a>>> {
        let segments = &self.view.attachment().segments;
        let part = |segment: &'a Arc<Segment>| {
            let members = segments.members(segment.no)?;
            Ok(Part { segment, members, len: members.len() })
        };
        segments.all().map(part).collect()
    }

    fn pairs<'p>(&self, parts: &'p [Part<'a>]) -> Result<Vec<Pair<'p>>> {
        let Some(name) = self.of else {
            let behind = |(n, one)| parts.iter().skip(n + 1).map(move |other| Pair::new(one, other));
            return Ok(parts.iter().enumerate().flat_map(behind).collect());
        };
        let no = known_segment(self.view, name)?;
        let (one, others): (Vec<_>, Vec<_>) = parts.iter().partition(|part| part.segment.no == no);
        Ok(one.into_iter().flat_map(|one| others.iter().map(|other| Pair::new(one, other))).collect())
    }
}

impl<'a> Pair<'a> {
    fn new(one: &'a Part<'a>, other: &'a Part<'a>) -> Self {
        Self { one, other, both: one.members.len_of_both(other.members) }
    }

    fn jaccard(&self) -> f64 {
        ratio(self.both as f64, (self.one.len + self.other.len - self.both) as f64)
    }

    fn overlap(&self, users: u64) -> Overlap {
        let Self { one, other, both } = *self;
        let (ours, theirs, shared) = (one.len as f64, other.len as f64, both as f64);
        Overlap {
            segment: one.segment.stored.name.clone(),
            other: other.segment.stored.name.clone(),
            members: one.len,
            members_of_other: other.len,
            both,
            jaccard: self.jaccard(),
            share: ratio(shared, ours),
            share_of_other: ratio(shared, theirs),
            lift: ratio(shared * users as f64, ours * theirs),
        }
    }
}

/// One by the other; 0 where there is nothing to divide by.
fn ratio(part: f64, whole: f64) -> f64 {
    if whole > 0.0 { part / whole } else { 0.0 }
}
