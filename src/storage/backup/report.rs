//! What a backup and a restore did.

use crate::model::Time;
use serde::Serialize;

/// What a backup consists of, and what this run did for it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct BackupReport {
    /// Number of the commit that the backup holds.
    pub commit: u64,
    /// Keys with their values in the backup.
    pub entries: u64,
    /// Files that these lie in.
    pub chunks: u64,
    /// Of these, the ones that were not there, or damaged, and were written.
    pub chunks_written: u64,
    /// Bytes of all these files.
    pub bytes: u64,
    /// Bytes of those that were written.
    pub bytes_written: u64,
    /// Files of the backup before that this one does not need, and that were removed.
    pub chunks_removed: u64,
    /// Values that are damaged in the store; the backup lacks them.
    pub damaged: u64,
    /// The first hundred of these, each with its key and what is wrong with it.
    pub damaged_values: Vec<String>,
    /// Why a store restored from the backup cannot be opened, where that is so: what it lacks is damaged in the store.
    /// `kindred repair` makes another store of what is there.
    pub cannot_open: Option<String>,
}

/// What a store was restored from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RestoreReport {
    /// Number of the commit that the backup holds, and now the store.
    pub commit: u64,
    /// When the backup was made.
    pub time: Time,
    /// Keys with their values.
    pub entries: u64,
    /// Files that these were read from.
    pub chunks: u64,
    /// Bytes of these files.
    pub bytes: u64,
    /// Values that were damaged when the backup was made, and that it lacks.
    pub damaged: u64,
}
