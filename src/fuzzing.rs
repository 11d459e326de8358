//! What the fuzz targets need of the inside; compiled for them alone.

use crate::model::Time;
use crate::storage::{backup::fuzz, codec, keys, prefix_end};
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

/// Any bytes as the files of a backup, behind their beginnings too, and any entries that can be stored as chunks.
pub fn backup(bytes: &[u8], mut entries: BTreeMap<Vec<u8>, Vec<u8>>) {
    fuzz::manifest(bytes);
    fuzz::manifest(&[&b"KNDRBKUP\x01\0\0\0\x01\0\0\0"[..], bytes].concat());
    fuzz::chunk(bytes);
    fuzz::chunk(&[&b"KNDRCHNK\x01\0\0\0"[..], bytes].concat());
    entries.retain(|key, _| (1..=512).contains(&key.len()) && key[0] != 0xFF);
    fuzz::cut(&entries);
}
