//! What is left of folded events, saved entry by entry. They go in behind the records, so that a text of which the store has
//! more than a vector is made anew from its words.

use super::super::archive::{Folded, Head};
use super::super::buckets::Slot;
use super::super::reader::{EachReader, Reader, from_key};
use super::super::verify::sound;
use super::records::Source;
use super::target::Target;
use crate::error::Result;
use crate::model::{Archive, ArchiveEntry, FoldedText, Hex, Kinds, MAX_ARCHIVE_ENTRIES, Record};
use crate::profile::Tally;
use crate::storage::codec::decode;
use crate::storage::keys::{self, Key, TextHash};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;

/// A user's entries by item, text and kind: what cannot be told of one may make it one with another.
type Entries = BTreeMap<(Option<String>, Option<TextHash>, String), Tally>;

/// One user's archive, as far as it can be read.
struct Saved {
    /// Under which it is told of.
    key: Key,
    head: Option<Head>,
    /// Events in buckets that can be read; nothing once one cannot.
    found: Option<u64>,
    entries: Entries,
}

impl Saved {
    fn new(key: Key, head: Option<Head>) -> Self {
        Self { key, head, found: Some(0), entries: Entries::new() }
    }
}

impl Source<'_> {
    /// Saves the sound entries of archives, user by user.
    pub(super) fn save_archives(&mut self, kinds: &Kinds, target: &mut Target<'_>) -> Result<()> {
        let (encoders, mut heads) = (self.encoders()?, self.heads()?);
        let mut current: Option<(u32, Saved)> = None;
        let opened = self.opened;
        opened.each(&keys::all_archives(), &mut |key, value| {
            let user = from_key("archive", key, keys::u32_at(key, 1))?;
            if let Some((done, saved)) = current.take_if(|(current, _)| *current != user) {
                self.put_archive(done, saved, &encoders, target)?;
            }
            let (_, saved) = current.get_or_insert_with(|| {
                let head = heads.remove(&user).flatten();
                (user, Saved::new(key.to_vec(), head))
            });
            match value.and_then(|value| Folded::from_bytes(key, &value)) {
                Ok(entries) => entries
                    .into_iter()
                    .try_for_each(|entry| self.save_entry(kinds, &encoders, (key, entry), saved, target))?,
                Err(error) => {
                    saved.found = None;
                    target.lost.add_error(key, error)?;
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let rest = heads.into_iter().map(|(user, head)| (user, Saved::new(keys::archive_head(user), head)));
        for (user, saved) in current.into_iter().chain(rest) {
            self.put_archive(user, saved, &encoders, target)?;
        }
        target.flush()
    }

    /// The heads of archives, where they can be read.
    fn heads(&self) -> Result<BTreeMap<u32, Option<Head>>> {
        let mut heads = BTreeMap::new();
        self.opened.each(&keys::archive_heads(), &mut |key, value| {
            let user = from_key("archive", key, keys::u32_at(key, 1))?;
            heads.insert(user, sound(value.and_then(|value| decode("archive", &value)))?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(heads)
    }

    fn save_entry(
        &mut self,
        kinds: &Kinds,
        encoders: &BTreeSet<u32>,
        (key, entry): (&[u8], Folded),
        saved: &mut Saved,
        target: &mut Target<'_>,
    ) -> Result<()> {
        let Some(kind) = kinds.get(entry.kind) else {
            target.lost.add(key, format!("the store knows no kind number {}", entry.kind));
            return Ok(());
        };
        let item = entry.item.map(|no| self.item(no)).transpose()?.flatten();
        if let (Some(no), None) = (entry.item, &item) {
            target.lost.add(key, format!("its item number {no} cannot be told: it is kept without"));
        }
        saved.found = saved.found.map(|found| found + entry.acts.count);
        let mut text = entry.text;
        if let Some(hash) = text.filter(|_| target.embeds())
            && !target.has_vector(hash)?
            && self.vector(encoders, hash)?.is_none()
        {
            target.lost.add(key, "the vector of its text is lost: it is kept without");
            text = None;
        }
        let name = (item, text, kind.name.clone());
        saved.entries.entry(name).and_modify(|acts| acts.add(&entry.acts)).or_insert(entry.acts);
        Ok(())
    }

    fn put_archive(
        &mut self,
        user: u32,
        saved: Saved,
        encoders: &BTreeSet<u32>,
        target: &mut Target<'_>,
    ) -> Result<()> {
        let newest = saved.entries.values().map(|acts| acts.last).max();
        let Some(horizon) = saved.head.map(|head| head.horizon).max(newest) else { return Ok(()) };
        let told = saved.head.map_or(0, |head| head.events);
        if let Some(gone) = saved.found.and_then(|found| told.checked_sub(found)).filter(|gone| *gone > 0) {
            let what = format!("it says {told} folded events, and of {gone} there is no other trace");
            target.lost.add(&keys::archive_head(user), what);
        }
        let Some(id) = self.user(user)? else {
            target.lost.add(&saved.key, "its user cannot be told");
            return Ok(());
        };
        let mut entries = Vec::with_capacity(saved.entries.len());
        for ((item, text, kind), acts) in saved.entries {
            let vector =
                text.filter(|_| target.embeds()).map(|hash| self.vector(encoders, hash)).transpose()?;
            let text = text.map(|hash| FoldedText { hash: Hex(hash), vector: vector.flatten() });
            let Tally { count, value, quantity, first, last, hours } = acts;
            entries.push(ArchiveEntry { item, text, kind, count, value, quantity, first, last, hours });
        }
        let mut parts: Vec<&[ArchiveEntry]> = entries.chunks(MAX_ARCHIVE_ENTRIES).collect();
        if parts.is_empty() {
            parts.push(&[]);
        }
        for entries in parts {
            let archive = Archive { user: id.clone(), horizon, entries: entries.to_vec() };
            target.put(&saved.key, Record::Archive(archive))?;
        }
        Ok(())
    }

    /// The encoders that the store has vectors of.
    fn encoders(&self) -> Result<BTreeSet<u32>> {
        let mut encoders = BTreeSet::new();
        self.opened.each(&keys::text_vectors(), &mut |key, _| {
            encoders.extend(keys::u32_at(key, 1));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(encoders)
    }

    /// A text's vector, if it can be read.
    fn vector(&self, encoders: &BTreeSet<u32>, hash: TextHash) -> Result<Option<Vec<f32>>> {
        for &encoder in encoders {
            let key = keys::text_vector(encoder, hash);
            if let Some(vector) = sound(self.opened.read("text vector", &key))?.flatten() {
                return Ok(Some(vector));
            }
        }
        Ok(None)
    }
}
