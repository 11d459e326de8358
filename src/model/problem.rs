//! What is wrong with a store.

use crate::error::Error;
use serde::Serialize;

/// Something that is wrong with a store's data or its index.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// Where: the record, in words; a file's path; or the index as a whole.
    pub place: String,
    /// The record's key in hexadecimal, as `docs/format.md` describes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// Whom it concerns, where it is a record of a user whose id can be told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user: Option<String>,
    /// What, in words.
    pub what: String,
}

impl Problem {
    /// A problem that no key has.
    #[must_use]
    pub fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into(), ..Self::default() }
    }

    /// What an error says of damage, if it does.
    #[must_use]
    pub fn told_by(error: &Error) -> Option<Self> {
        match error {
            Error::Damaged { place, reason } => Some(Self::new(place, reason)),
            _ => None,
        }
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.key {
            Some(key) => write!(f, "{} (key {key}): {}", self.place, self.what),
            None => write!(f, "{}: {}", self.place, self.what),
        }
    }
}
