//! One process, one handle: the lock on a store's folder.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::Path;

use super::folder::LOCK_FILE;
use crate::error::{Error, Result};

/// Longest holder that is read back, in bytes.
const HOLDER_BYTES: u64 = 1024;
/// Before what tells one start of the machine from another, in the lock's file.
const BOOT: &str = "boot ";

/// The held lock; it is released when this is dropped, and by the system when the process ends.
pub(crate) struct FolderLock {
    file: File,
    machine_stopped: bool,
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
        let before = read(&mut file);
        let before = before.lines().find(|line| line.starts_with(BOOT)).unwrap_or_default();
        let machine_stopped = boot().is_none_or(|boot| before != boot);
        let lock = Self { file, machine_stopped };
        lock.write(before).map_err(io("write"))?;
        Ok(lock)
    }

    /// Whether the machine may have been started anew since a holder last called [`FolderLock::note_start`]. Where nothing
    /// is known, it may.
    pub(crate) fn machine_stopped(&self) -> bool {
        self.machine_stopped
    }

    /// What a stop of the machine may have left is made good.
    pub(crate) fn note_start(&self) {
        // Where that fails, the next holder looks once more.
        if let Err(error) = self.write(&boot().unwrap_or_default()) {
            tracing::debug!(%error, "the lock does not say when the machine was started");
        }
    }

    fn write(&self, boot: &str) -> io::Result<()> {
        let text = format!("{}\n{boot}\n", this_process());
        let mut file = &self.file;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(text.as_bytes())
    }

    /// Takes part in the lock with others that only read, and writes nothing. `None` where there is no file to lock, or
    /// the file system knows no locks: then nobody can be kept away.
    ///
    /// # Errors
    /// [`Error::Locked`] with the holder.
    pub(crate) fn share(folder: &Path) -> Result<Option<Self>> {
        let Ok(mut file) = File::open(folder.join(LOCK_FILE)) else { return Ok(None) };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Self { file, machine_stopped: false })),
            Err(TryLockError::WouldBlock) => {
                Err(Error::Locked { path: folder.to_owned(), holder: holder(&mut file) })
            }
            Err(TryLockError::Error(_)) => Ok(None),
        }
    }
}

/// Takes back what [`FolderLock::note_start`] noted, whoever holds the lock, so that the next holder trusts nothing.
pub(crate) fn forget_start(folder: &Path) -> io::Result<()> {
    let mut file = OpenOptions::new().read(true).write(true).open(folder.join(LOCK_FILE))?;
    let text = format!("{}\n", read(&mut file).lines().next().unwrap_or_default());
    file.set_len(0)?;
    file.rewind()?;
    file.write_all(text.as_bytes())?;
    file.sync_data()
}

fn holder(file: &mut File) -> String {
    match read(file).lines().next() {
        Some(line) if !line.is_empty() => line.to_owned(),
        _ => "another process".to_owned(),
    }
}

/// What the last holder wrote, as far as it can be read.
fn read(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.rewind().and_then(|()| file.take(HOLDER_BYTES).read_to_string(&mut text));
    if read.is_ok() { text } else { String::new() }
}

/// What tells this start of the machine from others, where the system says.
fn boot() -> Option<String> {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
    Some(format!("{BOOT}{}", id.trim()))
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
    fn another_start_of_the_machine_is_told_from_this_one() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(LOCK_FILE);
        for before in ["", "process 1 (kindred)\nboot 1234\n"] {
            fs::write(&path, before).unwrap();
            for _ in 0..2 {
                assert!(FolderLock::acquire(folder.path()).unwrap().machine_stopped(), "until it is noted");
            }
            FolderLock::acquire(folder.path()).unwrap().note_start();
            // Where the system does not say, every start may be another one.
            let again = FolderLock::acquire(folder.path()).unwrap();
            assert_eq!(again.machine_stopped(), boot().is_none());
        }
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
