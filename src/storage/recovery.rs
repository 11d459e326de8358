//! Opening after whatever happened: the backend and the log become one state again.

use std::path::Path;
use std::sync::Arc;

use super::backend::Backend;
use super::disk::Disk;
use super::log::file::FORMAT;
use super::log::record::Found;
use super::log::{self, Log, Replayed};
use super::meta;
use crate::error::{Error, Result};

/// Brings the backend up to the log's end; returns a fresh log and the last commit's number.
///
/// Every record is applied again, not only those that the backend says it lacks: since the last
/// checkpoint the backend was never synced, and applying all makes good whatever it lost or mixed.
pub(crate) fn recover(backend: &dyn Backend, disk: &Arc<dyn Disk>, log_folder: &Path) -> Result<(Log, u64)> {
    disk.create_folder(log_folder)?;
    let Some(meta::Identity { store_id, format }) = meta::identity(backend)? else {
        return create(backend, disk, log_folder);
    };
    let applied = meta::applied(backend)?;
    let replayed = log::replay(&**disk, log_folder, store_id, |_| Ok(()))?;
    check(&replayed, applied, log_folder)?;
    let last = replayed.last_seq.unwrap_or(applied);
    if last < applied {
        tracing::warn!(log = last, data = applied, "the log ends before the data: it was not applied again");
    } else if replayed.last_seq.is_some() {
        // A process that was killed may not have synced them, and they are relied on from here on.
        replayed.files.iter().try_for_each(|path| disk.sync_file(path))?;
        log::replay(&**disk, log_folder, store_id, |record| apply(backend, record))?;
        backend.sync()?;
    }
    if format < FORMAT {
        meta::upgrade(backend, store_id)?;
    }
    let seq = last.max(applied);
    Ok((Log::start(disk, log_folder, store_id, seq)?, seq))
}

fn create(backend: &dyn Backend, disk: &Arc<dyn Disk>, log_folder: &Path) -> Result<(Log, u64)> {
    if disk.list(log_folder)?.iter().any(|path| log::file::first_seq(path).is_some()) {
        return Err(Error::damaged("the data folder", "there is a log, but the store's identity is missing"));
    }
    let store_id = meta::create(backend)?;
    Ok((Log::start(disk, log_folder, store_id, 0)?, 0))
}

fn check(replayed: &Replayed, applied: u64, log_folder: &Path) -> Result<()> {
    let damaged = |reason: String| Err(Error::damaged(log_folder.display().to_string(), reason));
    match replayed.first_seq {
        Some(first) if first > applied + 1 => damaged(format!(
            "it begins with commit {first}, but the data ends with commit {applied}: the data folder is an older copy"
        )),
        None if applied > 0 => damaged("its files are missing".to_owned()),
        _ => Ok(()),
    }
}

fn apply(backend: &dyn Backend, record: &Found<'_>) -> Result<()> {
    let mark = meta::encode_applied(record.seq);
    backend.apply(&mut record.ops.clone().chain([(meta::APPLIED_KEY, Some(mark.as_slice()))]))
}
