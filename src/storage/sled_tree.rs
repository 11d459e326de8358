//! One sled tree in a folder of its own: errors and panics turned into errors, and a real sync.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::folder::{self, sync_folder};
use crate::error::{Error, Result};

/// How often sled's own lock is tried, five seconds in all.
const LOCK_TRIES: u32 = 1000;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// One open tree.
pub(crate) struct SledTree {
    db: sled::Db,
    tree: sled::Tree,
    folder: PathBuf,
    file: File,
}

impl SledTree {
    /// Opens or creates the tree in `folder`; `cache_bytes` bounds sled's page cache.
    pub(crate) fn open(folder: &Path, cache_bytes: u64) -> Result<Self> {
        folder::create(folder)?;
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::HighThroughput)
            .flush_every_ms(None);
        let db = guarded("open", || open_when_free(&config))?;
        let file_path = folder.join("db");
        let file = File::open(&file_path).map_err(|e| Error::io("open", &file_path, e))?;
        let tree = sled::Tree::clone(&db);
        Ok(Self { db, tree, folder: folder.to_owned(), file })
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bytes under `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        guarded("read", || Ok(self.tree.get(key)?.map(|value| value.to_vec())))
    }

    /// At most `limit` entries with `from <= key < to` (to the end where `to` is `None`), ascending.
    pub(crate) fn scan(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        limit: usize,
    ) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        if to.is_some_and(|to| to <= from) {
            return Ok(Vec::new());
        }
        guarded("read", || {
            let range = match to {
                Some(to) => self.tree.range(from..to),
                None => self.tree.range(from..),
            };
            range.take(limit).map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
        })
    }

    /// Sets the bytes under `key`, or deletes it.
    pub(crate) fn set(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        guarded("write", || {
            match value {
                Some(value) => self.tree.insert(key, value)?,
                None => self.tree.remove(key)?,
            };
            Ok(())
        })
    }

    /// All that was set is on disk when this returns. sled's own flush stops at `sync_file_range`, which says
    /// nothing about the disk: hence the sync of an own handle.
    pub(crate) fn sync(&self) -> Result<()> {
        guarded("flush", || self.tree.flush())?;
        self.file.sync_all().map_err(|e| Error::io("sync", self.folder.join("db"), e))?;
        sync_folder(&self.folder)
    }

    /// Bytes on disk.
    pub(crate) fn size_bytes(&self) -> Result<u64> {
        guarded("measure", || self.db.size_on_disk())
    }
}

/// A handle that was dropped may hold sled's own lock for a while yet, in sled's threads. Whoever gets here
/// has the store's lock, so nobody else will hold it for long.
fn open_when_free(config: &sled::Config) -> sled::Result<sled::Db> {
    let mut tries = LOCK_TRIES;
    loop {
        match config.open() {
            Err(sled::Error::Io(error)) if tries > 0 && error.to_string().contains("acquire lock") => {
                tries -= 1;
                std::thread::sleep(LOCK_PAUSE);
            }
            opened => return opened,
        }
    }
}

/// sled panics on some damaged files where it should return an error.
fn guarded<T>(action: &'static str, call: impl FnOnce() -> sled::Result<T>) -> Result<T> {
    match catch_unwind(AssertUnwindSafe(call)) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(sled::Error::Corruption { .. })) => {
            Err(Error::damaged("the data folder", "sled reports damage"))
        }
        Ok(Err(error)) => Err(Error::Storage { action, reason: error.to_string() }),
        Err(_) => Err(Error::damaged("the data folder", "sled gave up on what it read")),
    }
}
