//! Archives out of exports.

use super::super::apply::Outcome;
use super::super::buckets::Buckets;
use super::super::reader::{Reader, time_of};
use super::super::session::Session;
use super::{Folded, Head, head_of};
use crate::error::{Error, Result};
use crate::model::{Archive, ArchiveEntry, FoldedText};
use crate::profile::Tally;
use crate::storage::keys::{self, TextHash};
use std::collections::BTreeSet;
use std::ops::ControlFlow;

impl Session<'_, '_> {
    /// Puts the entries that are not there yet, or none.
    pub(in super::super) fn put_archive(&mut self, archive: &Archive) -> Result<Outcome> {
        if !self.fits(archive)? {
            return Ok(Outcome::Conflict);
        }
        let user = self.user(&archive.user)?;
        let known = self.head(user)?;
        let mut head = known.unwrap_or(Head { entries: 0, events: 0, horizon: archive.horizon });
        let mut buckets = Buckets::<Folded>::default();
        for given in &archive.entries {
            self.put_entry(user, &mut head, &mut buckets, given)?;
        }
        if known == Some(head) {
            return Ok(Outcome::Duplicate);
        }
        self.put_buckets(user, &buckets)?;
        // Also of a user of whom there is nothing but a horizon.
        self.work(user)?;
        self.put_head(user, head)?;
        Ok(Outcome::Changed)
    }

    /// Whether an archive can be told from what is stored: else events might be counted twice.
    fn fits(&self, archive: &Archive) -> Result<bool> {
        if self.embeds() && !self.has_vectors(archive)? {
            return Ok(false);
        }
        let Some(user) = self.tx.user_no(&archive.user)? else { return Ok(true) };
        let Some(head) = head_of(&self.tx, user)? else {
            return self.has_no_event_up_to(user, archive);
        };
        let mut buckets = Buckets::<Folded>::default();
        for given in &archive.entries {
            // One on an item that is not there is new.
            let item = given.item.as_deref().map(|id| self.tx.item_no(id)).transpose()?;
            if item == Some(None) {
                continue;
            }
            let entry = self.entry(given, item.flatten())?;
            let known = buckets.find(&self.tx, user, head.entries, super::Slot::name(&entry))?;
            if known.is_some_and(|known| *known != entry) {
                return Ok(false);
            }
        }
        Ok(head.horizon == archive.horizon)
    }

    /// Whether each text has a vector here, or is given one where it first comes.
    fn has_vectors(&self, archive: &Archive) -> Result<bool> {
        let mut given: BTreeSet<TextHash> = BTreeSet::new();
        for FoldedText { hash, vector } in archive.entries.iter().filter_map(|entry| entry.text.as_ref()) {
            if vector.is_some() {
                given.insert(hash.0);
            } else if !given.contains(&hash.0) && self.uses(hash.0)? == 0 {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn has_no_event_up_to(&self, user: u32, archive: &Archive) -> Result<bool> {
        let mut earliest = None;
        self.tx.scan(&keys::events_of(user), |key, _| {
            earliest = Some(time_of(key)?);
            Ok(ControlFlow::Break(()))
        })?;
        Ok(earliest.is_none_or(|earliest| earliest > archive.horizon))
    }

    fn put_entry(
        &mut self,
        user: u32,
        head: &mut Head,
        buckets: &mut Buckets<Folded>,
        given: &ArchiveEntry,
    ) -> Result<()> {
        let item = given.item.as_deref().map(|id| self.item(id)).transpose()?;
        let entry = self.entry(given, item.map(|item| item.no))?;
        let known = buckets.put(&self.tx, user, &mut head.entries, entry.clone(), |_, _| {})?;
        if known.is_some() {
            return Ok(());
        }
        if let Some(FoldedText { hash, vector }) = &given.text
            && self.embeds()
        {
            self.retain_vector(hash.0, vector.as_ref())?;
        }
        self.count_folded(user, &entry)?;
        head.events = head.events.saturating_add(entry.acts.count);
        Ok(())
    }

    fn entry(&self, given: &ArchiveEntry, item: Option<u32>) -> Result<Folded> {
        let Some((kind, _)) = self.space.kinds.find(&given.kind) else {
            return Err(Error::Bug(format!("event kind {:?} was not checked", given.kind)));
        };
        let ArchiveEntry { count, value, quantity, first, last, ref hours, ref text, .. } = *given;
        let acts = Tally { count, value, quantity, first, last, hours: hours.clone() };
        Ok(Folded { item, text: text.as_ref().map(|text| text.hash.0), kind, acts })
    }
}
