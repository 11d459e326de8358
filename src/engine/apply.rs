//! Records into keys: what each record changes.

use super::contributions::{share_of_text, shares_of_event};
use super::erase::named_user;
use super::reader::Reader;
use super::session::Session;
use super::stored::{StoredEvent, StoredItem, StoredUser, text_hash};
use crate::error::{Error, Result};
use crate::model::{Event, Item, Record, Removal, Text, User};
use crate::profile::{Target, is_fused, sentence};
use crate::storage::codec;
use crate::storage::keys::{self, EventHash, TextHash};

/// What became of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// It changed the store.
    Changed,
    /// It was there already, word for word.
    Duplicate,
    /// What it was to remove is not there.
    Absent,
    /// It was left aside, since its user was erased.
    Erased,
    /// It was left aside: an event from a time whose events were folded, which may be counted already.
    Expired,
    /// It was left aside: an archive that does not fit with what is stored of its user.
    Conflict,
}

impl Outcome {
    pub(crate) const ALL: [Self; 6] =
        [Self::Changed, Self::Duplicate, Self::Absent, Self::Erased, Self::Expired, Self::Conflict];

    /// Its name among figures.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Changed => "changed",
            Self::Duplicate => "duplicate",
            Self::Absent => "absent",
            Self::Erased => "erased",
            Self::Expired => "expired",
            Self::Conflict => "conflict",
        }
    }
}

impl Session<'_, '_> {
    pub(crate) fn apply(&mut self, record: &Record) -> Result<Outcome> {
        if let Some(user) = named_user(record)
            && self.is_erased(user)?
        {
            return Ok(Outcome::Erased);
        }
        match record {
            Record::Store(_) => Ok(Outcome::Duplicate),
            Record::Item(item) => self.put_item(item),
            Record::User(user) => self.put_user(user),
            Record::Event(event) => self.record_event(event),
            Record::Text(text) => self.add_text(text),
            Record::Remove(Removal::User { user }) => self.remove_user(user),
            Record::Remove(Removal::Item { item }) => self.remove_item(item),
            Record::Remove(Removal::UserAttribute { user, attribute }) => {
                self.remove_attribute(user, attribute)
            }
            Record::Remove(Removal::Segment { segment }) => self.drop_segment(segment),
            Record::Segment(definition) => self.define_segment(definition),
            Record::Archive(archive) => self.put_archive(archive),
            Record::Erase(erasure) => self.erase(&erasure.user),
            Record::Readmit(erasure) => self.readmit(&erasure.user),
            Record::Erased(tombstone) => self.put_tombstone(*tombstone),
        }
    }

    fn put_item(&mut self, item: &Item) -> Result<Outcome> {
        let before = self.counters.items;
        let no = self.item(&item.id)?.no;
        let old = self.tx.item(no)?.unwrap_or_default();
        let new = self.counters.items != before;
        if !new && old.text == item.text && old.attributes == item.attributes {
            return Ok(Outcome::Duplicate);
        }
        self.note_item(no, &old, item);
        let text_hash = self.exchange_text(old.text_hash, item.text.as_deref())?;
        let group = match (text_hash, &item.text) {
            (Some(hash), Some(text)) => Some(self.group(hash, text)?),
            _ => None,
        };
        let Item { id, text, attributes } = item.clone();
        self.put(keys::item(no), &StoredItem { id, text, attributes, text_hash, group })?;
        self.touched_items.push(no);
        if !new && old.group != group {
            self.changed_items.insert(no);
        }
        self.points.forget(Target::Item(no));
        self.forget_names();
        Ok(Outcome::Changed)
    }

    /// Retains the new text, then releases the old, so that a vector both share is kept.
    fn exchange_text(&mut self, old: Option<TextHash>, new: Option<&str>) -> Result<Option<TextHash>> {
        let new = new.map(|text| self.retain_text(text)).transpose()?.flatten();
        old.map(|old| self.release_text(old)).transpose()?;
        Ok(new)
    }

    fn put_user(&mut self, user: &User) -> Result<Outcome> {
        let before = self.counters.users;
        let no = self.user(&user.id)?;
        let mut stored = self.stored_user(no)?;
        let is_new = self.counters.users != before;
        let (mut changed, mut moved) = (is_new, is_new);
        for (name, value) in &user.attributes {
            let differs = stored.attributes.insert(name.clone(), value.clone()).as_ref() != Some(value);
            changed |= differs;
            moved |= differs && is_fused(name);
        }
        let new_vector = self.put_vector(no, user.vector.as_deref())?;
        if !changed {
            return Ok(if new_vector { Outcome::Changed } else { Outcome::Duplicate });
        }
        self.put_attributes(no, &stored, moved)?;
        Ok(Outcome::Changed)
    }

    fn put_vector(&mut self, no: u32, vector: Option<&[f32]>) -> Result<bool> {
        let Some(vector) = vector else { return Ok(false) };
        let old: Option<Vec<f32>> = self.tx.read("vector", &keys::vector(no))?;
        if old.as_deref() == Some(vector) {
            return Ok(false);
        }
        self.put(keys::vector(no), &vector.to_vec())?;
        self.index.insert(no, Some(vector.to_vec()));
        Ok(true)
    }

    pub(super) fn stored_user(&self, no: u32) -> Result<StoredUser> {
        self.tx.user(no)?.ok_or_else(|| Error::damaged(format!("user {no}"), "its record is missing"))
    }

