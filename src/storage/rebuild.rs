//! Makes the data anew from the base and the log, where sled's files are beyond opening.

use std::path::Path;

use super::backend::Backend;
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
    let log_folder = store.join(LOG_FOLDER);
    let base = base::read(store)?;
    let commit = base.as_ref().map_or(0, backup::Backup::commit);
    let store_id = match &base {
        Some(base) => base.store_id(),
        None => log::store_id(disk, &log_folder)?,
    };
    meta::create_again(backend, store_id)?;
    if let Some(base) = &base {
        backup::fill(base, backend, &|_| {})?;
    }
    let last = replay(disk, &log_folder, store_id, commit, backend)?;
    if base.is_some_and(|base| last < base.until()) {
        return Err(Error::damaged(log_folder.display().to_string(), "it ends before the base does"));
    }
    backend.sync()?;
    Ok(last)
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
