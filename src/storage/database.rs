//! The database: opened in two steps, read through views, written by one writer at a time.

use std::cell::RefCell;
use std::ops::ControlFlow;
use std::path::Path;
#[cfg(test)]
use std::sync::PoisonError;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::Duration;

use super::applier::Applier;
use super::backend::Backend;
use super::core::{Core, Head, Health};
use super::disk::{Disk, SystemDisk};
use super::folder::{self, LOG_FOLDER};
use super::generation::Generation;
use super::lock::FolderLock;
use super::log::Log;
use super::merge::{self, Overrides};
use super::published::{Publication, Published};
use super::queue::Queue;
use super::recent::Recent;
use super::sled_backend::SledBackend;
use super::view::View;
use super::writer::Writer;
use super::{current, recovery, stored};
use crate::error::{Error, Result};

/// When a commit is acknowledged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Durability {
    /// When it is on disk.
    Immediate,
    /// At once; it is on disk at most this much later, and lost if the machine stops before.
    Within(Duration),
}

/// How a database is kept.
#[derive(Clone, Debug)]
pub(crate) struct Options {
    /// When a commit is acknowledged.
    pub(crate) durability: Durability,
    /// Bound of the backend's page cache, and again of the values kept for writers.
    pub(crate) cache_bytes: u64,
    /// A log file longer than this is cut off behind a checkpoint.
    pub(crate) log_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { durability: Durability::Immediate, cache_bytes: 64 << 20, log_bytes: 64 << 20 }
    }
}

/// An opened folder whose state the engine reads to make its first attachment.
pub(crate) struct Opened {
    /// Whether nothing was ever committed.
    pub(crate) is_new: bool,
    backend: Arc<dyn Backend>,
    log: Log,
    seq: u64,
    options: Options,
    lock: FolderLock,
}

impl Opened {
    /// Opens or creates the store in `path` over sled.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let opened = Self::open_over(path, options, &disk, |store| {
            Ok(Arc::new(SledBackend::open(store, options.cache_bytes)?))
        })?;
        current::remove_others(path)?;
        Ok(opened)
    }

    /// Opens or creates the store in `path`, its log on `disk`, over the backend that `backend` opens.
    pub(crate) fn open_over(
        path: &Path,
        options: &Options,
        disk: &Arc<dyn Disk>,
        backend: impl FnOnce(&Path) -> Result<Arc<dyn Backend>>,
    ) -> Result<Self> {
        folder::prepare(path)?;
        let lock = FolderLock::acquire(path)?;
        let backend = backend(path)?;
        let (log, seq) = recovery::recover(&*backend, disk, &path.join(LOG_FOLDER))?;
        Ok(Self { is_new: seq == 0, backend, log, seq, options: options.clone(), lock })
    }

    /// The value of `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        stored::read(&*self.backend, key)
    }

    /// Visits all entries whose key begins with `prefix`, ascending, until `visit` breaks or fails.
    pub(crate) fn scan(
        &self,
        prefix: &[u8],
        visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let none = |_: &[u8], _: Option<&[u8]>| Overrides::new();
        merge::scan(&*self.backend, prefix, merge::prefix_end(prefix).as_deref(), none, visit)
    }

    /// [`Opened::scan`] that goes on behind a damaged value, which it hands over as the error.
    pub(crate) fn scan_each(
        &self,
        prefix: &[u8],
        visit: impl FnMut(&[u8], Result<Vec<u8>>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let none = |_: &[u8], _: Option<&[u8]>| Overrides::new();
        merge::scan_each(&*self.backend, prefix, merge::prefix_end(prefix).as_deref(), none, visit)
    }

    /// The store's own number, drawn when it was made.
    pub(crate) fn store_id(&self) -> u128 {
        self.log.store_id()
    }

    /// Number of the last commit; 0 in a new store.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// Publishes what is there with `attachment` and takes commits from now on.
    pub(crate) fn start<A: Send + Sync + 'static>(self, attachment: A) -> Result<Database<A>> {
        let (core, seq, lock) = self.core(attachment);
        let applier = Some(spawn_applier(&core, seq)?);
        Ok(Database {
            core,
            applier,
            #[cfg(test)]
            by_hand: None,
            lock,
            #[cfg(test)]
            scratch: None,
        })
    }

    /// [`Opened::start`] without a thread: commits are applied by [`Database::apply_waiting`].
    #[cfg(test)]
    pub(crate) fn start_by_hand<A: Send + Sync + 'static>(self, attachment: A) -> Database<A> {
        let (core, seq, lock) = self.core(attachment);
        let by_hand = Some(Mutex::new(Applier::new(Arc::clone(&core), seq)));
        Database { core, applier: None, by_hand, lock, scratch: None }
    }

    fn core<A: Send + Sync + 'static>(self, attachment: A) -> (Arc<Core<A>>, u64, Arc<FolderLock>) {
        let generation = Arc::new(Generation::default());
        let attachment = Arc::new(attachment);
        let first = Published {
            seq: self.seq,
            generation: Arc::clone(&generation),
            unapplied: Arc::default(),
            attachment: Arc::clone(&attachment),
        };
        let recent = RefCell::new(Recent::new(self.options.cache_bytes));
        let head = Head { seq: self.seq, generation, unapplied: Vec::new(), attachment, recent };
        let core = Arc::new(Core {
            backend: self.backend,
            log: self.log,
            queue: Queue::default(),
            publication: Publication::new(first),
            health: Health::default(),
            options: self.options,
            head: Mutex::new(head),
        });
        (core, self.seq, Arc::new(self.lock))
    }
}

