//! One record of the commit log: the stored changes of one commit, to the byte.

use super::super::backend::Op;
use super::super::frame::{self, Kind};
use super::super::stored::OpSink;

/// Bytes before a record's payload: length u32, checksum u32, seq u64, durable u64.
pub(crate) const HEADER_BYTES: usize = 24;

/// Where the checksummed part begins.
const CHECKED_FROM: usize = 8;

/// Value length that stands for a deletion.
const DELETED: u32 = u32::MAX;

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

    /// The record of commit `seq`, written when all up to `durable` was known to be on disk;
    /// `None` where it would be longer than 4 GiB.
    pub(crate) fn finish(mut self, seq: u64, durable: u64) -> Option<Record> {
        let len = u32::try_from(self.bytes.len() - HEADER_BYTES).ok()?;
        self.bytes[8..16].copy_from_slice(&seq.to_le_bytes());
        self.bytes[16..24].copy_from_slice(&durable.to_le_bytes());
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        let crc = crc32fast::hash(&self.bytes[CHECKED_FROM..]);
        self.bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        Some(Record { seq, bytes: self.bytes })
    }
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
pub(crate) fn find(bytes: &[u8]) -> Option<Found<'_>> {
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let payload = rest.get(..u32_at(header, 0) as usize)?;
    let len = HEADER_BYTES + payload.len();
    if crc32fast::hash(&bytes[CHECKED_FROM..len]) != u32_at(header, 4) {
        return None;
    }
    Some(Found { seq: u64_at(header, 8), durable: u64_at(header, 16), ops: Ops { rest: payload }, len })
}

/// The number that the record at the start of `bytes` claims, sound or not.
pub(crate) fn claimed_seq(bytes: &[u8]) -> Option<u64> {
    bytes.first_chunk::<HEADER_BYTES>().map(|header| u64_at(header, 8))
}

fn u32_at(header: &[u8; HEADER_BYTES], at: usize) -> u32 {
    u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

fn u64_at(header: &[u8; HEADER_BYTES], at: usize) -> u64 {
    u64::from(u32_at(header, at)) | u64::from(u32_at(header, at + 4)) << 32
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
        let record = builder.finish(7, 5).unwrap();
        let found = find(record.bytes()).unwrap();
        assert_eq!((found.seq, found.durable, found.len), (7, 5, record.bytes().len()));
        let ops: Vec<_> = found.ops.collect();
        assert_eq!(ops, record.ops().collect::<Vec<_>>());
        assert_eq!(frame::read(b"a", ops[0].1.unwrap()).unwrap().1, b"one");
        assert_eq!(ops[1], (&b"bb"[..], None));
        for at in 0..record.bytes().len() {
            assert!(find(&record.bytes()[..at]).is_none());
            let mut wrong = record.bytes().to_vec();
            wrong[at] ^= 0x10;
            assert!(find(&wrong).is_none(), "byte {at}");
        }
    }
}
