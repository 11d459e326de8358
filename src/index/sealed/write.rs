//! Writing a sealed file: to a temporary name, synced, then renamed.

use super::file::Sealed;
use super::format::{Layout, PAGE, SECTIONS, Section};
use super::mapping::Mapping;
use crate::error::{Error, Result};
use crate::index::durable::{self, UNFINISHED};
use std::io::{self, Seek, SeekFrom, Write};
use std::path::Path;

/// Behind the name of a finished one.
const SEALED: &str = "sealed";

/// The name of a file that holds changes up to commit `seq`; `number` tells files of one commit apart.
pub(in crate::index) fn file_name(seq: u64, number: u64) -> String {
    format!("{seq:016x}-{number:04x}.{SEALED}")
}

/// All that a file is made of; [`super::build`] makes it.
pub(super) trait Content {
    fn layout(&self) -> Layout;
    /// Hands a section's bytes to `sink`, piece by piece.
    fn section(&self, section: Section, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()>;
}

/// Whether a file of this name, finished or not, is one of ours.
pub(in crate::index) fn is_own_name(name: &str) -> bool {
    name.strip_suffix(UNFINISHED).and_then(|name| name.strip_suffix('.')).is_some_and(is_stem)
        || is_sealed_name(name)
}

/// Whether [`file_name`] could have given this name.
pub(in crate::index) fn is_sealed_name(name: &str) -> bool {
    name.strip_suffix(SEALED).and_then(|name| name.strip_suffix('.')).is_some_and(is_stem)
}

fn is_stem(stem: &str) -> bool {
    let is_hex = |part: &str| part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    stem.split_once('-').is_some_and(|(seq, number)| {
        seq.len() == 16 && (4..=16).contains(&number.len()) && is_hex(seq) && is_hex(number)
    })
}

/// The number in a name.
pub(in crate::index) fn number_in(name: &str) -> Option<u64> {
    let (_, number) = Path::new(name).file_stem()?.to_str()?.split_once('-')?;
    u64::from_str_radix(number, 16).ok()
}

/// Writes a file and opens it. After an error none is left: the next try gets another name.
pub(super) fn to_file(content: &dyn Content, path: &Path) -> Result<Sealed> {
    let made = durable::write(path, |out| stream(content, out)).and_then(|()| Sealed::open(path));
    if made.is_err() {
        durable::clear_away(path);
    }
    made
}

/// The same in memory of its own.
pub(super) fn to_memory(content: &dyn Content) -> Result<Sealed> {
    let length = content.layout().file_length() as usize;
    let mapping = Mapping::in_memory(length, |bytes| {
        stream(content, &mut io::Cursor::new(bytes))
            .map_err(|e| Error::Bug(format!("sealing in memory: {e}")))
    })?;
    Sealed::new(mapping, None, "an index in memory".to_owned())
}

fn stream(content: &dyn Content, out: &mut (impl Write + Seek)) -> io::Result<()> {
    let mut layout = content.layout();
    // The header comes last, with the checksums.
    out.write_all(&[0; PAGE])?;
    for (i, section) in SECTIONS.into_iter().enumerate() {
        let mut hash = crc32fast::Hasher::new();
        let mut written = 0;
        content.section(section, &mut |bytes| {
            hash.update(bytes);
            written += bytes.len();
            out.write_all(bytes)
        })?;
        if written as u64 != layout.extents[i].length {
            return Err(io::Error::other(format!("{section:?} came out {written} bytes long")));
        }
        out.write_all(&vec![0; written.next_multiple_of(PAGE) - written])?;
        layout.extents[i].checksum = hash.finalize();
    }
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&layout.encode())?;
    out.flush()
}
