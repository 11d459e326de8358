//! One process, one handle: the lock on a store's folder.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read, Write};
use std::path::Path;

use super::folder::LOCK_FILE;
use crate::error::{Error, Result};

/// Longest holder that is read back, in bytes.
const HOLDER_BYTES: u64 = 256;

/// The held lock; it is released when this is dropped, and by the system when the process ends.
pub(crate) struct FolderLock {
    file: File,
}

/// Closing the file would not do: a child that another thread starts just now holds it open, too, until it runs its own program.
impl Drop for FolderLock {
    fn drop(&mut self) {
        if let Err(error) = self.file.unlock() {
            tracing::warn!(%error, "the lock is released once the process ends");
        }
    }
}

impl FolderLock {
    /// Takes the lock and writes this process into its file.
    ///
    /// # Errors
    /// [`Error::Locked`] with the holder, another handle of this process included.
    pub(crate) fn acquire(folder: &Path) -> Result<Self> {
        let path = folder.join(LOCK_FILE);
        let io = |action| {
            let path = path.clone();
            move |e| Error::io(action, path, e)
        };
        let mut options = OpenOptions::new();
        let options = options.read(true).write(true).create(true).truncate(false);
        let mut file = options.open(&path).map_err(io("open"))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(Error::Locked { path: folder.to_owned(), holder: holder(&mut file) });
            }
            Err(TryLockError::Error(e)) => return Err(io("lock")(e)),
        }
        file.set_len(0).map_err(io("write"))?;
        file.write_all(this_process().as_bytes()).map_err(io("write"))?;
        Ok(Self { file })
    }

    /// Takes part in the lock with others that only read, and writes nothing. `None` where there is no file to lock, or
    /// the file system knows no locks: then nobody can be kept away.
    ///
    /// # Errors
    /// [`Error::Locked`] with the holder.
    pub(crate) fn share(folder: &Path) -> Result<Option<Self>> {
        let Ok(mut file) = File::open(folder.join(LOCK_FILE)) else { return Ok(None) };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { file })),
            Err(TryLockError::WouldBlock) => {
                Err(Error::Locked { path: folder.to_owned(), holder: holder(&mut file) })
            }
            Err(TryLockError::Error(_)) => Ok(None),
        }
    }
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.take(HOLDER_BYTES).read_to_string(&mut text) {
        Ok(_) if !text.is_empty() => text,
        _ => "another process".to_owned(),
    }
}

fn this_process() -> String {
    let command = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&command).file_name().unwrap_or_default();
    let name: String = name.to_string_lossy().chars().filter(|c| !c.is_control()).take(100).collect();
    format!("process {} ({name})", std::process::id())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_lock_names_the_holder_and_a_released_one_can_be_taken() {
        let folder = tempfile::tempdir().unwrap();
        let held = FolderLock::acquire(folder.path()).unwrap();
        match FolderLock::acquire(folder.path()) {
            Err(Error::Locked { holder, .. }) => assert_eq!(holder, this_process()),
            other => panic!("expected Locked, got {:?}", other.err()),
        }
        drop(held);
        FolderLock::acquire(folder.path()).unwrap();
    }

    #[test]
    fn a_child_that_is_being_started_does_not_keep_it() {
        let folder = tempfile::tempdir().unwrap();
        let held = FolderLock::acquire(folder.path()).unwrap();
        // As between fork and exec: another handle of the same open file.
        let child = held.file.try_clone().unwrap();
        drop(held);
        FolderLock::acquire(folder.path()).unwrap();
        drop(child);
    }
}
