//! What a backup consists of: the file that is written last and names all others.

use super::chunk::{Hash, Named};
use crate::error::{Error, Result};
use crate::model::Time;
use crate::storage::log::file::FORMAT;

const MAGIC: [u8; 8] = *b"KNDRBKUP";
/// Newest version of a manifest that this build reads and the one it writes.
const VERSION: u32 = 2;
/// Bytes before the chunks.
const HEADER_BYTES: usize = 76;
/// Bytes of the hash at the end.
const HASH_BYTES: usize = 32;
/// Bytes of a chunk without its first key: length of the key u16, entries u32, length u64, hash.
const CHUNK_BYTES: usize = 2 + 4 + 8 + HASH_BYTES;

/// A backup's manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    pub(super) store_id: u128,
    /// Number of the snapshot's commit; of a base, that from which on the log makes it whole.
    pub(super) commit: u64,
    /// Number of the last commit that entries may be of: of a backup the same, of a base one up to which the log is needed.
    pub(super) until: u64,
    pub(super) time: Time,
    /// Number of entries in all chunks.
    pub(super) entries: u64,
    /// Values that the store could not read, and the backup lacks.
    pub(super) damaged: u64,
    /// In the order of their first keys.
    pub(super) chunks: Vec<Named>,
}

impl Manifest {
    pub(super) fn encode(&self) -> Vec<u8> {
        let keys: usize = self.chunks.iter().map(|chunk| chunk.first.len()).sum();
        let mut bytes =
            Vec::with_capacity(HEADER_BYTES + keys + CHUNK_BYTES * self.chunks.len() + HASH_BYTES);
        bytes.extend(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend(FORMAT.to_le_bytes());
        bytes.extend(self.store_id.to_le_bytes());
        bytes.extend(self.commit.to_le_bytes());
        bytes.extend(self.until.to_le_bytes());
        bytes.extend(self.time.micros().to_le_bytes());
        bytes.extend(self.entries.to_le_bytes());
        bytes.extend(self.damaged.to_le_bytes());
        bytes.extend((self.chunks.len() as u32).to_le_bytes());
        for chunk in &self.chunks {
            bytes.extend((chunk.first.len() as u16).to_le_bytes());
            bytes.extend(&chunk.first);
            bytes.extend(chunk.entries.to_le_bytes());
            bytes.extend(chunk.len.to_le_bytes());
            bytes.extend(chunk.hash);
        }
        let hash = blake3::hash(&bytes);
        bytes.extend(hash.as_bytes());
        bytes
    }

    /// The manifest whose bytes are `bytes`, all of them; `place` is named when they are not one.
    ///
    /// # Errors
    /// [`Error::Damaged`]; [`Error::Format`] of one that a newer build made, or of a newer store's.
    pub(super) fn decode(place: &str, bytes: &[u8]) -> Result<Self> {
        let damaged = |reason: &str| Error::damaged(place, reason);
        let mut header = Fields(bytes);
        if header.array::<8>().is_none_or(|magic| magic != MAGIC) {
            return Err(damaged("it does not begin as it should"));
        }
        // Before the hash: where it lies is for the version to say.
        let version = header.u32().ok_or_else(|| damaged("it is too short"))?;
        known(version, VERSION)?;
        let Some((content, hash)) = bytes.split_last_chunk::<HASH_BYTES>() else {
            return Err(damaged("it is too short"));
        };
        if !(1..=VERSION).contains(&version) || blake3::hash(content) != Hash::clone(hash) {
            return Err(damaged("its checksum does not match"));
        }
        let mut fields = Fields(content.get(12..).unwrap_or_default());
        let format = fields.u32().ok_or_else(|| damaged("it is too short"))?;
        known(format, FORMAT)?;
        let manifest = fields.manifest(version).filter(|_| fields.0.is_empty());
        manifest.filter(Self::holds_together).ok_or_else(|| damaged("what it says cannot be"))
    }

    /// Whether the numbers agree and the chunks are in order.
    fn holds_together(&self) -> bool {
        let entries = self.chunks.iter().map(|chunk| u64::from(chunk.entries)).sum::<u64>();
        let ordered = self.chunks.is_sorted_by(|a, b| a.first < b.first);
        let told = self.chunks.iter().all(|chunk| chunk.entries > 0 && !chunk.first.is_empty());
        // A later commit could not be numbered.
        let followed = self.commit <= self.until && self.until <= u64::MAX / 2;
        entries == self.entries && ordered && told && followed
    }

    /// Bytes of all chunks.
    pub(super) fn chunk_bytes(&self) -> u64 {
        self.chunks.iter().fold(0, |sum, chunk| sum.saturating_add(chunk.len))
    }
}

fn known(found: u32, newest: u32) -> Result<()> {
    if found > newest { Err(Error::Format { found, newest }) } else { Ok(()) }
}

/// Bytes that fields are taken from, one after the other.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, len: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn manifest(&mut self, version: u32) -> Option<Manifest> {
        let store_id = u128::from_le_bytes(self.array()?);
        let commit = self.u64()?;
        // Version 1 is without, and of backups only.
        let until = if version == 1 { commit } else { self.u64()? };
        let time = Time::from_micros(self.array().map(i64::from_le_bytes)?).ok()?;
        let (entries, damaged, count) = (self.u64()?, self.u64()?, self.u32()?);
        if self.0.len() / CHUNK_BYTES < count as usize {
            return None;
        }
        let chunks = (0..count).map(|_| self.chunk()).collect::<Option<_>>()?;
        Some(Manifest { store_id, commit, until, time, entries, damaged, chunks })
    }

    fn chunk(&mut self) -> Option<Named> {
        let len = u16::from_le_bytes(self.array()?);
        let first = self.take(usize::from(len))?.to_vec();
        Some(Named { first, entries: self.u32()?, len: self.u64()?, hash: self.array()? })
    }
}
