//! Backups of a map: through crashes, damage, changes and strangers.

mod chunks;
mod crash;
mod damage;
mod restored;

use super::chunk::Cut;
use super::files::{Files, Watch};
use super::read::Backup;
use super::write::{Check, Run, Source, Visit};
use super::{BackupOptions, BackupReport};
use crate::error::Result;
use crate::model::Time;
use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

type Entries = BTreeMap<Vec<u8>, Vec<u8>>;

/// Short chunks, so that small maps have many.
const CUT: Cut = Cut { least: 256, mean: 768, most: 4096 };

/// `count` entries of some 60 bytes, as the seed says.
fn entries(seed: u64, count: u64) -> Entries {
    (0..count).map(|n| entry(seed, n)).collect()
}

fn entry(seed: u64, n: u64) -> (Vec<u8>, Vec<u8>) {
    let hash = blake3::hash(&[seed.to_le_bytes(), n.to_le_bytes()].concat());
    let bytes = hash.as_bytes();
    let mut key = vec![b'e'];
    key.extend(&bytes[..12]);
    (key, bytes[..].repeat(1 + usize::from(bytes[31]) % 3))
}

/// Any map may be opened.
const OPENS: Check<'_> = &|_| Ok(());

struct Made<'a> {
    store_id: u128,
    commit: u64,
    options: BackupOptions,
    cut: Cut,
    watch: Watch<'a>,
}

impl Default for Made<'_> {
    fn default() -> Self {
        let options = BackupOptions::new().time(Time::default());
        Self { store_id: 7, commit: 1, options, cut: CUT, watch: &|_, _| Ok(()) }
    }
}

impl Made<'_> {
    fn of(&self, entries: &Entries, to: &Path) -> Result<BackupReport> {
        self.checked(entries, to, OPENS)
    }

    fn checked(&self, entries: &Entries, to: &Path, check: Check<'_>) -> Result<BackupReport> {
        let scan = |visit: Visit<'_>| {
            entries.iter().try_for_each(|(key, value)| visit(key, Ok(value.clone())).map(drop))
        };
        let source = Source {
            store_id: self.store_id,
            commit: self.commit,
            until: &|| Ok(self.commit),
            scan: &scan,
            keep: &|_| true,
        };
        Run::start(Files::take(to, self.watch)?, &self.options, self.cut, &|_| {}).go(&source, check)
    }
}

/// What a backup holds, read as for a restore.
fn contents(folder: &Path) -> Result<Entries> {
    let mut entries = Entries::new();
    Backup::open(folder)?.visit(&|_| {}, |key, value| {
        entries.insert(key.to_vec(), value.to_vec());
        Ok(())
    })?;
    Ok(entries)
}

/// Names and bytes of the files in a folder, the lock's apart.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let all = fs::read_dir(folder).unwrap().map(Result::unwrap);
    let named = all.map(|file| (file.file_name().into_string().unwrap(), file.path()));
    named.filter(|(name, _)| name != "LOCK").map(|(name, path)| (name, fs::read(path).unwrap())).collect()
}
