//! Snapshots without copies: the chain of generations, and what a view learns from it.
//!
//! Commit n + 1 links its changes, with each key's value *before* it, to generation n; only then
//! are they applied to the backend. A reader at generation g asks the backend first and then the
//! changes linked behind g, oldest first: the first that names the key has its value at g.
//! If none names it, no commit after g that touches the key was linked when the reader looked, so
//! none had begun to be applied when the backend was asked before: what the backend said is the
//! value at g, and an error it gave is real. If one does, whatever the backend said is ignored.
//! Commits up to g that were not applied yet when the view was made are the view's own forward
//! changes ([`Published`](super::published::Published)); they are never undone by applying them.

use std::sync::{Arc, PoisonError};

use super::changes::{self, ChangeSet};
use super::merge::Overrides;
use crate::sync::{OnceLock, RwLock};

/// The state after one commit; leads to the next.
#[derive(Default)]
pub(crate) struct Generation {
    next: OnceLock<Link>,
}

struct Link {
    changes: Arc<ChangeSet>,
    generation: Arc<Generation>,
}

impl Generation {
    /// Links the changes of the next commit and returns its generation. Called once.
    pub(crate) fn link(&self, changes: Arc<ChangeSet>) -> Arc<Self> {
        let generation = Arc::new(Self::default());
        let link = Link { changes, generation: Arc::clone(&generation) };
        let linked = self.next.set(link).is_ok();
        debug_assert!(linked, "a generation has one successor");
        generation
    }
}

/// A chain may be millions of commits long: its end must not be reached by recursion.
impl Drop for Generation {
    fn drop(&mut self) {
        let mut next = self.next.take();
        while let Some(link) = next {
            next = Arc::into_inner(link.generation).and_then(|mut generation| generation.next.take());
        }
    }
}

/// Change sets that are asked one by one before they are merged into one map.
const UNMERGED: usize = 8;

/// What changed since a view's commit, followed as it is read.
pub(crate) struct Since {
    state: RwLock<Followed>,
}

struct Followed {
    at: Arc<Generation>,
    recent: Vec<Arc<ChangeSet>>,
    merged: Overrides,
}

impl Since {
    /// Follows the chain from `generation` on.
    pub(crate) fn new(generation: Arc<Generation>) -> Self {
        let followed = Followed { at: generation, recent: Vec::new(), merged: Overrides::new() };
        Self { state: RwLock::new(followed) }
    }

    /// The value of `key` before the first commit that changed it since.
    #[expect(clippy::option_option, reason = "outer: is it known; inner: does the key exist")]
    pub(crate) fn before(&self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        self.with(|followed| {
            let merged = followed.merged.get(key);
            merged.or_else(|| changes::find(&followed.recent, key).map(|change| &change.before)).cloned()
        })
    }

    /// The values before, of all keys in the range that changed since.
    pub(crate) fn overrides(&self, from: &[u8], to: Option<&[u8]>) -> Overrides {
        self.with(|followed| {
            let mut overrides = Overrides::new();
            if to.is_none_or(|to| from < to) {
                let end = to.map_or(std::ops::Bound::Unbounded, std::ops::Bound::Excluded);
                let range = followed.merged.range::<[u8], _>((std::ops::Bound::Included(from), end));
                overrides.extend(range.map(|(key, value)| (key.clone(), value.clone())));
            }
            for set in &followed.recent {
                set.override_before(from, to, &mut overrides);
            }
            overrides
        })
    }

    fn with<T>(&self, look: impl FnOnce(&Followed) -> T) -> T {
        let followed = self.state.read().unwrap_or_else(PoisonError::into_inner);
        if followed.at.next.get().is_none() {
            return look(&followed);
        }
        drop(followed);
        let mut followed = self.state.write().unwrap_or_else(PoisonError::into_inner);
        followed.follow();
        look(&followed)
    }
}

impl Followed {
    fn follow(&mut self) {
        while let Some((changes, generation)) = self.successor() {
            self.recent.push(changes);
            self.at = generation;
            if self.recent.len() > UNMERGED {
                self.merge();
            }
        }
    }

    fn successor(&self) -> Option<(Arc<ChangeSet>, Arc<Generation>)> {
        let link = self.at.next.get()?;
        Some((Arc::clone(&link.changes), Arc::clone(&link.generation)))
    }

    fn merge(&mut self) {
        for set in self.recent.drain(..) {
            for change in set.all() {
                if !self.merged.contains_key(&change.key) {
                    self.merged.insert(change.key.clone(), change.before.clone());
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::changes::Change;
    use super::*;

    fn set(seq: u64, key: &[u8], before: Option<&[u8]>) -> Arc<ChangeSet> {
        let change = Change { key: key.to_vec(), before: before.map(<[u8]>::to_vec), after: None };
        Arc::new(ChangeSet::new(seq, vec![change]))
    }

    #[test]
    fn the_oldest_change_since_wins() {
        let first = Arc::new(Generation::default());
        let since = Since::new(Arc::clone(&first));
        assert_eq!(since.before(b"k"), None);
        let mut newest = first.link(set(1, b"k", None));
        for seq in 2..40 {
            newest = newest.link(set(seq, b"k", Some(b"x")));
            assert_eq!(since.before(b"k"), Some(None));
        }
        newest.link(set(40, b"other", Some(b"v")));
        assert_eq!(since.before(b"other"), Some(Some(b"v".to_vec())));
        assert_eq!(since.overrides(b"", None).len(), 2);
        assert_eq!(since.overrides(b"l", Some(b"o")).len(), 0);
    }

    #[test]
    fn a_chain_of_a_million_generations_is_dropped_without_recursion() {
        let first = Arc::new(Generation::default());
        let mut newest = Arc::clone(&first);
        for seq in 1..1_000_000 {
            newest = newest.link(set(seq, b"k", None));
        }
        drop(newest);
        drop(first);
    }
}
