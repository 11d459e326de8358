//! The manifest: which sealed files hold the index, as of which commit, and which of their rows are dead then.
//! `docs/format.md` gives it to the byte.

use super::durable;
use super::sealed::{Sealed, is_sealed_name};
use crate::error::{Error, Result};
use roaring::RoaringBitmap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What decides the vectors of an index; the host makes it of whatever does. Files of another are of no use.
pub type Identity = [u8; 16];

const MAGIC: [u8; 8] = *b"KNDRMANI";
/// The newest version this build reads, and the one it writes.
const VERSION: u32 = 1;
/// Bytes before the first file.
const HEADER: usize = 40;
/// Bytes of the checksum at the end.
const CHECKSUM: usize = 4;

/// Where the manifest of a folder is.
pub(super) fn path_in(folder: &Path) -> PathBuf {
    folder.join("MANIFEST")
}

/// A sealed file, as of one commit.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    pub name: String,
    /// The checksum of the file's header, which holds those of its sections.
    pub checksum: u32,
    /// Rows that are dead.
    pub dead: RoaringBitmap,
}

/// What a manifest says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Content {
    pub identity: Identity,
    /// The last commit whose changes the files, less their dead rows, hold: but for those labels that a journal names.
    pub seq: u64,
    pub files: Vec<Entry>,
}

/// What the sealed files of an index hold as of one commit, to be written to disk: [`Index::manifest`] makes it.
///
/// [`Index::manifest`]: super::Index::manifest
#[derive(Debug)]
pub struct Manifest {
    pub(super) content: Content,
    pub(super) folder: PathBuf,
    /// Labels whose row is in no file.
    pub(super) unsealed: RoaringBitmap,
    /// Files that were replaced.
    pub(super) replaced: Vec<Arc<Sealed>>,
}

impl Manifest {
    /// The commit it stands for.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.content.seq
    }

    /// Whether opening by this manifest gives a label as it was at its commit: else a journal has to name it.
    #[must_use]
    pub fn covers(&self, label: u32) -> bool {
        !self.unsealed.contains(label)
    }

    /// Writes it in the place of the one before. The files that it no longer names are removed once no view holds them.
    ///
    /// # Errors
    /// [`Error::Io`]; the one before is then in force, or this one.
    pub fn write(&self) -> Result<()> {
        let bytes = self.content.encode()?;
        durable::write(&path_in(&self.folder), |out| out.write_all(&bytes))?;
        self.replaced.iter().for_each(|file| file.discard());
        Ok(())
    }
}

impl Content {
    /// Reads the manifest of a folder; `None` where there is none.
    ///
    /// # Errors
    /// [`Error::Io`], [`Error::Damaged`], [`Error::Format`].
    pub(super) fn read(folder: &Path) -> Result<Option<Self>> {
        let path = path_in(folder);
        match std::fs::read(&path) {
            Ok(bytes) => Self::decode(&bytes, &path.display().to_string()).map(Some),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(e) => Err(Error::io("read", path, e)),
        }
    }

    pub(super) fn encode(&self) -> Result<Vec<u8>> {
        let mut bytes = Vec::from(MAGIC);
        bytes.extend(VERSION.to_le_bytes());
        bytes.extend((self.files.len() as u32).to_le_bytes());
        bytes.extend(self.identity);
        bytes.extend(self.seq.to_le_bytes());
        for file in &self.files {
            bytes.extend((file.name.len() as u32).to_le_bytes());
            bytes.extend(file.name.as_bytes());
            bytes.extend(file.checksum.to_le_bytes());
            bytes.extend((file.dead.serialized_size() as u32).to_le_bytes());
            let written = file.dead.serialize_into(&mut bytes);
            written.map_err(|e| Error::Bug(format!("rows cannot be written to memory: {e}")))?;
        }
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        Ok(bytes)
    }

    /// Reads any bytes; `place` names them in errors.
    pub(super) fn decode(bytes: &[u8], place: &str) -> Result<Self> {
        let damaged = |reason: &str| Error::damaged(place, reason);
        if bytes.len() < HEADER + CHECKSUM || bytes[..8] != MAGIC {
            return Err(damaged("it is no manifest of an index"));
        }
        let (bytes, checksum) = bytes.split_at(bytes.len() - CHECKSUM);
        if crc32fast::hash(bytes).to_le_bytes() != *checksum {
            return Err(damaged("its checksum is wrong"));
        }
        let mut left = &bytes[MAGIC.len()..];
        let content = Self::parse(&mut left)?.ok_or_else(|| damaged("it ends too early"))?;
        if left.is_empty() { Ok(content) } else { Err(damaged("it goes on behind its end")) }
    }

