//! How a backup is made.

use crate::model::Time;

/// How a backup is made.
///
/// ```
/// use kindred::{BackupOptions, Store};
/// # let folder = tempfile::tempdir().unwrap();
/// # let backup = folder.path().join("backup");
/// let store = Store::options().dim(2).open(folder.path().join("store"))?;
/// store.write(|tx| tx.put_vector("ann", vec![1.0, 0.0]))?;
/// let first = store.backup_with(&backup, &BackupOptions::new().verify_all(true), &|_| {})?;
/// let second = store.backup(&backup)?;
/// assert_eq!((first.chunks_written, second.chunks_written), (first.chunks, 0));
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options do nothing until a backup is made with them"]
pub struct BackupOptions {
    pub(super) verify_all: bool,
    pub(super) time: Option<Time>,
}

impl BackupOptions {
    /// The defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// Reads back all files of the backup, not only those that this run writes, and writes anew those that are damaged.
    pub fn verify_all(mut self, verify_all: bool) -> Self {
        self.verify_all = verify_all;
        self
    }

    /// The time that the backup bears; that of the machine's clock unless said.
    pub fn time(mut self, time: Time) -> Self {
        self.time = Some(time);
        self
    }
}
