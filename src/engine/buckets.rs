//! A user's contributions, in buckets that stay small however many there are. One more contribution reads and
//! writes one bucket, and now and then splits one in two.

use super::linear_hash::{bucket_count, bucket_of, split_from};
use super::reader::{Reader, from_key};
use crate::error::Result;
use crate::profile::{Contribution, Target};
use crate::storage::{codec, keys};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Contributions to a bucket, on average.
const LOAD: u64 = 32;

/// A contribution, with its target and kind.
pub(crate) type Entry = (Target, u8, Contribution);

/// As a bucket keeps it: the target's tag and number, the kind, the contribution.
type StoredEntry = (u8, u64, u8, Contribution);

/// The buckets of a user that a write has touched.
#[derive(Default)]
pub(super) struct Buckets {
    loaded: BTreeMap<u32, Bucket>,
}

#[derive(Default)]
struct Bucket {
    entries: Vec<Entry>,
    changed: bool,
}

impl Buckets {
    /// Counts one more act in; `total` is the number of the user's contributions. Returns the contribution
    /// before, if there was one, and after.
    pub(super) fn bump(
        &mut self,
        reader: &impl Reader,
        user: u32,
        total: &mut u32,
        (target, kind): (Target, u8),
        time: crate::model::Time,
    ) -> Result<(Option<Contribution>, Contribution)> {
        let buckets = bucket_count(u64::from(*total), LOAD);
        let bucket = self.load(reader, user, *total, bucket_of(hash(target, kind), buckets))?;
        bucket.changed = true;
        if let Some((_, _, old)) =
            bucket.entries.iter_mut().find(|entry| (entry.0, entry.1) == (target, kind))
        {
            let before = *old;
            *old = Contribution::bump(Some(before), time);
            return Ok((Some(before), *old));
        }
        let new = Contribution::bump(None, time);
        bucket.entries.push((target, kind, new));
        let before = std::mem::replace(total, total.saturating_add(1));
        if bucket_count(u64::from(*total), LOAD) > buckets {
            self.split(reader, user, before, buckets)?;
        }
        Ok((None, new))
    }

    /// Moves what belongs into the new last bucket out of the one it splits off from.
    fn split(&mut self, reader: &impl Reader, user: u32, total: u32, new: u32) -> Result<()> {
        let source = self.load(reader, user, total, split_from(new))?;
        source.changed = true;
        let entries = std::mem::take(&mut source.entries);
        let (moved, kept) =
            entries.into_iter().partition(|entry| bucket_of(hash(entry.0, entry.1), new + 1) == new);
        source.entries = kept;
        self.loaded.insert(new, Bucket { entries: moved, changed: true });
        Ok(())
    }

    fn load(&mut self, reader: &impl Reader, user: u32, total: u32, at: u32) -> Result<&mut Bucket> {
        Ok(match self.loaded.entry(at) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(unknown) => {
                let key = keys::contributions(user, at);
                // A user without contributions has no buckets yet: there is nothing to look for.
                let stored = if total == 0 { None } else { reader.raw(&key)? };
                let entries = stored.map(|bytes| decode(&key, &bytes)).transpose()?.unwrap_or_default();
                unknown.insert(Bucket { entries, changed: false })
            }
        })
    }

    /// The changed buckets, as they are to be stored.
    pub(super) fn changed(&self) -> impl Iterator<Item = (u32, Vec<StoredEntry>)> {
        self.loaded.iter().filter(|(_, bucket)| bucket.changed).map(|(&at, bucket)| {
            let stored = bucket.entries.iter().map(|&(target, kind, contribution)| {
                let (tag, number) = target.to_parts();
                (tag, number, kind, contribution)
            });
            (at, stored.collect())
        })
    }
}

/// All contributions of a user, in the order of targets, then kinds.
pub(crate) fn contributions_of(reader: &impl Reader, user: u32) -> Result<Vec<Entry>> {
    let mut all = Vec::new();
    reader.scan(&keys::contributions_of(user), &mut |key, value| {
        all.extend(decode(key, value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    all.sort_by_key(|&(target, kind, _)| (target, kind));
    Ok(all)
}

/// Hands over the contributions of one user after the other, each in the order of targets, then kinds.
pub(super) fn each_user(reader: &impl Reader, f: &mut dyn FnMut(u32, &[Entry]) -> Result<()>) -> Result<()> {
    let mut current: Option<u32> = None;
    let mut all: Vec<Entry> = Vec::new();
    let mut hand_over = |user: u32, all: &mut Vec<Entry>| {
        all.sort_by_key(|&(target, kind, _)| (target, kind));
        let result = f(user, all);
        all.clear();
        result
    };
    reader.scan(&keys::all_contributions(), &mut |key, value| {
        let user = from_key("contribution", key, keys::u32_at(key, 1))?;
        if let Some(done) = current.filter(|&current| current != user) {
            hand_over(done, &mut all)?;
        }
        current = Some(user);
        all.extend(decode(key, value)?);
        Ok(ControlFlow::Continue(()))
    })?;
    current.map_or(Ok(()), |last| hand_over(last, &mut all))
}

/// The contributions of a bucket.
pub(super) fn decode(key: &[u8], bytes: &[u8]) -> Result<Vec<Entry>> {
    let stored: Vec<StoredEntry> = codec::decode("contributions", bytes)?;
    stored
        .into_iter()
        .map(|(tag, number, kind, contribution)| {
            let target = from_key("contributions", key, Target::from_parts(tag, number))?;
            Ok((target, kind, contribution))
        })
        .collect()
}

/// Mixes a target and a kind (the finalizer of `SplitMix64`).
fn hash(target: Target, kind: u8) -> u64 {
    let (tag, number) = target.to_parts();
    let mut z = number ^ (u64::from(tag) << 56) ^ (u64::from(kind) << 48);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::reader::Empty;
    use crate::model::Time;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn buckets_are_a_map(acts in prop::collection::vec((0_u32..400, 0_u8..3), 1..2000)) {
            let (mut buckets, mut total) = (Buckets::default(), 0);
            let mut model: BTreeMap<(Target, u8), u32> = BTreeMap::new();
            for &(item, kind) in &acts {
                let key = (Target::Item(item), kind);
                let time = Time::from_secs(i64::from(item)).unwrap();
                let (old, new) = buckets.bump(&Empty, 1, &mut total, key, time).unwrap();
                let count = model.entry(key).or_default();
                prop_assert_eq!(old.map_or(0, |old| old.count), *count);
                *count += 1;
                prop_assert_eq!(new.count, *count);
            }
            prop_assert_eq!(total as usize, model.len());
            prop_assert_eq!(buckets.loaded.len() as u32, bucket_count(u64::from(total), LOAD));
            for (&at, bucket) in &buckets.loaded {
                for &(target, kind, _) in &bucket.entries {
                    prop_assert_eq!(bucket_of(hash(target, kind), bucket_count(u64::from(total), LOAD)), at);
                }
            }
        }
    }
}
