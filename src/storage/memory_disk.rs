//! A disk in memory that keeps apart what was written and what was synced.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};

use super::disk::{Disk, DiskFile};
use super::fault::{Dice, Faults};
use crate::error::{Error, Result};
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::{Mutex, MutexGuard};

/// Bytes that a crash keeps or loses together.
const SECTOR: usize = 32;

/// The disk; its files outlive a crash as far as they were synced, and further by chance.
#[derive(Default)]
pub(crate) struct MemoryDisk {
    /// As they are seen, and as they are known to be on disk.
    names: Mutex<Names>,
    /// What fails.
    pub(crate) faults: Arc<Faults>,
    /// Whether the next sync of a file fails. Later ones of that file say that they succeed, but write nothing: once a sync has
    /// failed, the system takes for written what is not.
    pub(crate) next_sync_fails: Arc<AtomicBool>,
}

#[derive(Clone, Default)]
struct Names {
    seen: BTreeMap<PathBuf, Arc<Content>>,
    durable: BTreeMap<PathBuf, Arc<Content>>,
    /// Since the folder was synced: each is there whole or not at all.
    renames: Vec<(PathBuf, PathBuf)>,
}

impl Names {
    /// Which names a crash leaves as they were seen; the others are as they were synced.
    fn settle(&self, dice: &mut Dice) -> BTreeMap<PathBuf, bool> {
        let paths = self.seen.keys().chain(self.durable.keys()).cloned().collect::<BTreeSet<_>>();
        let mut as_seen: BTreeMap<PathBuf, bool> =
            paths.into_iter().map(|path| (path, dice.one_in(2))).collect();
        for (from, to) in &self.renames {
            let done = dice.one_in(2);
            as_seen.extend([(from.clone(), done), (to.clone(), done)]);
        }
        as_seen
    }
}

/// A file's bytes.
#[derive(Default)]
struct Content(Mutex<Bytes>);

#[derive(Default)]
struct Bytes {
    written: Vec<u8>,
    durable: Vec<u8>,
    /// Whether a sync has failed after which nothing more gets on disk.
    given_up: bool,
}

/// A file that is open, with what fails.
struct OpenFile {
    content: Arc<Content>,
    faults: Arc<Faults>,
    next_sync_fails: Arc<AtomicBool>,
}

impl MemoryDisk {
    /// The disk as a machine that stops now may leave it; this one is off from then on.
    pub(crate) fn crash(&self, dice: &mut Dice) -> Self {
        self.faults.turn_off();
        let names = self.names();
        let mut left = BTreeMap::new();
        for (path, as_seen) in names.settle(dice) {
            let (seen, durable) = (names.seen.get(&path), names.durable.get(&path));
            if let Some(content) = if as_seen { seen } else { durable } {
                let bytes = content.bytes().after_crash(dice);
                left.insert(path, Arc::new(Content::of(bytes)));
            }
        }
        let names = Names { durable: left.clone(), seen: left, renames: Vec::new() };
        Self { names: Mutex::new(names), ..Self::default() }
    }

    fn names(&self) -> MutexGuard<'_, Names> {
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Bytes {
    fn sync(&mut self) {
        if !self.given_up {
            self.durable = self.written.clone();
        }
    }

    /// Each sector as it was written or as it was synced, up to one of the two lengths or between them.
    fn after_crash(&self, dice: &mut Dice) -> Vec<u8> {
        match dice.below(4) {
            0 => return self.durable.clone(),
            1 => return self.written.clone(),
            _ => {}
        }
        let (short, long) =
            (self.durable.len().min(self.written.len()), self.durable.len().max(self.written.len()));
        let len = short + dice.below(long - short + 1);
        let mut left = vec![0; len];
        for start in (0..len).step_by(SECTOR) {
            let from = if dice.one_in(2) { &self.written } else { &self.durable };
            // What was synced at its place and not changed since is the same in both.
            let end = (start + SECTOR).min(len).min(from.len());
            if start < end {
                left[start..end].copy_from_slice(&from[start..end]);
            }
            let synced = (start + SECTOR).min(len).min(short);
            if start < synced && self.durable[start..synced] == self.written[start..synced] {
                left[start..synced].copy_from_slice(&self.durable[start..synced]);
            }
        }
        left
    }
}

impl Content {
    fn of(bytes: Vec<u8>) -> Self {
        Self(Mutex::new(Bytes { written: bytes.clone(), durable: bytes, given_up: false }))
    }

    fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk for MemoryDisk {
    fn create_folder(&self, _: &Path) -> Result<()> {
        self.faults.check("create")
    }

    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        self.faults.check("list")?;
        Ok(self.names().seen.keys().filter(|path| path.parent() == Some(folder)).cloned().collect())
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        self.faults.check("read")?;
        match self.names().seen.get(path) {
            Some(content) => Ok(content.bytes().written.clone()),
            None => Err(Error::io("read", path, io::ErrorKind::NotFound.into())),
        }
    }

    fn len(&self, path: &Path) -> Result<u64> {
        self.read(path).map(|bytes| bytes.len() as u64)
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        self.faults.check("create")?;
        let content = Arc::clone(self.names().seen.entry(path.to_owned()).or_default());
        content.bytes().written.clear();
        let (faults, next_sync_fails) = (Arc::clone(&self.faults), Arc::clone(&self.next_sync_fails));
        Ok(Arc::new(OpenFile { content, faults, next_sync_fails }))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        self.faults.check("rename")?;
        let mut names = self.names();
        match names.seen.remove(from) {
            Some(content) => {
                names.seen.insert(to.to_owned(), content);
                names.renames.push((from.to_owned(), to.to_owned()));
                Ok(())
            }
            None => Err(Error::io("rename", from, io::ErrorKind::NotFound.into())),
        }
    }

    fn remove(&self, path: &Path) -> Result<()> {
        self.faults.check("remove")?;
        self.names().seen.remove(path);
        Ok(())
    }

    fn sync_file(&self, path: &Path) -> Result<()> {
        self.faults.check("sync")?;
        match self.names().seen.get(path) {
            Some(content) => {
                content.bytes().sync();
                Ok(())
            }
            None => Err(Error::io("sync", path, io::ErrorKind::NotFound.into())),
        }
    }

    fn sync_folder(&self, _: &Path) -> Result<()> {
        self.faults.check("sync")?;
        let mut names = self.names();
        names.durable = names.seen.clone();
        names.renames.clear();
        Ok(())
    }
}

impl OpenFile {
    fn check(&self, action: &'static str) -> io::Result<()> {
        self.faults.check(action).map_err(io::Error::other)
    }
}

impl DiskFile for OpenFile {
    /// Half of it is there where it fails.
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        let failed = self.check("write");
        let part = if failed.is_ok() { bytes.len() } else { bytes.len() / 2 };
        self.content.bytes().written.extend(&bytes[..part]);
        failed
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.check("cut")?;
        self.content.bytes().written.truncate(len as usize);
        Ok(())
    }

    fn sync(&self) -> io::Result<()> {
        self.check("sync")?;
        if self.next_sync_fails.swap(false, Ordering::SeqCst) {
            self.content.bytes().given_up = true;
            return Err(io::Error::other("injected"));
        }
        self.content.bytes().sync();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_renamed_file_is_there_once() {
        let (folder, path) = (Path::new("f"), Path::new("f/a"));
        let [mut before, mut after] = [0, 0];
        for seed in 0..100 {
            let disk = MemoryDisk::default();
            disk.create(path).unwrap().append(&[1]).unwrap();
            disk.sync_folder(folder).unwrap();
            disk.rename(path, Path::new("f/b")).unwrap();
            let left = disk.crash(&mut Dice(seed)).list(folder).unwrap();
            assert_eq!(left.len(), 1, "seed {seed}");
            before += usize::from(left[0] == path);
            after += usize::from(left[0] != path);
        }
        assert!(before > 20 && after > 20, "{before} {after}");
    }

    #[test]
    fn what_was_synced_survives_and_the_rest_may() {
        let (folder, path) = (Path::new("f"), Path::new("f/a"));
        let (mut without_name, mut lost, mut torn) = (0, 0, 0);
        for seed in 0..400 {
            let mut dice = Dice(seed);
            let disk = MemoryDisk::default();
            let file = disk.create(path).unwrap();
            file.append(&[1; 100]).unwrap();
            file.sync().unwrap();
            if seed % 2 == 0 {
                disk.sync_folder(folder).unwrap();
            }
            file.append(&[2; 100]).unwrap();
            let left = disk.crash(&mut dice);
            assert!(file.sync().is_err() && disk.list(folder).is_err());
            if let Ok(bytes) = left.read(path) {
                assert!(bytes.len() >= 100 && bytes[..100] == [1; 100], "seed {seed}: {bytes:?}");
                lost += usize::from(bytes.len() == 100);
                torn += usize::from(bytes[100..].contains(&0));
            } else {
                assert!(seed % 2 == 1, "seed {seed}");
                without_name += 1;
            }
        }
        assert!(without_name > 50 && lost > 50 && torn > 50, "{without_name} {lost} {torn}");
    }
}
