//! A user's contributions, in buckets.

use super::archive::Folded;
use super::buckets::{Buckets, Slot, mix, slots};
use super::reader::{EachReader, Reader, from_key};
use super::stored::{StoredEvent, text_hash, text_number};
use crate::error::{Error, ErrorKind, Result};
use crate::model::Time;
use crate::profile::{Contribution, OWN_TEXT, Target};
use crate::storage::keys::{Key, TextHash};
use crate::storage::{codec, keys};
use std::ops::ControlFlow;

/// A contribution, with its target and kind.
pub(crate) type Share = (Target, u8, Contribution);

/// As a bucket keeps it: the target's tag and number, the kind, the contribution.
type StoredShare = (u8, u64, u8, Contribution);

impl Slot for Share {
    type Name = (Target, u8);

    fn name(&self) -> Self::Name {
        (self.0, self.1)
    }

    fn hash((target, kind): Self::Name) -> u64 {
        let (tag, number) = target.to_parts();
        mix(number ^ (u64::from(tag) << 56) ^ (u64::from(kind) << 48))
    }

    fn key(user: u32, bucket: u32) -> Key {
        keys::contributions(user, bucket)
    }

    fn to_bytes(slots: &[Self]) -> Result<Vec<u8>> {
        let stored = slots.iter().map(|&(target, kind, contribution)| {
            let (tag, number) = target.to_parts();
            (tag, number, kind, contribution)
        });
        codec::encode(&stored.collect::<Vec<StoredShare>>())
    }

    fn from_bytes(key: &[u8], bytes: &[u8]) -> Result<Vec<Self>> {
        let stored: Vec<StoredShare> = codec::decode("contributions", bytes)?;
        stored
            .into_iter()
            .map(|(tag, number, kind, contribution)| {
                let target = from_key("contributions", key, Target::from_parts(tag, number))?;
                Ok((target, kind, contribution))
            })
            .collect()
    }
}

impl Buckets<Share> {
    /// Counts acts in; `total` is the number of the user's contributions. Returns the contribution before, if there was
    /// one, and after.
    pub(super) fn add(
        &mut self,
        reader: &impl Reader,
        user: u32,
        total: &mut u32,
        (target, kind): (Target, u8),
        acts: Contribution,
    ) -> Result<(Option<Contribution>, Contribution)> {
        let changed = self.put(reader, user, total, (target, kind, acts), |old, (_, _, acts)| {
            let before = old.2;
            old.2 = before.and(acts);
            (Some(before), old.2)
        })?;
        Ok(changed.unwrap_or((None, acts)))
    }
}

/// What an event adds to: its item, the group of that, and its text.
pub(super) fn shares_of_event(
    event: &StoredEvent,
    group: Option<u32>,
    time: Time,
) -> impl Iterator<Item = Share> + use<> {
    let text = event.text.as_deref().map(text_hash);
    shares((event.item, group, text), event.kind, Contribution::once(time))
}

/// What folded events add to, as they did when they were there.
pub(super) fn shares_of_folded(entry: &Folded, group: Option<u32>) -> impl Iterator<Item = Share> + use<> {
    shares((entry.item, group, entry.text), entry.kind, entry.acts.contribution())
}

/// What a text by itself adds to.
pub(super) fn share_of_text(text: &str, time: Time) -> Share {
    (Target::Text(text_number(text_hash(text))), OWN_TEXT, Contribution::once(time))
}

fn shares(
    (item, group, text): (Option<u32>, Option<u32>, Option<TextHash>),
    kind: u8,
    acts: Contribution,
) -> impl Iterator<Item = Share> {
    let item = item.map(|item| (Target::Item(item), kind, acts));
    let group = group.map(|group| (Target::Group(group), kind, acts));
    let text = text.map(|text| (Target::Text(text_number(text)), OWN_TEXT, acts));
    item.into_iter().chain(group).chain(text)
}

/// All contributions of a user, in the order of targets, then kinds.
pub(crate) fn contributions_of(reader: &impl Reader, user: u32) -> Result<Vec<Share>> {
    let mut all: Vec<Share> = slots(reader, &keys::contributions_of(user))?;
    all.sort_by_key(Slot::name);
    Ok(all)
}

/// Takes the contributions of one user, or the error that some of them are damaged.
type HandOver<'f> = dyn FnMut(u32, Result<&[Share]>) -> Result<()> + 'f;

/// Contributions that come bucket by bucket, put together user by user.
struct Gathering<'f> {
    user: Option<u32>,
    all: Vec<Share>,
    damage: Option<Error>,
    hand_over: &'f mut HandOver<'f>,
}

impl<'f> Gathering<'f> {
    fn new(hand_over: &'f mut HandOver<'f>) -> Self {
        Self { user: None, all: Vec::new(), damage: None, hand_over }
    }

    fn add(&mut self, key: &[u8], value: Result<impl AsRef<[u8]>>) -> Result<()> {
        let user = from_key("contribution", key, keys::u32_at(key, 1))?;
        if self.user != Some(user) {
            self.end()?;
            self.user = Some(user);
        }
        match value.and_then(|value| Share::from_bytes(key, value.as_ref())) {
            Ok(shares) => self.all.extend(shares),
            Err(error) if error.kind() == ErrorKind::Damage => self.damage = Some(error),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Hands over what there is of the last user.
    fn end(&mut self) -> Result<()> {
        let Some(user) = self.user.take() else { return Ok(()) };
        self.all.sort_by_key(Slot::name);
        let all = self.damage.take().map_or(Ok(&self.all[..]), Err);
        (self.hand_over)(user, all)?;
        self.all.clear();
        Ok(())
    }
}

/// The contributions in one bucket.
pub(crate) fn contributions_in(key: &[u8], bucket: &[u8]) -> Result<Vec<Share>> {
    Share::from_bytes(key, bucket)
}

/// Hands over the contributions of one user after the other, each in the order of targets, then kinds.
pub(super) fn each_user(reader: &impl Reader, f: &mut dyn FnMut(u32, &[Share]) -> Result<()>) -> Result<()> {
    let mut hand_over = |user: u32, all: Result<&[Share]>| f(user, all?);
    let mut gathering = Gathering::new(&mut hand_over);
    reader.scan(&keys::all_contributions(), &mut |key, value| {
        gathering.add(key, Ok(value))?;
        Ok(ControlFlow::Continue(()))
    })?;
    gathering.end()
}

/// As [`each_user`]; of a user some of whose contributions are damaged, it hands over the error that says so.
pub(crate) fn each_user_past_damage(reader: &impl EachReader, f: &mut HandOver<'_>) -> Result<()> {
    let mut gathering = Gathering::new(f);
    reader.each(&keys::all_contributions(), &mut |key, value| {
        gathering.add(key, value)?;
        Ok(ControlFlow::Continue(()))
    })?;
    gathering.end()
}
