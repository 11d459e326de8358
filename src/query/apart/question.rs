//! The question what sets a segment, or those of whom a predicate is true, apart.

use super::{Portrait, Wanted, portrait};
use crate::engine::{Published, Settings};
use crate::error::{Error, Result};
use crate::model::{OnProgress, Predicate, Time};
use crate::query::filter::matching;
use crate::query::segments::known_segment;
use crate::storage::View;
use crate::telemetry::{Operation, observed};
use roaring::RoaringBitmap;

/// A question for what sets some users, those of a segment or of whom a predicate is true, apart from the others: set what is wanted, then
/// [`Contrast::run`].
#[must_use = "a question does nothing until it is run"]
pub struct Contrast<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    whom: Whom<'a>,
    wanted: Wanted,
}

/// Who is looked at.
enum Whom<'a> {
    Segment(&'a str),
    /// As of an instant.
    Matching(Box<Predicate>, Time),
}

impl<'a> Contrast<'a> {
    pub(crate) fn new(view: &'a View<Published>, settings: &'a Settings, segment: &'a str) -> Self {
        Self { view, settings, whom: Whom::Segment(segment), wanted: Wanted::default() }
    }

    pub(in crate::query) fn of_matching(
        view: &'a View<Published>,
        settings: &'a Settings,
        (predicate, now): (Predicate, Time),
    ) -> Self {
        Self { view, settings, whom: Whom::Matching(Box::new(predicate), now), wanted: Wanted::default() }
    }

    /// How many traits at most; 20 unless said.
    pub fn limit(mut self, limit: usize) -> Self {
        self.wanted.limit = limit;
        self
    }

    /// Only traits that so many members have at least; 5 unless said.
    pub fn min_support(mut self, members: u64) -> Self {
        self.wanted.min_support = members;
        self
    }

    /// Only traits whose [`super::Trait::g2`] is so large at least; 10.83 unless said, and 0 for all.
    pub fn min_g2(mut self, g2: f64) -> Self {
        self.wanted.min_g2 = g2;
        self
    }

    /// What members have, or did, more often than the other users, what is the surest first. It reads what all users did, once.
    /// Users whose values are damaged are in none of the figures, with a warning in the log: [`crate::Store::verify`] names
    /// them.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a segment that is not there, for a predicate as [`crate::query::Selection::run`]; [`Error::Invalid`] for a least G² that is no number; [`Error::Damaged`] as for
    /// [`crate::Snapshot::segments`].
    pub fn run(&self) -> Result<Portrait> {
        self.run_with_progress(&|_| {})
    }

    /// [`Contrast::run`], telling how far it is.
    ///
    /// # Errors
    /// As [`Contrast::run`].
    pub fn run_with_progress(&self, progress: OnProgress<'_>) -> Result<Portrait> {
        observed(Operation::Query, || {
            let least = self.wanted.min_g2;
            if !(least >= 0.0 && least.is_finite()) {
                return Err(Error::invalid("least G²", least, "it is a number, 0 or more"));
            }
            portrait(self.view, self.settings, &self.group()?, &self.wanted, progress)
        })
    }

    fn group(&self) -> Result<RoaringBitmap> {
        match &self.whom {
            Whom::Segment(name) => {
                let no = known_segment(self.view, name)?;
                Ok(self.view.attachment().segments.members(no)?.to_set())
            }
            Whom::Matching(predicate, now) => matching(self.view, self.settings, predicate, *now),
        }
    }
}
