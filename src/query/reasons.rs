//! Why a predicate is true of a user, or a user in a segment: the predicate part by part, with the values that it goes by.

use super::filter::bound;
use super::segments::known_segment;
use super::similar::known_user;
use crate::engine::predicate::{Bound, Facts, Field, Source, Values};
use crate::engine::{Published, Settings};
use crate::error::{Error, Result};
use crate::model::predicate::{Constant, Node, TermKind};
use crate::model::{Time, Truth, Value};
use crate::storage::View;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};

/// Why a predicate is true of a user, or is not; shown, a line for each part.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Reasons {
    /// The user's id.
    pub user: String,
    /// The instant that `now()` and intervals go by.
    pub now: Time,
    /// The whole predicate.
    pub root: Clause,
}

/// A part of a predicate, and what it is of a user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Clause {
    /// As SQL, lists in the order of their values.
    pub clause: String,
    /// What it is of the user.
    pub truth: Truth,
    /// What it goes by, but for what is the same for everybody at any time. Where it has parts, they have it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub values: Vec<Given>,
    /// Its own parts, as they are written.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Clause>,
}

/// A value that a part of a predicate goes by.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Given {
    /// What it is, as SQL: an attribute, a figure, an instant relative to `now()`, the name of a segment.
    pub term: String,
    /// The user's value; none where it is missing. Of a segment, whether the user is in it.
    pub value: Option<Value>,
}

/// Why a user is in a segment, or is not.
pub(crate) fn explain_segment(
    view: &View<Published>,
    settings: &Settings,
    user: &str,
    segment: &str,
) -> Result<Reasons> {
    let segments = &view.attachment().segments;
    let no = known_segment(view, segment)?;
    let (Some(segment), Some(now)) = (segments.get(no), segments.now()) else {
        return Err(Error::Bug(format!("segment number {no} goes by no instant")));
    };
    let bound = bound(view, settings, &segment.stored.predicate, now)?;
    reasons(view, &bound, now, user)
}

/// Why a predicate, bound to `now`, is true of a user, or is not.
pub(super) fn reasons(view: &View<Published>, bound: &Bound<'_>, now: Time, user: &str) -> Result<Reasons> {
    let no = known_user(view, user)?;
    let facts = Facts::new(view, &*view.attachment().segments, no);
    Ok(Reasons { user: user.to_owned(), now, root: clause(bound, &facts)? })
}

/// What a part is of a user, by what says so of a whole predicate.
fn clause(node: &Bound<'_>, facts: &Facts<'_, View<Published>>) -> Result<Clause> {
    let (mut parts, mut fields): (&[Bound<'_>], Vec<&Field<'_>>) = (&[], Vec::new());
    match node {
        Node::All(of) | Node::Any(of) => parts = of,
        Node::Not(part) | Node::Is(part, _) => parts = std::slice::from_ref(part),
        leaf => fields = leaf.terms(),
    }
    let mut values = Vec::new();
    for field in fields {
        values.extend(given(field, facts)?);
    }
    let parts = parts.iter().map(|part| clause(part, facts)).collect::<Result<_>>()?;
    Ok(Clause { clause: node.to_string(), truth: node.truth(facts)?, values, parts })
}

/// What a field is of a user; none where it is a constant.
fn given(field: &Field<'_>, facts: &Facts<'_, View<Published>>) -> Result<Option<Given>> {
    if let (TermKind::Value(_), Source::Value(_)) = (field.kind(), &field.source) {
        return Ok(None);
    }
    let value = facts.value(field)?.map(std::borrow::Cow::into_owned);
    Ok(Some(Given { term: field.to_string(), value }))
}

impl Clause {
    fn lines(&self, depth: usize, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "\n{:8}{:indent$}{}", self.truth, "", self.clause, indent = depth * 2)?;
        for (n, given) in self.values.iter().enumerate() {
            write!(f, "{}{given}", if n == 0 { "  [" } else { ", " })?;
        }
        if !self.values.is_empty() {
            f.write_str("]")?;
        }
        self.parts.iter().try_for_each(|part| part.lines(depth + 1, f))
    }
}

impl Display for Given {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match &self.value {
            Some(value) => write!(f, "{} is {}", self.term, Constant(value)),
            None => write!(f, "{} is missing", self.term),
        }
    }
}

impl Display for Reasons {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "{}, as of {}:", self.user, self.now)?;
        self.root.lines(0, f)
    }
}
