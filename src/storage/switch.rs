//! The backend of an open database, in whose place another can be put while it is read.

use std::convert::Infallible;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, PoisonError, TryLockError};
use std::time::Duration;

use super::backend::{Backend, Op};
use super::base::Waker;
use super::mark::Mark;
use crate::error::{Error, Result};
use crate::sync::channel::{Receiver, RecvTimeoutError, Sender, bounded};
use crate::sync::{ArcSwap, Mutex};

/// How long the last reader of a backend that was replaced is waited for.
const PATIENCE: Duration = Duration::from_secs(5);

/// Hands every call on to the backend that is in its place just now.
pub(crate) struct Switch {
    active: ArcSwap<Active>,
    /// Held while the backend's files are written anew: it must not be replaced then.
    rewriting: Mutex<()>,
    mark: Arc<Mark>,
    /// Wakes who makes damaged values good.
    wake: Waker,
}

struct Active {
    backend: Arc<dyn Backend>,
    /// Goes right after the backend, which tells `gone`.
    _here: Sender<Infallible>,
    gone: Receiver<Infallible>,
}

impl Active {
    fn new(backend: Arc<dyn Backend>) -> Self {
        let (here, gone) = bounded(0);
        Self { backend, _here: here, gone }
    }
}

impl Switch {
    /// What is found damaged is told to `mark`, and then to who is woken.
    pub(crate) fn new(backend: Arc<dyn Backend>, mark: Arc<Mark>, wake: Waker) -> Self {
        let active = ArcSwap::from_pointee(Active::new(backend));
        Self { active, rewriting: Mutex::default(), mark, wake }
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
        self.exchange(backend).map(Replaced::let_go)
    }

    /// Puts another in its place; returns the one before.
    ///
    /// # Errors
    /// Those of [`Switch::replace`].
    pub(crate) fn exchange(&self, backend: Arc<dyn Backend>) -> Result<Replaced> {
        let _free = match self.rewriting.try_lock() {
            Ok(free) => free,
            Err(TryLockError::Poisoned(free)) => free.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let reason = "they are being written anew".to_owned();
                return Err(Error::Storage { action: "replace the data's files", reason });
            }
        };
        Ok(Replaced(self.active.swap(Arc::new(Active::new(backend)))))
    }
}

/// A backend that was replaced. Closing it takes its time.
#[must_use]
pub(crate) struct Replaced(Arc<Active>);

impl Replaced {
    /// Lets go of it, and waits until nobody reads it.
    pub(crate) fn let_go(self) {
        let gone = self.0.gone.clone();
        drop(self.0);
        if gone.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            tracing::warn!("the data's files that were replaced are still being read");
        }
    }
}

impl Backend for Switch {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.active.load().backend.get(key)
    }

    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        self.active.load().backend.scan(from, to, limit)
    }

    fn apply(&self, ops: &mut dyn Iterator<Item = Op<'_>>) -> Result<()> {
        self.active.load().backend.apply(ops)
    }

    fn sync(&self) -> Result<()> {
        self.active.load().backend.sync()
    }

    fn rewrite(&self, progress: &dyn Fn(u64), cancel: &AtomicBool) -> Result<bool> {
        let _alone = self.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
        let active = Arc::clone(&self.active.load().backend);
        active.rewrite(progress, cancel)
    }

    fn damage_found(&self) {
        if self.mark.found() {
            self.wake.wake();
        }
    }
}
