//! A folder that was opened, and is not yet a database.

use std::cell::RefCell;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, PoisonError};

#[cfg(test)]
use super::applier::Applier;
use super::backend::Backend;
use super::base::Base;
use super::contents::Contents;
use super::core::{Core, Head, Health};
use super::database::{Database, Options, spawn_applier};
use super::disk::{Disk, SystemDisk};
use super::folder::{self, LOG_FOLDER};
use super::generation::Generation;
use super::keeper::Keeper;
use super::lock::FolderLock;
use super::log::Log;
use super::mark::Mark;
use super::published::{Publication, Published};
use super::queue::Queue;
use super::recent::Recent;
use super::recovery::{self, Doubt, Failure, Recovered};
use super::sled_backend::SledBackend;
use super::switch::Switch;
use super::{current, rebuild};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::Mutex;
use crate::sync::atomic::AtomicBool;
use crate::telemetry::redacted;
use Taken::{Anew, AsItIs};

/// Where the data of a store lies.
pub(crate) trait Data: Send + Sync + 'static {
    /// Opens what is there, or something empty.
    fn open(self: Arc<Self>) -> Result<Arc<dyn Backend>>;

    /// Puts in its place what `fill` makes of something empty, and returns that: all of it, or nothing. What was there is set aside
    /// where it is to be `kept`.
    ///
    /// # Errors
    /// [`Error::ReadOnly`] where it is open which of the two the next opening takes: neither may be written to then.
    fn replace(
        self: Arc<Self>,
        fill: &dyn Fn(&dyn Backend) -> Result<u64>,
        kept: bool,
    ) -> Result<Arc<dyn Backend>>;
}

/// Data in sled's files, in a folder of a store's.
struct SledData {
    store: PathBuf,
    cache_bytes: u64,
    /// Held while a new folder gets its number.
    numbering: Mutex<()>,
}

impl SledData {
    fn beside(&self) -> Result<SledBackend> {
        let _one_at_a_time = self.numbering.lock().unwrap_or_else(PoisonError::into_inner);
        SledBackend::beside(&self.store, self.cache_bytes)
    }
}

impl Data for SledData {
    fn open(self: Arc<Self>) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(SledBackend::open(&self.store, self.cache_bytes)?))
    }

    fn replace(
        self: Arc<Self>,
        fill: &dyn Fn(&dyn Backend) -> Result<u64>,
        kept: bool,
    ) -> Result<Arc<dyn Backend>> {
        let backend = self.beside()?;
        fill(&backend).inspect_err(|_| backend.discard())?;
        // Where it is open which of the two counts, both stay.
        backend.adopt().inspect_err(|error| {
            if !matches!(error, Error::ReadOnly { .. }) {
                backend.discard();
            }
        })?;
        if kept {
            let current = current::read(&self.store)?;
            current::set_aside(&self.store, |number| number != current)?;
        }
        // What is not set aside goes once the store is open.
        Ok(Arc::new(backend))
    }
}

/// An opened folder whose state the engine reads to make its first attachment.
pub(crate) struct Opened {
    /// Whether nothing was ever committed.
    pub(crate) is_new: bool,
    pub(crate) contents: Contents,
    backend: Arc<Switch>,
    log: Log,
    base: Base,
    data: Arc<dyn Data>,
    options: Options,
    lock: FolderLock,
}

