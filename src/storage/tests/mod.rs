//! The database as a whole: against a model, through crashes, under faults and threads.

mod concurrency;
mod faults;
mod healing;
mod model;
mod rebuild;
mod recovery;
mod replica;
mod rewrite;
mod throughput;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::Path;

use super::{Database, FolderBytes, Opened, Options, View};
use crate::error::Result;

type Map = BTreeMap<Vec<u8>, Vec<u8>>;

fn open(path: &Path) -> Database<u64> {
    open_with(path, &Options::default())
}

fn open_with(path: &Path, options: &Options) -> Database<u64> {
    let opened = Opened::open(path, options).unwrap();
    let seq = opened.contents.seq();
    opened.start(seq).unwrap()
}

fn put(database: &Database<u64>, entries: &[(&[u8], &[u8])]) -> Result<()> {
    let mut writer = database.begin()?;
    for (key, value) in entries {
        writer.put(key.to_vec(), value.to_vec());
    }
    let pending = writer.commit()?;
    let seq = pending.seq();
    pending.publish(seq)
}

fn contents(view: &View<u64>) -> Map {
    let mut map = Map::new();
    view.scan(b"", |key, value| {
        map.insert(key.to_vec(), value.to_vec());
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    map
}

/// The size of a database's folder.
fn megabytes(database: &Database<u64>) -> u64 {
    FolderBytes::of(database.core.base.store()).unwrap().total() >> 20
}

/// A copy of the folder as a crash would leave it: all that was written, nothing that was not.
fn crash_copy(from: &Path) -> tempfile::TempDir {
    let to = tempfile::tempdir().unwrap();
    copy_folder(from, to.path());
    to
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}
