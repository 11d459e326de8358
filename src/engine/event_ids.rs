//! Which event ids the store holds, by their hashes, in buckets: one key for a hundred ids, where a key for
//! each would cost as much as the events themselves.

use super::linear_hash::{bucket_count, bucket_of, split_from};
use super::reader::Reader;
use crate::error::Result;
use crate::storage::keys::{self, TextHash};
use std::collections::BTreeMap;

/// Ids to a bucket, on average: 2 KiB.
const LOAD: u64 = 128;

/// The buckets that a write has touched.
#[derive(Default)]
pub(super) struct EventIds {
    loaded: BTreeMap<u32, Bucket>,
}

#[derive(Default)]
struct Bucket {
    ids: Vec<TextHash>,
    changed: bool,
}

impl EventIds {
    /// Adds an id; `false` if it was there. `total` counts the ids ever added, and decides the number of
    /// buckets.
    pub(super) fn insert(&mut self, reader: &impl Reader, total: &mut u64, id: TextHash) -> Result<bool> {
        let buckets = bucket_count(*total, LOAD);
        let bucket = self.load(reader, bucket_of(number(id), buckets))?;
        if bucket.ids.contains(&id) {
            return Ok(false);
        }
        bucket.ids.push(id);
        bucket.changed = true;
        *total += 1;
        if bucket_count(*total, LOAD) > buckets {
            self.split(reader, buckets)?;
        }
        Ok(true)
    }

    /// Takes an id out.
    pub(super) fn remove(&mut self, reader: &impl Reader, total: u64, id: TextHash) -> Result<()> {
        let bucket = self.load(reader, place_of(id, total))?;
        bucket.ids.retain(|other| *other != id);
        bucket.changed = true;
        Ok(())
    }

    fn split(&mut self, reader: &impl Reader, new: u32) -> Result<()> {
        let source = self.load(reader, split_from(new))?;
        let ids = std::mem::take(&mut source.ids);
        let (moved, kept) = ids.into_iter().partition(|id| bucket_of(number(*id), new + 1) == new);
        source.ids = kept;
        source.changed = true;
        self.loaded.insert(new, Bucket { ids: moved, changed: true });
        Ok(())
    }

    fn load(&mut self, reader: &impl Reader, at: u32) -> Result<&mut Bucket> {
        Ok(match self.loaded.entry(at) {
            std::collections::btree_map::Entry::Occupied(known) => known.into_mut(),
            std::collections::btree_map::Entry::Vacant(unknown) => {
                let ids = reader.read("event ids", &keys::event_ids(at))?.unwrap_or_default();
                unknown.insert(Bucket { ids, changed: false })
            }
        })
    }

    /// The changed buckets, as they are to be stored.
    pub(super) fn changed(self) -> impl Iterator<Item = (u32, Vec<TextHash>)> {
        self.loaded.into_iter().filter(|(_, bucket)| bucket.changed).map(|(at, bucket)| (at, bucket.ids))
    }
}

/// The bucket of an id, where so many were ever added.
pub(super) fn place_of(id: TextHash, total: u64) -> u32 {
    bucket_of(number(id), bucket_count(total, LOAD))
}

/// The number that places an id among the buckets.
fn number(id: TextHash) -> u64 {
    u64::from_le_bytes([id[0], id[1], id[2], id[3], id[4], id[5], id[6], id[7]])
}

#[cfg(test)]
mod tests {
    use super::super::reader::Empty;
    use super::super::stored::text_hash;
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(30))]
        #[test]
        fn ids_are_a_set(acts in prop::collection::vec((0_u32..900, prop::bool::weighted(0.8)), 1..3000)) {
            let (mut ids, mut total, mut model) = (EventIds::default(), 0, BTreeSet::new());
            for &(id, add) in &acts {
                let hash = text_hash(&id.to_string());
                if add {
                    prop_assert_eq!(ids.insert(&Empty, &mut total, hash).unwrap(), model.insert(id));
                } else {
                    ids.remove(&Empty, total, hash).unwrap();
                    model.remove(&id);
                }
            }
            let stored: usize = ids.changed().map(|(_, ids)| ids.len()).sum();
            prop_assert_eq!(stored, model.len());
        }
    }
}