impl Opened {
    /// Opens or creates the store in `path` over sled.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let data: Arc<dyn Data> = Arc::new(SledData {
            store: path.to_owned(),
            cache_bytes: options.cache_bytes,
            numbering: Mutex::default(),
        });
        let opened = Self::open_over(path, options, &disk, &data)?;
        current::remove_others(path)?;
        Ok(opened)
    }

    /// Opens or creates the store in `path`, its log on `disk`, over `data`, which is made anew where it is damaged.
    pub(crate) fn open_over(
        path: &Path,
        options: &Options,
        disk: &Arc<dyn Disk>,
        data: &Arc<dyn Data>,
    ) -> Result<Self> {
        folder::prepare(path)?;
        let lock = FolderLock::acquire(path)?;
        let mark = Arc::new(Mark::find(disk, path)?);
        let doubt = Doubt { stopped: lock.machine_stopped(), damaged: mark.is_set() };
        let recovered = match recover(path, disk, data, doubt) {
            Err(Failure::Data(damage)) => rebuild_damaged(path, disk, data, damage).map(Anew),
            Err(Failure::Doubtful) => rebuild_doubtful(path, disk, data, doubt),
            Err(Failure::Other(error)) => Err(error),
            Ok(recovered) => Ok(AsItIs(recovered)),
        };
        let (Recovered { backend, log, seq, base }, anew) = match recovered? {
            Anew(recovered) => (recovered, true),
            AsItIs(recovered) => (recovered, false),
        };
        if anew {
            // Should the machine stop before, it is made anew once more.
            mark.clear()?;
        }
        lock.note_start();
        let base = Base::new(path, &base);
        if mark.is_set() && base.is_whole() {
            base.hold_back();
        }
        let backend = Arc::new(Switch::new(backend, mark, base.waker()));
        let contents = Contents { backend: Arc::clone(&backend) as _, store_id: log.store_id(), seq };
        Ok(Self {
            is_new: seq == 0,
            contents,
            backend,
            log,
            base,
            data: Arc::clone(data),
            options: options.clone(),
            lock,
        })
    }

    /// Has the data made anew, since it is damaged; whether that will do, as far as is known.
    pub(crate) fn note_damage(&self) -> Result<bool> {
        note_damage(&self.base, self.backend.mark())
    }

    /// Whether the base and the log hold all of it a second time, as far as is known.
    pub(crate) fn is_backed(&self) -> bool {
        self.base.is_whole()
    }

    /// Whether values are known to be damaged.
    pub(crate) fn is_damaged(&self) -> bool {
        self.backend.mark().is_set()
    }

    /// Publishes what is there with `attachment` and takes commits from now on.
    pub(crate) fn start<A: Send + Sync + 'static>(self, attachment: A) -> Result<Database<A>> {
        let (core, seq, lock) = self.core(attachment);
        let applier = Mutex::new(Some(spawn_applier(&core, seq)?));
        let mut database = Database {
            core,
            applier,
            keeper: None,
            #[cfg(test)]
            by_hand: None,
            lock,
            #[cfg(test)]
            scratch: None,
        };
        // Where that fails, the database is closed like any other, and the applier ends.
        database.keeper = Some(Keeper::start(&database.core)?);
        Ok(database)
    }

    /// [`Opened::start`] without a thread: commits are applied by [`Database::apply_waiting`].
    #[cfg(test)]
    pub(crate) fn start_by_hand<A: Send + Sync + 'static>(self, attachment: A) -> Database<A> {
        let (core, seq, lock) = self.core(attachment);
        let by_hand = Some(Mutex::new(Applier::new(Arc::clone(&core), seq)));
        Database { core, applier: Mutex::default(), keeper: None, by_hand, lock, scratch: None }
    }

    fn core<A: Send + Sync + 'static>(self, attachment: A) -> (Arc<Core<A>>, u64, Arc<FolderLock>) {
        let generation = Arc::new(Generation::default());
        let attachment = Arc::new(attachment);
        let first = Published {
            seq: self.contents.seq,
            generation: Arc::clone(&generation),
            unapplied: Arc::default(),
            attachment: Arc::clone(&attachment),
        };
        let recent = RefCell::new(Recent::new(self.options.cache_bytes));
        let head = Head {
            seq: self.contents.seq,
            generation,
            unapplied: Vec::new(),
            attachment,
            stands_in: false,
            recent,
        };
        let core = Arc::new(Core {
            data: self.data,
            doubtful: AtomicBool::new(false),
            backend: self.backend,
            log: self.log,
            queue: Queue::default(),
            publication: Publication::new(first),
            health: Health::default(),
            base: self.base,
            heals: AtomicU64::new(0),
            options: self.options,
            rewriting: Mutex::default(),
            head: Mutex::new(head),
        });
        (core, self.contents.seq, Arc::new(self.lock))
    }
}

/// What was found, or what was made anew in its place.
enum Taken {
    AsItIs(Recovered),
    Anew(Recovered),
}

/// Has the data made anew, by the next opening at the latest, and keeps what it is made of; whether that will do, as far as is known.
pub(super) fn note_damage(base: &Base, mark: &Mark) -> Result<bool> {
    base.hold_back();
    mark.set()?;
    base.wake();
    Ok(base.is_whole())
}

fn recover(
    store: &Path,
    disk: &Arc<dyn Disk>,
    data: &Arc<dyn Data>,
    doubt: Doubt,
) -> Result<Recovered, Failure> {
    let backend = Arc::clone(data).open().map_err(Failure::of_data)?;
    recovery::recover(store, disk, &store.join(LOG_FOLDER), backend, doubt)
}

/// Makes damaged data anew.
///
/// # Errors
/// `damage`, where the base and the log do not make up everything.
fn rebuild_damaged(
    store: &Path,
    disk: &Arc<dyn Disk>,
    data: &Arc<dyn Data>,
    damage: Error,
) -> Result<Recovered> {
    tracing::warn!(damage = %redacted(&damage), "the data is made anew from the base and the log");
    rebuild(store, disk, data, true).map_err(|error| {
        tracing::error!(error = %redacted(&error), "the data cannot be made anew");
        if error.kind() == ErrorKind::Damage { damage } else { error }
    })
}

/// Makes data anew that a stop of the machine may have changed, or that holds damaged values. Where the base or the log is damaged,
/// it is all there is.
fn rebuild_doubtful(store: &Path, disk: &Arc<dyn Disk>, data: &Arc<dyn Data>, doubt: Doubt) -> Result<Taken> {
    tracing::warn!(?doubt, "the data is made anew from the base and the log");
    match rebuild(store, disk, data, doubt.damaged) {
        // Whatever it was, a store whose values are damaged can still be read.
        Err(error) if error.kind() == ErrorKind::Damage || !doubt.stopped => {
            tracing::error!(error = %redacted(&error), ?doubt, "the data cannot be made anew, and is taken as it is");
            let mut recovered = recover(store, disk, data, Doubt::default()).map_err(Failure::into_error)?;
            recovered.base.commit = recovered.base.commit.filter(|_| error.kind() != ErrorKind::Damage);
            Ok(AsItIs(recovered))
        }
        rebuilt => rebuilt.map(Anew),
    }
}

/// Makes the data anew from the base and the log.
fn rebuild(store: &Path, disk: &Arc<dyn Disk>, data: &Arc<dyn Data>, kept: bool) -> Result<Recovered> {
    let made = Arc::clone(data).replace(&|backend| rebuild::rebuild(store, &**disk, backend), kept)?;
    // It is opened like any other.
    drop(made);
    recover(store, disk, data, Doubt::default()).map_err(Failure::into_error)
}
