//! What the fuzz targets do to the log, and to the small files and the values beside it.

use super::backend::{Backend, Op};
use super::disk::Disk;
use super::frame::{self, Kind};
use super::lock::{FolderLock, forget_start};
use super::log::record::{self, Form, RecordBuilder};
use super::log::{self, Which, file};
use super::memory::MemoryBackend;
use super::memory_disk::MemoryDisk;
use super::stored::{self, PART_BYTES};
use super::{current, meta};
use crate::error::{Error, Result};
use std::path::{Path, PathBuf};

const STORE_ID: u128 = 7;
const FOLDER: &str = "log";
/// A format whose records are of the old form.
const OLD: u32 = 4;

/// Keys with their new values, or none where they are deleted.
pub(crate) type Changes = Vec<(Vec<u8>, Option<Vec<u8>>)>;
/// Whether a commit begins a file, how many before it were not on disk yet, and what it changes.
pub(crate) type Commit = (bool, u8, Changes);

/// A record as it is read: number, number up to which all was on disk, stored changes.
type Read = (u64, u64, Changes);

/// A log of some commits is read as it was written. Cut anywhere it is read up to there, and a changed byte is never taken for
/// what was written: it is damage, or the end of what was on disk. The first `old` files are as an older build wrote them.
pub(crate) fn log(commits: &[Commit], old: usize, kept: usize, place: usize, change: u8) {
    let written = Written::new(commits, old, kept);
    let whole = written.read(Which::After(0)).expect("a log that is whole");
    assert_eq!(whole, written.records);
    let behind = written.records.len() as u64 / 2;
    let mut rest = written.read(Which::After(behind)).expect("a log that is whole");
    rest.retain(|record| record.0 > behind);
    assert_eq!(rest, whole[behind as usize..]);
    written.cut(place);
    if change != 0 {
        written.flip(place, change);
    }
}

/// The files of a log, and what they say.
#[derive(Default)]
struct Written {
    old: usize,
    files: Vec<(PathBuf, Vec<u8>)>,
    records: Vec<Read>,
    /// For each record its file, and where in that it ends.
    ends: Vec<(usize, usize)>,
}

impl Written {
    fn new(commits: &[Commit], old: usize, kept: usize) -> Self {
        let mut written = Self { old, ..Self::default() };
        written.begin(1);
        for (seq, (begins, lag, changes)) in (1..).zip(commits) {
            if *begins && seq > 1 {
                written.begin(seq);
            }
            written.append(seq, (seq - 1).saturating_sub(u64::from(*lag)), changes);
        }
        let last = written.files.len() - 1;
        let firsts: Vec<_> = written.files.iter().filter_map(|(path, _)| file::first_seq(path)).collect();
        for at in 0..kept.min(last) {
            written.files[at].0 = file::kept_path(Path::new(FOLDER), firsts[at], firsts[at + 1] - 1);
        }
        written
    }

    fn begin(&mut self, seq: u64) {
        let path = file::path(Path::new(FOLDER), seq);
        let format = if self.files.len() < self.old { OLD } else { file::FORMAT };
        self.files.push((path, file::header_of(format, STORE_ID, seq).to_vec()));
    }

    fn append(&mut self, seq: u64, durable: u64, changes: &Changes) {
        let mut builder = RecordBuilder::with_capacity(0);
        for (key, value) in changes {
            stored::write(&mut builder, key, None, value.as_deref());
        }
        let at = self.files.len() - 1;
        let bytes = &mut self.files[at].1;
        let key = bytes.first_chunk().map(file::key).expect("a header");
        let record = builder.finish(seq, durable, &key).expect("a short record");
        self.records.push((seq, durable, owned(record.ops())));
        if at < self.old {
            bytes.extend(record::in_old_form(record.bytes()));
        } else {
            bytes.extend(record.bytes());
        }
        self.ends.push((at, bytes.len()));
    }

    fn read(&self, which: Which) -> Result<Vec<Read>> {
        let disk = MemoryDisk::default();
        for (path, bytes) in &self.files {
            disk.create(path)?.append(bytes).map_err(|e| Error::io("write", path, e))?;
        }
        let mut records = Vec::new();
        log::replay(&disk, Path::new(FOLDER), STORE_ID, which, |found| {
            records.push((found.seq, found.durable, owned(found.ops.clone())));
            Ok(())
        })?;
        Ok(records)
    }

