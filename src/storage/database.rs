//! The database: opened in two steps, read through views, written by one writer at a time.

use std::path::Path;
use std::sync::Arc;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::applier::Applier;
use super::backend::Backend;
use super::core::Core;
#[cfg(test)]
use super::disk::{Disk, SystemDisk};
use super::keeper::Keeper;
use super::lock::FolderLock;
use super::opened::{Opened, note_damage};
use super::view::View;
use super::writer::Writer;
use super::{base, current, heal};
use crate::error::{Error, ErrorKind, Result};
use crate::model::OnProgress;
use crate::sync::thread::{self, JoinHandle};
use crate::sync::{Mutex, MutexGuard};

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
    /// Whether damaged values are made anew while the store is open.
    pub(crate) heal: bool,
    /// How long after a try to open failed files again the next one is made.
    pub(crate) retry_after: Duration,
}

/// Opening costs as much as where a store is opened.
const RETRY_AFTER: Duration = Duration::from_millis(100);

impl Default for Options {
    fn default() -> Self {
        Self {
            durability: Durability::Immediate,
            cache_bytes: 64 << 20,
            log_bytes: 64 << 20,
            heal: true,
            retry_after: RETRY_AFTER,
        }
    }
}

pub(super) fn spawn_applier<A: Send + Sync + 'static>(
    core: &Arc<Core<A>>,
    seq: u64,
) -> Result<JoinHandle<()>> {
    let delay = match core.options.durability {
        Durability::Immediate => Duration::ZERO,
        Durability::Within(delay) => delay,
    };
    let applier = Applier::new(Arc::clone(core), seq);
    thread::Builder::new()
        .name("kindred-applier".to_owned())
        .spawn(move || applier.run(delay))
        .map_err(|e| Error::Storage { action: "start a thread", reason: e.to_string() })
}

/// A durable, multi-version key-value base. `A` is published together with each commit.
pub(crate) struct Database<A> {
    pub(super) core: Arc<Core<A>>,
    /// The thread that applies commits.
    pub(super) applier: Mutex<Option<JoinHandle<()>>>,
    /// The thread that renews the base.
    pub(super) keeper: Option<Keeper>,
    /// Who applies commits where there is no thread.
    #[cfg(test)]
    pub(super) by_hand: Option<Mutex<Applier<A>>>,
    pub(super) lock: Arc<FolderLock>,
    #[cfg(test)]
    pub(super) scratch: Option<tempfile::TempDir>,
}

