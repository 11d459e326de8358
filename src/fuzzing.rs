//! What the fuzz targets need of the inside; compiled for them alone.

pub use crate::store::expected::{Model, Taken, check};

use crate::ingest::{Source, vectors};
use crate::model::Time;
use crate::storage::{self, backup::fuzz, codec, keys, prefix_end};
use std::collections::BTreeMap;

/// Any bytes as a stored value: what decodes is encoded again and decodes to the same bytes.
pub fn codec(bytes: &[u8]) {
    crate::engine::fuzz_values(bytes);
    if let Ok(text) = codec::decode::<String>("fuzz", bytes) {
        let again = codec::encode(&text).unwrap_or_default();
        assert_eq!(codec::decode::<String>("fuzz", &again).ok(), Some(text));
    }
}

/// Keys of events order as users and times do, and read back.
pub fn key_order(a: (u32, i64), b: (u32, i64)) {
    let (Ok(at), Ok(bt)) = (Time::from_micros(a.1), Time::from_micros(b.1)) else { return };
    let (ka, kb) = (keys::event(a.0, at, [0; 8]), keys::event(b.0, bt, [0; 8]));
    assert_eq!(ka.cmp(&kb), (a.0, at).cmp(&(b.0, bt)));
    assert_eq!((keys::u32_at(&ka, 1), keys::time_at(&ka)), (Some(a.0), Some(at)));
    assert!(ka.starts_with(&keys::events_of(a.0)));
    let after = prefix_end(&keys::events_of(a.0));
    assert!(after.is_none_or(|after| ka < after));
}

/// Random changes and upkeep of an index against a map and the exact scan.
pub fn index(metric: u8, ops: &[(u8, u8)]) {
    crate::index::fuzz::operations(metric, ops);
}

/// A small sealed file, to be damaged.
#[must_use]
pub fn sealed_file(folder: &std::path::Path) -> Option<Vec<u8>> {
    crate::index::fuzz::sealed_file(folder)
}

/// Any bytes as a sealed file.
pub fn sealed(bytes: &[u8]) {
    crate::index::fuzz::open(bytes);
}

/// Any bytes as the index's manifest.
pub fn index_manifest(bytes: &[u8]) {
    crate::index::fuzz::manifest(bytes);
}

/// Any bytes as an export: what its first line says of the store is refused, or a store can be made like it; and the rest is read as it
/// was.
pub fn exported_settings(bytes: &[u8]) {
    use std::io::Read;
    let source = Source::reader("fuzz", std::io::Cursor::new(bytes.to_vec()));
    let Ok((settings, source)) = crate::ingest::exported_settings(source) else { return };
    let mut left = Vec::new();
    let read = source.open().map(|mut reader| reader.read_to_end(&mut left).is_ok());
    assert!(read.is_ok_and(|read| read));
    assert_eq!(left, bytes);
    settings.into_iter().for_each(crate::engine::fuzz_settings);
}

/// Any bytes as each kind of vector file: what is read is as much as was there, and is read again from what is written of it.
pub fn vector_files(bytes: &[u8]) {
    for name in ["a.npy", "a.fvecs", "a.bvecs"] {
        let Ok(vectors) = vectors::vectors_of(name.as_ref(), bytes) else { continue };
        let values: Vec<f32> = vectors.iter().flatten().copied().collect();
        assert!(values.len() == vectors.len() * vectors.dim() && values.len() <= bytes.len());
        let row = |row: &[f32]| {
            let length = (vectors.dim() as i32).to_le_bytes();
            length.into_iter().chain(row.iter().flat_map(|x| x.to_le_bytes())).collect::<Vec<u8>>()
        };
        let written: Vec<u8> = vectors.iter().flat_map(row).collect();
        let again = vectors::vectors_of("a.fvecs".as_ref(), &written);
        assert_eq!(vectors.is_empty(), again.is_err(), "no rows tell no length");
        let same = |again: &vectors::Vectors| {
            again.dim() == vectors.dim()
                && again.iter().flatten().map(|x| x.to_bits()).eq(values.iter().map(|x| x.to_bits()))
        };
        assert!(again.is_ok_and(|again| same(&again)) || vectors.is_empty());
    }
    for name in ["a.npy", "a.ivecs"] {
        let Ok(lists) = vectors::neighbors_of(name.as_ref(), bytes) else { continue };
        assert!(lists.iter().map(Vec::len).sum::<usize>() <= bytes.len() / 4);
        assert!(lists.iter().all(|list| list.len() == lists[0].len()));
    }
}

/// A commit: whether it begins a file, how many before it were not on disk yet, keys and their new values.
pub type Commit = (bool, u8, Vec<(Vec<u8>, Option<Vec<u8>>)>);

/// Commits as a log, of whose files some are as older builds wrote them and some are kept: whole, cut, and with a byte changed.
pub fn log(mut commits: Vec<Commit>, old: usize, kept: usize, place: usize, change: u8) {
    commits.iter_mut().for_each(|(_, _, changes)| changes.retain(|(key, _)| is_key(key)));
    storage::fuzz::log(&commits, old, kept, place, change);
}

/// Any bytes as a record of the log, as a value, and as what the reserved keys hold.
pub fn stored(bytes: &[u8], key: &[u8], len: u16, place: usize, change: u8) {
    storage::fuzz::record(bytes);
    storage::fuzz::reserved(bytes);
    if is_key(key) {
        storage::fuzz::value(key, bytes, len, place, change);
    }
}

/// Any text as a name in a store's folder, and as what `CURRENT` says.
pub fn names(text: &str, first: u64, last: u64, place: usize, change: u8) {
    storage::fuzz::name(text, first, last);
    storage::fuzz::current(text, first, place, change);
}

/// Any bytes in the file of the lock of a folder.
pub fn lock(folder: &std::path::Path, bytes: &[u8]) {
    assert!(storage::fuzz::lock(folder, bytes).is_ok());
}

fn is_key(key: &[u8]) -> bool {
    (1..=512).contains(&key.len()) && key[0] != 0xFF
}

/// Any bytes as the files of a backup, behind their beginnings too, and any entries that can be stored as chunks.
pub fn backup(bytes: &[u8], mut entries: BTreeMap<Vec<u8>, Vec<u8>>) {
    fuzz::manifest(bytes);
    for beginning in [*b"KNDRBKUP\x01\0\0\0\x01\0\0\0", *b"KNDRBKUP\x02\0\0\0\x02\0\0\0"] {
        fuzz::manifest(&[&beginning[..], bytes].concat());
    }
    fuzz::chunk(bytes);
    fuzz::chunk(&[&b"KNDRCHNK\x01\0\0\0"[..], bytes].concat());
    entries.retain(|key, _| is_key(key));
    fuzz::cut(&entries);
}
