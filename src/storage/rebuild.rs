//! Makes the data anew from the base and the log, where sled's files are beyond opening.

use std::path::{Path, PathBuf};

use super::backend::Backend;
use super::backup::Backup;
use super::disk::Disk;
use super::folder::LOG_FOLDER;
use super::log::{self, Which};
use super::{backup, base, meta, recovery};
use crate::error::{Error, Result};

/// Fills an empty backend with all that was ever acknowledged; returns the last commit's number.
///
/// # Errors
/// [`Error::Damaged`] where the base or the log is, or where they do not make up everything.
pub(crate) fn rebuild(store: &Path, disk: &dyn Disk, backend: &dyn Backend) -> Result<u64> {
    let base = base::read(store)?;
    let store_id = match &base {
        Some(base) => base.store_id(),
        None => log::store_id(disk, &store.join(LOG_FOLDER))?,
    };
    Rebuild::begin(store, disk, backend, store_id, base, &|| Ok(()))?.finish()
}

/// A backend that holds all up to some commit, and lacks what the log says behind it.
pub(crate) struct Rebuild<'a> {
    disk: &'a dyn Disk,
    backend: &'a dyn Backend,
    log_folder: PathBuf,
    store_id: u128,
    commit: u64,
    /// The base is of no one commit: it needs the log up to this one at least.
    until: u64,
}

impl<'a> Rebuild<'a> {
    /// Fills an empty backend from the base, for as long as `go_on` lets it. Commits may be made meanwhile.
    ///
    /// # Errors
    /// That of `go_on`, and those of [`rebuild`].
    pub(crate) fn begin(
        store: &Path,
        disk: &'a dyn Disk,
        backend: &'a dyn Backend,
        store_id: u128,
        base: Option<Backup>,
        go_on: &dyn Fn() -> Result<()>,
    ) -> Result<Self> {
        let log_folder = store.join(LOG_FOLDER);
        meta::create_again(backend, store_id)?;
        if let Some(base) = &base {
            backup::fill(base, backend, &|_| {}, go_on)?;
        }
        let (commit, until) = base.map_or((0, 0), |base| (base.commit(), base.until()));
        Ok(Self { disk, backend, log_folder, store_id, commit, until })
    }

    /// Applies what the log has set aside, for as long as `go_on` lets it; returns how many bytes that were. Commits may be made
    /// meanwhile.
    ///
    /// # Errors
    /// That of `go_on`, and those of [`rebuild`].
    pub(crate) fn catch_up(&mut self, go_on: &dyn Fn() -> Result<()>) -> Result<usize> {
        let read = self.replay(Which::Kept(self.commit), go_on)?.unwrap_or(0);
        self.backend.sync()?;
        Ok(read)
    }

    /// Applies all the rest of the log, to which nobody adds meanwhile; returns the last commit's number.
    ///
    /// # Errors
    /// Those of [`rebuild`].
    pub(crate) fn finish(mut self) -> Result<u64> {
        let read = self.replay(Which::After(self.commit), &|| Ok(()))?;
        if read.is_none() {
            return self.damaged("its files are missing".to_owned());
        }
        if self.commit < self.until {
            return self.damaged("it ends before the base does".to_owned());
        }
        self.backend.sync()?;
        Ok(self.commit)
    }

    /// Applies the records behind the last commit in some files; returns their bytes, or `None` where there is no file.
    fn replay(&mut self, which: Which, go_on: &dyn Fn() -> Result<()>) -> Result<Option<usize>> {
        let (backend, commit, mut bytes) = (self.backend, self.commit, 0);
        let replayed = log::replay(self.disk, &self.log_folder, self.store_id, which, |record| {
            if record.seq <= commit {
                return Ok(());
            }
            go_on()?;
            bytes += record.len;
            recovery::apply(backend, record)
        })?;
        let Some(first) = replayed.first_seq else { return Ok(None) };
        if first > commit + 1 {
            return self.damaged(format!(
                "it begins with commit {first}, but what is there ends with commit {commit}"
            ));
        }
        self.commit = commit.max(replayed.last_seq.unwrap_or(commit));
        Ok(Some(bytes))
    }

    fn damaged<T>(&self, reason: String) -> Result<T> {
        Err(Error::damaged(self.log_folder.display().to_string(), reason))
    }
}