    /// `None` where the bytes are not what they should be.
    ///
    /// # Errors
    /// [`Error::Format`] for a newer version.
    fn parse(left: &mut &[u8]) -> Result<Option<Self>> {
        let Some(found) = number(left) else { return Ok(None) };
        if found != VERSION {
            return Err(Error::Format { found, newest: VERSION });
        }
        Ok(Self::parse_rest(left))
    }

    fn parse_rest(left: &mut &[u8]) -> Option<Self> {
        let count = number(left)?;
        let identity = take(left, 16)?.try_into().ok()?;
        let seq = u64::from_le_bytes(take(left, 8)?.try_into().ok()?);
        let files = (0..count).map(|_| Entry::parse(left)).collect::<Option<_>>()?;
        Some(Self { identity, seq, files })
    }
}

impl Entry {
    fn parse(left: &mut &[u8]) -> Option<Self> {
        let length = number(left)? as usize;
        // A name that leads elsewhere is not ours.
        let name = std::str::from_utf8(take(left, length)?).ok().filter(|name| is_sealed_name(name))?;
        let checksum = number(left)?;
        let length = number(left)? as usize;
        let dead = RoaringBitmap::deserialize_from(take(left, length)?).ok()?;
        Some(Self { name: name.to_owned(), checksum, dead })
    }
}

fn take<'a>(left: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (taken, rest) = left.split_at_checked(count)?;
    *left = rest;
    Some(taken)
}

fn number(left: &mut &[u8]) -> Option<u32> {
    Some(u32::from_le_bytes(take(left, 4)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::super::sealed::file_name;
    use super::*;
    use proptest::prelude::*;

    fn content() -> Content {
        let entry = |n: u64, dead: &[u32]| Entry {
            name: file_name(n, n),
            checksum: 7 * n as u32,
            dead: dead.iter().copied().collect(),
        };
        Content {
            identity: *b"0123456789abcdef",
            seq: 77,
            files: vec![entry(1, &[]), entry(9, &[0, 5, 70_000])],
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(Content::read(folder.path()).unwrap(), None);
        let manifest = |content| Manifest {
            content,
            folder: folder.path().to_owned(),
            unsealed: [3].into_iter().collect(),
            replaced: Vec::new(),
        };
        for content in [content(), Content { files: Vec::new(), ..content() }] {
            let manifest = manifest(content);
            manifest.write().unwrap();
            assert_eq!(Content::read(folder.path()).unwrap(), Some(manifest.content.clone()));
            assert_eq!((manifest.covers(3), manifest.covers(4)), (false, true));
        }
    }

    #[test]
    fn every_flipped_bit_and_every_cut_is_seen() {
        let whole = content().encode().unwrap();
        for at in 0..whole.len() {
            assert!(Content::decode(&whole[..at], "x").is_err());
            for bit in 0..8 {
                let mut bytes = whole.clone();
                bytes[at] ^= 1 << bit;
                assert!(Content::decode(&bytes, "x").is_err(), "{at} {bit}");
            }
        }
    }

    #[test]
    fn a_newer_version_and_a_name_that_leads_elsewhere_are_refused() {
        let sum = |mut bytes: Vec<u8>| {
            bytes.truncate(bytes.len() - CHECKSUM);
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            Content::decode(&bytes, "x")
        };
        let mut newer = content().encode().unwrap();
        newer[8] = 2;
        assert!(matches!(sum(newer), Err(Error::Format { found: 2, newest: 1 })));
        let mut elsewhere = content().encode().unwrap();
        elsewhere[HEADER + 4..HEADER + 7].copy_from_slice(b"../");
        assert!(matches!(sum(elsewhere), Err(Error::Damaged { .. })));
    }

    proptest! {
        #[test]
        fn any_bytes_with_a_right_checksum_are_an_error_or_a_manifest(
            rest: Vec<u8>,
            files in 0u32..4,
        ) {
            let mut bytes = [&MAGIC[..], &VERSION.to_le_bytes(), &files.to_le_bytes(), &rest].concat();
            bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
            let _ = Content::decode(&bytes, "x");
        }
    }
}
