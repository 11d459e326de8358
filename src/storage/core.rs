//! What the database's handle, its writers and its applier share.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use super::backend::Backend;
use super::base::Base;
use super::changes::ChangeSet;
use super::database::Options;
use super::generation::Generation;
use super::lock;
use super::log::Log;
use super::opened::Data;
use super::published::Publication;
use super::queue::Queue;
use super::recent::Recent;
use super::switch::Switch;
use crate::error::{Error, Result};
use crate::sync::atomic::AtomicBool;
use crate::sync::{Mutex, MutexGuard};

/// The shared state of an open database.
pub(crate) struct Core<A> {
    /// Opens the backend again.
    pub(crate) data: Arc<dyn Data>,
    pub(crate) backend: Arc<Switch>,
    /// Whether a sync of the data failed: the system takes for written then what is not, so the files are made anew.
    pub(crate) doubtful: AtomicBool,
    pub(crate) log: Log,
    pub(crate) queue: Queue,
    pub(crate) publication: Publication<A>,
    pub(crate) health: Health,
    pub(crate) base: Base,
    /// How often damaged values were made anew.
    pub(crate) heals: AtomicU64,
    pub(crate) options: Options,
    /// Held by who writes the data's files anew.
    pub(crate) rewriting: Mutex<()>,
    /// Held by the one writer.
    pub(crate) head: Mutex<Head<A>>,
}

impl<A> Core<A> {
    /// Waits for the writer lock.
    pub(crate) fn lock_head(&self) -> MutexGuard<'_, Head<A>> {
        self.head.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the data all on disk.
    ///
    /// # Errors
    /// No later sync would make it good: the data is made anew, now or by the next opening.
    pub(crate) fn sync_data(&self) -> Result<()> {
        self.backend.sync().inspect_err(|_| {
            self.doubtful.store(true, Ordering::Relaxed);
            if let Err(error) = lock::forget_start(self.base.store()) {
                tracing::error!(%error, "the next opening may trust files that could not be synced");
            }
        })
    }
}

/// The newest commit, published or not.
pub(crate) struct Head<A> {
    pub(crate) seq: u64,
    pub(crate) generation: Arc<Generation>,
    /// Commits that the backend may lack, oldest first.
    pub(crate) unapplied: Vec<Arc<ChangeSet>>,
    pub(crate) attachment: Arc<A>,
    /// Whether the base and the log are read in the place of the data's files, which failed.
    pub(crate) stands_in: bool,
    /// Asked from behind a shared reference by the one writer.
    pub(crate) recent: RefCell<Recent>,
}

/// The failure that keeps the database read-only.
#[derive(Default)]
pub(crate) struct Health(Mutex<Option<Failed>>);

struct Failed {
    reason: String,
    lasts: Lasts,
}

enum Lasts {
    UntilOpenedAgain,
    /// It is of the data's files alone, which may be open again later; when that was last tried.
    UntilTheFilesOpen(Option<Instant>),
}

impl Failed {
    fn may_pass(&self) -> bool {
        matches!(self.lasts, Lasts::UntilTheFilesOpen(_))
    }
}

impl Health {
    /// Makes the database read-only, until it is opened again; the first such reason stays.
    pub(crate) fn fail(&self, reason: String) {
        let mut failed = self.lock();
        if failed.as_ref().is_none_or(Failed::may_pass) {
            *failed = Some(Failed { reason, lasts: Lasts::UntilOpenedAgain });
        }
    }

    /// Makes the database read-only until the data's files can be opened again.
    pub(crate) fn fail_for_now(&self, reason: String) {
        self.lock().get_or_insert(Failed { reason, lasts: Lasts::UntilTheFilesOpen(None) });
    }

    /// Whether it is time to try whether the data's files can be opened again, for the first time or `pause` after the last.
    pub(crate) fn may_resume(&self, pause: Duration) -> bool {
        let mut failed = self.lock();
        let Some(Failed { lasts: Lasts::UntilTheFilesOpen(tried), .. }) = failed.as_mut() else {
            return false;
        };
        let due = tried.is_none_or(|tried| tried.elapsed() >= pause);
        if due {
            *tried = Some(Instant::now());
        }
        due
    }

    /// Whether the data's files have failed, and may be opened again. Whoever applies commits is ending then, or has ended.
    pub(crate) fn may_pass(&self) -> bool {
        self.lock().as_ref().is_some_and(Failed::may_pass)
    }

    /// What failed for now has passed.
    pub(crate) fn heal(&self) {
        self.lock().take_if(|failed| failed.may_pass());
    }

    /// # Errors
    /// [`Error::ReadOnly`] after a failure.
    pub(crate) fn check(&self) -> Result<()> {
        match &*self.lock() {
            Some(Failed { reason, .. }) => Err(Error::ReadOnly { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Option<Failed>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
