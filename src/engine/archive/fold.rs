//! Folding: events out of the list and into the sums of the archive; nothing that is made of them changes.

use super::super::buckets::Buckets;
use super::super::contributions::shares_of_folded;
use super::super::reader::{Reader, time_of};
use super::super::session::Session;
use super::super::stored::{StoredEvent, text_hash};
use super::{Folded, Head, archive_of, head_of};
use crate::error::Result;
use crate::model::{KeepEvents, Time};
use crate::profile::Tally;
use crate::storage::codec;
use crate::storage::keys::{self, Key};
use std::ops::ControlFlow;

/// Which events are to be folded.
#[derive(Clone, Copy, Debug)]
pub(super) enum Rule {
    /// Those that a policy lets go, once it is worth it.
    Policy(KeepEvents),
    /// All before an instant.
    Before(Time),
}

impl Rule {
    /// The instant before which a user's events are to be folded now, if there are any.
    pub(super) fn cutoff(self, reader: &impl Reader, user: u32) -> Result<Option<Time>> {
        let Some(oldest) = nth_event(reader, user, 0)? else { return Ok(None) };
        let cutoff = match self {
            Self::Before(time) => Some(time),
            Self::Policy(keep) => due(reader, user, keep, oldest)?,
        };
        Ok(cutoff.filter(|cutoff| oldest < *cutoff))
    }
}

fn due(reader: &impl Reader, user: u32, keep: KeepEvents, oldest: Time) -> Result<Option<Time>> {
    let figures = reader.state(user)?.figures;
    let Some(newest) = figures.newest_act().filter(|newest| *newest > oldest) else { return Ok(None) };
    let folded = head_of(reader, user)?.map_or(0, |head| head.events);
    let surplus = keep.surplus(figures.acts().saturating_sub(folded));
    let by_count = surplus.map(|surplus| nth_event(reader, user, surplus)).transpose()?.flatten();
    Ok(by_count.max(keep.cutoff(oldest, newest)))
}

/// The time of a user's event, counted from the oldest, which is 0.
fn nth_event(reader: &impl Reader, user: u32, n: u64) -> Result<Option<Time>> {
    let (mut left, mut found) = (n, None);
    reader.scan(&keys::events_of(user), &mut |key, _| {
        if left == 0 {
            found = Some(time_of(key)?);
            return Ok(ControlFlow::Break(()));
        }
        left -= 1;
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(found)
}

impl Session<'_, '_> {
    /// Folds what the policy lets go of those who got events.
    pub(in super::super) fn fold_grown(&mut self) -> Result<()> {
        for user in std::mem::take(&mut self.grown) {
            if let Some(cutoff) = Rule::Policy(self.keep).cutoff(&self.tx, user)? {
                self.fold(user, cutoff, usize::MAX)?;
            }
        }
        Ok(())
    }

    /// Folds a user's events before an instant, oldest first, about `most` of them; returns how many.
    pub(super) fn fold(&mut self, user: u32, cutoff: Time, most: usize) -> Result<usize> {
        let old = self.events_before(user, cutoff, most)?;
        let Some(&(_, last, _)) = old.last() else { return Ok(0) };
        let mut head = self.head(user)?.unwrap_or(Head { entries: 0, events: 0, horizon: last });
        let mut buckets = Buckets::<Folded>::default();
        let count = old.len();
        for (key, time, event) in old {
            self.fold_event(user, &mut head, &mut buckets, (key, time, &event))?;
        }
        self.put_buckets(user, &buckets)?;
        head.events = head.events.saturating_add(count as u64);
        head.horizon = head.horizon.max(last);
        self.put_head(user, head)?;
        Ok(count)
    }

    /// The oldest events before an instant. Those of one time go together, for what is kept is later than what is folded.
    fn events_before(&self, user: u32, cutoff: Time, most: usize) -> Result<Vec<(Key, Time, StoredEvent)>> {
        let mut found: Vec<(Key, Time, StoredEvent)> = Vec::new();
        self.tx.scan(&keys::events_of(user), |key, value| {
            let time = time_of(key)?;
            let is_full = found.len() >= most && found.last().is_some_and(|last| last.1 < time);
            if time >= cutoff || is_full {
                return Ok(ControlFlow::Break(()));
            }
            found.push((key.to_vec(), time, codec::decode("event", value)?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }

    /// The text's vector stays for the entry as it was there for the event: one use for each entry.
    fn fold_event(
        &mut self,
        user: u32,
        head: &mut Head,
        buckets: &mut Buckets<Folded>,
        (key, time, event): (Key, Time, &StoredEvent),
    ) -> Result<()> {
        // It is within no part of the time any more.
        self.touched(user).map(|touched| touched.kinds.insert(event.kind));
        let text = event.text.as_deref().map(text_hash);
        let acts = Tally::of(time, event.value, event.quantity);
        let entry = Folded { item: event.item, text, kind: event.kind, acts };
        let known =
            buckets.put(&self.tx, user, &mut head.entries, entry, |old, new| old.acts.add(&new.acts))?;
        if let (Some(text), Some(())) = (text, known) {
            self.release_text(text)?;
        }
        self.forget_event(key, event)
    }

    /// Counts the entries of an archive into the user's figures and sums.
    pub(in super::super) fn count_archive(&mut self, user: u32) -> Result<()> {
        if self.head(user)?.is_none() {
            return Ok(());
        }
        archive_of(&self.tx, user)?.iter().try_for_each(|entry| self.count_folded(user, entry))
    }

    /// Counts an entry into the user's figures and sums, as its events were.
    pub(super) fn count_folded(&mut self, user: u32, entry: &Folded) -> Result<()> {
        self.work(user)?.state.figures.absorb(entry.kind, &entry.acts);
        self.touched(user).map(|touched| touched.kinds.insert(entry.kind));
        let item = entry.item.map(|item| self.tx.item(item)).transpose()?.flatten();
        let group = item.and_then(|item| item.group);
        shares_of_folded(entry, group).try_for_each(|share| self.accumulate(user, share))
    }

    /// Drops the entries of removed items, as their events are.
    pub(in super::super) fn drop_removed(&mut self, user: u32) -> Result<()> {
        let Some(mut head) = self.head(user)? else { return Ok(()) };
        let is_removed = |entry: &Folded| entry.item.is_some_and(|item| self.removed_items.contains(&item));
        let (removed, left): (Vec<Folded>, Vec<Folded>) =
            archive_of(&self.tx, user)?.into_iter().partition(is_removed);
        if removed.is_empty() {
            return Ok(());
        }
        for entry in removed {
            entry.text.map(|text| self.release_text(text)).transpose()?;
            head.events = head.events.saturating_sub(entry.acts.count);
        }
        // Fewer entries have fewer buckets: all are laid anew.
        self.delete_all(&keys::archive_of(user))?;
        head.entries = 0;
        let mut buckets = Buckets::<Folded>::default();
        for entry in left {
            buckets.put(&self.tx, user, &mut head.entries, entry, |_, _| {})?;
        }
        self.put_buckets(user, &buckets)?;
        self.put_head(user, head)
    }
}
