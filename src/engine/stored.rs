//! What the engine keeps under its keys. `docs/format.md` describes each to the byte.

use crate::model::Attributes;
use crate::profile::Figures;
use crate::storage::keys::TextHash;
use bincode::{Decode, Encode};

/// A user's own facts.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct StoredUser {
    pub id: String,
    pub attributes: Attributes,
}

/// An item's facts, with what is derived from them.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct StoredItem {
    pub id: String,
    pub text: Option<String>,
    pub attributes: Attributes,
    pub text_hash: Option<TextHash>,
    pub group: Option<u32>,
}

/// The items of one text.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct StoredGroup {
    pub text: TextHash,
    /// The start of the text, for people.
    pub name: String,
}

/// An event; its user and time are in its key.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct StoredEvent {
    pub id: Option<String>,
    pub item: Option<u32>,
    pub kind: u8,
    pub value: Option<f64>,
    pub quantity: Option<f64>,
    pub text: Option<String>,
}

/// What is counted of a user, beside the sums.
#[derive(Clone, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct State {
    pub figures: Figures,
    /// The text whose vector stands for the declared attributes.
    pub sentence: Option<TextHash>,
    pub texts: u64,
    /// Number of contributions, which decides the number of their buckets.
    pub contributions: u32,
}

/// The learned factor of an item or a group, in half precision, and its rarity.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct StoredFactor {
    pub idf: f32,
    /// `f16` bits.
    pub values: Vec<u16>,
}

/// Next numbers and totals.
#[derive(Clone, Copy, Debug, Default, PartialEq, Encode, Decode)]
pub(crate) struct Counters {
    pub next_user: u32,
    pub next_item: u32,
    pub next_group: u32,
    pub users: u64,
    pub items: u64,
    pub events: u64,
    pub texts: u64,
    /// Event ids ever added, which decides the number of their buckets.
    pub event_ids: u64,
}

/// The hash that a text's vector is kept under.
pub(crate) fn text_hash(text: &str) -> TextHash {
    let mut hash = TextHash::default();
    hash.copy_from_slice(&blake3::hash(text.as_bytes()).as_bytes()[..16]);
    hash
}

/// The number by which a contribution names a text.
pub(crate) fn text_number(hash: TextHash) -> u64 {
    u64::from_be_bytes([hash[0], hash[1], hash[2], hash[3], hash[4], hash[5], hash[6], hash[7]])
}

/// The number under which an encoder's text vectors are kept: the first 4 bytes of the hash of its id.
pub(crate) fn encoder_number(id: &str) -> u32 {
    let hash = text_hash(id);
    u32::from_be_bytes([hash[0], hash[1], hash[2], hash[3]])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Time;
    use crate::storage::codec;

    /// The example of the format's description.
    #[test]
    fn an_event_is_encoded_as_documented() {
        let event = StoredEvent {
            id: None,
            item: Some(300),
            kind: 2,
            value: Some(9.5),
            quantity: None,
            text: Some("hi".to_owned()),
        };
        let bytes = b"\x00\x01\xfb\x2c\x01\x02\x01\0\0\0\0\0\0\x23\x40\x00\x01\x02hi";
        assert_eq!(codec::encode(&event).unwrap(), bytes);
        assert_eq!(codec::decode::<StoredEvent>("event", bytes).unwrap(), event);
    }

    #[test]
    fn hashes_have_no_length_and_times_are_zigzag() {
        let group = StoredGroup { text: *b"1234567812345678", name: "a".to_owned() };
        assert_eq!(codec::encode(&group).unwrap(), b"1234567812345678\x01a");
        assert_eq!(codec::encode(&Time::from_micros(-2).unwrap()).unwrap(), b"\x03");
    }
}
