//! The mark in a store's folder that says that values of its data were found damaged: the data is made anew then, from
//! the base and the log: while the store is open, or else by the next opening.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError};

use super::disk::Disk;
use super::folder::DAMAGE_FILE;
use crate::error::{Error, Result};
use crate::sync::Mutex;
use crate::telemetry::redacted;

/// For people: that the file is there is all that counts, so that one that was only begun says the same.
const TEXT: &[u8] =
    b"Values of the data were found damaged: they are made anew, by the next opening at the latest.\n";

/// The mark of a store that is open.
pub(crate) struct Mark {
    disk: Arc<dyn Disk>,
    store: PathBuf,
    /// Whether it is known to be on disk.
    is_set: Mutex<bool>,
    /// Whether a read has found damage since it was last cleared.
    found: AtomicBool,
}

impl Mark {
    /// The mark of the store in a folder, as it is found.
    pub(crate) fn find(disk: &Arc<dyn Disk>, store: &Path) -> Result<Self> {
        let is_there = disk.list(store)?.contains(&store.join(DAMAGE_FILE));
        let (disk, store, found) = (Arc::clone(disk), store.to_owned(), AtomicBool::new(is_there));
        Ok(Self { disk, store, is_set: Mutex::new(is_there), found })
    }

    /// Whether damage was found that may still be there.
    pub(crate) fn is_set(&self) -> bool {
        self.found.load(Ordering::Relaxed)
    }

    /// What is read is damaged. Whoever reads is told so anyway, so where the mark cannot be made that is only logged, once.
    /// Returns whether it was not known.
    pub(crate) fn found(&self) -> bool {
        let is_new = !self.found.swap(true, Ordering::Relaxed);
        if is_new {
            tracing::error!("a value of the data is damaged: the data is made anew, if it can be");
            if let Err(error) = self.set() {
                tracing::error!(error = %redacted(&error), "the next opening will not know that a value is damaged");
            }
        }
        is_new
    }

    /// Makes the mark, for good when this returns.
    pub(crate) fn set(&self) -> Result<()> {
        let mut is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        // Here, so that nobody who clears it comes between this and the file.
        self.found.store(true, Ordering::Relaxed);
        if !*is_set {
            let path = self.store.join(DAMAGE_FILE);
            let file = self.disk.create(&path)?;
            file.append(TEXT).and_then(|()| file.sync()).map_err(|e| Error::io("write", &path, e))?;
            self.disk.sync_folder(&self.store)?;
            *is_set = true;
        }
        Ok(())
    }

    /// Takes the mark away: nothing is damaged any more.
    pub(crate) fn clear(&self) -> Result<()> {
        let mut is_set = self.is_set.lock().unwrap_or_else(PoisonError::into_inner);
        if self.is_set() {
            match self.disk.remove(&self.store.join(DAMAGE_FILE)) {
                Err(Error::Io { source, .. }) if source.kind() == ErrorKind::NotFound => {}
                removed => removed?,
            }
            self.disk.sync_folder(&self.store)?;
            *is_set = false;
            self.found.store(false, Ordering::Relaxed);
        }
        Ok(())
    }
}
