//! What is left of a damaged store, saved into a new one.

use super::{Options, Store};
use crate::engine::{self, RepairReport};
use crate::error::Result;
use crate::model::OnProgress;
use crate::telemetry::{Operation, observed};
use std::path::Path;

impl Store {
    /// [`Options::repair`] with the store's own settings.
    ///
    /// # Errors
    /// As [`Options::repair`].
    pub fn repair(from: impl AsRef<Path>, to: impl AsRef<Path>) -> Result<RepairReport> {
        Self::options().repair(from, to, &|_| {})
    }
}

impl Options {
    /// Saves what is left of a store that is not open into a new one: all users, items, events, texts, vectors and marks of
    /// erased users that can be read, under the same ids. All that is derived is made anew of them; the learned model is the
    /// store's own, or is learned anew where it is damaged. What could not be saved is named. The damaged store stays as it is.
    ///
    /// These options say what the store's settings do not, such as an encoder of the host's own, or no longer do, where the
    /// settings are damaged themselves.
    ///
    /// `to` is a folder that is not there, or empty. The store is made beside it, verified, and then named; after an error
    /// nothing is there.
    ///
    /// ```
    /// use kindred::Store;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let (path, new) = (folder.path().join("store"), folder.path().join("new"));
    /// let store = Store::open(&path)?;
    /// store.write(|tx| tx.put_user("ann", [("age", 31.into())]))?;
    /// let before = store.snapshot().profile("ann")?;
    /// drop(store);
    /// let report = Store::options().repair(&path, &new, &|_| {})?;
    /// assert_eq!((report.users, report.lost), (1, 0));
    /// assert_eq!(Store::open(&new)?.snapshot().profile("ann")?, before);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] where `to` is taken or lies in the store; [`crate::Error::OptionMismatch`];
    /// [`crate::Error::Model`] where the store's model is not at hand; [`crate::Error::NotAStore`], [`crate::Error::Locked`],
    /// [`crate::Error::Io`]; [`crate::Error::Damaged`] where the store's files do not open at all.
    pub fn repair(
        &self,
        from: impl AsRef<Path>,
        to: impl AsRef<Path>,
        progress: OnProgress<'_>,
    ) -> Result<RepairReport> {
        let repair = || engine::repair(from.as_ref(), to.as_ref(), &self.request, progress);
        observed(Operation::Repair, repair)
    }
}
