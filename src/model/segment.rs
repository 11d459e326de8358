//! Segments: named predicates.

use super::{Predicate, Time};
use serde::{Serialize, Serializer};

/// A named predicate, whose users a store keeps up to date.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SegmentDefinition {
    /// The segment's name.
    pub name: String,
    /// Of whom this is true is in it. In JSON it is SQL.
    #[serde(rename = "where")]
    pub predicate: Predicate,
    /// The instant that segments go by, unless they go by a later one already.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub now: Option<Time>,
}

/// As SQL.
impl Serialize for Predicate {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A segment, as a store tells of it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct SegmentSummary {
    /// Its name.
    pub name: String,
    /// From 1, one more each time that it was given another predicate.
    pub version: u32,
    /// Of whom this is true is in it.
    #[serde(rename = "where")]
    pub predicate: Predicate,
    /// How many users are in it.
    pub members: u64,
}

/// Changes of the feed of segments, in their order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentChanges {
    /// Who came and who left.
    pub changes: Vec<SegmentChange>,
    /// The position to go on from.
    pub next: u64,
}

/// That a user came into a segment, or left it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SegmentChange {
    /// Where it stands in the feed.
    pub position: u64,
    /// The segment's name.
    pub segment: String,
    /// The version of its predicate.
    pub version: u32,
    /// The user's id.
    pub user: String,
    /// Whether the user came into it.
    pub entered: bool,
    /// The instant that segments went by.
    pub now: Time,
}