fn spawn_applier<A: Send + Sync + 'static>(core: &Arc<Core<A>>, seq: u64) -> Result<JoinHandle<()>> {
    let delay = match core.options.durability {
        Durability::Immediate => Duration::ZERO,
        Durability::Within(delay) => delay,
    };
    let applier = Applier::new(Arc::clone(core), seq);
    std::thread::Builder::new()
        .name("kindred-applier".to_owned())
        .spawn(move || applier.run(delay))
        .map_err(|e| Error::Storage { action: "start a thread", reason: e.to_string() })
}

/// A durable, multi-version key-value base. `A` is published together with each commit.
pub(crate) struct Database<A> {
    core: Arc<Core<A>>,
    /// The thread that applies commits.
    applier: Option<JoinHandle<()>>,
    /// Who applies commits where there is no thread.
    #[cfg(test)]
    by_hand: Option<Mutex<Applier<A>>>,
    lock: Arc<FolderLock>,
    #[cfg(test)]
    scratch: Option<tempfile::TempDir>,
}

#[cfg(test)]
impl<A: Send + Sync + 'static> Database<A> {
    /// A database over a map in memory; its log lies in a temporary folder.
    pub(crate) fn in_memory(attachment: A) -> Result<Self> {
        let scratch = tempfile::tempdir().map_err(|e| Error::io("create", "a temporary folder", e))?;
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let opened = Opened::open_over(scratch.path(), &Options::default(), &disk, |_| {
            Ok(Arc::new(super::memory::MemoryBackend::default()))
        })?;
        let mut database = opened.start(attachment)?;
        database.scratch = Some(scratch);
        Ok(database)
    }
}

impl<A: Send + Sync + 'static> Database<A> {
    /// Opens or creates the store in `path`; see [`Opened::start`].
    ///
    /// # Errors
    /// [`Error::Locked`], [`Error::NotAStore`], [`Error::Format`], [`Error::Damaged`], or the system's.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Opened> {
        Opened::open(path, options)
    }

    /// The newest published snapshot. Never waits for a writer.
    pub(crate) fn view(&self) -> View<A> {
        View::new(Arc::clone(&self.core.backend), &self.core.publication.newest(), Arc::clone(&self.lock))
    }

    /// Waits for the writer lock.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] after a failure.
    pub(crate) fn begin(&self) -> Result<Writer<'_, A>> {
        Writer::begin(&self.core)
    }

    /// Returns once the backend holds all commits on disk and the log is cut.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.core.health.check()?;
        #[cfg(test)]
        if self.by_hand.is_some() {
            self.core.queue.want_checkpoint();
            self.step_by_hand();
            return self.core.health.check();
        }
        if self.core.queue.checkpoint() {
            return Ok(());
        }
        self.core.health.check()
    }

    /// Applies what waits, where no thread does.
    #[cfg(test)]
    pub(crate) fn apply_waiting(&self) {
        if self.core.queue.is_waiting() {
            self.step_by_hand();
        }
    }

    /// Writes the backend's files anew, without a trace of what was deleted or replaced, and cuts the log; false where
    /// it was cancelled.
    pub(crate) fn rewrite(&self, progress: &dyn Fn(u64), cancel: &AtomicBool) -> Result<bool> {
        // What the log holds is in the backend before the copy is made, and what comes meanwhile goes into both.
        self.checkpoint()?;
        if !self.core.backend.rewrite(progress, cancel)? {
            return Ok(false);
        }
        self.checkpoint()?;
        Ok(true)
    }

    /// Returns once commit `seq` is on disk, whatever durability was asked for.
    pub(crate) fn make_durable(&self, seq: u64) -> Result<()> {
        self.core.health.check()?;
        // Nothing more becomes durable then, so nothing more may be taken.
        self.core.log.make_durable(seq).inspect_err(|error| self.core.health.fail(error.to_string()))
    }

    /// Number of the last commit that is known to be on disk.
    #[cfg(test)]
    pub(crate) fn durable_seq(&self) -> u64 {
        self.core.log.durable()
    }

    /// Bytes on disk, log included.
    pub(crate) fn size_bytes(&self) -> Result<u64> {
        Ok(self.core.backend.size_bytes()? + self.core.log.size_bytes()?)
    }
}

/// Closing applies what is logged and cuts the log, so that the next opening has nothing to do.
#[cfg(test)]
impl<A> Database<A> {
    /// As the thread does, it ends for good with the first failure.
    fn step_by_hand(&self) {
        if let Some(applier) = &self.by_hand
            && self.core.health.check().is_ok()
            && !applier.lock().unwrap_or_else(PoisonError::into_inner).step(Duration::ZERO)
        {
            self.core.queue.stop();
        }
    }
}

impl<A> Drop for Database<A> {
    fn drop(&mut self) {
        self.core.queue.close();
        if self.applier.take().is_some_and(|applier| applier.join().is_err()) {
            tracing::error!("the applier panicked; the log holds what it did not apply");
        }
        #[cfg(test)]
        self.step_by_hand();
    }
}
