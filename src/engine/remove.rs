//! Removing users, items and attributes, with everything that hangs on them.

use super::apply::Outcome;
use super::contributions::each_user;
use super::reader::{Reader, time_of};
use super::session::{Session, Work};
use super::stored::{State, StoredEvent, text_hash};
use crate::error::Result;
use crate::model::Time;
use crate::profile::{Target, is_fused};
use crate::storage::codec;
use crate::storage::keys::{self, Key};
use std::ops::ControlFlow;

impl Session<'_, '_> {
    pub(super) fn remove_attribute(&mut self, user: &str, attribute: &str) -> Result<Outcome> {
        let Some(no) = self.tx.user_no(user)? else { return Ok(Outcome::Absent) };
        let mut stored = self.stored_user(no)?;
        if stored.attributes.remove(attribute).is_none() {
            return Ok(Outcome::Absent);
        }
        self.put_attributes(no, &stored, is_fused(attribute))?;
        Ok(Outcome::Changed)
    }

    pub(super) fn remove_user(&mut self, id: &str) -> Result<Outcome> {
        let Some(no) = self.tx.user_no(id)? else { return Ok(Outcome::Absent) };
        self.flush()?;
        let state = self.tx.state(no)?;
        for (key, _, event) in self.events(no)? {
            self.delete_event(key, &event)?;
        }
        for (key, _, text) in self.texts(no)? {
            self.tx.delete(key);
            self.counters.texts = self.counters.texts.saturating_sub(1);
            self.release_text(text_hash(&text))?;
        }
        self.delete_archive(no)?;
        self.note_attributes(no)?;
        state.sentence.map(|sentence| self.release_text(sentence)).transpose()?;
        self.delete_all(&keys::contributions_of(no))?;
        let epoch = self.space.learned.epoch;
        for key in [keys::state(no), keys::sums(epoch, no), keys::vector(no), keys::user(no)] {
            self.tx.delete(key);
        }
        self.tx.delete(keys::user_name(id));
        self.counters.users = self.counters.users.saturating_sub(1);
        self.index.insert(no, None);
        self.forget_names();
        Ok(Outcome::Changed)
    }

    pub(super) fn remove_item(&mut self, id: &str) -> Result<Outcome> {
        let Some(no) = self.tx.item_no(id)? else { return Ok(Outcome::Absent) };
        let hash = self.tx.item(no)?.and_then(|item| item.text_hash);
        hash.map(|hash| self.release_text(hash)).transpose()?;
        for key in [keys::item(no), keys::item_name(id), keys::item_factor(self.space.learned.version, no)] {
            self.tx.delete(key);
        }
        self.counters.items = self.counters.items.saturating_sub(1);
        self.removed_items.insert(no);
        self.touched_items.push(no);
        self.points.forget(Target::Item(no));
        self.forget_names();
        Ok(Outcome::Changed)
    }

    /// Makes the profiles of all who acted on a changed or removed item anew. Finds them by one scan of all
    /// contributions, however many items there are.
    pub(super) fn replay_users_of_items(&mut self) -> Result<()> {
        if self.changed_items.is_empty() && self.removed_items.is_empty() {
            return Ok(());
        }
        let mut users = Vec::new();
        each_user(&self.tx, &mut |user, contributions| {
            let touched = |target: Target| match target {
                Target::Item(no) => self.changed_items.contains(&no) || self.removed_items.contains(&no),
                _ => false,
            };
            if contributions.iter().any(|&(target, _, _)| touched(target)) {
                users.push(user);
            }
            Ok(())
        })?;
        for user in users {
            for (key, _, event) in self.events(user)? {
                if event.item.is_some_and(|item| self.removed_items.contains(&item)) {
                    self.delete_event(key, &event)?;
                }
            }
            self.drop_removed(user)?;
            self.replay(user)?;
        }
        Ok(())
    }

    /// Makes a user's figures, contributions and sums anew from the archive and the stored events and texts.
    fn replay(&mut self, user: u32) -> Result<()> {
        self.touch_all(user);
        self.flush()?;
        let State { sentence, texts, .. } = self.tx.state(user)?;
        self.delete_all(&keys::contributions_of(user))?;
        let state = State { sentence, texts, ..State::default() };
        self.work.insert(user, Work { state, ..Work::default() });
        self.count_archive(user)?;
        for (_, time, event) in self.events(user)? {
            let item = event.item.map(|item| self.tx.item(item)).transpose()?.flatten();
            self.count_event(user, time, &event, item.and_then(|item| item.group))?;
        }
        for (_, time, text) in self.texts(user)? {
            self.count_text(user, time, &text)?;
        }
        self.flush()
    }

    pub(super) fn delete_event(&mut self, key: Key, event: &StoredEvent) -> Result<()> {
        if let Some(text) = &event.text {
            self.release_text(text_hash(text))?;
        }
        self.forget_event(key, event)
    }

    /// Deletes an event, and leaves the vector of its text.
    pub(super) fn forget_event(&mut self, key: Key, event: &StoredEvent) -> Result<()> {
        self.tx.delete(key);
        if let Some(id) = &event.id {
            self.event_ids.remove(&self.tx, self.counters.event_ids, text_hash(id))?;
        }
        self.counters.events = self.counters.events.saturating_sub(1);
        Ok(())
    }

    /// Deletes all keys that begin so.
    pub(super) fn delete_all(&mut self, prefix: &[u8]) -> Result<()> {
        let mut found = Vec::new();
        self.tx.scan(prefix, |key, _| {
            found.push(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })?;
        found.into_iter().for_each(|key| self.tx.delete(key));
        Ok(())
    }

    fn events(&self, user: u32) -> Result<Vec<(Key, Time, StoredEvent)>> {
        self.timed("event", &keys::events_of(user))
    }

    fn texts(&self, user: u32) -> Result<Vec<(Key, Time, String)>> {
        self.timed("text", &keys::texts_of(user))
    }

    fn timed<T: bincode::Decode<()>>(&self, what: &str, prefix: &[u8]) -> Result<Vec<(Key, Time, T)>> {
        let mut found = Vec::new();
        self.tx.scan(prefix, |key, value| {
            found.push((key.to_vec(), time_of(key)?, codec::decode(what, value)?));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(found)
    }
}
