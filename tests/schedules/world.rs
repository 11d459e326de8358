//! A database over a disk and data in memory, and what it must show whoever wrote what.

use crate::error::Result;
use crate::storage::{Database, Dice, Disk, MemoryBackend, MemoryDisk, Opened, Options, View};
use shuttle::rand::{Rng, thread_rng};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;
use tempfile::TempDir;

const COUNT: &[u8] = b"count";
const ECHO: &[u8] = b"echo";
const BY: u8 = b'n';

pub(crate) struct World {
    folder: Arc<TempDir>,
    pub(crate) disk: Arc<MemoryDisk>,
    pub(crate) backend: Arc<MemoryBackend>,
}

impl World {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        // Those of a store that is there: a new one has its folders synced, which takes long on a real disk.
        ["log", "data"].iter().for_each(|name| std::fs::create_dir(folder.path().join(name)).unwrap());
        Self { folder: Arc::new(folder), disk: Arc::default(), backend: Arc::default() }
    }

    pub(crate) fn open(&self, options: &Options) -> Database<u64> {
        self.try_open(options).unwrap()
    }

    pub(crate) fn try_open(&self, options: &Options) -> Result<Database<u64>> {
        let (disk, data) = (Arc::clone(&self.disk) as _, Arc::clone(&self.backend) as _);
        let opened = Opened::open_over(self.folder.path(), options, &disk, &data)?;
        let seq = opened.contents.seq();
        opened.start(seq)
    }

    /// Number of the first commit that the log has not set aside.
    pub(crate) fn set_aside_until(&self) -> u64 {
        let files = self.disk.list(&self.folder.path().join("log")).unwrap();
        let live =
            files.iter().filter_map(|path| path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok());
        live.min().unwrap()
    }

    /// Damages what the first commit noted.
    pub(crate) fn flip_first(&self) {
        self.backend.tamper(&noted(1), |bytes| bytes[0] ^= 1);
    }

    /// What a machine that stops now may leave; nothing works here any more.
    pub(crate) fn stop(&self) -> Self {
        let mut dice = Dice(thread_rng().r#gen());
        let disk = Arc::new(self.disk.crash(&mut dice));
        let backend = Arc::new(self.backend.crash(&mut dice));
        Self { folder: Arc::clone(&self.folder), disk, backend }
    }
}

/// Counts one further, and notes by whom; returns the count, which is the commit's number.
pub(crate) fn commit(database: &Database<u64>, by: u8) -> Result<u64> {
    let mut writer = database.begin()?;
    let count = writer.get(COUNT)?.map_or(0, |value| number(&value)) + 1;
    writer.put(COUNT.to_vec(), count.to_be_bytes().to_vec());
    writer.put(noted(count), vec![by]);
    writer.put(ECHO.to_vec(), count.to_be_bytes().to_vec());
    let pending = writer.commit()?;
    let seq = pending.seq();
    assert_eq!(seq, count, "each commit has the next number");
    pending.publish(seq)?;
    Ok(count)
}

/// Checks that a view is of one commit, whole, with all before it and none behind; returns its number.
pub(crate) fn check(view: &View<u64>) -> Result<u64> {
    let mut found = BTreeMap::new();
    view.scan(b"", |key, value| {
        found.insert(key.to_vec(), value.to_vec());
        Ok(ControlFlow::Continue(()))
    })?;
    let count = found.remove(COUNT).map_or(0, |value| number(&value));
    assert_eq!((count, *view.attachment()), (view.seq(), view.seq()), "the view is of its commit");
    assert_eq!(found.remove(ECHO).map_or(0, |value| number(&value)), count, "a commit is whole");
    assert!(found.into_keys().eq((1..=count).map(noted)), "all commits before are there, and no other");
    let read = view.get(COUNT)?.map_or(0, |value| number(&value));
    assert_eq!(read, count, "reading one key says the same");
    Ok(count)
}

fn noted(count: u64) -> Vec<u8> {
    [&[BY][..], &count.to_be_bytes()].concat()
}

fn number(value: &[u8]) -> u64 {
    u64::from_be_bytes(value.try_into().unwrap())
}
