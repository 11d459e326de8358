//! One record of the commit log: the stored changes of one commit, to the byte.

use super::super::backend::Op;
use super::super::frame::{self, Kind};
use super::super::stored::OpSink;

/// Bytes before a record's payload: length u32, seq u64, durable u64; 8 that seal these; checksum of all u32.
pub(crate) const HEADER_BYTES: usize = 32;

/// What the seal covers.
const SEALED_BYTES: usize = 20;
/// Where the seal ends.
const CHECKSUM_AT: usize = 28;

/// Bytes before a payload up to format 4: length u32, checksum of what follows u32, seq u64, durable u64.
const OLD_HEADER_BYTES: usize = 24;

/// Where the checksummed part begins up to format 4.
const OLD_CHECKED_FROM: usize = 8;

/// Value length that stands for a deletion.
const DELETED: u32 = u32::MAX;

/// What the headers of a file's records are sealed with. It hangs on the store's random id.
pub(crate) type Key = [u8; 32];

/// How the records of a file are told from other bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    /// Up to format 4. Whoever writes values can write one that holds a record.
    Old,
    /// Nobody who does not know the store's id can make bytes that would be taken for a record; and a header is known by itself, so that
    /// looking for one in many bytes is cheap.
    Sealed(Key),
}

/// The first bytes of a keyed BLAKE3 hash.
fn seal(key: &Key, header: &[u8]) -> [u8; 8] {
    blake3::keyed_hash(key, header).as_bytes().first_chunk().copied().unwrap_or_default()
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

    /// The record of commit `seq`, written when all up to `durable` was known to be on disk, for a file with this `key`;
    /// `None` where it would be longer than 4 GiB.
    pub(crate) fn finish(mut self, seq: u64, durable: u64, key: &Key) -> Option<Record> {
        let len = u32::try_from(self.bytes.len() - HEADER_BYTES).ok()?;
        self.bytes[..4].copy_from_slice(&len.to_le_bytes());
        self.bytes[4..12].copy_from_slice(&seq.to_le_bytes());
        self.bytes[12..20].copy_from_slice(&durable.to_le_bytes());
        let seal = seal(key, &self.bytes[..SEALED_BYTES]);
        self.bytes[SEALED_BYTES..CHECKSUM_AT].copy_from_slice(&seal);
        let checksum = checksum(&self.bytes[..CHECKSUM_AT], &self.bytes[HEADER_BYTES..]);
        self.bytes[CHECKSUM_AT..HEADER_BYTES].copy_from_slice(&checksum.to_le_bytes());
        Some(Record { seq, bytes: self.bytes })
    }
}

fn checksum(header: &[u8], payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(header);
    hasher.update(payload);
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
pub(crate) fn find<'a>(bytes: &'a [u8], form: &Form) -> Option<Found<'a>> {
    let Form::Sealed(key) = form else { return find_old(bytes) };
    let (header, rest) = bytes.split_first_chunk::<HEADER_BYTES>()?;
    let (seq, durable) = claim(bytes, key)?;
    let payload = rest.get(..u32_at(header, 0) as usize)?;
    if checksum(&header[..CHECKSUM_AT], payload) != u32_at(header, CHECKSUM_AT) {
        return None;
    }
    Some(Found { seq, durable, ops: Ops { rest: payload }, len: HEADER_BYTES + payload.len() })
}

/// The two numbers of a sealed header.
fn claim(bytes: &[u8], key: &Key) -> Option<(u64, u64)> {
    let header = bytes.first_chunk::<CHECKSUM_AT>()?;
    header.ends_with(&seal(key, &header[..SEALED_BYTES])).then(|| (u64_at(header, 4), u64_at(header, 12)))
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

/// Up to which commit all was on disk, as the record at the start of `bytes` says, where there is one whose number is
/// `plausible`. A sealed header is believed without its payload.
pub(crate) fn proof(bytes: &[u8], form: &Form, plausible: impl Fn(u64) -> bool) -> Option<u64> {
    match form {
        Form::Old => {
            let header = bytes.first_chunk::<OLD_HEADER_BYTES>()?;
            // The cheap test first.
            plausible(u64_at(header, 8)).then(|| find_old(bytes)).flatten().map(|found| found.durable)
        }
        Form::Sealed(key) => {
            let header = bytes.first_chunk::<CHECKSUM_AT>()?;
            plausible(u64_at(header, 4)).then(|| claim(bytes, key)).flatten().map(|(_, durable)| durable)
        }
    }
}

/// A record as builds up to format 4 wrote it.
#[cfg(any(test, fuzzing))]
pub(crate) fn in_old_form(record: &[u8]) -> Vec<u8> {
    let (header, payload) = record.split_at(HEADER_BYTES);
    let checked = [&header[4..SEALED_BYTES], payload].concat();
    [&header[..4], &crc32fast::hash(&checked).to_le_bytes(), &checked].concat()
}

fn u32_at<const N: usize>(header: &[u8; N], at: usize) -> u32 {
    u32::from_le_bytes([header[at], header[at + 1], header[at + 2], header[at + 3]])
}

fn u64_at<const N: usize>(header: &[u8; N], at: usize) -> u64 {
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
        let record = builder.finish(7, 5, &[9; 32]).unwrap();
        let old = in_old_form(record.bytes());
        let forms = [Form::Sealed([9; 32]), Form::Old, Form::Sealed([0; 32])];
        for (bytes, form) in [record.bytes(), &old].into_iter().zip(&forms) {
            let found = find(bytes, form).unwrap();
            assert_eq!((found.seq, found.durable, found.len), (7, 5, bytes.len()));
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
            for other in &forms {
                assert_eq!(find(bytes, other).is_some(), other == form);
            }
        }
    }

    /// A record of the old form proves something only as a whole.
    #[test]
    fn a_header_proves_what_was_on_disk_by_itself() {
        let mut builder = RecordBuilder::with_capacity(0);
        builder.put(b"a", Kind::Whole, b"one");
        let record = builder.finish(7, 5, &[9; 32]).unwrap();
        let old = in_old_form(record.bytes());
        let form = Form::Sealed([9; 32]);
        let proves = |bytes: &[u8], form: &Form| proof(bytes, form, |seq| seq == 7);
        assert_eq!((proves(record.bytes(), &form), proves(&old, &Form::Old)), (Some(5), Some(5)));
        assert_eq!(proof(record.bytes(), &form, |seq| seq == 8), None);
        assert_eq!((proves(&record.bytes()[..28], &form), proves(&old[..28], &Form::Old)), (Some(5), None));
        for at in 0..28 {
            let mut wrong = record.bytes().to_vec();
            wrong[at] ^= 1;
            assert_eq!(proves(&wrong, &form), None, "byte {at}");
            assert_eq!(proves(&record.bytes()[..at], &form), None, "{at} bytes");
        }
    }
}
