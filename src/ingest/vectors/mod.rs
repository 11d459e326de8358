//! Vector files: npy, and the fvecs, bvecs and ivecs of the TEXMEX collections.

mod npy;

use crate::error::{Error, Result};
use half::f16;
use npy::{Element, Npy};
use std::path::Path;

/// Vectors of one length, in one run of memory.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Vectors {
    dim: usize,
    values: Vec<f32>,
}

impl Vectors {
    /// From rows of `dim` values, one after the other.
    #[cfg(feature = "cli")]
    pub(crate) fn new(dim: usize, values: Vec<f32>) -> Self {
        Self { dim, values }
    }

    /// Dimensions of each, 1 or more.
    pub(crate) fn dim(&self) -> usize {
        self.dim
    }

    /// How many.
    pub(crate) fn len(&self) -> usize {
        self.values.len() / self.dim
    }

    /// Whether there are none.
    pub(crate) fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    /// Each vector in the order of the file.
    pub(crate) fn iter(&self) -> impl ExactSizeIterator<Item = &[f32]> {
        self.values.chunks_exact(self.dim)
    }

    /// The vector at a place in the file, which is within it.
    #[cfg(feature = "cli")]
    pub(crate) fn row(&self, row: usize) -> &[f32] {
        &self.values[row * self.dim..][..self.dim]
    }

    /// All values, one row after the other.
    #[cfg(feature = "cli")]
    pub(crate) fn values_mut(&mut self) -> &mut Vec<f32> {
        &mut self.values
    }
}

/// Reads vectors: `.npy` of two dimensions holding f32 or f16, `.fvecs`, or `.bvecs`.
///
/// # Errors
/// [`Error::Io`] where the file cannot be read, [`Error::Invalid`] where it is no such file.
#[cfg(feature = "cli")]
pub(crate) fn read_vectors(path: &Path) -> Result<Vectors> {
    vectors_of(path, &std::fs::read(path).map_err(|source| Error::io("read", path, source))?)
}

/// [`read_vectors`] of the bytes in a file of this name.
pub(crate) fn vectors_of(path: &Path, bytes: &[u8]) -> Result<Vectors> {
    match extension(path) {
        "npy" => npy_vectors(path, bytes),
        "fvecs" => vecs(path, bytes, 4, |value| f32::from_le_bytes(first(value))),
        "bvecs" => vecs(path, bytes, 1, |value| f32::from(value[0])),
        _ => Err(malformed(path, "its name ends in none of .npy, .fvecs and .bvecs")),
    }
}

/// Reads lists of neighbours: `.npy` of two dimensions holding i32 or i64, or `.ivecs`.
///
/// # Errors
/// As [`read_vectors`], and [`Error::Invalid`] for a number below 0 or past `u32`.
#[cfg(feature = "cli")]
pub(crate) fn read_neighbors(path: &Path) -> Result<Vec<Vec<u32>>> {
    neighbors_of(path, &std::fs::read(path).map_err(|source| Error::io("read", path, source))?)
}

/// [`read_neighbors`] of the bytes in a file of this name.
pub(crate) fn neighbors_of(path: &Path, bytes: &[u8]) -> Result<Vec<Vec<u32>>> {
    let (columns, ids) = match extension(path) {
        "npy" => npy_neighbors(path, bytes)?,
        "ivecs" => rows(path, bytes, 4, |value| i64::from(i32::from_le_bytes(first(value))))?,
        _ => return Err(malformed(path, "its name ends in neither .npy nor .ivecs")),
    };
    let ids: Vec<u32> = ids
        .into_iter()
        .map(|id| u32::try_from(id).map_err(|_| malformed(path, &format!("{id} is no row number"))))
        .collect::<Result<_>>()?;
    Ok(ids.chunks_exact(columns).map(<[u32]>::to_vec).collect())
}

fn extension(path: &Path) -> &str {
    path.extension().and_then(|extension| extension.to_str()).unwrap_or_default()
}

fn malformed(path: &Path, reason: &str) -> Error {
    Error::invalid("vector file", path.display(), reason)
}

fn first<const N: usize>(bytes: &[u8]) -> [u8; N] {
    bytes.first_chunk().copied().unwrap_or([0; N])
}

fn npy_vectors(path: &Path, bytes: &[u8]) -> Result<Vectors> {
    let npy = npy(path, bytes)?;
    let values = match npy.element {
        Element::F32 => npy.data.chunks_exact(4).map(|x| f32::from_le_bytes(first(x))).collect(),
        Element::F16 => npy.data.chunks_exact(2).map(|x| f16::from_le_bytes(first(x)).to_f32()).collect(),
        Element::I32 | Element::I64 => return Err(malformed(path, "it holds neither f32 nor f16")),
    };
    Ok(Vectors { dim: npy.columns, values })
}

fn npy_neighbors(path: &Path, bytes: &[u8]) -> Result<(usize, Vec<i64>)> {
    let npy = npy(path, bytes)?;
    let ids = match npy.element {
        Element::I32 => npy.data.chunks_exact(4).map(|x| i32::from_le_bytes(first(x)).into()).collect(),
        Element::I64 => npy.data.chunks_exact(8).map(|x| i64::from_le_bytes(first(x))).collect(),
        Element::F16 | Element::F32 => return Err(malformed(path, "it holds neither i32 nor i64")),
    };
    Ok((npy.columns, ids))
}