    /// The end of the log is cut off.
    fn cut(&self, place: usize) {
        let last = self.files.len() - 1;
        let len = place % (self.files[last].1.len() + 1);
        let whole = self.ends.iter().filter(|(at, end)| *at < last || *end <= len).count();
        let mut files = self.files.clone();
        files[last].1.truncate(len);
        let cut = Self { files, ..Self::default() };
        assert_eq!(cut.read(Which::After(0)).expect("a log that was cut short"), self.records[..whole]);
    }

    /// A byte somewhere in a file is changed.
    fn flip(&self, place: usize, change: u8) {
        let at = place % self.files.len();
        let mut files = self.files.clone();
        let bytes = &mut files[at].1;
        let byte = place / self.files.len() % bytes.len();
        bytes[byte] ^= change;
        let read = Self { files, ..Self::default() }.read(Which::After(0));
        let last = at + 1 == self.files.len();
        let hit =
            self.ends.iter().position(|(of, end)| *of == at && byte >= file::HEADER_BYTES && byte < *end);
        match hit {
            Some(hit) if last && !self.known_on_disk(hit) => {
                assert_eq!(read.expect("a record that may be torn"), self.records[..hit]);
            }
            None if last && self.files[at].1.len() == file::HEADER_BYTES => {
                assert_eq!(read.expect("a file that was only begun"), self.records);
            }
            _ => assert!(read.is_err(), "byte {byte} of file {at} was changed"),
        }
    }

    /// Whether a later record says that one had been on disk.
    fn known_on_disk(&self, at: usize) -> bool {
        let seq = self.records[at].0;
        self.records[at + 1..].iter().any(|(_, durable, _)| *durable >= seq)
    }
}

fn owned<'a>(ops: impl Iterator<Item = Op<'a>>) -> Changes {
    ops.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).collect()
}

/// Any bytes as a record's changes, with the checksum that makes them pass: what is read is written as it was.
pub(crate) fn record(payload: &[u8]) {
    let forms = [Form::Sealed([9; 32]), Form::Old];
    assert!(
        forms.iter().all(|form| record::find(payload, form).is_none()),
        "bytes that begin with their own checksum"
    );
    let bytes =
        RecordBuilder::of_payload(payload).finish(1, 0, &[9; 32]).expect("a short record").bytes().to_vec();
    let old = record::in_old_form(&bytes);
    for (bytes, form) in [&bytes, &old].into_iter().zip(&forms) {
        read_record(payload, &record::find(bytes, form).expect("a sound record"));
    }
}

fn read_record(payload: &[u8], found: &record::Found<'_>) {
    let mut again = Vec::new();
    for (key, value) in found.ops.clone() {
        again.extend((key.len() as u16).to_le_bytes());
        again.extend(value.map_or(u32::MAX, |value| value.len() as u32).to_le_bytes());
        again.extend(key);
        again.extend(value.unwrap_or_default());
    }
    assert!(payload.starts_with(&again));
}

/// A value of any length is read as it was stored, and is damaged where a byte of what is stored was changed or a part is gone.
pub(crate) fn value(key: &[u8], pattern: &[u8], len: u16, place: usize, change: u8) {
    let value: Vec<u8> = pattern.iter().copied().cycle().take(usize::from(len) % (3 * PART_BYTES)).collect();
    let mut builder = RecordBuilder::with_capacity(0);
    stored::write(&mut builder, key, None, Some(&value));
    let record = builder.finish(1, 0, &[0; 32]).expect("a short record");
    let stored_keys: Vec<&[u8]> = record.ops().map(|(key, _)| key).collect();
    let backend = holding(&mut record.ops());
    assert_eq!(stored::read(&backend, key).ok(), Some(Some(value)));
    let at = stored_keys[place % stored_keys.len()];
    let without = holding(&mut record.ops().filter(|(key, _)| *key != at));
    assert!(at == key || stored::read(&without, key).is_err());
    let mut is_changed = false;
    backend.tamper(at, |bytes| {
        let byte = place % bytes.len();
        bytes[byte] ^= change;
        is_changed = change != 0;
    });
    assert!(!is_changed || matches!(stored::read(&backend, key), Err(Error::Damaged { .. })));
}

