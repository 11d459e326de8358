//! What one commit changed: per key the value before and after, sorted.

use std::ops::Range;

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
}

impl ChangeSet {
    /// The changes of commit `seq`, which must be sorted by key.
    pub(crate) fn new(seq: u64, changes: Vec<Change>) -> Self {
        debug_assert!(changes.is_sorted_by(|a, b| a.key < b.key));
        Self { seq, changes }
    }

    /// The change of `key`, where there is one.
    pub(crate) fn find(&self, key: &[u8]) -> Option<&Change> {
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
