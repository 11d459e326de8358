//! sled as the backend: one tree, which can be exchanged for a fresh copy of itself while it is in use.
//!
//! sled gives space back only slowly, and leaves the bytes of what was deleted in its file until they are overwritten. A copy
//! made key by key has neither. While it is made, changes go into the old tree, and also into the copy where it has
//! passed their key already; so at the end both hold the same.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;

use super::backend::{Backend, Op};
use super::current;
use super::merge;
use super::sled_tree::SledTree;
use crate::error::{Error, Result};

/// Entries that are copied at a time; changes wait as long.
const CHUNK: usize = 256;

/// The current tree of a store, and its copy while one is made.
pub(crate) struct SledBackend {
    store: PathBuf,
    cache_bytes: u64,
    current: ArcSwap<Tree>,
    copy: Mutex<Option<Copy>>,
    /// Held by who makes a copy.
    copying: Mutex<()>,
    /// Set where the next open may take either tree: neither must get ahead of the other then.
    undecided: AtomicBool,
}

/// A tree with its folder's number; where it was replaced, the folder goes with the last who reads it.
struct Tree {
    sled: Option<SledTree>,
    number: u64,
    replaced: AtomicBool,
}

/// A copy that is being made.
struct Copy {
    tree: Arc<Tree>,
    /// Keys from here on are not in it yet; `None`: all are.
    rest: Option<Vec<u8>>,
    /// Why it is of no use.
    failed: Option<Error>,
}

impl SledBackend {
    /// Opens or creates the data of the store in `store`; `cache_bytes` bounds sled's page cache.
    pub(crate) fn open(store: &Path, cache_bytes: u64) -> Result<Self> {
        let number = current::read(store)?;
        let folder = current::path(store, number);
        if number > 0 && !folder.is_dir() {
            return Err(Error::damaged(folder.display().to_string(), "CURRENT names it, but it is missing"));
        }
        Self::of(store, number, cache_bytes)
    }

    /// An empty backend beside the data that is there; it is the store's once [`SledBackend::adopt`] returns.
    pub(crate) fn beside(store: &Path, cache_bytes: u64) -> Result<Self> {
        let number = current::next(store)?;
        current::remove(&current::path(store, number));
        Self::of(store, number, cache_bytes)
    }

    /// Has its folder removed with it.
    pub(crate) fn discard(&self) {
        self.current.load().replaced.store(true, Ordering::Relaxed);
    }

    /// Makes this, which is on disk, the store's data.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] where it is open whether the next opening takes it.
    pub(crate) fn adopt(&self) -> Result<()> {
        let number = self.current.load().number;
        current::stage(&self.store, number)?;
        current::install(&self.store).map_err(|error| Error::ReadOnly {
            reason: format!("the data folder could not be replaced by what was made anew: {error}"),
        })
    }

    fn of(store: &Path, number: u64, cache_bytes: u64) -> Result<Self> {
        let tree = Tree::open(store, number, cache_bytes)?;
        Ok(Self {
            store: store.to_owned(),
            cache_bytes,
            current: ArcSwap::from_pointee(tree),
            copy: Mutex::default(),
            copying: Mutex::default(),
            undecided: AtomicBool::new(false),
        })
    }

    fn copy(&self) -> MutexGuard<'_, Option<Copy>> {
        self.copy.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Copies the next entries; returns how many, and 0 once all are.
    fn copy_chunk(&self) -> Result<usize> {
        let mut copy = self.copy();
        let Some(copy) = &mut *copy else { return Ok(0) };
        if let Some(error) = copy.failed.take() {
            return Err(error);
        }
        let Some(rest) = &copy.rest else { return Ok(0) };
        let entries = self.current.load().sled()?.scan(rest, None, CHUNK)?;
        for (key, value) in &entries {
            copy.tree.sled()?.set(key, Some(value))?;
        }
        copy.rest = entries.last().map(|(last, _)| merge::after(last));
        Ok(entries.len())
    }

