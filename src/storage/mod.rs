//! The durable, multi-version key-value base: one writer, any number of immutable views, every
//! acknowledged commit on disk. Keys and values are opaque here. Not for anything that is derived.

mod applier;
mod backend;
pub(crate) mod backup;
mod base;
mod changes;
pub(crate) mod codec;
mod contents;
mod core;
mod current;
mod database;
mod disk;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code, reason = "the fuzz targets use a part"))]
mod fault;
mod folder;
mod folder_bytes;
mod frame;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod generation;
mod heal;
mod keeper;
pub(crate) mod keys;
mod lock;
mod log;
mod mark;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code, reason = "the fuzz targets use a part"))]
mod memory;
#[cfg(any(test, fuzzing))]
#[cfg_attr(fuzzing, allow(dead_code, reason = "the fuzz targets use a part"))]
mod memory_disk;
mod merge;
mod meta;
mod migration;
mod opened;
mod published;
mod queue;
mod rebuild;
mod recent;
mod recovery;
mod replica;
mod resume;
mod sled_backend;
mod sled_tree;
mod stored;
mod switch;
#[cfg(test)]
mod tests;
mod view;
mod writer;

pub use backup::{BackupOptions, BackupReport, RestoreReport};
pub(crate) use backup::{Place, Source as BackupSource, Visit, backup, restore};
#[cfg(test)]
pub(crate) use backup::{Watch, backup_watched, restore_into};
pub(crate) use contents::Contents;
pub use database::Durability;
pub(crate) use database::{Database, Options};
#[cfg(test)]
pub(crate) use disk::Disk;
#[cfg(test)]
pub(crate) use fault::Dice;
pub(crate) use folder::{holds_store, index_folder, index_of, must_hold_store};
pub use folder_bytes::FolderBytes;
pub(crate) use folder_bytes::cut_at;
pub(crate) use frame::hex;
#[cfg(test)]
pub(crate) use memory::MemoryBackend;
#[cfg(test)]
pub(crate) use memory_disk::MemoryDisk;
pub(crate) use merge::prefix_end;
#[cfg(test)]
pub(crate) use opened::Data;
pub(crate) use opened::Opened;
pub(crate) use replica::{read as read_only, read_durable};
pub(crate) use view::View;
pub(crate) use writer::Writer;
