//! The durable, multi-version key-value base: one writer, any number of immutable views, every
//! acknowledged commit on disk. Keys and values are opaque here. Not for anything that is derived.

mod applier;
mod backend;
pub(crate) mod backup;
mod changes;
pub(crate) mod codec;
mod core;
mod current;
mod database;
mod disk;
#[cfg(test)]
mod fault;
mod folder;
mod frame;
mod generation;
pub(crate) mod keys;
mod lock;
mod log;
#[cfg(test)]
mod memory;
#[cfg(test)]
mod memory_disk;
mod merge;
mod meta;
mod published;
mod queue;
mod recent;
mod recovery;
mod sled_backend;
mod sled_tree;
mod stored;
#[cfg(test)]
mod tests;
mod view;
mod writer;

#[cfg(test)]
pub(crate) use backend::Backend;
pub use backup::{BackupOptions, BackupReport, RestoreReport};
pub(crate) use backup::{Place, Source as BackupSource, Visit, backup, restore};
pub use database::Durability;
pub(crate) use database::{Database, Opened, Options};
#[cfg(test)]
pub(crate) use disk::Disk;
#[cfg(test)]
pub(crate) use fault::Dice;
pub(crate) use folder::{holds_store, index_folder};
pub(crate) use frame::hex;
#[cfg(test)]
pub(crate) use memory::MemoryBackend;
#[cfg(test)]
pub(crate) use memory_disk::MemoryDisk;
pub(crate) use merge::prefix_end;
pub(crate) use view::View;
pub(crate) use writer::Writer;