    /// Stores a user's attributes, with the sentence they make where they moved the embedding.
    pub(super) fn put_attributes(&mut self, no: u32, stored: &StoredUser, moved: bool) -> Result<()> {
        self.note_attributes(no)?;
        self.put(keys::user(no), stored)?;
        if !moved {
            return Ok(());
        }
        // Also where it has no share now: the share may change at the next open, without any encoding.
        let wanted = sentence(&stored.attributes);
        let old = self.work(no)?.state.sentence;
        let new = self.exchange_text(old, wanted.as_deref())?;
        self.work(no)?.state.sentence = new;
        if !stored.attributes.is_empty() {
            self.count_embedding();
        }
        Ok(())
    }

    fn record_event(&mut self, event: &Event) -> Result<Outcome> {
        let Some((kind, _)) = self.space.kinds.find(&event.kind) else {
            return Err(Error::Bug(format!("event kind {:?} was not checked", event.kind)));
        };
        self.delete_if_removed(event)?;
        if self.is_folded(&event.user, event.time)? {
            return Ok(Outcome::Expired);
        }
        if let Some(id) = &event.id {
            // Before anything else: a duplicate of another user's event must not make its own user.
            let total = &mut self.counters.event_ids;
            if !self.event_ids.insert(&self.tx, total, text_hash(id))? {
                return Ok(Outcome::Duplicate);
            }
        }
        let user = self.user(&event.user)?;
        let key = keys::event(user, event.time, event_hash(event));
        // What is newer than all that the user did is none of it, and need not be looked for.
        if event.id.is_none() && !self.is_newer(event.time, user)? && self.tx.get(&key)?.is_some() {
            return Ok(Outcome::Duplicate);
        }
        let item = event.item.as_deref().map(|id| self.item(id)).transpose()?;
        let stored = StoredEvent {
            id: event.id.clone(),
            item: item.map(|item| item.no),
            kind,
            value: event.value,
            quantity: event.quantity,
            text: event.text.clone(),
        };
        self.tx.put_new(key, codec::encode(&stored)?);
        self.counters.events += 1;
        if let Some(text) = &event.text {
            self.retain_text(text)?;
        }
        self.count_event(user, event.time, &stored, item.and_then(|item| item.group))?;
        if !self.keep.is_all() {
            self.grown.insert(user);
        }
        Ok(Outcome::Changed)
    }

    /// Deletes the same event where this write has removed its item: it would pass for a duplicate, and be
    /// gone with the item at the end. Its user is made anew then.
    fn delete_if_removed(&mut self, event: &Event) -> Result<()> {
        if self.removed_items.is_empty() {
            return Ok(());
        }
        let Some(user) = self.tx.user_no(&event.user)? else { return Ok(()) };
        let key = keys::event(user, event.time, event_hash(event));
        match self.tx.read::<StoredEvent>("event", &key)? {
            Some(stored) if stored.item.is_some_and(|item| self.removed_items.contains(&item)) => {
                self.delete_event(key, &stored)
            }
            _ => Ok(()),
        }
    }

    /// Counts a stored event into the user's figures and sums.
    pub(super) fn count_event(
        &mut self,
        user: u32,
        time: crate::model::Time,
        event: &StoredEvent,
        group: Option<u32>,
    ) -> Result<()> {
        self.work(user)?.state.figures.record(event.kind, time, event.value, event.quantity);
        self.touched(user).map(|touched| touched.kinds.insert(event.kind));
        shares_of_event(event, group, time).try_for_each(|share| self.accumulate(user, share))
    }

    pub(super) fn count_text(&mut self, user: u32, time: crate::model::Time, text: &str) -> Result<()> {
        self.work(user)?.state.figures.touch(time);
        self.accumulate(user, share_of_text(text, time))
    }

    fn add_text(&mut self, text: &Text) -> Result<Outcome> {
        let user = self.user(&text.user)?;
        let mut hash = EventHash::default();
        hash.copy_from_slice(&text_hash(&text.text)[..8]);
        let key = keys::text(user, text.time, hash);
        if self.tx.get(&key)?.is_some() {
            return Ok(Outcome::Duplicate);
        }
        self.put(key, &text.text)?;
        self.counters.texts += 1;
        self.work(user)?.state.texts += 1;
        if let Some(touched) = self.touched(user) {
            touched.texts = true;
        }
        self.retain_text(&text.text)?;
        self.count_text(user, text.time, &text.text)?;
        Ok(Outcome::Changed)
    }
}

/// The hash of an event's id, or of all that tells it from others of its user and instant.
fn event_hash(event: &Event) -> EventHash {
    let mut hasher = blake3::Hasher::new();
    let mut part = |bytes: Option<&[u8]>| {
        let len = bytes.map_or(u64::MAX, |bytes| bytes.len() as u64);
        hasher.update(&len.to_le_bytes()).update(bytes.unwrap_or_default());
    };
    part(event.id.as_deref().map(str::as_bytes));
    if event.id.is_none() {
        part(Some(event.kind.as_bytes()));
        part(event.item.as_deref().map(str::as_bytes));
        part(event.value.map(f64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice));
        part(event.quantity.map(f64::to_le_bytes).as_ref().map(<[u8; 8]>::as_slice));
        part(event.text.as_deref().map(str::as_bytes));
    }
    let mut hash = EventHash::default();
    hash.copy_from_slice(&hasher.finalize().as_bytes()[..8]);
    hash
}
