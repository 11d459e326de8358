//! What a process reads that does not have the store open: the base and what the log says behind it. Nothing is written.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::backend::{Backend, Op};
use super::backup::Lookup;
use super::base;
use super::contents::Contents;
use super::disk::{Disk, SystemDisk};
use super::folder::LOG_FOLDER;
use super::frame::{self, Kind};
use super::log::{self, Which};
use super::stored::{self, OpSink, RESERVED};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::thread;

/// Files may go while they are looked at; then all is looked at anew, after this long.
const TRIES: u32 = 20;
const PAUSE: Duration = Duration::from_millis(5);

/// Stored values by their stored keys.
type Stored = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// The base with the log's changes over it.
struct Replica {
    base: Option<Lookup>,
    since: Stored,
}

/// What the store in a folder holds just now, whoever has it open.
///
/// # Errors
/// [`Error::Storage`] where the store has no base yet, which it makes once it is open; [`Error::Damaged`], [`Error::Io`].
pub(crate) fn read(store: &Path) -> Result<Contents> {
    over(store, &SystemDisk)
}

/// The same, all of it on disk: a stop of the machine takes nothing of it back, unless a sync of the log had failed before.
///
/// # Errors
/// [`Error::Damaged`] also where the base lacks values, of which nothing would be told.
pub(crate) fn read_durable(store: &Path) -> Result<Contents> {
    let (contents, lacking) = look(store, &SystemDisk)?;
    if lacking > 0 {
        let reason = format!(
            "it lacks {lacking} damaged value(s): let the process that has the store make the backup, or close it"
        );
        return Err(Error::damaged("the store's second copy", reason));
    }
    // What is in older files was synced before the next was begun, and what is in no file of the log any more is in the data.
    for path in log::files(&SystemDisk, &store.join(LOG_FOLDER), Which::Live)? {
        match File::open(&path).and_then(|file| file.sync_data()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                return Err(Error::io("sync", path, error));
            }
            _ => {}
        }
    }
    Ok(contents)
}

/// What a base or a backup holds as of its commit.
pub(super) fn of_base(base: Lookup, store_id: u128, seq: u64) -> Contents {
    Contents { backend: Arc::new(Replica { base: Some(base), since: Stored::new() }), store_id, seq }
}

/// [`read`] with the log on `disk`.
pub(super) fn over(store: &Path, disk: &dyn Disk) -> Result<Contents> {
    look(store, disk).map(|(contents, _)| contents)
}

/// What the store holds, and how many values the base lacks of it.
fn look(store: &Path, disk: &dyn Disk) -> Result<(Contents, u64)> {
    let mut tries = TRIES;
    loop {
        match try_look(store, disk) {
            Err(error) if tries > 0 && may_pass(&error) => {
                tries -= 1;
                thread::sleep(PAUSE);
            }
            read => return read,
        }
    }
}

/// Whether an error may come from what the writer did meanwhile.
fn may_pass(error: &Error) -> bool {
    match error {
        // The base may have been renewed between a look at it and one at the log.
        Error::Storage { .. } => true,
        Error::Io { source, .. } => source.kind() == io::ErrorKind::NotFound,
        error => error.kind() == ErrorKind::Damage,
    }
}

