//! The commit log: every commit's stored changes, checksummed and synced before anybody is told.

pub(crate) mod file;
mod group_commit;
mod reader;
pub(crate) mod record;
mod writer;

pub(crate) use reader::{Replayed, Which, files, replay, store_id};
pub(crate) use writer::{KEEP_NONE, Log};
