//! Entries in key order, cut into pieces where their content says so: a change makes the pieces around it anew, and
//! all others stay byte for byte. (The idea is that of content-defined chunking: Muthitacharoen, Chen and Mazières, "A
//! low-bandwidth network file system", 2001, with keys in the place of windows of bytes.)

use crate::error::{Error, Result};
use crate::storage::stored::{MAX_KEY_BYTES, MAX_VALUE_BYTES, RESERVED};

/// The name of a chunk: the BLAKE3 hash of its bytes.
pub(super) type Hash = [u8; 32];

const MAGIC: [u8; 8] = *b"KNDRCHNK";
/// Newest version of a chunk that this build reads and the one it writes.
const VERSION: u32 = 1;
/// Bytes before the entries: magic, version u32.
const HEADER_BYTES: usize = 12;
/// Bytes of an entry beside key and value: their lengths, u16 and u32.
const LENGTHS: usize = 6;

/// How long chunks are.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cut {
    /// No chunk but the last is shorter.
    pub(super) least: usize,
    /// Bytes from one place where a chunk may end to the next, on average.
    pub(super) mean: usize,
    /// A chunk of this length ends with the entry that reaches it.
    pub(super) most: usize,
}

impl Default for Cut {
    fn default() -> Self {
        Self { least: 256 << 10, mean: 768 << 10, most: 4 << 20 }
    }
}

impl Cut {
    /// Whether a chunk of `len` bytes ends behind an entry. Of bytes each is as likely to be the last, so an entry's
    /// chance goes by its length: chunks are as long where values are short as where they are long.
    fn ends(&self, len: usize, key: &[u8], entry: usize) -> bool {
        let drawn = || {
            let hash = blake3::hash(key);
            u64::from_le_bytes(hash.as_bytes().first_chunk().copied().unwrap_or_default())
        };
        let chance = || (u64::MAX / self.mean as u64).saturating_mul(entry as u64);
        len >= self.most || (len >= self.least && drawn() < chance())
    }
}

/// What a manifest says of a chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Named {
    /// Its first key.
    pub(super) first: Vec<u8>,
    /// Number of entries, at least 1.
    pub(super) entries: u32,
    /// Its length in bytes.
    pub(super) len: u64,
    pub(super) hash: Hash,
}

/// A chunk and its name.
pub(super) struct Chunk {
    pub(super) named: Named,
    pub(super) bytes: Vec<u8>,
}

/// Cuts entries that come in the order of their keys.
pub(super) struct Cutter {
    cut: Cut,
    bytes: Vec<u8>,
    first: Vec<u8>,
    entries: u32,
}

impl Cutter {
    pub(super) fn new(cut: Cut) -> Self {
        Self { cut, bytes: Vec::new(), first: Vec::new(), entries: 0 }
    }

    /// Adds an entry; returns the chunk that it completes.
    pub(super) fn push(&mut self, key: &[u8], value: &[u8]) -> Option<Chunk> {
        if self.entries == 0 {
            self.first = key.to_vec();
            self.bytes.extend(MAGIC);
            self.bytes.extend(VERSION.to_le_bytes());
        }
        self.bytes.extend((key.len() as u16).to_le_bytes());
        self.bytes.extend((value.len() as u32).to_le_bytes());
        self.bytes.extend(key);
        self.bytes.extend(value);
        self.entries += 1;
        let ends = self.cut.ends(self.bytes.len(), key, LENGTHS + key.len() + value.len());
        if ends { self.finish() } else { None }
    }

    /// The chunk of what was added since the last one, if anything was.
    pub(super) fn finish(&mut self) -> Option<Chunk> {
        if self.entries == 0 {
            return None;
        }
        let bytes = std::mem::take(&mut self.bytes);
        let named = Named {
            first: std::mem::take(&mut self.first),
            entries: std::mem::take(&mut self.entries),
            len: bytes.len() as u64,
            hash: *blake3::hash(&bytes).as_bytes(),
        };
        Some(Chunk { named, bytes })
    }
}

/// Calls `visit` with each entry of a chunk; `place` is named where they are none that could be stored, or not in
/// ascending order of their keys.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Format`], and those of `visit`.
pub(super) fn entries(
    place: &str,
    bytes: &[u8],
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<u32> {
    let mut rest = header(place, bytes)?;
    let (mut count, mut before): (u32, &[u8]) = (0, &[]);
    while !rest.is_empty() {
        let Some((key, value, behind)) = split_entry(rest) else {
            return Err(Error::damaged(place, format!("it ends within entry {count}")));
        };
        if key <= before || key.len() > MAX_KEY_BYTES || key[0] == RESERVED || value.len() > MAX_VALUE_BYTES {
            return Err(Error::damaged(place, format!("entry {count} could not be stored there")));
        }
        visit(key, value)?;
        (count, before, rest) = (count + 1, key, behind);
    }
    Ok(count)
}

fn header<'a>(place: &str, bytes: &'a [u8]) -> Result<&'a [u8]> {
    let Some((&[m0, m1, m2, m3, m4, m5, m6, m7, version @ ..], rest)) =
        bytes.split_first_chunk::<HEADER_BYTES>()
    else {
        return Err(Error::damaged(place, "it is too short"));
    };
    if [m0, m1, m2, m3, m4, m5, m6, m7] != MAGIC {
        return Err(Error::damaged(place, "it does not begin as it should"));
    }
    match u32::from_le_bytes(version) {
        VERSION => Ok(rest),
        found if found > VERSION => Err(Error::Format { found, newest: VERSION }),
        found => Err(Error::damaged(place, format!("its version is {found}"))),
    }
}

/// Key, value and what is behind them.
fn split_entry(bytes: &[u8]) -> Option<(&[u8], &[u8], &[u8])> {
    let (&[k0, k1, v0, v1, v2, v3], rest) = bytes.split_first_chunk::<LENGTHS>()?;
    let (key, rest) = rest.split_at_checked(usize::from(u16::from_le_bytes([k0, k1])))?;
    let (value, rest) = rest.split_at_checked(u32::from_le_bytes([v0, v1, v2, v3]) as usize)?;
    Some((key, value, rest))
}
