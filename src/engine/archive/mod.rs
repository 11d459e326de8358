//! What is left of a user's events that were folded: sums for each item, text and kind, from which figures and
//! contributions are made anew as from the events themselves.

mod expire;
mod fold;
mod import;

pub use expire::Expired;

use super::buckets::{Slot, mix, slots};
use super::reader::Reader;
use super::session::Session;
use super::stored::text_number;
use crate::error::Result;
use crate::model::Time;
use crate::profile::Tally;
use crate::storage::codec;
use crate::storage::keys::{self, Key, TextHash};
use bincode::{Decode, Encode};
use std::ops::ControlFlow;

/// A user's archive as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Head {
    /// Number of entries, which decides the number of their buckets.
    pub entries: u32,
    /// Events that are folded, those on items since removed left out.
    pub events: u64,
    /// The time of the newest event that was ever folded: all that are kept are later.
    pub horizon: Time,
}

/// What tells the entries of a user apart: the item, the text and the kind.
pub(crate) type FoldedName = (Option<u32>, Option<TextHash>, u8);

/// Events of one kind on one item and with one text.
#[derive(Clone, Debug, PartialEq, Encode, Decode)]
pub(crate) struct Folded {
    pub item: Option<u32>,
    pub text: Option<TextHash>,
    pub kind: u8,
    pub acts: Tally,
}

impl Slot for Folded {
    type Name = FoldedName;

    fn name(&self) -> FoldedName {
        (self.item, self.text, self.kind)
    }

    fn hash((item, text, kind): FoldedName) -> u64 {
        let item = item.map_or(0, |item| u64::from(item) + 1);
        mix(item ^ text.map_or(0, text_number) ^ (u64::from(kind) << 48))
    }

    fn key(user: u32, bucket: u32) -> Key {
        keys::archive(user, bucket)
    }

    fn to_bytes(slots: &[Self]) -> Result<Vec<u8>> {
        codec::encode(&slots.to_vec())
    }

    fn from_bytes(_: &[u8], bytes: &[u8]) -> Result<Vec<Self>> {
        codec::decode("archive", bytes)
    }
}

/// All entries of a user's archive, in the order of items, then texts, then kinds.
pub(crate) fn archive_of(reader: &impl Reader, user: u32) -> Result<Vec<Folded>> {
    let mut all: Vec<Folded> = slots(reader, &keys::archive_of(user))?;
    all.sort_by_key(Slot::name);
    Ok(all)
}

/// The entries in one bucket of an archive.
pub(crate) fn archive_in(key: &[u8], bucket: &[u8]) -> Result<Vec<Folded>> {
    Folded::from_bytes(key, bucket)
}

/// What is known of a user's archive, if there is one.
pub(crate) fn head_of(reader: &impl Reader, user: u32) -> Result<Option<Head>> {
    reader.read("archive", &keys::archive_head(user))
}

impl Session<'_, '_> {
    /// What is known of a user's archive, if there is one.
    fn head(&mut self, user: u32) -> Result<Option<Head>> {
        // Most stores never fold anything, and need not look.
        if self.folded.is_none() {
            return Ok(None);
        }
        if let Some(known) = self.heads.get(&user) {
            return Ok(*known);
        }
        let head = head_of(&self.tx, user)?;
        self.heads.insert(user, head);
        Ok(head)
    }

    /// Puts what is known of an archive, which was looked up before, and counts its events.
    fn put_head(&mut self, user: u32, head: Head) -> Result<()> {
        let before = self.heads.insert(user, Some(head)).flatten().map_or(0, |before| before.events);
        let others = self.folded.unwrap_or_default().saturating_sub(before);
        self.folded = Some(others.saturating_add(head.events));
        self.put(keys::archive_head(user), &head)
    }

    /// Whether events of a user and time were folded, so that one that comes now may be one of these.
    pub(super) fn is_folded(&mut self, user: &str, time: Time) -> Result<bool> {
        if self.folded.is_none() {
            return Ok(false);
        }
        let Some(user) = self.known_user(user)? else { return Ok(false) };
        Ok(self.head(user)?.is_some_and(|head| time <= head.horizon))
    }

    /// Deletes a user's archive.
    pub(super) fn delete_archive(&mut self, user: u32) -> Result<()> {
        let Some(head) = self.head(user)? else { return Ok(()) };
        for entry in archive_of(&self.tx, user)? {
            entry.text.map(|text| self.release_text(text)).transpose()?;
        }
        self.delete_all(&keys::archive_of(user))?;
        self.tx.delete(keys::archive_head(user));
        self.heads.insert(user, None);
        self.folded = self.folded.map(|folded| folded.saturating_sub(head.events));
        Ok(())
    }
}

/// Hands over every entry of every archive.
pub(crate) fn each_folded(reader: &impl Reader, f: &mut dyn FnMut(&Folded) -> Result<()>) -> Result<()> {
    reader.scan(&keys::all_archives(), &mut |key, value| {
        Folded::from_bytes(key, value)?.iter().try_for_each(&mut *f)?;
        Ok(ControlFlow::Continue(()))
    })
}
