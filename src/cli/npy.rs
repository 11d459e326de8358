//! Numbers as npy files, for numpy.

use super::files::create_private;
use crate::error::{Error, Result};
use npyz::{AutoSerialize, WriterBuilder};
use std::path::Path;

/// Writes rows of `dim` numbers as npy, of their own type.
///
/// # Errors
/// [`Error::Io`] where the file cannot be written.
pub(super) fn write_npy<T: AutoSerialize + Copy>(path: &Path, values: &[T], dim: usize) -> Result<()> {
    let failed = |source| Error::io("write", path, source);
    let file = std::io::BufWriter::new(create_private(path).map_err(failed)?);
    let rows = (values.len() / dim) as u64;
    let mut writer = npyz::WriteOptions::new()
        .default_dtype()
        .shape(&[rows, dim as u64])
        .writer(file)
        .begin_nd()
        .map_err(failed)?;
    writer.extend(values.iter().copied()).map_err(failed)?;
    writer.finish().map_err(failed)
}
