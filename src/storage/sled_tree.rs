//! One sled tree in a folder of its own: errors and panics turned into errors, and a real sync.

use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::folder::{self, list, sync_file, sync_folder};
use crate::error::{Error, Result};

/// How often sled's own lock is tried, five seconds in all.
const LOCK_TRIES: u32 = 1000;
const LOCK_PAUSE: Duration = Duration::from_millis(5);

/// One open tree.
pub(crate) struct SledTree {
    sled: Handles,
    folder: PathBuf,
    file: File,
}

/// What is open of sled, until it is dropped.
struct Handles(Option<(sled::Db, sled::Tree)>);

impl SledTree {
    /// Opens or creates the tree in `folder`; `cache_bytes` bounds sled's page cache.
    pub(crate) fn open(folder: &Path, cache_bytes: u64) -> Result<Self> {
        folder::create(folder)?;
        let config = sled::Config::new()
            .path(folder)
            .cache_capacity(cache_bytes)
            .mode(sled::Mode::HighThroughput)
            .flush_every_ms(None);
        prepare(folder)?;
        let sled = Handles::of(guarded("open", || open_when_free(&config))?);
        // sled has put a new snapshot in the place of the one before. Should the old one come back after more was written, sled
        // would take what it does not know of for torn, and throw it away.
        sync_folder(folder)?;
        let file_path = folder.join("db");
        let file = File::open(&file_path).map_err(|e| Error::io("open", &file_path, e))?;
        Ok(Self { sled, folder: folder.to_owned(), file })
    }

    /// Where it lies.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The bytes under `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.call("read", |_, tree| Ok(tree.get(key)?.map(|value| value.to_vec())))
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
        self.call("read", |_, tree| {
            let range = match to {
                Some(to) => tree.range(from..to),
                None => tree.range(from..),
            };
            range.take(limit).map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
        })
    }

    /// Sets the bytes under `key`, or deletes it.
    pub(crate) fn set(&self, key: &[u8], value: Option<&[u8]>) -> Result<()> {
        self.call("write", |_, tree| {
            match value {
                Some(value) => tree.insert(key, value)?,
                None => tree.remove(key)?,
            };
            Ok(())
        })
    }

    /// All that was set is on disk when this returns. sled's own flush stops at `sync_file_range`, which says
    /// nothing about the disk: hence the sync of an own handle.
    pub(crate) fn sync(&self) -> Result<()> {
        self.call("flush", |_, tree| tree.flush())?;
        self.file.sync_all().map_err(|e| Error::io("sync", self.folder.join("db"), e))?;
        sync_blobs(&self.folder.join("blobs"))?;
        sync_folder(&self.folder)
    }
}

impl SledTree {
    fn call<T>(
        &self,
        action: &'static str,
        call: impl FnOnce(&sled::Db, &sled::Tree) -> sled::Result<T>,
    ) -> Result<T> {
        match &self.sled.0 {
            Some((db, tree)) => guarded(action, || call(db, tree)),
            None => Err(Error::Bug("sled is used after it was closed".to_owned())),
        }
    }
}

impl Handles {
    fn of(db: sled::Db) -> Self {
        let tree = sled::Tree::clone(&db);
        Self(Some((db, tree)))
    }
}

/// sled syncs when its last handle goes, and panics where that fails: a host that lets go of its store on a failing disk
/// must not be taken down. Nothing is lost, for the log holds what was not synced.
impl Drop for Handles {
    fn drop(&mut self) {
        let sled = self.0.take();
        if catch_unwind(AssertUnwindSafe(|| drop(sled))).is_err() {
            tracing::error!("sled could not sync its file when it was closed");
        }
    }
}

/// Makes durable what sled keeps beside its file, a page of over 128 KiB each. Where one is missing, sled takes all that it wrote after
/// for torn. One that goes meanwhile is needed no more.
fn sync_blobs(folder: &Path) -> Result<()> {
    for path in list(folder)? {
        match sync_file(&path) {
            Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {}
            synced => synced?,
        }
    }
    sync_folder(folder)
}

/// Bytes at the end of sled's settings, and of its snapshots, that their checksum does not cover; it is the last four.
const CONF_TAIL: usize = 4;
const SNAPSHOT_TAIL: usize = 12;

/// Has sled find its folder as it left it. Its settings are never synced, and it takes a snapshot that was being written for the
/// newest one: where a crash left one of these in part, it must go, for sled makes it anew, but calls it damage as it is. A
/// snapshot that is whole must stay, with or without its final name: the one before may be gone already.
fn prepare(folder: &Path) -> Result<()> {
    for path in list(folder)? {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let broken = match &*name {
            "conf" => !is_whole(&path, CONF_TAIL)?,
            name if name.starts_with("snap.") && name.ends_with(".generating") => {
                !is_whole(&path, SNAPSHOT_TAIL)?
            }
            _ => false,
        };
        if broken {
            tracing::warn!(path = %path.display(), "a file that a crash left unfinished is made anew");
            fs::remove_file(&path).map_err(|e| Error::io("remove", &path, e))?;
        }
    }
    // What a process that was killed wrote may not be on disk, and sled is about to write down, synced, how far its file goes.
    let file = folder.join("db");
    if file.exists() { sync_file(&file) } else { Ok(()) }
}

/// Whether a file of sled's agrees with its checksum.
fn is_whole(path: &Path, tail: usize) -> Result<bool> {
    let bytes = fs::read(path).map_err(|e| Error::io("read", path, e))?;
    // Nothing at all would agree with zeros.
    let content =
        bytes.len().checked_sub(tail).map(|len| &bytes[..len]).filter(|content| !content.is_empty());
    Ok(content.is_some_and(|content| bytes.ends_with(&crc32fast::hash(content).to_le_bytes())))
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
        Ok(Err(error)) if is_damage(&error) => {
            let told = error.to_string();
            // It ends with a backtrace that sled did not take.
            let told = told.split(" backtrace").next().unwrap_or_default();
            Err(Error::damaged("the data folder", format!("sled reports damage: {told}")))
        }
        Ok(Err(error)) => Err(Error::Storage { action, reason: error.to_string() }),
        Err(_) => Err(Error::damaged("the data folder", "sled gave up on what it read")),
    }
}

/// Whether the file is not what sled wrote: it takes that for a bug of its own, or for the end of the file, as well.
fn is_damage(error: &sled::Error) -> bool {
    match error {
        sled::Error::Corruption { .. } | sled::Error::ReportableBug(_) => true,
        sled::Error::Io(error) => {
            matches!(error.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData)
        }
        _ => false,
    }
}
