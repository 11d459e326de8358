//! One record of the commit log: the stored changes of one commit, to the byte.

use super::super::backend::Op;
use super::super::frame::{self, Kind};
use super::super::stored::OpSink;

/// Bytes before a record's payload: length u32, seq u64, durable u64, checksum of these u32, checksum of all u32.
pub(crate) const HEADER_BYTES: usize = 28;

/// What the header's own checksum covers.
const CHECKED_BYTES: usize = 20;

/// Bytes before a payload up to format 4: length u32, checksum of what follows u32, seq u64, durable u64.
const OLD_HEADER_BYTES: usize = 24;

/// Where the checksummed part begins up to format 4.
const OLD_CHECKED_FROM: usize = 8;

/// Value length that stands for a deletion.
const DELETED: u32 = u32::MAX;

/// How the records of a file are told from other bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Up to format 4. Whoever writes values can write one that holds a record.
    Old,
    /// What the file's checksums go on from. It hangs on the store's random id, so that nobody who does not know that can make bytes which
    /// would be taken for a record; and a header is known by its own checksum, so that looking for one in many bytes is cheap.
    Salted(u32),
}

/// Builds one record.
pub(crate) struct RecordBuilder {
    bytes: Vec<u8>,
}

impl RecordBuilder {
    /// An empty record with room for `capacity_bytes` of changes.
    pub(crate) fn with_capacity(capacity_bytes: usize) -> Self {
        let mut bytes = Vec::with_capacity(HEADER_BYTES + capacity_bytes);
        bytes.resize(HEADER_BYTES, 0);
        Self { bytes }
    }

    /// Changes that are any bytes.
    #[cfg(fuzzing)]
    pub(crate) fn of_payload(payload: &[u8]) -> Self {
        let mut builder = Self::with_capacity(payload.len());
        builder.bytes.extend(payload);
        builder
    }

    /// The record of commit `seq`, written when all up to `durable` was known to be on disk, for a file with this `salt`;
    /// `None` where it would be longer than 4 GiB.
    pub(crate) fn finish(mut self, seq: u64, durable: u64, salt: u32) -> Option<Record> {
        let len = u32::try_from(self.bytes.len() - HEADER_BYTES).ok()?;
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        self.bytes[4..12].copy_from_slice(&seq.to_le_bytes());
        self.bytes[12..20].copy_from_slice(&durable.to_le_bytes());
        let checksum = crc_from(salt, &self.bytes[..CHECKED_BYTES]);
        self.bytes[20..24].copy_from_slice(&checksum.to_le_bytes());
        let checksum = crc_from(checksum, &self.bytes[HEADER_BYTES..]);
        self.bytes[24..28].copy_from_slice(&checksum.to_le_bytes());
        Some(Record { seq, bytes: self.bytes })
    }
}

/// The checksum of what `checksum` is of, and `bytes` behind it.
fn crc_from(checksum: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(checksum);
    hasher.update(bytes);
    hasher.finalize()
}

impl OpSink for RecordBuilder {
    fn put(&mut self, key: &[u8], kind: Kind, payload: &[u8]) {
        self.bytes.extend((key.len() as u16).to_le_bytes());
        self.bytes.extend(((frame::HEADER_BYTES + payload.len()) as u32).to_le_bytes());
        self.bytes.extend(key);
        frame::write(&mut self.bytes, key, kind, payload);
    }

    fn delete(&mut self, key: &[u8]) {
        self.bytes.extend((key.len() as u16).to_le_bytes());
        self.bytes.extend(DELETED.to_le_bytes());
        self.bytes.extend(key);
    }
}

/// A whole record.
pub(crate) struct Record {
    /// Number of the commit.
    pub(crate) seq: u64,
    bytes: Vec<u8>,
}

impl Record {
    /// All bytes, as they are in the file.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The stored changes.
    pub(crate) fn ops(&self) -> Ops<'_> {
        Ops { rest: &self.bytes[HEADER_BYTES..] }
    }
}

/// A record as found in a file.
pub(crate) struct Found<'a> {
    /// Number of the commit.
    pub(crate) seq: u64,
    /// Number up to which all was on disk when this was written.
    pub(crate) durable: u64,
    /// The stored changes.
    pub(crate) ops: Ops<'a>,
    /// Bytes of the whole record.
    pub(crate) len: usize,
}

