//! The bytes of a sealed file, mapped into memory.
#![expect(unsafe_code, reason = "mapping a file is unsafe: its bytes could change under the reader")]

use crate::error::{Error, Result};
#[cfg(target_os = "linux")]
use memmap2::Advice;
use memmap2::{Mmap, MmapMut, MmapOptions};
use std::fs::File;
use std::path::Path;

/// Bytes that do not change as long as they are mapped.
#[derive(Debug)]
pub(super) struct Mapping(Mmap);

impl Mapping {
    /// Maps a whole file; nothing of it is read yet.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let io = |e| Error::io("map", path, e);
        let file = File::open(path).map_err(io)?;
        // SAFETY: sealed files are written under another name and never changed once they bear their own; the
        // store's lock keeps other stores away. Should somebody write to one all the same, a search may answer
        // wrongly, but every number read from it is checked before it is used as a place.
        let map = unsafe { MmapOptions::new().map(&file) }.map_err(io)?;
        #[cfg(target_os = "linux")]
        huge_pages(|advice| map.advise(advice));
        Ok(Self(map))
    }

    /// Memory of its own, filled by `fill`; in huge pages where the system gives them.
    pub(super) fn in_memory(length: usize, fill: impl FnOnce(&mut [u8]) -> Result<()>) -> Result<Self> {
        let io = |e| Error::io("reserve memory for", "an index", e);
        let mut map: MmapMut = MmapOptions::new().len(length).map_anon().map_err(io)?;
        #[cfg(target_os = "linux")]
        huge_pages(|advice| map.advise(advice));
        fill(&mut map)?;
        Ok(Self(map.make_read_only().map_err(io)?))
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Asks for few large pages in place of many small ones. The system may refuse; nothing depends on it.
#[cfg(target_os = "linux")]
fn huge_pages(advise: impl FnOnce(Advice) -> std::io::Result<()>) {
    if let Err(error) = advise(Advice::HugePage) {
        tracing::debug!(%error, "no huge pages");
    }
}
