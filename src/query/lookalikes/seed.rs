//! Whose like is looked for.

use crate::engine::{Published, Settings};
use crate::error::Result;
use crate::model::{Predicate, Time};
use crate::query::filter::matching;
use crate::query::segments::known_segment;
use crate::query::similar::known_user;
use crate::storage::View;
use roaring::RoaringBitmap;

/// Users whose like is looked for. Those of whom a predicate is true are asked for by [`crate::query::Selection::lookalikes`].
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Seed<'a> {
    /// The users in a segment.
    Segment(&'a str),
    /// These users, by their ids. One who is named twice counts once.
    Users(Vec<String>),
}

impl<'a> Seed<'a> {
    /// The users in a segment.
    #[must_use]
    pub const fn segment(name: &'a str) -> Self {
        Self::Segment(name)
    }

    /// These users.
    #[must_use]
    pub fn users<I: Into<String>>(ids: impl IntoIterator<Item = I>) -> Self {
        Self::Users(ids.into_iter().map(Into::into).collect())
    }
}

impl<'a> From<&'a str> for Seed<'a> {
    fn from(segment: &'a str) -> Self {
        Self::Segment(segment)
    }
}

impl<'a> From<&'a String> for Seed<'a> {
    fn from(segment: &'a String) -> Self {
        Self::Segment(segment)
    }
}

impl From<Vec<String>> for Seed<'_> {
    fn from(users: Vec<String>) -> Self {
        Self::Users(users)
    }
}

impl<const N: usize> From<[&str; N]> for Seed<'_> {
    fn from(users: [&str; N]) -> Self {
        Self::users(users)
    }
}

/// Who the seed is.
pub(super) enum Whom<'a> {
    Seed(Seed<'a>),
    /// As of an instant.
    Matching(Predicate, Time),
}

impl Whom<'_> {
    /// Their numbers.
    pub(super) fn users(&self, view: &View<Published>, settings: &Settings) -> Result<RoaringBitmap> {
        match self {
            Self::Seed(Seed::Segment(name)) => {
                let no = known_segment(view, name)?;
                Ok(view.attachment().segments.members(no)?.to_set())
            }
            Self::Seed(Seed::Users(ids)) => ids.iter().map(|id| known_user(view, id)).collect(),
            Self::Matching(predicate, now) => matching(view, settings, predicate, *now),
        }
    }
}