#[cfg(test)]
impl<A: Send + Sync + 'static> Database<A> {
    /// A database over a map in memory; its log lies in a temporary folder.
    pub(crate) fn in_memory(attachment: A) -> Result<Self> {
        let scratch = tempfile::tempdir().map_err(|e| Error::io("create", "a temporary folder", e))?;
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let data: Arc<dyn super::opened::Data> = Arc::new(super::memory::MemoryBackend::default());
        let opened = Opened::open_over(scratch.path(), &Options::default(), &disk, &data)?;
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
        View::new(
            Arc::clone(&self.core.backend) as _,
            &self.core.publication.newest(),
            Arc::clone(&self.lock) as _,
        )
    }

    /// Waits for the writer lock.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] after a failure.
    pub(crate) fn begin(&self) -> Result<Writer<'_, A>> {
        self.resume();
        Writer::begin(&self.core)
    }

    /// Returns once the backend holds all commits on disk and the log is set aside.
    pub(crate) fn checkpoint(&self) -> Result<()> {
        self.checkpoint_data()?;
        #[cfg(test)]
        if self.by_hand.is_some() {
            return base::renew_if_due(&self.core, || self.view(), &AtomicBool::new(false)).map(drop);
        }
        Ok(())
    }

    /// [`Database::checkpoint`] that leaves the base alone.
    pub(super) fn checkpoint_data(&self) -> Result<()> {
        self.resume();
        self.core.health.check()?;
        while !self.set_aside() {
            self.core.health.check()?;
            // What failed meanwhile is good again, and somebody else is about to have commits applied.
            thread::yield_now();
        }
        Ok(())
    }

    /// Whether the data can be made anew.
    #[cfg(test)]
    pub(crate) fn is_based(&self) -> bool {
        self.core.base.is_complete()
    }

    /// Applies what waits, where no thread does.
    #[cfg(test)]
    pub(crate) fn apply_waiting(&self) {
        if self.core.queue.is_waiting() {
            self.step_by_hand();
        }
    }

    /// Writes the backend's files anew, without a trace of what was deleted or replaced, and sets the log aside; false where
    /// it was cancelled. Damaged values are made anew first, from the base and the log, where these were whole so far.
    ///
    /// # Errors
    /// [`Error::Damaged`] where these turn out to be damaged, too.
    pub(crate) fn rewrite(&self, progress: &dyn Fn(u64), cancel: &AtomicBool) -> Result<bool> {
        let _one_at_a_time = self.core.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
        let base = &self.core.base;
        let mut healed = base.is_held_back() && base.is_whole();
        if healed && !self.heal(cancel)? {
            return Ok(false);
        }
        loop {
            // Also after values were made anew: what the base has that is gone by now was put into the new data first.
            if !self.rewrite_data(progress, cancel)? {
                return Ok(false);
            }
            match self.renew_base_whole(cancel) {
                Ok(true) => break,
                Err(error) if error.kind() == ErrorKind::Damage && base.is_whole() && !healed => {
                    healed = self.heal(cancel)?;
                    if !healed {
                        return Ok(false);
                    }
                }
                ended => return ended,
            }
        }
        current::remove_set_aside(base.store())?;
        Ok(true)
    }

    fn rewrite_data(&self, progress: &dyn Fn(u64), cancel: &AtomicBool) -> Result<bool> {
        // What the log holds is in the backend before the copy is made, and what comes meanwhile goes into both.
        self.checkpoint()?;
        if !self.core.backend.rewrite(progress, cancel)? {
            return Ok(false);
        }
        self.checkpoint()?;
        Ok(true)
    }

    /// Makes the base anew. The one before must not go as long as it has whole what is damaged in the data.
    ///
    /// # Errors
    /// [`Error::Damaged`] where that is so.
    fn renew_base_whole(&self, cancel: &AtomicBool) -> Result<bool> {
        if !self.core.base.is_whole() {
            return self.renew_base(&|_| {}, cancel);
        }
        base::renew(&self.core, || self.view(), base::Damaged::Refused, &|_| {}, cancel)
    }

    /// Makes damaged values anew; false where it was cancelled.
    fn heal(&self, cancel: &AtomicBool) -> Result<bool> {
        self.resume();
        heal::heal(&self.core, &|| self.set_aside(), cancel)
    }

    /// Sets the log aside; false where that cannot be done any more.
    fn set_aside(&self) -> bool {
        #[cfg(test)]
        if self.by_hand.is_some() {
            self.core.queue.want_checkpoint();
            self.step_by_hand();
            return self.core.health.check().is_ok();
        }
        self.core.queue.checkpoint()
    }

    /// What the thread does that looks after the base.
    #[cfg(test)]
    pub(crate) fn heal_if_due(&self) -> Result<bool> {
        heal::heal_if_due(&self.core, &|| self.set_aside(), &AtomicBool::new(false))
    }

    /// Whether values are known to be damaged that may be made anew.
    pub(crate) fn may_heal(&self) -> bool {
        heal::is_due(&self.core)
    }

    /// Whether values were found damaged which are made anew, or have been since it was opened, as far as is known.
    pub(crate) fn is_healing(&self) -> bool {
        (self.core.backend.mark().is_set() || self.heals() > 0) && self.core.base.is_whole()
    }

    /// Whether values are known to be damaged, and are not made anew yet.
    pub(crate) fn knows_damage(&self) -> bool {
        self.core.backend.mark().is_set()
    }

    /// How often damaged values were made anew since it was opened.
    pub(crate) fn heals(&self) -> u64 {
        self.core.heals.load(Ordering::Relaxed)
    }

    /// Has the data made anew, since it is damaged, unless that was done after it had been `heals` times; whether that will do, as far
    /// as is known.
    pub(crate) fn note_damage(&self, heals: u64) -> Result<bool> {
        if self.heals() > heals {
            return Ok(true);
        }
        note_damage(&self.core.base, self.core.backend.mark())
    }

    /// Has commits behind `seq` applied, an earlier applier having ended.
    pub(super) fn start_applier(&self, applier: &mut Option<JoinHandle<()>>, seq: u64) -> Result<()> {
        #[cfg(test)]
        if let Some(by_hand) = &self.by_hand {
            *by_hand.lock().unwrap_or_else(PoisonError::into_inner) =
                Applier::new(Arc::clone(&self.core), seq);
            // The one before has stopped it at its end.
            self.core.queue.restart();
            return Ok(());
        }
        self.core.queue.restart();
        *applier = Some(spawn_applier(&self.core, seq)?);
        Ok(())
    }

    /// Makes the base anew, and removes the log before it; false where it was cancelled.
    pub(crate) fn renew_base(&self, progress: OnProgress<'_>, cancel: &AtomicBool) -> Result<bool> {
        base::renew(&self.core, || self.view(), base::Damaged::LeftOut, progress, cancel)
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
}

impl<A> Database<A> {
    /// The thread that applies commits. Locked by who ends it and starts another.
    pub(super) fn applier(&self) -> MutexGuard<'_, Option<JoinHandle<()>>> {
        self.applier.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the applier to end.
    pub(super) fn join_applier(applier: &mut Option<JoinHandle<()>>) {
        if applier.take().is_some_and(|applier| applier.join().is_err()) {
            tracing::error!("the applier panicked; the log holds what it did not apply");
        }
    }
}

/// Closing applies what is logged and retires the log, so that the next opening has nothing to do.
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
        self.keeper = None;
        self.core.queue.close();
        Self::join_applier(&mut self.applier());
        #[cfg(test)]
        self.step_by_hand();
    }
}
