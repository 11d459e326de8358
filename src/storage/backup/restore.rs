//! A new store out of a backup.

use super::files::foreign;
use super::place::Place;
use super::read::Backup;
use super::report::RestoreReport;
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress};
use crate::storage::backend::Backend;
use crate::storage::disk::{Disk, SystemDisk};
use crate::storage::folder::{self, LOG_FOLDER};
use crate::storage::frame::{self, Kind};
use crate::storage::log::{KEEP_NONE, Log};
use crate::storage::sled_backend::SledBackend;
use crate::storage::stored::{self, OpSink};
use crate::storage::{Contents, Opened, Options, meta};
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;

/// Bytes that are handed to the backend at a time, and then synced.
const BATCH_BYTES: usize = 16 << 20;
/// Entries from one word of progress to the next.
const TOLD: u64 = 16_384;

/// Makes a store in `to` of the backup in `from`, under an id of its own; `check` looks at it before it is there.
///
/// # Errors
/// [`Error::NotABackup`], [`Error::Damaged`], [`Error::Format`], [`Error::Invalid`] where `to` is taken, [`Error::Io`], and
/// those of `check`; nothing is left in `to` then.
pub(crate) fn restore(
    from: &Path,
    to: &Path,
    progress: OnProgress<'_>,
    check: impl FnOnce(&Contents) -> Result<()>,
) -> Result<RestoreReport> {
    let backup = Backup::open(from)?;
    if backup.until() > backup.commit() {
        return Err(foreign(from, "it is a store's base, which is of use with that store's log only"));
    }
    let place = Place::take(to)?;
    let options = Options::default();
    let written = write(&backup, &place.store(), &options, progress)?;
    let opened = Opened::open(&place.store(), &options)?;
    verify(&opened.contents, &backup, &written, progress)?;
    check(&opened.contents)?;
    drop(opened);
    place.finish()?;
    let manifest = &backup.manifest;
    Ok(RestoreReport {
        commit: manifest.commit,
        time: manifest.time,
        entries: manifest.entries,
        chunks: manifest.chunks.len() as u64,
        bytes: manifest.chunk_bytes(),
        damaged: manifest.damaged,
    })
}

/// Writes all entries past the log, which is begun once they are on disk: it would hold them a second time.
fn write(backup: &Backup, store: &Path, options: &Options, progress: OnProgress<'_>) -> Result<blake3::Hash> {
    folder::create(store)?;
    let backend = SledBackend::open(store, options.cache_bytes)?;
    write_into(backup, store, &backend, &(Arc::new(SystemDisk) as _), progress)
}

fn write_into(
    backup: &Backup,
    store: &Path,
    backend: &dyn Backend,
    disk: &Arc<dyn Disk>,
    progress: OnProgress<'_>,
) -> Result<blake3::Hash> {
    let store_id = meta::create(backend)?;
    let written = fill(backup, backend, progress, &|| Ok(()))?;
    let log = store.join(LOG_FOLDER);
    disk.create_folder(&log)?;
    Log::start(disk, &log, store_id, backup.commit(), KEEP_NONE)?;
    Ok(written)
}

/// Makes a store of a backup over a backend and a disk of the tests' own.
#[cfg(test)]
pub(crate) fn restore_into(
    from: &Path,
    store: &Path,
    backend: &dyn Backend,
    disk: &Arc<dyn Disk>,
) -> Result<()> {
    write_into(&Backup::open(from)?, store, backend, disk, &|_| {}).map(drop)
}

/// Writes all entries into a new backend, for as long as `go_on` lets it; gives the hash of all.
pub(crate) fn fill(
    backup: &Backup,
    backend: &dyn Backend,
    progress: OnProgress<'_>,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<blake3::Hash> {
    let mut batch = Batch::default();
    let mut hasher = blake3::Hasher::new();
    backup.visit(progress, |key, value| {
        add_entry(&mut hasher, key, value);
        stored::write(&mut batch, key, None, Some(value));
        if batch.bytes < BATCH_BYTES {
            return Ok(());
        }
        go_on()?;
        batch.flush(backend)
    })?;
    let applied = meta::encode_applied(backup.commit());
    batch.ops.push((meta::APPLIED_KEY.to_vec(), applied));
    batch.flush(backend)?;
    Ok(hasher.finalize())
}

/// Compares what the store holds with what was written.
fn verify(
    contents: &Contents,
    backup: &Backup,
    written: &blake3::Hash,
    progress: OnProgress<'_>,
) -> Result<()> {
    let total = backup.manifest.entries;
    let (mut hasher, mut done) = (blake3::Hasher::new(), 0);
    contents.scan_each(b"", |key, value| {
        add_entry(&mut hasher, key, &value?);
        done += 1;
        if done % TOLD == 0 || done == total {
            progress(Progress { stage: "verifying the store", done, total: Some(total) });
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if contents.seq() == backup.manifest.commit && hasher.finalize() == *written {
        return Ok(());
    }
    Err(Error::damaged("the restored store", "it reads back other than it was written"))
}

fn add_entry(hasher: &mut blake3::Hasher, key: &[u8], value: &[u8]) {
    hasher.update(&(key.len() as u64).to_le_bytes());
    hasher.update(&(value.len() as u64).to_le_bytes());
    hasher.update(key);
    hasher.update(value);
}

/// Stored changes that wait for the backend.
#[derive(Default)]
struct Batch {
    ops: Vec<(Vec<u8>, Vec<u8>)>,
    bytes: usize,
}

impl Batch {
    fn flush(&mut self, backend: &dyn Backend) -> Result<()> {
        backend.apply(&mut self.ops.iter().map(|(key, value)| (&key[..], Some(&value[..]))))?;
        backend.sync()?;
        *self = Self::default();
        Ok(())
    }
}

impl OpSink for Batch {
    fn put(&mut self, key: &[u8], kind: Kind, payload: &[u8]) {
        let value = frame::framed(key, kind, payload);
        self.bytes += key.len() + value.len();
        self.ops.push((key.to_vec(), value));
    }

    /// Nothing is there that could be deleted.
    fn delete(&mut self, _: &[u8]) {}
}
