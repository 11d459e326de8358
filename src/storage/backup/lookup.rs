//! Looks single keys of a backup up, without reading all of it. Its files may go meanwhile.

use super::chunk::Named;
use super::files::chunk_name;
use super::mapped::Mapped;
use super::read::check_chunk;
use crate::error::Result;
use std::ops::Range;
use std::path::Path;
use std::sync::OnceLock;

/// A backup whose chunks are looked through when they are asked for.
pub(crate) struct Lookup {
    chunks: Vec<Chunk>,
}

/// A chunk of it.
struct Chunk {
    place: String,
    named: Named,
    /// The first key of the next one.
    end: Option<Vec<u8>>,
    mapped: Mapped,
    /// Where its entries lie, once it was found to be what was written.
    entries: OnceLock<Vec<Entry>>,
}

/// Where an entry lies in a chunk's bytes; the value is right behind the key.
struct Entry {
    at: u32,
    key_len: u16,
    value_len: u32,
}

impl Entry {
    fn key<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let at = self.at as usize;
        bytes.get(at..at + usize::from(self.key_len)).unwrap_or_default()
    }

    fn value<'a>(&self, bytes: &'a [u8]) -> &'a [u8] {
        let at = self.at as usize + usize::from(self.key_len);
        bytes.get(at..at + self.value_len as usize).unwrap_or_default()
    }
}

impl Lookup {
    /// Maps all files of a backup in a folder, in order; nothing of them is read yet.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`] where one is missing or of another length, [`crate::Error::Io`].
    pub(super) fn new(folder: &Path, named: &[Named]) -> Result<Self> {
        let end = |at: usize| named.get(at + 1).map(|next| next.first.clone());
        let chunks = named.iter().enumerate().map(|(at, named)| Chunk::open(folder, named, end(at)));
        Ok(Self { chunks: chunks.collect::<Result<_>>()? })
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`].
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<&[u8]>> {
        let Some(chunk) = self.chunks_from(key).next().map(|at| &self.chunks[at]) else { return Ok(None) };
        let (entries, bytes) = (chunk.entries()?, chunk.mapped.bytes());
        let found = entries.binary_search_by(|entry| entry.key(bytes).cmp(key));
        Ok(found.ok().map(|at| entries[at].value(bytes)))
    }

    /// Hands over the entries from `from` on, ascending, until `visit` wants no more.
    ///
    /// # Errors
    /// [`crate::Error::Damaged`].
    pub(crate) fn scan(&self, from: &[u8], mut visit: impl FnMut(&[u8], &[u8]) -> bool) -> Result<()> {
        for at in self.chunks_from(from) {
            let (entries, bytes) = (self.chunks[at].entries()?, self.chunks[at].mapped.bytes());
            let first = entries.partition_point(|entry| entry.key(bytes) < from);
            if !entries[first..].iter().all(|entry| visit(entry.key(bytes), entry.value(bytes))) {
                break;
            }
        }
        Ok(())
    }

    /// Numbers of the chunks that may hold `key` or a later one.
    fn chunks_from(&self, key: &[u8]) -> Range<usize> {
        let behind = self.chunks.partition_point(|chunk| chunk.named.first.as_slice() <= key);
        behind.saturating_sub(1)..self.chunks.len()
    }
}

impl Chunk {
    fn open(folder: &Path, named: &Named, end: Option<Vec<u8>>) -> Result<Self> {
        let path = folder.join(chunk_name(&named.hash));
        let mapped = Mapped::open(&path, named.len)?;
        let (place, named) = (path.display().to_string(), named.clone());
        Ok(Self { place, named, end, mapped, entries: OnceLock::new() })
    }

    fn entries(&self) -> Result<&[Entry]> {
        if let Some(entries) = self.entries.get() {
            return Ok(entries);
        }
        let found = self.find()?;
        Ok(self.entries.get_or_init(|| found))
    }

    fn find(&self) -> Result<Vec<Entry>> {
        let bytes = self.mapped.bytes();
        let mut entries = Vec::with_capacity((self.named.entries as usize).min(bytes.len()));
        check_chunk(&self.place, bytes, &self.named, self.end.as_deref(), |key, value| {
            let at = key.as_ptr() as usize - bytes.as_ptr() as usize;
            entries.push(Entry { at: at as u32, key_len: key.len() as u16, value_len: value.len() as u32 });
            Ok(())
        })?;
        Ok(entries)
    }
}
