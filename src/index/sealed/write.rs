//! Writing a sealed file: to a temporary name, synced, then renamed.

use super::file::Sealed;
use super::format::{Layout, PAGE, SECTIONS, Section};
use super::mapping::Mapping;
use crate::error::{Error, Result};
use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// Behind the name of a file that is not finished.
const UNFINISHED: &str = "unfinished";
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

/// Writes a file and opens it. Should the process end meanwhile, at most an unfinished file stays.
pub(super) fn to_file(content: &dyn Content, path: &Path) -> Result<Sealed> {
    let unfinished = path.with_extension(UNFINISHED);
    let io = |action| move |e| Error::io(action, path, e);
    let file = File::create(&unfinished).map_err(io("create"))?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    stream(content, &mut writer).map_err(io("write"))?;
    let file = writer.into_inner().map_err(|e| Error::io("write", path, e.into_error()))?;
    file.sync_all().map_err(io("sync"))?;
    std::fs::rename(&unfinished, path).map_err(io("rename"))?;
    if let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io("sync the folder of"))?;
    }
    Sealed::open(path)
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
