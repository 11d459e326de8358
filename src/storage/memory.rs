//! A backend in memory that fails on demand.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{PoisonError, RwLock};

use super::backend::{Backend, Op};
use crate::error::{Error, Result};

/// A `BTreeMap` with fault injection: the n-th call of a kind fails, and each later one of that kind.
#[derive(Default)]
pub(crate) struct MemoryBackend {
    map: RwLock<BTreeMap<Vec<u8>, Vec<u8>>>,
    ops_left: Fuse,
    gets_left: Fuse,
    syncs_left: Fuse,
}

impl MemoryBackend {
    /// After `count` more changed keys each change fails: a batch in the middle is torn.
    pub(crate) fn fail_changes_after(&self, count: u64) {
        self.ops_left.set(count);
    }

    /// After `count` more reads each read fails.
    pub(crate) fn fail_gets_after(&self, count: u64) {
        self.gets_left.set(count);
    }

    /// After `count` more syncs each sync fails.
    pub(crate) fn fail_syncs_after(&self, count: u64) {
        self.syncs_left.set(count);
    }

    /// No call fails any more.
    pub(crate) fn heal(&self) {
        for fuse in [&self.ops_left, &self.gets_left, &self.syncs_left] {
            fuse.set(u64::MAX);
        }
    }

    /// Changes stored bytes behind the database's back.
    pub(crate) fn tamper(&self, key: &[u8], change: impl FnOnce(&mut Vec<u8>)) {
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = map.get_mut(key) {
            change(value);
        }
    }

    /// Everything stored.
    pub(crate) fn entries(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Backend for MemoryBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.gets_left.burn("read")?;
        Ok(self.map.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.gets_left.burn("read")?;
        if to.is_some_and(|to| to <= from) {
            return Ok(Vec::new());
        }
        let range = (Bound::Included(from), to.map_or(Bound::Unbounded, Bound::Excluded));
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        Ok(map.range::<[u8], _>(range).take(limit).map(|(k, v)| (k.clone(), v.clone())).collect())
    }

    fn apply(&self, ops: &mut dyn Iterator<Item = Op<'_>>) -> Result<()> {
        for (key, value) in ops {
            self.ops_left.burn("write")?;
            let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
            match value {
                Some(value) => map.insert(key.to_vec(), value.to_vec()),
                None => map.remove(key),
            };
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.syncs_left.burn("sync")
    }

    fn rewrite(&self, _: &dyn Fn(u64), _: &AtomicBool) -> Result<bool> {
        Ok(true)
    }

    fn size_bytes(&self) -> Result<u64> {
        let map = self.map.read().unwrap_or_else(PoisonError::into_inner);
        Ok(map.iter().map(|(key, value)| (key.len() + value.len()) as u64).sum())
    }
}

struct Fuse(AtomicU64);

impl Default for Fuse {
    fn default() -> Self {
        Self(AtomicU64::new(u64::MAX))
    }
}

impl Fuse {
    fn set(&self, count: u64) {
        self.0.store(count, Ordering::SeqCst);
    }

    fn burn(&self, action: &'static str) -> Result<()> {
        let burnt = |left: u64| if left == u64::MAX { Some(left) } else { left.checked_sub(1) };
        match self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, burnt) {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::Storage { action, reason: "injected".into() }),
        }
    }
}
