//! Sealed files of any bytes, for the fuzz targets.

use super::file::Sealed;
use super::format::Layout;
use super::mapping::Mapping;
use super::search::Ask;
use crate::error::Result;

impl Sealed {
    /// Bytes as a file whose header's checksum is put right.
    pub(in crate::index) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let mut bytes = bytes.to_vec();
        Layout::seal_header(&mut bytes);
        // A mapping of no bytes is an error of its own.
        bytes.resize(bytes.len().max(1), 0);
        let mapping = Mapping::in_memory(bytes.len(), |memory| {
            memory.copy_from_slice(&bytes);
            Ok(())
        })?;
        Self::new(mapping, None, "fuzz".to_owned())
    }

    /// How many a search finds, where the vector fits.
    pub(in crate::index) fn search_for_fuzzing(&self, vector: &[f32], ef: usize) -> usize {
        if vector.len() != self.header().dim {
            return 0;
        }
        let ask = Ask { vector, k: 10, ef, within: None, exclude: None, seq: 1 };
        let mut count = 0;
        self.search(&[ask], |_, answer| {
            answer.rows.iter().for_each(|found| drop(self.vector(found.row).to_vec()));
            count = answer.rows.len();
        });
        count
    }
}
