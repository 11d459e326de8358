//! Stores that other processes have open, to be read.

use super::{Options, Snapshot};
use crate::engine::{self, Request};
use crate::error::Result;
use crate::storage::FolderBytes;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

/// A store that is only read, while another process, or this one, has it open and writes. It shows one snapshot until it is told
/// to look again.
///
/// A snapshot is of the last commit that the writer's log held when it was looked at, its own sync apart: should the machine stop
/// right then, the newest commits may be taken back. It is made of the base and the log, so it needs no lock of the store's: it
/// has the files of the base in mapped memory, where they stay when the writer removes them, and the changes since in memory of its own.
/// What the writer erases stays visible in a snapshot from before: look again now and then.
///
/// ```
/// use kindred::{ReadOnlyStore, Store};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("store");
/// let store = Store::open(&path)?;
/// store.write(|tx| tx.put_user("ann", [("age", 31.into())]))?;
///
/// let reader = ReadOnlyStore::open(&path)?;
/// assert_eq!(reader.snapshot().stats()?.users, 1);
/// store.write(|tx| tx.put_user("bob", []))?;
/// assert_eq!(reader.snapshot().stats()?.users, 1);
/// assert!(reader.refresh()?);
/// assert_eq!(reader.snapshot().stats()?.users, 2);
/// assert!(!reader.refresh()?);
/// # Ok::<(), kindred::Error>(())
/// ```
pub struct ReadOnlyStore {
    path: PathBuf,
    request: Request,
    newest: Mutex<Snapshot>,
}

impl ReadOnlyStore {
    /// Reads the store in a folder.
    ///
    /// # Errors
    /// [`crate::Error::NotAStore`]; [`crate::Error::Storage`] where a store that an older build made, or that was restored, was never
    /// open long enough since to make its base; [`crate::Error::Format`], [`crate::Error::Model`], [`crate::Error::Damaged`],
    /// [`crate::Error::Io`].
    pub fn open(path: impl AsRef<Path>) -> Result<Self> {
        Options::default().open_read_only(path)
    }

    pub(super) fn read(path: &Path, request: &Request) -> Result<Self> {
        let newest = Mutex::new(snapshot(path, request)?);
        Ok(Self { path: path.to_owned(), request: request.clone(), newest })
    }

    /// The snapshot that was read last.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Bytes of the store's folder, by what they are.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn folder_bytes(&self) -> Result<FolderBytes> {
        FolderBytes::of(&self.path)
    }

    /// Reads the newest snapshot; returns whether it is a later one. It costs as much as opening.
    ///
    /// # Errors
    /// As [`ReadOnlyStore::open`]; the snapshot from before stays.
    pub fn refresh(&self) -> Result<bool> {
        let read = snapshot(&self.path, &self.request)?;
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let is_later = read.view.seq() > newest.view.seq();
        // Also where nothing changed: what the files held before need not stay.
        if read.view.seq() >= newest.view.seq() {
            *newest = read;
        }
        Ok(is_later)
    }
}

fn snapshot(path: &Path, request: &Request) -> Result<Snapshot> {
    let (view, settings) = engine::read_only(path, request)?;
    Ok(Snapshot { view, settings })
}
