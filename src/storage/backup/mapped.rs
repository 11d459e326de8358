//! The bytes of a chunk's file, mapped into memory: they stay there when the file goes.
#![expect(unsafe_code, reason = "mapping a file is unsafe: its bytes could change under the reader")]

use crate::error::{Error, Result};
use memmap2::{Mmap, MmapOptions};
use std::fs::File;
use std::io;
use std::path::Path;

/// A file's bytes, which do not change as long as they are mapped.
pub(super) struct Mapped(Mmap);

impl Mapped {
    /// Maps a whole file of `len` bytes, which a manifest names.
    ///
    /// # Errors
    /// [`Error::Damaged`] where it is missing or of another length, [`Error::Io`].
    pub(super) fn open(path: &Path, len: u64) -> Result<Self> {
        let damaged = |reason: String| Error::damaged(path.display().to_string(), reason);
        let file = File::open(path).map_err(|e| match e.kind() {
            io::ErrorKind::NotFound => damaged("it is missing".to_owned()),
            _ => Error::io("open", path, e),
        })?;
        let found = file.metadata().map_err(|e| Error::io("read", path, e))?;
        if !found.is_file() || found.len() != len {
            return Err(damaged(format!(
                "it has {} bytes, not the {len} that the manifest says",
                found.len()
            )));
        }
        // SAFETY: files of chunks are written under another name and never changed once they bear their own, only removed, and
        // then their bytes stay as long as they are mapped. Should somebody write to one all the same, what is read from it
        // may be wrong, but every length was checked before it is used; should somebody cut one off, or the disk
        // not give its bytes, the system ends the process.
        let map = unsafe { MmapOptions::new().map(&file) }.map_err(|e| Error::io("map", path, e))?;
        Ok(Self(map))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}
