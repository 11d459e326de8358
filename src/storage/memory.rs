//! A backend in memory that fails on demand, and forgets what was not synced.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use super::backend::{Backend, Op};
use super::fault::{Dice, Faults};
use super::opened::Data;
use crate::error::{Error, Result};
use crate::sync::{Mutex, RwLock};

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

/// A `BTreeMap` with fault injection: the n-th call of a kind fails, and each later one of that kind.
#[derive(Default)]
pub(crate) struct MemoryBackend {
    map: RwLock<Map>,
    on_disk: Mutex<OnDisk>,
    /// What fails of whatever kind.
    pub(crate) faults: Arc<Faults>,
    ops_left: Fuse,
    gets_left: Fuse,
    syncs_left: Fuse,
}

/// What is known to be on disk, and what came since.
#[derive(Default)]
struct OnDisk {
    synced: Map,
    since: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

impl MemoryBackend {
    /// The backend as a machine that stops now may leave it, with any of the changes since the last sync; this one is off from
    /// then on.
    pub(crate) fn crash(&self, dice: &mut Dice) -> Self {
        self.faults.turn_off();
        let on_disk = self.on_disk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = on_disk.synced.clone();
        let (none, all) = (dice.one_in(4), dice.one_in(3));
        for (key, value) in on_disk.since.iter().filter(|_| !none && (all || dice.one_in(2))) {
            set(&mut map, key, value.as_deref());
        }
        let on_disk = Mutex::new(OnDisk { synced: map.clone(), since: Vec::new() });
        Self { map: RwLock::new(map), on_disk, ..Self::default() }
    }

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
        let mut on_disk = self.on_disk.lock().unwrap_or_else(PoisonError::into_inner);
        let mut map = self.map.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(value) = map.get_mut(key) {
            change(value);
            set(&mut on_disk.synced, key, Some(value));
        }
    }

    /// Loses what is stored under a key, behind the database's back.
    pub(crate) fn lose(&self, key: &[u8]) {
        let mut on_disk = self.on_disk.lock().unwrap_or_else(PoisonError::into_inner);
        self.map.write().unwrap_or_else(PoisonError::into_inner).remove(key);
        set(&mut on_disk.synced, key, None);
    }

    /// All of it is gone, as where a disk lost what it said that it had.
    pub(crate) fn ruin(&self) {
        self.become_that_of(Map::new());
    }

    fn become_that_of(&self, map: Map) {
        let mut on_disk = self.on_disk.lock().unwrap_or_else(PoisonError::into_inner);
        *on_disk = OnDisk { synced: map.clone(), since: Vec::new() };
        *self.map.write().unwrap_or_else(PoisonError::into_inner) = map;
    }

    /// Everything stored.
    pub(crate) fn entries(&self) -> BTreeMap<Vec<u8>, Vec<u8>> {
        self.map.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Data for MemoryBackend {
    fn open(self: Arc<Self>) -> Result<Arc<dyn Backend>> {
        self.faults.check("open")?;
        Ok(self)
    }

    fn replace(
        self: Arc<Self>,
        fill: &dyn Fn(&dyn Backend) -> Result<u64>,
        _: bool,
    ) -> Result<Arc<dyn Backend>> {
        let fresh = MemoryBackend { faults: Arc::clone(&self.faults), ..MemoryBackend::default() };
        fill(&fresh)?;
        self.faults.check("replace")?;
        self.become_that_of(fresh.entries());
        Ok(self)
    }
}

impl Backend for MemoryBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.gets_left.burn("read")?;
        self.faults.check("read")?;
        Ok(self.map.read().unwrap_or_else(PoisonError::into_inner).get(key).cloned())
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.gets_left.burn("read")?;
        self.faults.check("read")?;
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
            self.faults.check("write")?;
            set(&mut self.map.write().unwrap_or_else(PoisonError::into_inner), key, value);
            let mut on_disk = self.on_disk.lock().unwrap_or_else(PoisonError::into_inner);
            on_disk.since.push((key.to_vec(), value.map(<[u8]>::to_vec)));
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.syncs_left.burn("sync")?;
        self.faults.check("sync")?;
        let mut on_disk = self.on_disk.lock().unwrap_or_else(PoisonError::into_inner);
        for (key, value) in std::mem::take(&mut on_disk.since) {
            set(&mut on_disk.synced, &key, value.as_deref());
        }
        Ok(())
    }

    fn rewrite(&self, _: &dyn Fn(u64), _: &AtomicBool) -> Result<bool> {
        Ok(true)
    }
}

fn set(map: &mut Map, key: &[u8], value: Option<&[u8]>) {
    match value {
        Some(value) => map.insert(key.to_vec(), value.to_vec()),
        None => map.remove(key),
    };
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
