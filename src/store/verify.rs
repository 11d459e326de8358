//! Whether a store is sound.

use super::Store;
use crate::engine::{self, VerifyOptions, VerifyReport};
use crate::error::Result;
use crate::model::OnProgress;
use crate::telemetry::{Operation, observed};
use std::path::Path;
use std::sync::atomic::AtomicBool;

impl Store {
    /// Reads everything that one snapshot holds: each value with its checksum, as what its key says it is, and what must hold
    /// between records; makes each profile anew of its records, and compares; then the whole index, all that searches lean on, and
    /// whether its vectors are those of the profiles. Returns what is wrong. Writers go on meanwhile;
    /// the values that they replace stay in memory until it is done.
    ///
    /// What is wrong with the index costs nothing: vectors that are not those of profiles are put right at once, in commits of their
    /// own ([`VerifyReport::mended`]); of damaged files, the next write has their part made anew from the store's records in
    /// the background, [`Store::seal`] does it at once, and else the next open makes the index. What is wrong with the data is made good
    /// from the store's second copy and its log, in the background or by the next open, where [`VerifyReport::heals`] says so;
    /// where these are damaged, too, [`crate::Options::repair`] saves the rest.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = kindred::Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| tx.put_vector("ann", vec![1.0, 0.0]))?;
    /// store.build_index(&|_| {})?;
    /// assert!(store.verify(&|_| {})?.is_sound());
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Io`] where the folder of a damaged index cannot be changed; [`crate::Error::Storage`].
    pub fn verify(&self, progress: OnProgress<'_>) -> Result<VerifyReport> {
        self.verify_with(&VerifyOptions::new(), progress, &AtomicBool::new(false))
    }

    /// [`Store::verify`] with options. Setting `cancel` has it give up; it returns what it found until then.
    ///
    /// # Errors
    /// As [`Store::verify`].
    pub fn verify_with(
        &self,
        options: &VerifyOptions,
        progress: OnProgress<'_>,
        cancel: &AtomicBool,
    ) -> Result<VerifyReport> {
        observed(Operation::Verify, || self.engine.verify(*options, progress, cancel))
    }

    /// [`Store::verify_with`] of the data of a store that is not open. It needs neither the store's model nor its index, and
    /// so works where the store cannot be opened for want of either, or because one of its values is damaged.
    ///
    /// ```
    /// use kindred::{Store, VerifyOptions};
    /// use std::sync::atomic::AtomicBool;
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let path = folder.path().join("store");
    /// drop(Store::open(&path)?);
    /// let report = Store::verify_closed(&path, &VerifyOptions::new(), &|_| {}, &AtomicBool::new(false))?;
    /// assert!(report.is_sound());
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::NotAStore`], [`crate::Error::Locked`], [`crate::Error::Format`], [`crate::Error::Io`];
    /// [`crate::Error::Damaged`] where the store's files do not open at all.
    pub fn verify_closed(
        store: impl AsRef<Path>,
        options: &VerifyOptions,
        progress: OnProgress<'_>,
        cancel: &AtomicBool,
    ) -> Result<VerifyReport> {
        let verify = || engine::verify_closed(store.as_ref(), *options, progress, cancel);
        observed(Operation::Verify, verify)
    }
}
