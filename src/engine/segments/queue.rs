//! What is to be done when.

use rpds::{RedBlackTreeMapSync as OrdMap, RedBlackTreeSetSync as OrdSet};

/// Things in the order of their times, each once. Copies share what is not changed.
#[derive(Clone, Debug)]
pub(super) struct Queue<T: Ord, K: Ord> {
    of: OrdMap<K, T>,
    order: OrdSet<(T, K)>,
}

impl<T: Ord, K: Ord> Default for Queue<T, K> {
    fn default() -> Self {
        Self { of: OrdMap::default(), order: OrdSet::default() }
    }
}

impl<T: Ord + Copy, K: Ord + Copy> Queue<T, K> {
    /// When something is to be done.
    pub(super) fn get(&self, key: K) -> Option<T> {
        self.of.get(&key).copied()
    }

    /// Something is to be done at another time, or not any more.
    pub(super) fn put(&mut self, key: K, time: Option<T>) {
        if let Some(before) = self.get(key) {
            self.order.remove_mut(&(before, key));
            self.of.remove_mut(&key);
        }
        if let Some(time) = time {
            self.order.insert_mut((time, key));
            self.of.insert_mut(key, time);
        }
    }

    /// What comes first, and when.
    pub(super) fn first(&self) -> Option<(T, K)> {
        self.order.first().copied()
    }

    /// All of it, what comes first before the others.
    pub(super) fn iter(&self) -> impl Iterator<Item = (T, K)> {
        self.order.iter().copied()
    }
}