/// The record at the start of `bytes`, where there is a sound one.
pub(crate) fn find(bytes: &[u8], form: Form) -> Option<Found<'_>> {
    match form {
        Form::Old => find_old(bytes),
        Form::Salted(salt) => {
            let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
            let checksum = u32_at(header, 20);
            if crc_from(salt, &header[..CHECKED_BYTES]) != checksum {
                return None;
            }
            let payload = rest.get(..u32_at(header, 0) as usize)?;
            if crc_from(checksum, payload) != u32_at(header, 24) {
                return None;
            }
            let (seq, durable) = (u64_at(header, 4), u64_at(header, 12));
            Some(Found { seq, durable, ops: Ops { rest: payload }, len: HEADER_BYTES + payload.len() })
        }
    }
}

fn find_old(bytes: &[u8]) -> Option<Found<'_>> {
    let (header, rest) = bytes.split_first_chunk::<OLD_HEADER_BYTES>()?;
    let payload = rest.get(..u32_at(header, 0) as usize)?;
    let len = OLD_HEADER_BYTES + payload.len();
    if crc32fast::hash(&bytes[OLD_CHECKED_FROM..len]) != u32_at(header, 4) {
        return None;
    }
    Some(Found { seq: u64_at(header, 8), durable: u64_at(header, 16), ops: Ops { rest: payload }, len })
}

/// A record as builds up to format 4 wrote it.
#[cfg(any(test, fuzzing))]
pub(crate) fn in_old_form(record: &[u8]) -> Vec<u8> {
    let (header, payload) = record.split_at(HEADER_BYTES);
    let checked = [&header[4..CHECKED_BYTES], payload].concat();
    [&header[..4], &crc32fast::hash(&checked).to_le_bytes(), &checked].concat()
}

/// The number that the record at the start of `bytes` claims, sound or not.
pub(crate) fn claimed_seq(bytes: &[u8], form: Form) -> Option<u64> {
    let header = bytes.first_chunk::<OLD_HEADER_BYTES>()?;
    Some(u64_at(header, if form == Form::Old { OLD_CHECKED_FROM } else { 4 }))
}

fn u32_at(header: &[u8], at: usize) -> u32 {
    header.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn u64_at(header: &[u8], at: usize) -> u64 {
    header.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// The stored changes of a record, in order. Ends early where the bytes make no sense, which a
/// matching checksum rules out.
#[derive(Clone)]
pub(crate) struct Ops<'a> {
    rest: &'a [u8],
}

impl<'a> Iterator for Ops<'a> {
    type Item = Op<'a>;

    fn next(&mut self) -> Option<Op<'a>> {
        let (&[k0, k1, v0, v1, v2, v3], rest) = self.rest.split_first_chunk()?;
        let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([k0, k1])))?;
        let value_len = u32::from_le_bytes([v0, v1, v2, v3]);
        if value_len == DELETED {
            self.rest = rest;
            return Some((key, None));
        }
        let (value, rest) = rest.split_at_checked(value_len as usize)?;
        self.rest = rest;
        Some((key, Some(value)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_read_back_and_no_byte_of_it_can_be_missing_or_wrong() {
        let mut builder = RecordBuilder::with_capacity(0);
        builder.put(b"a", Kind::Whole, b"one");
        builder.delete(b"bb");
        let record = builder.finish(7, 5, 99).unwrap();
        let old = in_old_form(record.bytes());
        for (bytes, form) in [(record.bytes(), Form::Salted(99)), (&old, Form::Old)] {
            let found = find(bytes, form).unwrap();
            assert_eq!((found.seq, found.durable, found.len), (7, 5, bytes.len()));
            assert_eq!(claimed_seq(bytes, form), Some(7));
            let ops: Vec<_> = found.ops.collect();
            assert_eq!(ops, record.ops().collect::<Vec<_>>());
            assert_eq!(frame::read(b"a", ops[0].1.unwrap()).unwrap().1, b"one");
            assert_eq!(ops[1], (&b"bb"[..], None));
            for at in 0..bytes.len() {
                assert!(find(&bytes[..at], form).is_none());
                let mut wrong = bytes.to_vec();
                wrong[at] ^= 0x10;
                assert!(find(&wrong, form).is_none(), "byte {at}, {form:?}");
            }
            for other in [Form::Old, Form::Salted(0), Form::Salted(98), Form::Salted(99)] {
                assert_eq!(find(bytes, other).is_some(), other == form);
            }
        }
    }
}