    /// Copies all; returns whether it was not cancelled.
    fn copy_all(&self, progress: &dyn Fn(u64), cancel: &AtomicBool) -> Result<bool> {
        let mut done = 0;
        loop {
            if cancel.load(Ordering::Relaxed) {
                return Ok(false);
            }
            let copied = self.copy_chunk()?;
            if copied == 0 {
                return Ok(true);
            }
            done += copied as u64;
            progress(done);
        }
    }

    /// Puts the copy, which has all, in the place of the current tree.
    fn exchange(&self, new: &Arc<Tree>) -> Result<()> {
        // Most of it without holding up changes.
        new.sled()?.sync()?;
        let mut copy = self.copy();
        if let Some(error) = copy.take().and_then(|copy| copy.failed) {
            return Err(error);
        }
        new.sled()?.sync()?;
        current::stage(&self.store, new.number)?;
        new.replaced.store(false, Ordering::Relaxed);
        current::install(&self.store).inspect_err(|_| self.undecided.store(true, Ordering::Relaxed))?;
        let old = self.current.swap(Arc::clone(new));
        old.replaced.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// # Errors
    /// [`Error::ReadOnly`] where an exchange failed at its last step.
    fn check_decided(&self) -> Result<()> {
        if self.undecided.load(Ordering::Relaxed) {
            let reason = "the data folder could not be replaced by its copy".to_owned();
            return Err(Error::ReadOnly { reason });
        }
        Ok(())
    }
}

impl Backend for SledBackend {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.current.load().sled()?.get(key)
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.current.load().sled()?.scan(from, to, limit)
    }

    fn apply(&self, ops: &mut dyn Iterator<Item = Op<'_>>) -> Result<()> {
        let mut copy = self.copy();
        self.check_decided()?;
        let current = self.current.load();
        let tree = current.sled()?;
        for (key, value) in ops {
            tree.set(key, value)?;
            if let Some(copy) = &mut *copy {
                copy.follow(key, value);
            }
        }
        Ok(())
    }

    fn sync(&self) -> Result<()> {
        self.check_decided()?;
        self.current.load().sled()?.sync()
    }

    fn rewrite(&self, progress: &dyn Fn(u64), cancel: &AtomicBool) -> Result<bool> {
        let _one_at_a_time = self.copying.lock().unwrap_or_else(PoisonError::into_inner);
        self.check_decided()?;
        let number = self.current.load().number + 1;
        current::remove(&current::path(&self.store, number));
        let new = Arc::new(Tree::open(&self.store, number, self.cache_bytes)?);
        // Until it takes the old one's place it goes with its last owner.
        new.replaced.store(true, Ordering::Relaxed);
        *self.copy() = Some(Copy { tree: Arc::clone(&new), rest: Some(Vec::new()), failed: None });
        let done = match self.copy_all(progress, cancel) {
            Ok(true) => self.exchange(&new).map(|()| true),
            other => other,
        };
        *self.copy() = None;
        done
    }
}

impl Copy {
    /// Makes a change in the copy where it has passed the key. A copy that fails is given up; the tree goes on.
    fn follow(&mut self, key: &[u8], value: Option<&[u8]>) {
        if self.failed.is_none() && self.rest.as_ref().is_none_or(|rest| key < rest.as_slice()) {
            self.failed = self.tree.sled().and_then(|tree| tree.set(key, value)).err();
        }
    }
}

impl Tree {
    fn open(store: &Path, number: u64, cache_bytes: u64) -> Result<Self> {
        let sled = SledTree::open(&current::path(store, number), cache_bytes)?;
        Ok(Self { sled: Some(sled), number, replaced: AtomicBool::new(false) })
    }

    fn sled(&self) -> Result<&SledTree> {
        self.sled.as_ref().ok_or_else(|| Error::Bug("a tree is read after its end".to_owned()))
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        let folder = self.sled.take().map(|sled| sled.folder().to_owned());
        if let Some(folder) = folder.filter(|_| *self.replaced.get_mut()) {
            current::remove(&folder);
        }
    }
}
