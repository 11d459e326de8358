//! The ordered key-value map under the database: sled in stores, a `BTreeMap` in tests.

use std::sync::atomic::AtomicBool;

use crate::error::Result;

/// One stored change: a key and its new bytes, or `None` to delete it.
pub(crate) type Op<'a> = (&'a [u8], Option<&'a [u8]>);

/// An ordered map of bytes on disk.
pub(crate) trait Backend: Send + Sync + 'static {
    /// The bytes under `key`.
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;

    /// At most `limit` entries with `from <= key < to` (to the end where `to` is `None`), ascending.
    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>>;

    /// Makes the changes in their order. A crash or an error may leave any part of them done: the
    /// commit log, which is on disk before, makes them again.
    fn apply(&self, ops: &mut dyn Iterator<Item = Op<'_>>) -> Result<()>;

    /// Everything applied is on disk when this returns.
    fn sync(&self) -> Result<()>;

    /// Writes all anew, so that the files hold no trace of what was deleted or replaced and no more space than that takes. Reads
    /// and changes go on meanwhile. `progress` is told how many entries are done. Returns false where `cancel` was set.
    ///
    /// # Errors
    /// What is there stays as it was.
    fn rewrite(&self, progress: &dyn Fn(u64), cancel: &AtomicBool) -> Result<bool>;

    /// Hears that a value that was read from it is damaged.
    fn damage_found(&self) {}
}
