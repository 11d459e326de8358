//! Makes the data anew from the base and the log, where sled's files are beyond opening.

use std::path::{Path, PathBuf};

use super::backend::Backend;
use super::backup::Backup;
use super::disk::Disk;
use super::folder::LOG_FOLDER;
use super::log::{self, Which};
use super::{backup, base, meta, recovery};
use crate::error::{Error, Result};

/// Fills an empty backend with all that was ever acknowledged; returns the last commit's number.
///
/// # Errors
/// [`Error::Damaged`] where the base or the log is, or where they do not make up everything.
pub(crate) fn rebuild(store: &Path, disk: &dyn Disk, backend: &dyn Backend) -> Result<u64> {
    Rebuild::begin(store, disk, backend, &|| Ok(()))?.finish()
}

/// A backend that holds what the base does, and lacks what the log says behind it.
pub(crate) struct Rebuild<'a> {
    disk: &'a dyn Disk,
    backend: &'a dyn Backend,
    log_folder: PathBuf,
    store_id: u128,
    base: Option<Backup>,
}

impl<'a> Rebuild<'a> {
    /// Fills an empty backend from the base, for as long as `go_on` lets it. Commits may be made meanwhile.
    ///
    /// # Errors
    /// That of `go_on`, and those of [`rebuild`].
    pub(crate) fn begin(
        store: &Path,
        disk: &'a dyn Disk,
        backend: &'a dyn Backend,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let log_folder = store.join(LOG_FOLDER);
        let base = base::read(store)?;
        let store_id = match &base {
            Some(base) => base.store_id(),
            None => log::store_id(disk, &log_folder)?,
        };
        meta::create_again(backend, store_id)?;
        if let Some(base) = &base {
            backup::fill(base, backend, &|_| {}, go_on)?;
        }
        Ok(Self { disk, backend, log_folder, store_id, base })
    }

    /// Applies all of the log behind the base, to which nobody adds meanwhile.
    ///
    /// # Errors
    /// Those of [`rebuild`].
    pub(crate) fn finish(self) -> Result<u64> {
        let Self { disk, backend, log_folder, store_id, base } = self;
        let commit = base.as_ref().map_or(0, Backup::commit);
        let last = replay(disk, &log_folder, store_id, commit, backend)?;
        if base.is_some_and(|base| last < base.until()) {
            return Err(Error::damaged(log_folder.display().to_string(), "it ends before the base does"));
        }
        backend.sync()?;
        Ok(last)
    }
}

/// Applies all records behind `commit`.
fn replay(
    disk: &dyn Disk,
    log_folder: &Path,
    store_id: u128,
    commit: u64,
    backend: &dyn Backend,
) -> Result<u64> {
    let replayed = log::replay(disk, log_folder, store_id, Which::After(commit), |record| {
        if record.seq <= commit {
            return Ok(());
        }
        recovery::apply(backend, record)
    })?;
    let damaged = |reason: String| Err(Error::damaged(log_folder.display().to_string(), reason));
    match replayed.first_seq {
        Some(first) if first <= commit + 1 => Ok(replayed.last_seq.unwrap_or(commit).max(commit)),
        Some(first) => {
            damaged(format!("it begins with commit {first}, but the base ends with commit {commit}"))
        }
        None => damaged("its files are missing".to_owned()),
    }
}
