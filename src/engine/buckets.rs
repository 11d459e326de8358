//! What a user has many of, in buckets that stay small however many there are. One more reads and writes one bucket, and
//! now and then splits one in two.

use super::linear_hash::{bucket_count, bucket_of, split_from};
use super::reader::Reader;
use crate::error::Result;
use crate::storage::keys::Key;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;

/// Slots to a bucket, on average.
const LOAD: u64 = 32;

/// One of what lies in a user's buckets.
pub(super) trait Slot: Clone {
    /// What tells a user's slots apart.
    type Name: Copy + PartialEq;

    fn name(&self) -> Self::Name;
    fn hash(name: Self::Name) -> u64;
    fn key(user: u32, bucket: u32) -> Key;
    fn to_bytes(slots: &[Self]) -> Result<Vec<u8>>;
    fn from_bytes(key: &[u8], bytes: &[u8]) -> Result<Vec<Self>>;
}

/// The buckets of a user that a write has touched.
pub(super) struct Buckets<S> {
    loaded: BTreeMap<u32, Bucket<S>>,
}

struct Bucket<S> {
    slots: Vec<S>,
    changed: bool,
}

impl<S> Default for Buckets<S> {
    fn default() -> Self {
        Self { loaded: BTreeMap::new() }
    }
}

impl<S: Slot> Buckets<S> {
    /// Puts a slot in; where there is one of that name, `change`s it and returns what that gives. `total` is the number of
    /// the user's slots.
    pub(super) fn put<R>(
        &mut self,
        reader: &impl Reader,
        user: u32,
        total: &mut u32,
        slot: S,
        change: impl FnOnce(&mut S, S) -> R,
    ) -> Result<Option<R>> {
        let buckets = bucket_count(u64::from(*total), LOAD);
        let bucket = self.load(reader, user, *total, bucket_of(S::hash(slot.name()), buckets))?;
        bucket.changed = true;
        if let Some(old) = bucket.slots.iter_mut().find(|old| old.name() == slot.name()) {
            return Ok(Some(change(old, slot)));
        }
        bucket.slots.push(slot);
        let before = std::mem::replace(total, total.saturating_add(1));
        if bucket_count(u64::from(*total), LOAD) > buckets {
            self.split(reader, user, before, buckets)?;
        }
        Ok(None)
    }

    /// The slot of a name, if it is there.
    pub(super) fn find(
        &mut self,
        reader: &impl Reader,
        user: u32,
        total: u32,
        name: S::Name,
    ) -> Result<Option<&S>> {
        let at = bucket_of(S::hash(name), bucket_count(u64::from(total), LOAD));
        Ok(self.load(reader, user, total, at)?.slots.iter().find(|slot| slot.name() == name))
    }

    /// Moves what belongs into the new last bucket out of the one it splits off from.
    fn split(&mut self, reader: &impl Reader, user: u32, total: u32, new: u32) -> Result<()> {
        let source = self.load(reader, user, total, split_from(new))?;
        source.changed = true;
        let slots = std::mem::take(&mut source.slots);
        let (moved, kept) =
            slots.into_iter().partition(|slot| bucket_of(S::hash(slot.name()), new + 1) == new);
        source.slots = kept;
        self.loaded.insert(new, Bucket { slots: moved, changed: true });
        Ok(())
    }

    fn load(&mut self, reader: &impl Reader, user: u32, total: u32, at: u32) -> Result<&mut Bucket<S>> {
        Ok(match self.loaded.entry(at) {
            Entry::Occupied(known) => known.into_mut(),
            Entry::Vacant(unknown) => {
                let key = S::key(user, at);
                // A user without any has no buckets yet: there is nothing to look for.
                let stored = if total == 0 { None } else { reader.raw(&key)? };
                let slots = stored.map(|bytes| S::from_bytes(&key, &bytes)).transpose()?.unwrap_or_default();
                unknown.insert(Bucket { slots, changed: false })
            }
        })
    }

    /// The changed buckets, as they are to be stored.
    pub(super) fn changed(&self, user: u32) -> impl Iterator<Item = Result<(Key, Vec<u8>)>> {
        let changed = self.loaded.iter().filter(|(_, bucket)| bucket.changed);
        changed.map(move |(&at, bucket)| Ok((S::key(user, at), S::to_bytes(&bucket.slots)?)))
    }
}

/// All slots under a prefix, in the order of their buckets.
pub(super) fn slots<S: Slot>(reader: &impl Reader, prefix: &[u8]) -> Result<Vec<S>> {
    let mut all = Vec::new();
    reader.scan(prefix, &mut |key, value| {
        all.extend(S::from_bytes(key, value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(all)
}

/// Mixes bits (the finalizer of `SplitMix64`).
pub(super) fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::super::contributions::Share;
    use super::*;
    use crate::engine::reader::Empty;
    use crate::model::Time;
    use crate::profile::{Contribution, Target};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buckets_are_a_map(acts in prop::collection::vec((0_u32..400, 0_u8..3), 1..2000)) {
            let (mut buckets, mut total) = (Buckets::<Share>::default(), 0);
            let mut model: BTreeMap<(Target, u8), u32> = BTreeMap::new();
            for &(item, kind) in &acts {
                let name = (Target::Item(item), kind);
                let act = Contribution { count: 1, last: Time::from_secs(i64::from(item)).unwrap() };
                let old = buckets
                    .put(&Empty, 1, &mut total, (name.0, kind, act), |old, new| {
                        let before = old.2.count;
                        old.2 = old.2.and(new.2);
                        before
                    })
                    .unwrap();
                let count = model.entry(name).or_default();
                prop_assert_eq!(old.unwrap_or(0), *count);
                *count += 1;
                let found = buckets.find(&Empty, 1, total, name).unwrap();
                prop_assert_eq!(found.map(|share| share.2.count), Some(*count));
            }
            prop_assert_eq!(total as usize, model.len());
            prop_assert_eq!(buckets.loaded.len() as u32, bucket_count(u64::from(total), LOAD));
            for (&at, bucket) in &buckets.loaded {
                for share in &bucket.slots {
                    let place = bucket_of(Share::hash(share.name()), bucket_count(u64::from(total), LOAD));
                    prop_assert_eq!(place, at);
                }
            }
        }
    }
}
