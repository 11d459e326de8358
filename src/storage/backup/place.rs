//! Where a store comes to lie that is made of another's data: made under another name beside it, and there whole or not at all.

use crate::error::{Error, Result};
use crate::storage::folder::{self, DATA_FOLDER, LOCK_FILE, remove_all, sync_folder};
use crate::storage::lock::FolderLock;
use crate::telemetry::redacted;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Behind the name of a store that is not finished, which lies in a folder of this name.
const UNFINISHED: &str = ".unfinished";
/// The store in that folder.
const STORE: &str = "store";
/// How often a closed store's files are looked at until sled's threads have let go of them, five seconds in all.
const TRIES: u32 = 1000;
const PAUSE: Duration = Duration::from_millis(5);

/// A place taken for a store. Dropped before it is finished it leaves nothing behind.
pub(crate) struct Place {
    to: PathBuf,
    unfinished: PathBuf,
    finished: bool,
    _lock: FolderLock,
}

impl Place {
    /// Takes a place that is not there, or an empty folder.
    pub(crate) fn take(to: &Path) -> Result<Self> {
        let to = free(to)?;
        let mut unfinished = to.clone().into_os_string();
        unfinished.push(UNFINISHED);
        let unfinished = PathBuf::from(unfinished);
        match fs::symlink_metadata(&unfinished) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => folder::create(&unfinished)?,
            Err(e) => return Err(Error::io("open", &unfinished, e)),
            Ok(_) => check_left_over(&unfinished)?,
        }
        let lock = FolderLock::acquire(&unfinished)?;
        let place = Self { to, unfinished, finished: false, _lock: lock };
        remove_all(&place.store())?;
        Ok(place)
    }

    /// Where the store is made meanwhile.
    pub(crate) fn store(&self) -> PathBuf {
        self.unfinished.join(STORE)
    }

    /// Gives the store, which is closed and on disk, its own name.
    pub(crate) fn finish(mut self) -> Result<()> {
        let (store, to) = (self.store(), self.to.clone());
        wait_for_sled(&store)?;
        sync_folder(&store)?;
        // Not every system renames over an empty folder.
        match fs::remove_dir(&to) {
            Err(e) if e.kind() != io::ErrorKind::NotFound => return Err(Error::io("replace", to, e)),
            _ => {}
        }
        fs::rename(&store, &to).map_err(|e| Error::io("rename", store, e))?;
        self.finished = true;
        to.parent().map_or(Ok(()), sync_folder)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if let Err(error) = remove_all(&self.unfinished) {
            tracing::warn!(error = %redacted(&error), self.finished, "something is left behind of a store that was being made");
        }
    }
}

/// The full path of a place that is not there, or an empty folder.
fn free(to: &Path) -> Result<PathBuf> {
    let io = |e| Error::io("open", to, e);
    let refuse = |reason| Err(Error::invalid("folder", to.display(), reason));
    match fs::metadata(to) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => {
            let path = std::path::absolute(to).map_err(io)?;
            if path.file_name().is_some() { Ok(path) } else { refuse("it is not the name of a folder") }
        }
        Err(e) => Err(io(e)),
        Ok(meta) if !meta.is_dir() => refuse("it is a file: take a new folder"),
        Ok(_) if !folder::list(to)?.is_empty() => refuse("it is not empty: take a new folder"),
        Ok(_) => fs::canonicalize(to).map_err(io),
    }
}

/// Refuses a folder that nothing of this kind left there.
fn check_left_over(unfinished: &Path) -> Result<()> {
    let paths = folder::list(unfinished)?;
    let other = paths.iter().find(|path| !path.ends_with(LOCK_FILE) && !path.ends_with(STORE));
    match other {
        None => Ok(()),
        Some(other) => Err(Error::invalid(
            "folder",
            other.display(),
            "it is in the way of the store being made: move it away, or take another name",
        )),
    }
}

/// A handle that was dropped may be used by sled's threads for a while yet, and they go by path.
fn wait_for_sled(store: &Path) -> Result<()> {
    let path = store.join(DATA_FOLDER).join("db");
    let file = File::open(&path).map_err(|e| Error::io("open", &path, e))?;
    for _ in 0..TRIES {
        match file.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) => std::thread::sleep(PAUSE),
            Err(TryLockError::Error(e)) => return Err(Error::io("lock", path, e)),
        }
    }
    Err(Error::Storage { action: "close", reason: "its files stay in use".to_owned() })
}
