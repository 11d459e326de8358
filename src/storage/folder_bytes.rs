//! What of a store's folder is how large.

use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use super::current;
use super::folder::{BASE_FOLDER, INDEX_FOLDER, LOG_FOLDER};
use super::log::file;
use crate::error::{Error, Result};
use serde::Serialize;

/// Bytes of a store's folder, by what they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FolderBytes {
    /// Keys and values, in sled's files. While they are written anew by [`Store::compact`](crate::Store::compact), both copies.
    pub data: u64,
    /// The commit log: what the data may lack, and what the base does.
    pub log: u64,
    /// The base, a second copy of the keys and values.
    pub base: u64,
    /// The index's files.
    pub index: u64,
    /// What else is there.
    pub other: u64,
}

impl FolderBytes {
    /// All of it.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.data + self.log + self.base + self.index + self.other
    }

    /// Looks at all files; what comes or goes meanwhile may be counted or not. Links are not followed.
    pub(crate) fn of(store: &Path) -> Result<Self> {
        let mut bytes = Self::default();
        for (name, path) in entries(store)? {
            let part = match name.as_str() {
                LOG_FOLDER => &mut bytes.log,
                BASE_FOLDER => &mut bytes.base,
                INDEX_FOLDER => &mut bytes.index,
                name if current::number(name).is_some() => &mut bytes.data,
                _ => &mut bytes.other,
            };
            *part += size(&path)?;
        }
        Ok(bytes)
    }
}

/// Number of the commit up to which the data is on disk without the log.
pub(crate) fn cut_at(store: &Path) -> Result<u64> {
    let files = entries(&store.join(LOG_FOLDER))?;
    let first = files
        .iter()
        .filter(|(_, path)| file::kept_until(path).is_none())
        .filter_map(|(_, path)| file::first_seq(path))
        .min();
    Ok(first.map_or(0, |first| first.saturating_sub(1)))
}

fn size(path: &Path) -> Result<u64> {
    match fs::symlink_metadata(path) {
        Ok(meta) if meta.is_dir() => entries(path)?.iter().map(|(_, path)| size(path)).sum(),
        Ok(meta) => Ok(meta.len()),
        Err(e) if e.kind() == ErrorKind::NotFound => Ok(0),
        Err(e) => Err(Error::io("look at", path, e)),
    }
}

fn entries(folder: &Path) -> Result<Vec<(String, std::path::PathBuf)>> {
    let io = |e| Error::io("list", folder, e);
    let listed = match fs::read_dir(folder) {
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        listed => listed.map_err(io)?,
    };
    let entry = |entry: std::io::Result<fs::DirEntry>| {
        entry.map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path())).map_err(io)
    };
    listed.map(entry).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_file_counts_where_it_belongs() {
        let folder = tempfile::tempdir().unwrap();
        for (name, bytes) in [
            ("data/db", 100),
            ("data/blobs/1", 20),
            ("data-3/db", 3),
            ("log/00000000000000000007.log", 40),
            ("log/00000000000000000012.log", 5),
            ("log/00000000000000000002-00000000000000000006.kept", 1),
            ("base/MANIFEST", 9),
            ("damaged-data/db", 30),
            ("index/1.sealed", 600),
            ("LOCK", 7),
            ("data-x", 8),
        ] {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, vec![0; bytes]).unwrap();
        }
        let bytes = FolderBytes::of(folder.path()).unwrap();
        assert_eq!(bytes, FolderBytes { data: 123, log: 46, base: 9, index: 600, other: 45 });
        assert_eq!(bytes.total(), 823);
        assert_eq!(cut_at(folder.path()).unwrap(), 6);
        assert_eq!(cut_at(&folder.path().join("nowhere")).unwrap(), 0);
    }
}
