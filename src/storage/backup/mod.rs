//! Backups: a snapshot's entries in files that are named by their content, and a manifest that names these files.
//! `docs/format.md` describes both to the byte. Not for what keys mean.

mod chunk;
mod files;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod lookup;
mod manifest;
mod mapped;
mod options;
mod place;
mod read;
mod report;
mod restore;
#[cfg(test)]
mod tests;
mod write;

#[cfg(test)]
pub(crate) use files::Watch;
pub(crate) use lookup::Lookup;
pub use options::BackupOptions;
pub(crate) use place::Place;
pub(crate) use read::Backup;
pub use report::{BackupReport, RestoreReport};
#[cfg(test)]
pub(crate) use restore::restore_into;
pub(crate) use restore::{fill, restore};
#[cfg(test)]
pub(crate) use write::backup_watched;
pub(crate) use write::{Source, Visit, backup, renew_base};
