//! Logical values to stored ones and back: a value too long for sled's pages lies in parts, in a
//! key space of their own behind all logical keys, so that scans of logical keys never meet them.

use super::backend::Backend;
use super::frame::{self, Kind};
use crate::error::{Error, ErrorKind, Result};

/// First byte of every reserved key; logical keys begin below it.
pub(crate) const RESERVED: u8 = 0xFF;

/// Longest logical key, in bytes.
pub(crate) const MAX_KEY_BYTES: usize = 512;

/// Longest payload of one stored value. sled puts up to 17 values on a page and moves pages over
/// 128 KiB into files that it never syncs.
pub(crate) const PART_BYTES: usize = 7_000;

/// Longest logical value, in bytes.
pub(crate) const MAX_VALUE_BYTES: usize = PART_BYTES * (u16::MAX as usize);

/// Bytes of a head's payload: length u32, checksum u32.
const HEAD_BYTES: usize = 8;

/// Where the stored changes of a logical change go.
pub(crate) trait OpSink {
    /// Stores `payload`, framed, under `key`.
    fn put(&mut self, key: &[u8], kind: Kind, payload: &[u8]);
    /// Deletes `key`.
    fn delete(&mut self, key: &[u8]);
}

/// The stored changes that make `after` of `before` under the logical `key`.
pub(crate) fn write(sink: &mut impl OpSink, key: &[u8], before: Option<&[u8]>, after: Option<&[u8]>) {
    let old_parts = before.map_or(0, |value| part_count(value.len()));
    let new_parts = after.map_or(0, |value| part_count(value.len()));
    match after {
        None => sink.delete(key),
        Some(value) if new_parts == 0 => sink.put(key, Kind::Whole, value),
        Some(value) => {
            for (index, part) in value.chunks(PART_BYTES).enumerate() {
                sink.put(&part_key(key, index), Kind::Part, part);
            }
            sink.put(key, Kind::Head, &head(value));
        }
    }
    for index in new_parts..old_parts {
        sink.delete(&part_key(key, index));
    }
}

/// What lies under the key of a part of a value, if the value has so many.
pub(crate) fn part(part_key: &[u8], value: &[u8], index: usize) -> Option<Vec<u8>> {
    if index >= part_count(value.len()) {
        return None;
    }
    let part = value.chunks(PART_BYTES).nth(index)?;
    Some(frame::framed(part_key, Kind::Part, part))
}

/// The logical value under `key`. While it is being changed this may be a mixture or
/// [`Error::Damaged`]: the caller knows from the overlays whether it is.
pub(crate) fn read(backend: &dyn Backend, key: &[u8]) -> Result<Option<Vec<u8>>> {
    match backend.get(key)? {
        Some(bytes) => unframe(backend, key, bytes).map(Some),
        None => Ok(None),
    }
}

/// What was read from a backend, which hears of it where it is damaged. Not for what [`read`] gives while a value is being changed.
pub(crate) fn told<T>(backend: &dyn Backend, read: Result<T>) -> Result<T> {
    read.inspect_err(|error| {
        if error.kind() == ErrorKind::Damage {
            backend.damage_found();
        }
    })
}

/// A logical entry, its value perhaps damaged.
pub(crate) type Entry = (Vec<u8>, Result<Vec<u8>>);

/// At most `limit` logical entries with `from <= key < to`, ascending, each under [`read`]'s terms.
pub(crate) fn read_chunk(
    backend: &dyn Backend,
    from: &[u8],
    to: Option<&[u8]>,
    limit: usize,
) -> Result<Vec<Entry>> {
    let end: &[u8] = &[RESERVED];
    let to = to.map_or(end, |to| to.min(end));
    let entries = backend.scan(from, Some(to), limit)?;
    Ok(entries
        .into_iter()
        .map(|(key, bytes)| {
            let value = unframe(backend, &key, bytes);
            (key, value)
        })
        .collect())
}

fn unframe(backend: &dyn Backend, key: &[u8], mut bytes: Vec<u8>) -> Result<Vec<u8>> {
    match frame::read(key, &bytes)? {
        (Kind::Whole, _) => {
            bytes.drain(..frame::HEADER_BYTES);
            Ok(bytes)
        }
        (Kind::Head, head) => join(backend, key, head),
        (Kind::Part, _) => Err(frame::damaged(key, "a part lies in its place")),
    }
}

fn join(backend: &dyn Backend, key: &[u8], head: &[u8]) -> Result<Vec<u8>> {
    let Ok(&[l0, l1, l2, l3, ref crc @ ..]) = <&[u8; HEAD_BYTES]>::try_from(head) else {
        return Err(frame::damaged(key, "its head has a wrong length"));
    };
    let len = u32::from_le_bytes([l0, l1, l2, l3]) as usize;
    let mut value = Vec::new();
    for index in 0..part_count(len) {
        let part_key = part_key(key, index);
        let Some(bytes) = backend.get(&part_key)? else {
            return Err(frame::damaged(key, &format!("part {index} is missing")));
        };
        match frame::read(&part_key, &bytes)? {
            (Kind::Part, part) => value.extend(part),
            _ => return Err(frame::damaged(key, &format!("part {index} is none"))),
        }
    }
    if value.len() != len || crc32fast::hash(&value) != u32::from_le_bytes(*crc) {
        return Err(frame::damaged(key, "its parts do not belong together"));
    }
    Ok(value)
}

fn head(value: &[u8]) -> [u8; HEAD_BYTES] {
    let mut head = [0; HEAD_BYTES];
    head[..4].copy_from_slice(&(value.len() as u32).to_le_bytes());
    head[4..].copy_from_slice(&crc32fast::hash(value).to_le_bytes());
    head
}

/// Parts of a value of `len` bytes; 0 where it is stored whole.
fn part_count(len: usize) -> usize {
    if len <= PART_BYTES { 0 } else { len.div_ceil(PART_BYTES).min(usize::from(u16::MAX)) }
}

/// `0xFF`, the logical key, the part's number: of one length for one length of logical keys, so
/// that no two parts meet.
fn part_key(key: &[u8], index: usize) -> Vec<u8> {
    let mut part = Vec::with_capacity(key.len() + 3);
    part.push(RESERVED);
    part.extend(key);
    part.extend((index as u16).to_be_bytes());
    part
}

/// Refuses what cannot be stored.
pub(crate) fn check(key: &[u8], value: Option<&[u8]>) -> Result<()> {
    if key.is_empty() || key.len() > MAX_KEY_BYTES || key[0] == RESERVED {
        return Err(Error::Bug(format!("the key {} cannot be stored", frame::hex(key))));
    }
    if let Some(value) = value
        && value.len() > MAX_VALUE_BYTES
    {
        return Err(Error::invalid("a record", format!("{} bytes", value.len()), "at most 458 MB"));
    }
    Ok(())
}
