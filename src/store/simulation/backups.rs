//! Backups in the middle of a history, some of which end too early, and stores that are made of them.

use super::world::World;
use crate::error::{Error, Result};
use crate::storage::{MemoryBackend, MemoryDisk, restore_into};
use crate::store::expected::{Model, check};
use std::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Changes of the backup's folder after which one that is cut off ends, at most.
const MOST_CHANGES: usize = 14;

/// What may be in the backup's folder.
#[derive(Default)]
pub(super) struct Backups {
    /// What a backup that came to its end holds.
    whole: Option<Model>,
    /// What is there instead if one that failed had come far enough.
    perhaps: Vec<Model>,
    /// The last commit that any of them holds.
    commit: u64,
}

impl World {
    fn backup_folder(&self) -> PathBuf {
        self.folder.with_extension("backup")
    }

    /// Makes a backup, in an empty folder or upon the one before; one in four is cut off.
    ///
    /// # Errors
    /// Of a fault that was injected elsewhere.
    pub(super) fn back_up(&mut self) -> Result<()> {
        if self.dice.one_in(4) {
            self.forget_backups();
        }
        let left = self.dice.one_in(4).then(|| self.dice.below(MOST_CHANGES));
        self.trace.push(format!("back up, cut off after {left:?}"));
        let commit = self.store().snapshot().stats()?.commit;
        let lost = commit < self.backups.commit;
        match self.back_up_until(left) {
            Ok(report) => {
                assert_eq!((report.commit, report.damaged), (commit, 0), "{report:?}");
                self.backups = Backups { whole: Some(self.model.clone()), perhaps: Vec::new(), commit };
                Ok(())
            }
            // The store has lost what the backup has: it is not written over.
            Err(Error::Invalid { .. }) if lost => {
                self.forget_backups();
                Ok(())
            }
            Err(error) => {
                self.trace.push(format!("not backed up: {error}"));
                self.backups.perhaps.push(self.model.clone());
                self.backups.commit = self.backups.commit.max(commit);
                if left.is_some() { Ok(()) } else { Err(error) }
            }
        }
    }

    fn back_up_until(&self, left: Option<usize>) -> Result<crate::storage::BackupReport> {
        let left = Cell::new(left);
        let watch = |_: &'static str, _: &Path| match left.get() {
            None => Ok(()),
            Some(0) => Err(std::io::Error::other("cut off")),
            Some(n) => {
                left.set(Some(n - 1));
                Ok(())
            }
        };
        self.store().engine.backup_watched(&self.backup_folder(), &watch)
    }

    fn forget_backups(&mut self) {
        let _ = fs::remove_dir_all(self.backup_folder());
        self.backups = Backups::default();
    }

    /// Makes a store of what is in the backup's folder, and looks whether it is one of those that may be there.
    pub(super) fn restore(&mut self) {
        self.trace.push("restore".to_owned());
        let (disk, backend) = (Arc::<MemoryDisk>::default(), Arc::<MemoryBackend>::default());
        let to = self.folder.with_extension("restored");
        match restore_into(&self.backup_folder(), &to, &*backend, &(Arc::clone(&disk) as _)) {
            Err(Error::NotABackup { .. }) if self.backups.whole.is_none() => return,
            restored => restored.unwrap(),
        }
        let store = self.open_in(&to, &disk, &backend).unwrap();
        let snapshot = store.snapshot();
        let Backups { whole, perhaps, .. } = &self.backups;
        let held = whole.iter().chain(perhaps).find(|model| check::holds(&snapshot, model));
        let model = held.expect("the backup holds neither what was there before nor what was to be").clone();
        check::records(&snapshot, &model);
        check::answers(&snapshot, &model);
        drop((snapshot, store));
        fs::remove_dir_all(&to).unwrap();
        self.backups.whole = Some(model);
        self.backups.perhaps.clear();
    }
}
