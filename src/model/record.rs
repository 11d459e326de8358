//! The records that go in and out: one JSON Lines form for everything.

use super::{Archive, Attributes, Event, SegmentDefinition, StoreSettings, Time, Tombstone};
use serde::{Deserialize, Serialize};

/// What users act on.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// The host's own id.
    pub id: String,
    /// What describes it, for the encoder.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Typed facts, such as its category.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
}

/// Whoever a profile describes.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct User {
    /// The host's own id.
    pub id: String,
    /// Typed facts. Putting a user again replaces the attributes that are named and keeps the others.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub attributes: Attributes,
    /// The host's own vector, in a store without an encoder.
    #[serde(default, skip_serializing_if = "Option::is_none", deserialize_with = "super::float::vector")]
    pub vector: Option<Vec<f32>>,
}

/// Something a user wrote.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Text {
    /// Who wrote it.
    pub user: String,
    /// What was written.
    pub text: String,
    /// When.
    pub time: Time,
}

/// What is to be removed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub enum Removal {
    /// One attribute of a user.
    UserAttribute {
        /// The user's id.
        user: String,
        /// The attribute's name.
        attribute: String,
    },
    /// A user, whole.
    User {
        /// The user's id.
        user: String,
    },
    /// An item, with what it contributed to profiles.
    Item {
        /// The item's id.
        item: String,
    },
    /// A segment.
    Segment {
        /// The segment's name.
        segment: String,
    },
}

/// Whose erasure, or return, is meant.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Erasure {
    /// The user's id.
    pub user: String,
}

/// One line of the JSON Lines form.
///
/// ```
/// use kindred::model::Record;
/// let line = r#"{"type":"user","id":"alice","attributes":{"age":31}}"#;
/// let record: Record = serde_json::from_str(line).unwrap();
/// assert_eq!(serde_json::to_string(&record).unwrap(), line);
/// ```
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum Record {
    /// What the store was made with. It changes nothing, and is refused by a store that was made otherwise.
    Store(StoreSettings),
    /// What users act on.
    Item(Item),
    /// Whoever a profile describes.
    User(User),
    /// Something a user did.
    Event(Event),
    /// Something a user wrote.
    Text(Text),
    /// Something to be removed.
    Remove(Removal),
    /// A user to be removed who must not come back by a late event.
    Erase(Erasure),
    /// A user who was erased and may come back.
    Readmit(Erasure),
    /// What is left of a user's folded events, out of an export.
    Archive(Archive),
    /// The mark of a user who was erased, out of an export.
    Erased(Tombstone),
    /// A named predicate, whose users the store keeps up to date. [`crate::Store::ingest`] and [`crate::Options::import`] read it, with the
    /// feature `sql`; `serde` only writes it.
    #[serde(skip_deserializing)]
    Segment(SegmentDefinition),
}
