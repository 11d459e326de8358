//! Backups of a store, open or not, and stores out of backups.

use super::open::{Meta, check_complete};
use super::reader::Reader;
use super::seal::swept_key;
use super::settings::Settings;
use super::stored::Counters;
use super::verify::open_closed;
use super::{Engine, Published};
use crate::error::{Error, Result};
use crate::model::OnProgress;
use crate::storage::{
    self, BackupOptions, BackupReport, BackupSource, Contents, RestoreReport, View, Visit, keys,
};
use crate::telemetry::redacted;
use std::ops::ControlFlow;
use std::path::{Path, PathBuf};

impl Engine {
    /// Makes the backup in a folder one of the newest snapshot.
    pub(crate) fn backup(
        &self,
        to: &Path,
        options: &BackupOptions,
        progress: OnProgress<'_>,
    ) -> Result<BackupReport> {
        self.back_up(to, |source| storage::backup(source, to, options, &openable, progress))
    }

    /// [`Engine::backup`] that a test may end at any instant.
    #[cfg(test)]
    pub(crate) fn backup_watched(&self, to: &Path, watch: storage::Watch<'_>) -> Result<BackupReport> {
        self.back_up(to, |source| storage::backup_watched(source, to, &openable, watch))
    }

    fn back_up(
        &self,
        to: &Path,
        make: impl FnOnce(&BackupSource<'_>) -> Result<BackupReport>,
    ) -> Result<BackupReport> {
        refuse_within(&self.shared.folder, to)?;
        let view: View<Published> = self.view();
        // Or else a crash could take back what the backup holds, and other commits get the same numbers.
        if let Err(error) = self.shared.db.make_durable(view.seq()) {
            tracing::warn!(error = %redacted(&error), "the backup may hold more than the store keeps");
        }
        let scan = |visit: Visit<'_>| view.scan_from(b"", None, visit);
        let (store_id, commit) = (self.shared.store_id, view.seq());
        let source = BackupSource { store_id, commit, until: &|| Ok(commit), scan: &scan, keep: &belongs };
        let report = make(&source)?;
        let BackupReport { commit, chunks_written, bytes_written, damaged, .. } = report;
        tracing::info!(commit, chunks_written, bytes_written, damaged, "backed up");
        if report.cannot_open.is_some() {
            tracing::error!(commit, "the backup lacks what a store cannot be opened without");
        }
        Ok(report)
    }
}

/// Makes the backup in a folder one of a store that nobody has open. What is damaged does not matter to it, nor whether
/// the store's encoder is at hand.
pub(crate) fn backup_closed(
    store: &Path,
    to: &Path,
    options: &BackupOptions,
    progress: OnProgress<'_>,
) -> Result<BackupReport> {
    refuse_within(store, to)?;
    backup_of(&open_closed(store)?.contents, to, options, progress)
}

/// The same of what a store holds just now that another process may have open.
pub(crate) fn backup_elsewhere(
    store: &Path,
    to: &Path,
    options: &BackupOptions,
    progress: OnProgress<'_>,
) -> Result<BackupReport> {
    refuse_within(store, to)?;
    storage::must_hold_store(store)?;
    // Or else a crash could take back what the backup holds, and other commits get the same numbers.
    backup_of(&storage::read_durable(store)?, to, options, progress)
}

fn backup_of(
    contents: &Contents,
    to: &Path,
    options: &BackupOptions,
    progress: OnProgress<'_>,
) -> Result<BackupReport> {
    let scan = |visit: Visit<'_>| contents.scan_each(b"", visit);
    let (store_id, commit) = (contents.store_id(), contents.seq());
    let source = BackupSource { store_id, commit, until: &|| Ok(commit), scan: &scan, keep: &belongs };
    storage::backup(&source, to, options, &openable, progress)
}

/// Makes a store of a backup.
pub(crate) fn restore(from: &Path, to: &Path, progress: OnProgress<'_>) -> Result<RestoreReport> {
    refuse_within(from, to)?;
    storage::restore(from, to, progress, check)
}

/// What the index's files lack is of use beside them only, and a backup has none: they are made anew from the rest.
fn belongs(key: &[u8]) -> bool {
    !key.starts_with(&keys::all_unsealed()) && key != swept_key()
}

/// Reads what a restored store is opened with.
fn openable(backup: &Contents) -> Result<()> {
    check_complete(backup, false)?;
    Meta::read(backup)?;
    check(backup)
}

/// Reads what a store cannot be opened without, and counts its users.
fn check(opened: &Contents) -> Result<()> {
    opened.read::<Settings>("settings", &keys::meta("settings"))?;
    let counters: Counters = opened.read("counters", &keys::meta("counters"))?.unwrap_or_default();
    let mut users = 0;
    opened.scan_each(&keys::users(), |_, _| {
        users += 1;
        Ok(ControlFlow::Continue(()))
    })?;
    if users != counters.users {
        tracing::warn!(users, counted = counters.users, "the backup lacks users that were damaged");
    }
    Ok(())
}

/// A backup in the store's own folder would go with it, and a store in a backup's make it none.
pub(super) fn refuse_within(outer: &Path, to: &Path) -> Result<()> {
    // What is not there has nothing in it, and is told of in its own words.
    let Ok(full) = outer.canonicalize() else { return Ok(()) };
    if nearest(to)?.starts_with(full) {
        return Err(Error::invalid(
            "folder",
            to.display(),
            format!("it lies in {}: take another", outer.display()),
        ));
    }
    Ok(())
}

/// The full path of the nearest folder above a path, or at it, that is there.
fn nearest(path: &Path) -> Result<PathBuf> {
    let full = std::path::absolute(path).map_err(|e| Error::io("open", path, e))?;
    let found = full.ancestors().find_map(|folder| folder.canonicalize().ok());
    Ok(found.unwrap_or(full))
}
