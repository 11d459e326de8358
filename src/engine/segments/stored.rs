//! What is kept of segments. `docs/format.md` describes it to the byte.

use crate::model::{Predicate, Time};
use bincode::{Decode, Encode};
use std::ops::Range;

/// A segment's definition.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct StoredSegment {
    pub name: String,
    /// From 1, one more with each other predicate.
    pub version: u32,
    pub predicate: Predicate,
}

/// What is kept of all segments together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Head {
    /// The number of the next segment.
    pub next: u32,
    /// The feed of changes: the first position that is kept, and the next one.
    pub first: u64,
    pub position: u64,
    /// From which position on changes may be in the feed alone, and in no part of a segment's members.
    pub settled: u64,
    /// The instant that segments go by.
    pub now: Option<Time>,
}

impl Head {
    /// The blocks of the feed that are kept.
    pub(crate) const fn blocks(&self) -> Range<u64> {
        self.first / CHANGES_OF_BLOCK..self.position.div_ceil(CHANGES_OF_BLOCK)
    }

    /// Whether its positions may stand so to each other.
    pub(super) const fn is_sound(&self) -> bool {
        let are_in_order = self.first <= self.settled && self.settled <= self.position;
        are_in_order && self.first.is_multiple_of(CHANGES_OF_BLOCK) && self.position < 1 << 62
    }

    /// How many changes lie in a block of the feed.
    pub(crate) fn changes_of(&self, block: u64) -> u64 {
        let first = block.saturating_mul(CHANGES_OF_BLOCK);
        let is_kept = first >= self.first;
        if is_kept { self.position.saturating_sub(first).min(CHANGES_OF_BLOCK) } else { 0 }
    }
}

/// That somebody came into a segment, or left it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub(crate) struct StoredChange {
    pub segment: u32,
    pub version: u32,
    pub user: u32,
    pub entered: bool,
    /// The instant that segments went by.
    pub now: Time,
}

/// Changes of the feed that lie under one key.
pub(crate) const CHANGES_OF_BLOCK: u64 = 64;

/// Users with neighbouring numbers who are in one part of a segment's members.
pub(crate) const USERS_OF_PART: u32 = 4096;
const BYTES: usize = USERS_OF_PART as usize / 8;

/// A part of a segment's members: a bit for each user, zeros at the end left out.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Part(Vec<u8>);

impl Part {
    /// Of users, by where they are in the part.
    pub(super) fn of(places: impl Iterator<Item = u32>) -> Self {
        let mut bits = Vec::new();
        for place in places {
            let byte = place as usize / 8;
            if bits.len() <= byte {
                bits.resize(byte + 1, 0);
            }
            bits[byte] |= 1 << (place % 8);
        }
        Self(bits)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Numbers of the users, if it is no longer than a part is, and ends with one.
    pub(crate) fn users(&self, part: u32) -> Option<impl Iterator<Item = u32>> {
        let first = part.checked_mul(USERS_OF_PART)?;
        if self.0.len() > BYTES || self.0.last().is_none_or(|last| *last == 0) {
            return None;
        }
        let places = (0..self.0.len() as u32 * 8)
            .filter(|place| self.0[*place as usize / 8] & (1 << (place % 8)) != 0);
        Some(places.map(move |place| first + place))
    }
}