fn try_look(store: &Path, disk: &dyn Disk) -> Result<(Contents, u64)> {
    let log_folder = store.join(LOG_FOLDER);
    let base = base::read(store)?;
    let commit = base.as_ref().map_or(0, super::backup::Backup::commit);
    let store_id = match &base {
        Some(base) => base.store_id(),
        None => log::store_id(disk, &log_folder)?,
    };
    let mut since = Stored::new();
    let replayed = log::replay(disk, &log_folder, store_id, Which::After(commit), |record| {
        if record.seq > commit {
            since.extend(record.ops.clone().map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))));
        }
        Ok(())
    })?;
    if replayed.first_seq.is_none_or(|first| first > commit + 1) {
        let reason = "it has no base yet, which is made soon after it is opened: try again".to_owned();
        return Err(Error::Storage { action: "read a store that is open elsewhere", reason });
    }
    let seq = replayed.last_seq.unwrap_or(commit).max(commit);
    if base.as_ref().is_some_and(|base| seq < base.until()) {
        return Err(Error::damaged(log_folder.display().to_string(), "it ends before the base does"));
    }
    let lacking = base.as_ref().map_or(0, super::backup::Backup::damaged);
    let base = base.as_ref().map(super::backup::Backup::lookup).transpose()?;
    Ok((Contents { backend: Arc::new(Replica { base, since }), store_id, seq }, lacking))
}

impl Replica {
    /// What is stored under a key as the base has it.
    fn in_base(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        let Some(base) = &self.base else { return Ok(None) };
        match key.strip_prefix(&[RESERVED]).and_then(|part| part.split_last_chunk::<2>()) {
            Some((logical, index)) => {
                let index = usize::from(u16::from_be_bytes(*index));
                Ok(base.get(logical)?.and_then(|value| stored::part(key, value, index)))
            }
            None => Ok(base.get(key)?.and_then(|value| stored_form(key, value))),
        }
    }
}

/// What lies under a logical key with a value: the value, or the head of its parts.
fn stored_form(key: &[u8], value: &[u8]) -> Option<Vec<u8>> {
    let mut wanted = Wanted { key, found: None };
    stored::write(&mut wanted, key, None, Some(value));
    wanted.found
}

/// Picks the one stored value of a logical one that lies under a key.
struct Wanted<'a> {
    key: &'a [u8],
    found: Option<Vec<u8>>,
}

impl OpSink for Wanted<'_> {
    fn put(&mut self, key: &[u8], kind: Kind, payload: &[u8]) {
        if key == self.key {
            self.found = Some(frame::framed(key, kind, payload));
        }
    }

    fn delete(&mut self, _: &[u8]) {}
}

impl Backend for Replica {
    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        match self.since.get(key) {
            Some(value) => Ok(value.clone()),
            None => self.in_base(key),
        }
    }

    /// Only of logical keys.
    fn scan(&self, from: &[u8], to: Option<&[u8]>, limit: usize) -> Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let is_before_end = |key: &[u8]| to.is_none_or(|to| key < to);
        if !is_before_end(from) {
            return Ok(Vec::new());
        }
        let end = to.map_or(Bound::Unbounded, Bound::Excluded);
        let mut since = self.since.range::<[u8], _>((Bound::Included(from), end)).peekable();
        let mut entries = Vec::new();
        if let Some(base) = &self.base {
            base.scan(from, |key, value| {
                while let Some((over, value)) = since.next_if(|(over, _)| over.as_slice() < key) {
                    entries.extend(value.clone().map(|value| (over.clone(), value)));
                }
                if !is_before_end(key) || entries.len() >= limit {
                    return false;
                }
                let over = since.next_if(|(over, _)| over.as_slice() == key).map(|(_, value)| value.clone());
                let value = over.unwrap_or_else(|| stored_form(key, value));
                entries.extend(value.map(|value| (key.to_vec(), value)));
                true
            })?;
        }
        while entries.len() < limit
            && let Some((key, value)) = since.next()
        {
            entries.extend(value.clone().map(|value| (key.clone(), value)));
        }
        entries.truncate(limit);
        Ok(entries)
    }

    fn apply(&self, _: &mut dyn Iterator<Item = Op<'_>>) -> Result<()> {
        Err(only_read())
    }

    fn sync(&self) -> Result<()> {
        Err(only_read())
    }

    fn rewrite(&self, _: &dyn Fn(u64), _: &AtomicBool) -> Result<bool> {
        Err(only_read())
    }
}

fn only_read() -> Error {
    Error::Bug("a store that was opened to be read was written to".to_owned())
}
