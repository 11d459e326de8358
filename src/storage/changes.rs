//! What one commit changed: per key the value before and after, sorted.

use std::cell::LazyCell;
use std::hash::{DefaultHasher, Hasher};
use std::ops::Range;
use std::sync::Arc;

use super::merge::Overrides;

/// One changed key.
#[derive(Debug)]
pub(crate) struct Change {
    /// The logical key.
    pub(crate) key: Vec<u8>,
    /// Value before the commit.
    pub(crate) before: Option<Vec<u8>>,
    /// Value after the commit.
    pub(crate) after: Option<Vec<u8>>,
}

/// All changes of one commit, ascending by key.
#[derive(Debug)]
pub(crate) struct ChangeSet {
    /// Number of the commit.
    pub(crate) seq: u64,
    changes: Vec<Change>,
    filter: Filter,
}

/// The change of `key` in the first of some sets that has one.
pub(crate) fn find<'a>(sets: impl IntoIterator<Item = &'a Arc<ChangeSet>>, key: &[u8]) -> Option<&'a Change> {
    let hash = LazyCell::new(|| hash(key));
    sets.into_iter().find_map(|set| set.find(key, || *hash))
}

/// Changes below which a search is as fast as asking the filter.
const FILTERED_CHANGES: usize = 32;
/// Keys to a word of the filter, of which each sets two bits: of keys that are not in the set, about one in fifty is searched for.
const KEYS_TO_WORD: usize = 4;

/// Tells of most keys that are not in a set that they are not: a Bloom filter in blocks of a word (Putze, Sanders and Singler 2007,
/// "Cache-, hash- and space-efficient Bloom filters", section 3). Whoever reads a key looks for it in every commit that
/// waits, and nearly all keys are in none.
#[derive(Debug)]
struct Filter(Box<[u64]>);

impl Filter {
    fn of(changes: &[Change]) -> Self {
        let words = if changes.len() < FILTERED_CHANGES { 0 } else { changes.len().div_ceil(KEYS_TO_WORD) };
        let mut filter = Self(vec![0; words].into());
        if words > 0 {
            for change in changes {
                let (word, bits) = filter.place(hash(&change.key));
                filter.0[word] |= bits;
            }
        }
        filter
    }

    fn may_have(&self, hash: impl FnOnce() -> u64) -> bool {
        if self.0.is_empty() {
            return true;
        }
        let (word, bits) = self.place(hash());
        self.0[word] & bits == bits
    }

    /// The word of a key, by the high half of its hash, and the bits that it sets there, by the low.
    fn place(&self, hash: u64) -> (usize, u64) {
        let word = ((hash >> 32) * self.0.len() as u64) >> 32;
        (word as usize, 1 << (hash & 63) | 1 << (hash >> 6 & 63))
    }
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(key);
    hasher.finish()
}

impl ChangeSet {
    /// The changes of commit `seq`, which must be sorted by key.
    pub(crate) fn new(seq: u64, changes: Vec<Change>) -> Self {
        debug_assert!(changes.is_sorted_by(|a, b| a.key < b.key));
        let filter = Filter::of(&changes);
        Self { seq, changes, filter }
    }

    fn find(&self, key: &[u8], hash: impl FnOnce() -> u64) -> Option<&Change> {
        if !self.filter.may_have(hash) {
            return None;
        }
        let at = self.changes.binary_search_by(|change| change.key.as_slice().cmp(key)).ok()?;
        Some(&self.changes[at])
    }

    /// All changes.
    pub(crate) fn all(&self) -> &[Change] {
        &self.changes
    }

    /// The changes with `from <= key < to`.
    pub(crate) fn range(&self, from: &[u8], to: Option<&[u8]>) -> &[Change] {
        &self.changes[self.bounds(from, to)]
    }

    /// Puts the values before this commit into `overrides`, where it has none of the key.
    pub(crate) fn override_before(&self, from: &[u8], to: Option<&[u8]>, overrides: &mut Overrides) {
        for change in self.range(from, to) {
            if !overrides.contains_key(&change.key) {
                overrides.insert(change.key.clone(), change.before.clone());
            }
        }
    }

    /// Puts the values after this commit into `overrides`.
    pub(crate) fn override_after(&self, from: &[u8], to: Option<&[u8]>, overrides: &mut Overrides) {
        for change in self.range(from, to) {
            overrides.insert(change.key.clone(), change.after.clone());
        }
    }

    fn bounds(&self, from: &[u8], to: Option<&[u8]>) -> Range<usize> {
        let below = |bound: &[u8]| self.changes.partition_point(|change| change.key.as_slice() < bound);
        let start = below(from);
        start..to.map_or(self.changes.len(), below).max(start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(keys: impl Iterator<Item = u32>) -> ChangeSet {
        let change = |key: u32| Change { key: key.to_be_bytes().to_vec(), before: None, after: Some(vec![]) };
        ChangeSet::new(1, keys.map(change).collect())
    }

    #[test]
    fn every_key_of_a_set_is_found_and_few_others_are_searched_for() {
        for len in [0, 1, 31, 32, 33, 1_000, 100_000] {
            let set = Arc::new(set((0..len).map(|n| 2 * n)));
            for key in 0..2 * len {
                let key = key.to_be_bytes();
                let found = find([&set], &key);
                let expected = u32::from_be_bytes(key).is_multiple_of(2);
                assert_eq!(found.map(|change| change.key.as_slice()), expected.then_some(&key[..]));
            }
            let searched = |key: &u32| set.filter.may_have(|| hash(&key.to_be_bytes()));
            let needless = (0..10_000).map(|n| 2 * n + 1).filter(searched).count();
            assert!(len < 32 || needless < 500, "{needless} of 10000 beside {len} keys");
        }
    }
}
