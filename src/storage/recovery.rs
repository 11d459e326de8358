//! Opening after whatever happened: the backend and the log become one state again.

use std::path::Path;
use std::sync::Arc;

use super::backend::Backend;
use super::base;
use super::disk::Disk;
use super::log::file::FORMAT;
use super::log::record::Found;
use super::log::{self, KEEP_NONE, Log, Replayed, Which};
use super::meta;
use super::migration::migrate;
use crate::error::{Error, ErrorKind, Result};

/// What opening makes of a store's files.
pub(crate) struct Recovered {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) log: Log,
    /// Number of the last commit.
    pub(crate) seq: u64,
    pub(crate) base: base::Found,
}

/// Why the data may not be what it was, though it opens.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Doubt {
    /// The machine stopped while the store was open.
    pub(crate) stopped: bool,
    /// Values were found damaged.
    pub(crate) damaged: bool,
}

/// Why a store does not open.
pub(crate) enum Failure {
    /// Its data is damaged or missing: with a base and the log it can be made anew.
    Data(Error),
    /// The machine stopped while the store was being written to, or values are damaged.
    Doubtful,
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl Failure {
    /// What to tell of it.
    pub(crate) fn into_error(self) -> Error {
        match self {
            Self::Data(error) | Self::Other(error) => error,
            Self::Doubtful => Error::Bug("data that was just made is doubted".to_owned()),
        }
    }

    /// What reading the data failed with.
    pub(crate) fn of_data(error: Error) -> Self {
        if error.kind() == ErrorKind::Damage { Self::Data(error) } else { Self::Other(error) }
    }
}

/// Brings the backend up to the log's end. With a `doubt` it is not, if it can be made anew. After a stop of the machine: sled uses
/// parts of its file again before they are synced, so a disk that lost its cache may have lost or brought back anything, and no
/// checksum tells.
///
/// Every record is applied again, not only those that the backend says it lacks: since the last
/// checkpoint the backend was never synced, and applying all makes good whatever it lost or mixed.
pub(crate) fn recover(
    store: &Path,
    disk: &Arc<dyn Disk>,
    log_folder: &Path,
    backend: Arc<dyn Backend>,
    doubt: Doubt,
) -> Result<Recovered, Failure> {
    disk.create_folder(log_folder)?;
    let Some(meta::Identity { store_id, format }) = meta::identity(&*backend).map_err(Failure::of_data)?
    else {
        let log = create(&*backend, disk, log_folder)?;
        let base = base::find(store, &**disk, log_folder, log.store_id())?;
        return Ok(Recovered { backend, log, seq: 0, base });
    };
    let applied = meta::applied(&*backend).map_err(Failure::of_data)?;
    let replayed = log::replay(&**disk, log_folder, store_id, Which::Live, |_| Ok(()))?;
    check(&replayed, applied, log_folder)?;
    let mut base = base::find(store, &**disk, log_folder, store_id)?;
    let last = replayed.last_seq.unwrap_or(applied);
    if last < applied {
        tracing::warn!(log = last, data = applied, "the log ends before the data: it was not applied again");
        base.commit = None;
    }
    let stopped = doubt.stopped && replayed.last_seq.is_some() && last >= applied;
    if (stopped && base.commit.is_some()) || (doubt.damaged && base.is_whole()) {
        return Err(Failure::Doubtful);
    }
    if doubt.damaged {
        let remedy = "restore a backup, or save what is left with `kindred repair`";
        tracing::error!(
            remedy,
            "values of the data are damaged, and the base and the log do not hold all of them"
        );
    }
    if replayed.last_seq.is_some() && last >= applied {
        catch_up(&*backend, disk, log_folder, store_id, &replayed).map_err(Failure::of_data)?;
    }
    let seq = last.max(applied);
    if base.until > seq {
        base.commit = None;
    }
    if format < FORMAT {
        migrate(store, &backend, store_id, seq, &mut base)?;
    }
    let log = Log::start(disk, log_folder, store_id, seq, base.commit.unwrap_or(KEEP_NONE))?;
    Ok(Recovered { backend, log, seq, base })
}

fn create(backend: &dyn Backend, disk: &Arc<dyn Disk>, log_folder: &Path) -> Result<Log, Failure> {
    if disk.list(log_folder)?.iter().any(|path| log::file::first_seq(path).is_some()) {
        let reason = "there is a log, but the store's identity is missing";
        return Err(Failure::Data(Error::damaged("the data folder", reason)));
    }
    let store_id = meta::create(backend)?;
    Ok(Log::start(disk, log_folder, store_id, 0, 0)?)
}

fn check(replayed: &Replayed, applied: u64, log_folder: &Path) -> Result<(), Failure> {
    let damaged = |reason: String| Error::damaged(log_folder.display().to_string(), reason);
    match replayed.first_seq {
        Some(first) if first > applied + 1 => Err(Failure::Data(damaged(format!(
            "it begins with commit {first}, but the data ends with commit {applied}: the data folder is an older copy"
        )))),
        None if applied > 0 => Err(Failure::Other(damaged("its files are missing".to_owned()))),
        _ => Ok(()),
    }
}

/// Applies all records again.
pub(super) fn catch_up(
    backend: &dyn Backend,
    disk: &Arc<dyn Disk>,
    log_folder: &Path,
    store_id: u128,
    replayed: &Replayed,
) -> Result<()> {
    // A process that was killed may not have synced them, and they are relied on from here on.
    replayed.files.iter().try_for_each(|path| disk.sync_file(path))?;
    log::replay(&**disk, log_folder, store_id, Which::Live, |record| apply(backend, record))?;
    backend.sync()
}

/// Makes a commit's changes, and notes that they are made.
pub(super) fn apply(backend: &dyn Backend, record: &Found<'_>) -> Result<()> {
    let mark = meta::encode_applied(record.seq);
    backend.apply(&mut record.ops.clone().chain([(meta::APPLIED_KEY, Some(mark.as_slice()))]))
}
