//! Backups of a store, and stores out of backups.

use super::Store;
use crate::engine;
use crate::error::Result;
use crate::model::OnProgress;
use crate::storage::{BackupOptions, BackupReport, RestoreReport};
use crate::telemetry::{Operation, observed};
use std::path::Path;

impl Store {
    /// Makes a backup of the newest snapshot in a folder, or brings the backup that is there up to date: only files with
    /// changed contents are written. Writers go on meanwhile; the values that they replace stay in memory until the
    /// backup is made.
    ///
    /// Whenever it ends, by an error or a crash, the folder holds the whole backup from before or the whole new one. What
    /// was written is read back, and opened, before it counts; where a damaged value would keep a store restored from it from
    /// being opened, the first backup in a folder is made and its report tells, but none is written over. What no longer is in the store goes from the folder with the next
    /// backup; who was removed is in it until then. Values that are damaged in the store are left out, and named in the report.
    ///
    /// ```
    /// use kindred::Store;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let (path, backup) = (folder.path().join("store"), folder.path().join("backup"));
    /// let store = Store::open(&path)?;
    /// store.write(|tx| tx.put_user("ann", [("age", 31.into())]))?;
    /// let report = store.backup(&backup)?;
    /// assert_eq!(report.commit, store.snapshot().stats()?.commit);
    ///
    /// let moved = folder.path().join("moved");
    /// Store::restore(&backup, &moved)?;
    /// let restored = Store::open(&moved)?;
    /// assert_eq!(restored.snapshot().profile("ann")?, store.snapshot().profile("ann")?);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::NotABackup`] where the folder holds something else, and [`crate::Error::Invalid`] where it lies in the
    /// store's own, or holds a backup of another store or of a later commit; it is left as it was. [`crate::Error::Locked`]
    /// while another backup is made there, [`crate::Error::Damaged`] where its manifest is, or what the backup could not be opened
    /// without, [`crate::Error::Io`].
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<BackupReport> {
        self.backup_with(to, &BackupOptions::new(), &|_| {})
    }

    /// [`Store::backup`] with options, telling how far it is.
    pub fn backup_with(
        &self,
        to: impl AsRef<Path>,
        options: &BackupOptions,
        progress: OnProgress<'_>,
    ) -> Result<BackupReport> {
        observed(Operation::Backup, || self.engine.backup(to.as_ref(), options, progress))
    }

    /// [`Store::backup_with`] of a store that is not open. It needs neither the store's model nor its index, and so
    /// works where the store cannot be opened for want of either, or because one of its values is damaged.
    ///
    /// ```
    /// use kindred::{BackupOptions, Store};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let (path, backup) = (folder.path().join("store"), folder.path().join("backup"));
    /// let commit = Store::open(&path)?.snapshot().stats()?.commit;
    /// let report = Store::backup_closed(&path, &backup, &BackupOptions::new(), &|_| {})?;
    /// assert_eq!(report.commit, commit);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::backup`]; [`crate::Error::Locked`] also while the store is open: [`Store::backup_elsewhere`] makes one then.
    pub fn backup_closed(
        store: impl AsRef<Path>,
        to: impl AsRef<Path>,
        options: &BackupOptions,
        progress: OnProgress<'_>,
    ) -> Result<BackupReport> {
        observed(Operation::Backup, || engine::backup_closed(store.as_ref(), to.as_ref(), options, progress))
    }

    /// [`Store::backup_with`] of a store that another process has open, or this one, as of the last commit that its log holds. The
    /// process that has it goes on meanwhile. Like a [`ReadOnlyStore`](crate::ReadOnlyStore) it reads the store's second copy and its log, and
    /// it needs neither the store's model nor its index.
    ///
    /// ```
    /// use kindred::{BackupOptions, Store};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let (path, backup) = (folder.path().join("store"), folder.path().join("backup"));
    /// let store = Store::open(&path)?;
    /// store.write(|tx| tx.put_user("ann", [("age", 31.into())]))?;
    /// let report = Store::backup_elsewhere(&path, &backup, &BackupOptions::new(), &|_| {})?;
    /// assert_eq!(report.commit, store.snapshot().stats()?.commit);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// As [`Store::backup`]; [`crate::Error::Storage`] where the store has no second copy yet, as
    /// [`ReadOnlyStore::open`](crate::ReadOnlyStore::open) says.
    pub fn backup_elsewhere(
        store: impl AsRef<Path>,
        to: impl AsRef<Path>,
        options: &BackupOptions,
        progress: OnProgress<'_>,
    ) -> Result<BackupReport> {
        observed(Operation::Backup, || {
            engine::backup_elsewhere(store.as_ref(), to.as_ref(), options, progress)
        })
    }

    /// Makes a store out of a backup: every key and value of the snapshot. The index is made from them at the first open.
    /// The store is another one than the backup's: its own backups go into a folder of their own.
    ///
    /// `to` is a folder that is not there, or empty. The store is made beside it, compared with the backup, and then named; after
    /// an error nothing is there.
    ///
    /// # Errors
    /// [`crate::Error::NotABackup`]; [`crate::Error::Damaged`] naming the first file that is not as it was written;
    /// [`crate::Error::Format`] of a newer build's; [`crate::Error::Invalid`] where `to` is taken; [`crate::Error::Locked`] while the backup is
    /// being made; [`crate::Error::Io`].
    pub fn restore(backup: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<RestoreReport> {
        Self::restore_with_progress(backup, to, &|_| {})
    }

    /// [`Store::restore`], telling how far it is.
    pub fn restore_with_progress(
        backup: impl AsRef<Path>,
        to: impl AsRef<Path>,
        progress: OnProgress<'_>,
    ) -> Result<RestoreReport> {
        observed(Operation::Restore, || engine::restore(backup.as_ref(), to.as_ref(), progress))
    }
}
