//! A folder that was opened, and is not yet a database.

use std::cell::RefCell;
use std::path::Path;
use std::sync::{Arc, Mutex};

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
use super::published::{Publication, Published};
use super::queue::Queue;
use super::recent::Recent;
use super::recovery::{self, Failure, Recovered};
use super::sled_backend::SledBackend;
use super::{current, rebuild};
use crate::error::{Error, ErrorKind, Result};

/// Where the data of a store lies.
pub(crate) trait Data {
    /// Opens what is there, or something empty.
    fn open(&self) -> Result<Arc<dyn Backend>>;

    /// Puts in its place what `fill` makes of something empty: all of it, or nothing.
    fn replace(&self, fill: &dyn Fn(&dyn Backend) -> Result<u64>) -> Result<()>;
}

/// Data in sled's files, in a folder of a store's.
struct SledData<'a> {
    store: &'a Path,
    cache_bytes: u64,
}

impl Data for SledData<'_> {
    fn open(&self) -> Result<Arc<dyn Backend>> {
        Ok(Arc::new(SledBackend::open(self.store, self.cache_bytes)?))
    }

    fn replace(&self, fill: &dyn Fn(&dyn Backend) -> Result<u64>) -> Result<()> {
        let backend = SledBackend::beside(self.store, self.cache_bytes)?;
        fill(&backend)?;
        backend.adopt()?;
        drop(backend);
        current::set_others_aside(self.store, current::read(self.store)?)
    }
}

/// An opened folder whose state the engine reads to make its first attachment.
pub(crate) struct Opened {
    /// Whether nothing was ever committed.
    pub(crate) is_new: bool,
    pub(crate) contents: Contents,
    log: Log,
    base: Base,
    options: Options,
    lock: FolderLock,
}

impl Opened {
    /// Opens or creates the store in `path` over sled.
    pub(crate) fn open(path: &Path, options: &Options) -> Result<Self> {
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        let data = SledData { store: path, cache_bytes: options.cache_bytes };
        let opened = Self::open_over(path, options, &disk, &data)?;
        current::remove_others(path)?;
        Ok(opened)
    }

    /// Opens or creates the store in `path`, its log on `disk`, over `data`, which is made anew where it is damaged.
    pub(crate) fn open_over(
        path: &Path,
        options: &Options,
        disk: &Arc<dyn Disk>,
        data: &dyn Data,
    ) -> Result<Self> {
        folder::prepare(path)?;
        let lock = FolderLock::acquire(path)?;
        let doubtful = lock.machine_stopped();
        let recovered = match recover(path, disk, data, doubtful) {
            Err(Failure::Data(damage)) => rebuild(path, disk, data, damage),
            Err(Failure::Other(error)) => Err(error),
            Ok(recovered) => Ok(recovered),
        };
        let Recovered { backend, log, seq, base } = recovered?;
        lock.note_start();
        let base = Base::new(path, &base);
        let contents = Contents { backend, store_id: log.store_id(), seq };
        Ok(Self { is_new: seq == 0, contents, log, base, options: options.clone(), lock })
    }

    /// Publishes what is there with `attachment` and takes commits from now on.
    pub(crate) fn start<A: Send + Sync + 'static>(self, attachment: A) -> Result<Database<A>> {
        let (core, seq, lock) = self.core(attachment);
        let applier = Some(spawn_applier(&core, seq)?);
        let keeper = Some(Keeper::start(&core, &lock)?);
        Ok(Database {
            core,
            applier,
            keeper,
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
        Database { core, applier: None, keeper: None, by_hand, lock, scratch: None }
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
        let head = Head { seq: self.contents.seq, generation, unapplied: Vec::new(), attachment, recent };
        let core = Arc::new(Core {
            backend: self.contents.backend,
            log: self.log,
            queue: Queue::default(),
            publication: Publication::new(first),
            health: Health::default(),
            base: self.base,
            options: self.options,
            head: Mutex::new(head),
        });
        (core, self.contents.seq, Arc::new(self.lock))
    }
}

fn recover(
    store: &Path,
    disk: &Arc<dyn Disk>,
    data: &dyn Data,
    doubtful: bool,
) -> Result<Recovered, Failure> {
    let backend = data.open().map_err(Failure::of_data)?;
    recovery::recover(store, disk, &store.join(LOG_FOLDER), backend, doubtful)
}

/// Makes the data anew from the base and the log.
///
/// # Errors
/// `damage`, where these do not make up everything.
fn rebuild(store: &Path, disk: &Arc<dyn Disk>, data: &dyn Data, damage: Error) -> Result<Recovered> {
    tracing::warn!(%damage, "the data is made anew from the base and the log");
    let anew = || {
        data.replace(&|backend| rebuild::rebuild(store, &**disk, backend))?;
        match recover(store, disk, data, false) {
            Err(Failure::Data(error) | Failure::Other(error)) => Err(error),
            Ok(recovered) => Ok(recovered),
        }
    };
    anew().map_err(|error| {
        tracing::error!(%error, "the data cannot be made anew");
        if error.kind() == ErrorKind::Damage { damage } else { error }
    })
}