/// A backend of some entries.
fn holding(entries: &mut dyn Iterator<Item = Op<'_>>) -> MemoryBackend {
    let backend = MemoryBackend::default();
    backend.apply(entries).expect("a backend in memory");
    backend
}

/// Any bytes as what the reserved keys hold, and as a value: what is read is written as it was.
pub(crate) fn reserved(bytes: &[u8]) {
    for bytes in [bytes.to_vec(), with_checksum(bytes), frame::framed(meta::APPLIED_KEY, Kind::Whole, bytes)]
    {
        let reserved = [meta::STORE_KEY, meta::APPLIED_KEY];
        let backend = holding(&mut reserved.into_iter().map(|key| (key, Some(&bytes[..]))));
        drop(meta::identity(&backend));
        if let Ok(seq) = meta::applied(&backend) {
            assert_eq!(meta::encode_applied(seq)[..], bytes);
        }
        if let Ok((kind, payload)) = frame::read(b"key", &bytes) {
            assert_eq!(frame::framed(b"key", kind, payload), bytes);
        }
    }
}

/// The identity of a store that is `bytes`, its checksum put right.
fn with_checksum(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = [&b"KINDRED\0"[..], bytes].concat();
    bytes.resize(28, 0);
    bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
    bytes
}

/// Any text as the name of a file or folder of a store: what is one is what would be given.
pub(crate) fn name(text: &str, first: u64, last: u64) {
    let (folder, path) = (Path::new(FOLDER), Path::new(FOLDER).join(text));
    // A folder tells names, never paths.
    if let Some(found) = file::first_seq(&path).filter(|_| !text.contains('/')) {
        let given = match file::kept_until(&path) {
            Some(until) => file::kept_path(folder, found, until),
            None => file::path(folder, found),
        };
        assert_eq!(path, given);
    }
    let (live, kept) = (file::path(folder, first), file::kept_path(folder, first, last));
    assert_eq!((file::first_seq(&live), file::kept_until(&live)), (Some(first), None));
    assert_eq!((file::first_seq(&kept), file::kept_until(&kept)), (Some(first), Some(last)));
    if let Some(number) = current::number(text) {
        assert_eq!(current::path(folder, number), path);
    }
    assert_eq!(
        current::path(folder, first).to_str().and_then(|path| current::number(&path[4..])),
        Some(first)
    );
}

/// Any text as `CURRENT`: what is read is written as it was, and no other text says the same.
pub(crate) fn current(found: &str, number: u64, place: usize, change: u8) {
    if let Some(number) = current::parse(found) {
        assert_eq!(current::text(number), found);
    }
    let mut bytes = current::text(number).into_bytes();
    let at = place % bytes.len();
    assert_eq!(current::parse(&current::text(number)), Some(number));
    assert_eq!(current::parse(&current::text(number)[..at]), None);
    bytes[at] ^= change & 0x7F;
    let parsed = std::str::from_utf8(&bytes).ok().and_then(current::parse);
    assert!(change & 0x7F == 0 || parsed.is_none());
}

/// Any bytes in the lock's file: it can be taken, and what it says of the machine's start is believed only where a holder said it.
pub(crate) fn lock(folder: &Path, bytes: &[u8]) -> Result<()> {
    let write =
        |bytes: &[u8]| std::fs::write(folder.join("LOCK"), bytes).map_err(|e| Error::io("write", folder, e));
    write(bytes)?;
    let held = FolderLock::acquire(folder)?;
    assert!(held.machine_stopped());
    assert!(matches!(FolderLock::acquire(folder), Err(Error::Locked { .. })));
    held.note_start();
    drop(held);
    let held = FolderLock::acquire(folder)?;
    let is_known = Path::new("/proc/sys/kernel/random/boot_id").exists();
    assert_eq!(held.machine_stopped(), !is_known);
    drop(held);
    write(bytes)?;
    forget_start(folder).map_err(|e| Error::io("write", folder, e))?;
    assert!(FolderLock::acquire(folder)?.machine_stopped());
    Ok(())
}
