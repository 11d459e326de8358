//! The backend of an open database, in whose place another can be put while it is read.

use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::time::Duration;

use arc_swap::ArcSwap;

use super::backend::{Backend, Op};
use super::mark::Mark;
use crate::error::{Error, Result};

/// How often a backend that was replaced is looked at until its last reader has let go, five seconds in all.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);

/// Hands every call on to the backend that is in its place just now.
pub(crate) struct Switch {
    active: ArcSwap<Active>,
    /// Held while the backend's files are written anew: it must not be replaced then.
    rewriting: Mutex<()>,
    mark: Arc<Mark>,
}

struct Active(Arc<dyn Backend>);

impl Switch {
    /// What is found damaged is told to `mark`.
    pub(crate) fn new(backend: Arc<dyn Backend>, mark: Arc<Mark>) -> Self {
        Self { active: ArcSwap::from_pointee(Active(backend)), rewriting: Mutex::default(), mark }
    }

    /// The mark of the store whose backend it is.
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Puts another in its place, and lets go of the one before once nobody reads it.
    ///
    /// # Errors
    /// [`Error::Storage`] while its files are written anew: nothing is done.
    pub(crate) fn replace(&self, backend: Arc<dyn Backend>) -> Result<()> {
        let _free = match self.rewriting.try_lock() {
            Ok(free) => free,
            Err(TryLockError::Poisoned(free)) => free.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let reason = "they are being written anew".to_owned();
                return Err(Error::Storage { action: "replace the data's files", reason });
            }
        };
        let mut before = self.active.swap(Arc::new(Active(backend)));
        for _ in 0..TRIES {
            match Arc::try_unwrap(before) {
                Ok(_) => return Ok(()),
                Err(still_read) => before = still_read,
            }
            std::thread::sleep(PAUSE);
        }
        tracing::warn!("the data's files that were replaced are still being read");
        Ok(())
    }
}

impl Backend for Switch {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.active.load().0.get(key)
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.active.load().0.scan(from, to, limit)
    }

    fn apply(&self, ops: &mut dyn Iterator<Item = Op<'_>>) -> Result<()> {
        self.active.load().0.apply(ops)
    }

    fn sync(&self) -> Result<()> {
        self.active.load().0.sync()
    }

    fn rewrite(&self, progress: &dyn Fn(u64), cancel: &AtomicBool) -> Result<bool> {
        let _alone = self.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
        let active = Arc::clone(&self.active.load().0);
        active.rewrite(progress, cancel)
    }

    fn damage_found(&self) {
        self.mark.found();
    }
}