fn npy<'a>(path: &Path, bytes: &'a [u8]) -> Result<Npy<'a>> {
    Npy::parse(bytes).map_err(|reason| malformed(path, &reason))
}

fn vecs(path: &Path, bytes: &[u8], size: usize, value: impl Fn(&[u8]) -> f32) -> Result<Vectors> {
    let (dim, values) = rows(path, bytes, size, value)?;
    Ok(Vectors { dim, values })
}

/// Rows of a little-endian i32 length and as many values of `size` bytes; all lengths are the same.
fn rows<T>(path: &Path, bytes: &[u8], size: usize, value: impl Fn(&[u8]) -> T) -> Result<(usize, Vec<T>)> {
    let columns = usize::try_from(i32::from_le_bytes(first(bytes))).unwrap_or(0);
    let row_bytes = 4 + columns * size;
    if columns == 0 || !bytes.len().is_multiple_of(row_bytes) {
        return Err(malformed(path, "it is not whole rows of one length"));
    }
    let mut values = Vec::with_capacity(bytes.len() / size);
    for row in bytes.chunks_exact(row_bytes) {
        if row[..4] != bytes[..4] {
            return Err(malformed(path, "its rows differ in length"));
        }
        values.extend(row[4..].chunks_exact(size).map(&value));
    }
    Ok((columns, values))
}

#[cfg(test)]
mod tests {
    use super::*;
    use npyz::{AutoSerialize, WriterBuilder};

    fn file(name: &str, bytes: &[u8]) -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).unwrap();
        (folder, path)
    }

    fn npy_bytes<T: AutoSerialize>(shape: &[u64], values: Vec<T>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut writer =
            npyz::WriteOptions::new().default_dtype().shape(shape).writer(&mut bytes).begin_nd().unwrap();
        writer.extend(values).unwrap();
        writer.finish().unwrap();
        bytes
    }

    fn vecs_bytes<const N: usize>(rows: &[&[[u8; N]]]) -> Vec<u8> {
        let row =
            |row: &&[[u8; N]]| [(row.len() as i32).to_le_bytes().as_slice(), row.as_flattened()].concat();
        rows.iter().flat_map(row).collect()
    }

    #[test]
    fn every_form_reads_the_same() {
        let floats = |row: [f32; 2]| row.map(f32::to_le_bytes);
        let cases = [
            ("a.npy", npy_bytes(&[2, 2], vec![1.0_f32, 2.0, 3.0, 4.0])),
            ("b.npy", npy_bytes(&[2, 2], [1.0, 2.0, 3.0, 4.0].map(f16::from_f32).to_vec())),
            ("c.fvecs", vecs_bytes(&[&floats([1.0, 2.0]), &floats([3.0, 4.0])])),
            ("d.bvecs", vecs_bytes(&[&[[1], [2]], &[[3], [4]]])),
        ];
        for (name, bytes) in cases {
            let (_folder, path) = file(name, &bytes);
            let vectors = read_vectors(&path).unwrap();
            assert_eq!((vectors.dim(), vectors.len(), vectors.is_empty()), (2, 2, false), "{name}");
            assert_eq!(vectors.iter().collect::<Vec<_>>(), [[1.0, 2.0], [3.0, 4.0]], "{name}");
        }
    }

    #[test]
    fn neighbors_read_the_same() {
        let ids = |row: [i32; 2]| row.map(i32::to_le_bytes);
        let cases = [
            ("a.npy", npy_bytes(&[2, 2], vec![5_i32, 6, 7, 8])),
            ("b.npy", npy_bytes(&[2, 2], vec![5_i64, 6, 7, 8])),
            ("c.ivecs", vecs_bytes(&[&ids([5, 6]), &ids([7, 8])])),
        ];
        for (name, bytes) in cases {
            let (_folder, path) = file(name, &bytes);
            assert_eq!(read_neighbors(&path).unwrap(), [[5, 6], [7, 8]], "{name}");
        }
    }

    #[test]
    fn malformed_files_are_refused() {
        let whole = vecs_bytes(&[&[1.0_f32.to_le_bytes()], &[2.0_f32.to_le_bytes()]]);
        let cases = [
            ("cut.fvecs", whole[..13].to_vec()),
            ("empty.fvecs", Vec::new()),
            ("negative.fvecs", (-1_i32).to_le_bytes().to_vec()),
            ("mixed.fvecs", [&whole[..8], &2_i32.to_le_bytes(), &[0; 4]].concat()),
            ("flat.npy", npy_bytes(&[4], vec![1.0_f32; 4])),
            ("doubles.npy", npy_bytes(&[1, 1], vec![1.0_f64])),
            ("cut.npy", npy_bytes(&[2, 2], vec![1.0_f32; 4])[..130].to_vec()),
            ("noise.npy", vec![7; 200]),
            ("table.csv", b"1,2".to_vec()),
        ];
        for (name, bytes) in cases {
            let (_folder, path) = file(name, &bytes);
            assert!(read_vectors(&path).is_err(), "{name}");
        }
        let (_folder, path) = file("a.npy", &npy_bytes(&[1, 1], vec![-5_i32]));
        assert!(read_neighbors(&path).is_err());
        assert!(read_vectors(Path::new("absent.npy")).is_err());
    }
}
