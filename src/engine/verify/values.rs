//! Each value by itself, and against what its key and the records before it say.

use super::super::archive::{Folded, Head};
use super::super::buckets::Slot;
use super::super::contributions::Share;
use super::super::event_ids::place_of;
use super::super::reader::EachReader;
use super::super::segments::{self, StoredChange, StoredSegment};
use super::super::settings::Settings;
use super::super::stored::{
    Counters, State, StoredEvent, StoredFactor, StoredGroup, StoredItem, StoredUser, text_hash,
};
use super::Check;
use super::findings::sound;
use crate::error::{Error, Result};
use crate::model::{Blend, KeepEvents, Salt, Time};
use crate::profile::{Learned, Sums};
use crate::storage::codec::decode;
use crate::storage::keys::{self, Subject, TextHash};

/// What is wrong with the value at hand; its key is known.
fn wrong(reason: impl Into<String>) -> Error {
    Error::damaged("", reason)
}

fn ensure(holds: bool, reason: impl FnOnce() -> String) -> Result<()> {
    if holds { Ok(()) } else { Err(wrong(reason())) }
}

impl<R: EachReader> Check<'_, R> {
    /// Decodes a value as what its key says it is, and compares it with what it names.
    ///
    /// # Errors
    /// [`Error::Damaged`] with what is wrong; others where something cannot be read.
    pub(super) fn value(&mut self, key: &[u8], subject: Subject<'_>, value: &[u8]) -> Result<()> {
        match subject {
            Subject::Meta(name) => self.meta(name, value),
            Subject::UserName(id) => self.user_name(id, value),
            Subject::User(_) => decode::<StoredUser>("", value).map(drop),
            Subject::Vector(no) => self.vector(no, value),
            Subject::ItemName(id) => self.item_name(id, value),
            Subject::Item(no) => self.item(no, value),
            Subject::GroupName(hash) => self.group_name(hash, value),
            Subject::Group(_) => decode::<StoredGroup>("", value).map(drop),
            Subject::Event { user, time } => self.event(user, time, value),
            Subject::EventIds(bucket) => self.event_ids(bucket, value),
            Subject::Text { user, .. } => self.text(key, user, value),
            Subject::State(no) => self.state(no, value),
            Subject::Sums { epoch, .. } => self.sums(epoch, value),
            Subject::Archive { user } => self.archive(key, user, value),
            Subject::ArchiveHead(user) => self.archive_head(user, value),
            Subject::Contributions { user } => self.contributions(key, user, value),
            Subject::TextVector { encoder, .. } => self.text_vector(encoder, value),
            Subject::TextUses(hash) => self.text_uses(hash, value),
            Subject::ItemFactor { version, .. } => self.factor(version, value, |s| s.fusion.item_dims),
            Subject::GroupFactor { version, .. } => self.factor(version, value, |s| s.fusion.group_dims),
            Subject::Unsealed(_) | Subject::Tombstone(_) => self.commit(value),
            Subject::Segment(_) => decode::<StoredSegment>("", value).map(drop),
            Subject::Members { segment, part } => self.members(segment, part, value),
            Subject::Due(user) => decode::<Time>("", value).and_then(|_| self.user_in_segment(user)),
            Subject::Changes(block) => self.changes(block, value),
        }
    }

    fn meta(&self, name: &str, value: &[u8]) -> Result<()> {
        match name {
            "settings" => decode::<Settings>("", value).map(drop),
            "learned" => self.learned(&decode("", value)?),
            "counters" => decode::<Counters>("", value).map(drop),
            "segments" => decode::<segments::Head>("", value).map(drop),
            "salt" => decode::<Salt>("", value).map(drop),
            "sealed" => self.commit(value),
            "keep" => decode::<KeepEvents>("", value).map(drop),
            "folded" => decode::<u64>("", value).map(drop),
            "blend" => decode::<Blend>("", value)?.check().map_err(|error| wrong(error.to_string())),
            _ => Err(wrong("nothing is kept under this name")),
        }
    }

    fn learned(&self, learned: &Learned) -> Result<()> {
        match (&learned.whitening, self.basis.text_dim()) {
            (Some(whitening), Some(dim)) => {
                ensure(whitening.fits(dim), || format!("its whitening is not of {dim} dimensions"))
            }
            _ => Ok(()),
        }
    }

    fn user_name(&mut self, id: &str, value: &[u8]) -> Result<()> {
        let no: u32 = decode("", value)?;
        self.seen.named_users.insert(no);
        let user: Option<StoredUser> = self.named("user", no, &keys::user(no))?;
        leads_to(id, no, user.map(|user| user.id))
    }

    fn item_name(&mut self, id: &str, value: &[u8]) -> Result<()> {
        let no: u32 = decode("", value)?;
        self.seen.named_items.insert(no);
        let item: Option<StoredItem> = self.named("item", no, &keys::item(no))?;
        leads_to(id, no, item.map(|item| item.id))
    }

    fn group_name(&mut self, hash: TextHash, value: &[u8]) -> Result<()> {
        let no: u32 = decode("", value)?;
        self.seen.named_groups.insert(no);
        let group: Option<StoredGroup> = self.named("group", no, &keys::group(no))?;
        ensure(group.is_none_or(|group| group.text == hash), || {
            format!("it leads to group number {no}, which is of another text")
        })
    }

    /// The record that a name leads to; `None` where that is damaged, which is told by itself.
    fn named<T: bincode::Decode<()>>(&self, what: &str, no: u32, key: &[u8]) -> Result<Option<T>> {
        match sound(self.reader.read(what, key))? {
            Some(Some(record)) => Ok(Some(record)),
            Some(None) => Err(wrong(format!("it leads to {what} number {no}, which is not there"))),
            None => Ok(None),
        }
    }

    fn vector(&self, user: u32, value: &[u8]) -> Result<()> {
        let vector: Vec<f32> = decode("", value)?;
        self.known_user(user)?;
        if self.basis.settings.is_none() {
            return Ok(());
        }
        let Some(dim) = self.basis.vector_dim() else {
            return Err(wrong("the store has an encoder, and so no vectors of the host's own"));
        };
        finite(&vector, dim)
    }

    fn item(&mut self, no: u32, value: &[u8]) -> Result<()> {
        let item: StoredItem = decode("", value)?;
        self.seen.groups_of_items.extend(item.group.map(|group| (no, group)));
        if let Some(hash) = item.text_hash {
            self.seen.text_uses.add(hash, 1);
        }
        let expected = item.text.as_deref().map(text_hash).filter(|_| self.basis.text_dim().is_some());
        ensure(self.basis.settings.is_none() || item.text_hash == expected, || {
            "its text's hash is of another text".to_owned()
        })?;
        let group = item.group.filter(|&no| !self.seen.groups.contains(no));
        group.map_or(Ok(()), |no| Err(wrong(format!("it is of group number {no}, which is not there"))))
    }

    fn event(&mut self, user: u32, time: Time, value: &[u8]) -> Result<()> {
        let event: StoredEvent = decode("", value)?;
        if let Some(id) = &event.id {
            self.seen.event_ids.add(text_hash(id), 1);
        }
        if let Some(text) = &event.text {
            self.seen.text_uses.add(text_hash(text), 1);
        }
        self.known_user(user)?;
        if let Some(no) = event.item {
            ensure(self.seen.items.contains(no), || format!("its item number {no} is not there"))?;
        }
        let kinds = self.basis.settings.as_ref().map(|settings| &settings.kinds);
        ensure(kinds.is_none_or(|kinds| kinds.get(event.kind).is_some()), || {
            format!("the store knows no kind number {}", event.kind)
        })?;
        let horizon = self.seen.horizons.get(&user).filter(|horizon| time <= **horizon);
        horizon
            .map_or(Ok(()), |horizon| Err(wrong(format!("events are folded up to {horizon}, and it is not"))))
    }

    fn event_ids(&mut self, bucket: u32, value: &[u8]) -> Result<()> {
        let ids: Vec<TextHash> = decode("", value)?;
        ids.iter().for_each(|&id| self.seen.bucketed_ids.add(id, 1));
        let Some(counters) = self.basis.counters else { return Ok(()) };
        ensure(ids.iter().all(|&id| place_of(id, counters.event_ids) == bucket), || {
            "it has an id of another bucket".to_owned()
        })
    }

    fn text(&mut self, key: &[u8], user: u32, value: &[u8]) -> Result<()> {
        let hash = text_hash(&decode::<String>("", value)?);
        self.seen.text_uses.add(hash, 1);
        self.known_user(user)?;
        ensure(key.ends_with(&hash[..8]), || "it is not the text that its key names".to_owned())
    }

    fn state(&mut self, user: u32, value: &[u8]) -> Result<()> {
        let state: State = decode("", value)?;
        if let Some(sentence) = state.sentence {
            self.seen.text_uses.add(sentence, 1);
        }
        self.seen.counted_texts.add(user, state.texts);
        self.known_user(user)?;
        let (found, counted) = (self.seen.contributions.of(user), u64::from(state.contributions));
        ensure(found == counted || self.findings.concern(&[keys::all_contributions()]), || {
            format!("it counts {counted} contributions, and there are {found}")
        })?;
        let (counted, kept, folded) =
            (state.figures.acts(), self.seen.events.of(user), self.seen.folded.of(user));
        let holds = kept.saturating_add(folded) == counted || self.findings.concern(&[keys::all_archives()]);
        ensure(holds, || match folded {
            0 => format!("it counts {counted} events, and there are {kept}"),
            folded => format!("it counts {counted} events, and there are {kept}, and {folded} folded"),
        })
    }

    fn sums(&self, epoch: u32, value: &[u8]) -> Result<()> {
        let sums: Sums = decode("", value)?;
        let in_force = self.basis.learned.as_ref().is_some_and(|learned| learned.epoch == epoch);
        match self.basis.summed_dim().filter(|_| in_force) {
            Some(dim) => ensure(sums.fits(dim), || format!("they are not of {dim} dimensions")),
            None => Ok(()),
        }
    }

    fn archive(&mut self, key: &[u8], user: u32, value: &[u8]) -> Result<()> {
        let entries = Folded::from_bytes(key, value)?;
        for entry in &entries {
            self.seen.folded.add(user, entry.acts.count);
            entry.text.into_iter().for_each(|text| self.seen.text_uses.add(text, 1));
        }
        self.seen.archived.add(user, entries.len() as u64);
        self.known_user(user)?;
        entries.iter().try_for_each(|entry| self.folded(entry))
    }

    fn folded(&self, Folded { item, kind, acts, .. }: &Folded) -> Result<()> {
        if let Some(no) = item {
            ensure(self.seen.items.contains(*no), || format!("its item number {no} is not there"))?;
        }
        let kinds = self.basis.settings.as_ref().map(|settings| &settings.kinds);
        ensure(kinds.is_none_or(|kinds| kinds.get(*kind).is_some()), || {
            format!("the store knows no kind number {kind}")
        })?;
        let hours: u64 = acts.hours.iter().map(|&(_, count)| u64::from(count)).sum();
        ensure(hours == acts.count && acts.first <= acts.last, || {
            format!(
                "it counts {} events, and {hours} by their hours, from {} to {}",
                acts.count, acts.first, acts.last
            )
        })
    }

    /// Behind all entries, so that it can be compared with them.
    fn archive_head(&mut self, user: u32, value: &[u8]) -> Result<()> {
        let head: Head = decode("", value)?;
        self.known_user(user)?;
        let (entries, events) = (self.seen.archived.of(user), self.seen.folded.of(user));
        let same = u64::from(head.entries) == entries && head.events == events;
        ensure(same || self.findings.concern(&[keys::all_archives()]), || {
            let Head { entries: told_entries, events: told_events, .. } = head;
            format!(
                "it says {told_entries} entries of {told_events} events, and there are {entries} of {events}"
            )
        })?;
        self.seen.horizons.insert(user, head.horizon);
        Ok(())
    }

    fn contributions(&mut self, key: &[u8], user: u32, value: &[u8]) -> Result<()> {
        let entries = Share::from_bytes(key, value)?;
        self.seen.contributions.add(user, entries.len() as u64);
        self.known_user(user)
    }

    fn text_vector(&self, encoder: u32, value: &[u8]) -> Result<()> {
        let vector: Vec<f32> = decode("", value)?;
        match self.basis.text_dim().filter(|_| self.basis.encoder == Some(encoder)) {
            Some(dim) => finite(&vector, dim),
            None => Ok(()),
        }
    }

    fn text_uses(&mut self, hash: TextHash, value: &[u8]) -> Result<()> {
        let uses: u32 = decode("", value)?;
        self.seen.counted_uses.add(hash, u64::from(uses));
        let Some(encoder) = self.basis.encoder else { return Ok(()) };
        let vector = keys::text_vector(encoder, hash);
        let there = sound(self.reader.raw(&vector))?.is_none_or(|vector| vector.is_some());
        ensure(there, || "the text's vector is missing".to_owned())
    }

    fn factor(&self, version: u32, value: &[u8], dims: impl Fn(&Settings) -> usize) -> Result<()> {
        let factor: StoredFactor = decode("", value)?;
        let in_force = self.basis.learned.as_ref().is_some_and(|learned| learned.version == version);
        match self.basis.settings.as_ref().map(dims).filter(|_| in_force) {
            Some(dims) => ensure(factor.values.len() == dims, || format!("it is not of {dims} dimensions")),
            None => Ok(()),
        }
    }

    fn commit(&self, value: &[u8]) -> Result<()> {
        let (commit, seq): (u64, u64) = (decode("", value)?, self.basis.seq);
        ensure(commit <= seq, || format!("it is of commit {commit}, and the store is at {seq}"))
    }

    /// Users who are gone may be in it still: the end of the feed has it that they left.
    fn members(&self, segment: u32, part: u32, value: &[u8]) -> Result<()> {
        self.known_segment(segment)?;
        let is_part = decode::<segments::Part>("", value)?.users(part).is_some();
        ensure(is_part, || "it is no part of a segment's members".to_owned())
    }

    /// The end of the feed is told by what is kept of all segments.
    fn changes(&self, block: u64, value: &[u8]) -> Result<()> {
        let changes: Vec<StoredChange> = decode("", value)?;
        let Some(head) = sound(self.reader.read::<segments::Head>("", &keys::meta("segments")))?.flatten()
        else {
            return Ok(());
        };
        let wanted = head.changes_of(block);
        ensure(changes.len() as u64 == wanted, || {
            format!("it has {} changes, and not {wanted}", changes.len())
        })
    }

    /// Segments' keys come before those of users' records only in part, so that both are looked up.
    fn known_segment(&self, segment: u32) -> Result<()> {
        let there = sound(self.reader.raw(&keys::segment(segment)))?.is_none_or(|value| value.is_some());
        ensure(there, || "its segment is not there".to_owned())
    }

    fn user_in_segment(&self, user: u32) -> Result<()> {
        ensure(self.seen.users.contains(user), || format!("user number {user} is not there"))
    }

    fn known_user(&self, user: u32) -> Result<()> {
        ensure(self.seen.users.contains(user), || "its user is not there".to_owned())
    }
}

fn leads_to(id: &str, no: u32, found: Option<String>) -> Result<()> {
    match found.filter(|found| found != id) {
        Some(other) => Err(wrong(format!("it leads to number {no}, which is {other:?}"))),
        None => Ok(()),
    }
}

fn finite(vector: &[f32], dim: usize) -> Result<()> {
    ensure(vector.len() == dim, || format!("it has {} dimensions, not {dim}", vector.len()))?;
    ensure(vector.iter().all(|x| x.is_finite()), || "it is not finite".to_owned())
}
