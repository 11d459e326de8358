//! What is kept of events that were folded.

use super::{Hex, Time};
use serde::{Deserialize, Serialize};

/// Most entries that one record of an archive holds: its line of JSON then stays below the longest that is read.
pub const MAX_ARCHIVE_ENTRIES: usize = 128;

/// Folded events of a user, as an export has them: summed up for each item, text and kind. A user with many is in several
/// such records, of one horizon.
///
/// A store takes it for a user of whom it holds no archive yet and no event up to the horizon, or an archive of the same
/// horizon, in which what is there already is passed over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Archive {
    /// Whose they are.
    pub user: String,
    /// The time of the newest event that was folded. An event up to here is not taken any more: it might be counted already.
    pub horizon: Time,
    /// The sums, at most [`MAX_ARCHIVE_ENTRIES`].
    pub entries: Vec<ArchiveEntry>,
}

/// Folded events of one kind on one item and with one text, summed up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ArchiveEntry {
    /// The item's id.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// What is left of the text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<FoldedText>,
    /// The kind's name.
    pub kind: String,
    /// How many events, at least 1.
    pub count: u64,
    /// Sum of their values.
    pub value: f64,
    /// Sum of their quantities; an event without one counts 1.
    pub quantity: f64,
    /// Time of the first.
    pub first: Time,
    /// Time of the last, at most the horizon.
    pub last: Time,
    /// How many events there are in an hour of the day (UTC), for each hour with any, in their order.
    pub hours: Vec<(u8, u32)>,
}

/// What is left of a text whose events were folded: not its words.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FoldedText {
    /// The first 16 bytes of the text's BLAKE3 hash.
    pub hash: Hex<16>,
    /// The encoder's vector of it, of unit length; left out where it was given before, where the text itself is kept
    /// elsewhere in the store, and in a store without an encoder.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::float::vector")]
    pub vector: Option<Vec<f32>>,
}
