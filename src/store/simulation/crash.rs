//! Machines that stop, and what becomes of the index's files meanwhile.

use super::world::World;
use crate::storage::Dice;
use crate::store::expected::check;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

impl World {
    /// The machine stops: what was not synced is there or not, by chance. Then the store is opened again.
    pub(super) fn crash(&mut self) {
        // The index's files are real ones: what the store does to them while it is let go, a stopped machine does not.
        let (index, kept) = (self.folder.join("index"), self.folder.with_extension("kept"));
        fs::rename(&index, &kept).unwrap();
        let disk = self.disk.crash(&mut self.dice);
        let backend = self.backend.crash(&mut self.dice);
        let based = self.store().engine.is_based() && !self.base_cut;
        self.held.clear();
        self.store = None;
        (self.disk, self.backend) = (Arc::new(disk), Arc::new(backend));
        let _ = fs::remove_dir_all(&index);
        fs::rename(&kept, &index).unwrap();
        let damage = damage(&mut self.dice, &index, &self.folder.with_extension("old"));
        let data = self.lose(based);
        self.trace.push(format!("crash; {damage}; {data}"));
        self.reopen();
    }

    /// The data is gone, or what it could be made anew from, or neither; says what.
    fn lose(&mut self, based: bool) -> &'static str {
        let base = self.folder.join("base");
        match self.dice.below(6) {
            0 | 1 if based => {
                self.backend.ruin();
                "the data is gone"
            }
            2 if base.is_dir() => {
                fs::remove_dir_all(base).unwrap();
                self.base_cut = true;
                "the base is gone"
            }
            3 if base.is_dir() && !paths(&base).is_empty() => {
                let files = paths(&base);
                let path = &files[self.dice.below(files.len())];
                let bytes = fs::read(path).unwrap();
                self.base_cut = true;
                fs::write(path, &bytes[..self.dice.below(bytes.len() + 1)]).unwrap();
                "a file of the base is cut"
            }
            _ => "the data is as it was",
        }
    }

    /// Closes the store as a host does, and opens it again.
    pub(super) fn close_and_open(&mut self) {
        self.trace.push("close".to_owned());
        self.held.clear();
        self.store = None;
        self.settled();
        self.reopen();
    }

    /// Opens; the store is one of those that may be left.
    pub(super) fn reopen(&mut self) {
        self.open().unwrap();
        // What a flipped bit did to parts that opening does not read.
        self.store().engine.look_through();
        let snapshot = self.store().snapshot();
        if !check::holds(&snapshot, &self.model) {
            let left = self.perhaps.iter().rev().find(|model| check::holds(&snapshot, model));
            self.model = left.expect("what was acknowledged is lost, or a write is there in part").clone();
        }
        // What was found is on disk now.
        self.settled();
        check::records(&snapshot, &self.model);
        check::answers(&snapshot, &self.model);
    }

    /// Keeps a copy of the index's files, for a crash to bring back.
    pub(super) fn keep_old_index(&self) {
        let old = self.folder.with_extension("old");
        let _ = fs::remove_dir_all(&old);
        copy(&self.folder.join("index"), &old);
    }
}

/// Does something to the index's files, or nothing; says what.
fn damage(dice: &mut Dice, index: &Path, old: &Path) -> String {
    let files = paths(index);
    let chosen = |dice: &mut Dice| files[dice.below(files.len())].clone();
    match dice.below(10) {
        0 => {
            fs::remove_dir_all(index).unwrap();
            "the index is gone".to_owned()
        }
        1 if old.is_dir() => {
            fs::remove_dir_all(index).unwrap();
            copy(old, index);
            "the index is an old copy".to_owned()
        }
        2 if old.is_dir() => {
            paths(old).iter().for_each(|path| drop(fs::copy(path, index.join(path.file_name().unwrap()))));
            "an old copy lies over the index".to_owned()
        }
        3 if !files.is_empty() => {
            let path = chosen(dice);
            fs::remove_file(&path).unwrap();
            format!("{} is gone", path.display())
        }
        4 if !files.is_empty() => {
            let path = chosen(dice);
            let bytes = fs::read(&path).unwrap();
            let len = dice.below(bytes.len() + 1);
            fs::write(&path, &bytes[..len]).unwrap();
            format!("{} is cut to {len} of {} bytes", path.display(), bytes.len())
        }
        5 if !files.is_empty() => {
            let path = chosen(dice);
            let mut bytes = fs::read(&path).unwrap();
            let bit = dice.below(bytes.len() * 8);
            bytes[bit / 8] ^= 1 << (bit % 8);
            fs::write(&path, &bytes).unwrap();
            format!("bit {bit} of {} is flipped", path.display())
        }
        _ => "the index is as it was".to_owned(),
    }
}

fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for path in paths(from) {
        fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
    }
}
