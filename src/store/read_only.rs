//! Stores that other processes have open, to be read.

use super::{Options, Snapshot};
use crate::engine::{Follower, Request};
use crate::error::Result;
use crate::storage::FolderBytes;
use std::path::{Path, PathBuf};

/// A store that is only read, while another process, or this one, has it open and writes. It shows one snapshot until it is told
/// to look again, or one of its files turns out to be damaged.
///
/// A snapshot is of the last commit that the writer's log held when it was looked at, its own sync apart: should the machine stop
/// right then, the newest commits may be taken back. It is made of the base and the log, so it needs no lock of the store's: it
/// has the files of the base in mapped memory, where they stay when the writer removes them, and the changes since in memory of its own.
/// What the writer erases stays visible in a snapshot from before: look again now and then.
///
/// The index's files are read through in the background, as [`Options::scrub`] says. Where one is damaged, the newest snapshot is read by
/// itself, perhaps that of a later commit, and its index made in memory, of everybody's vector: it takes as much memory as these do,
/// and searches compare all of them, until the writer has made the file anew, which it does once it comes to the damage
/// itself ([`Store::verify`](crate::Store::verify) has it look).
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
    follower: Follower,
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
        Ok(Self { path: path.to_owned(), follower: Follower::open(path, request)? })
    }

    /// The snapshot that was read last.
    #[must_use]
    pub fn snapshot(&self) -> Snapshot {
        let (view, settings) = self.follower.newest();
        Snapshot { view, settings }
    }

    /// Bytes of the store's folder, by what they are.
    ///
    /// # Errors
    /// [`crate::Error::Io`].
    pub fn folder_bytes(&self) -> Result<FolderBytes> {
        FolderBytes::of(&self.path)
    }

    /// Reads the newest snapshot; returns whether it is a later one than any call before has told of, or one of another store that
    /// took its place. It costs as much as opening. One caller looks at a time.
    ///
    /// # Errors
    /// As [`ReadOnlyStore::open`]; the snapshot from before stays.
    pub fn refresh(&self) -> Result<bool> {
        self.follower.refresh()
    }
}
