//! The files of the commit log: on disk in stores; in tests in memory, where they fail and forget on demand.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::folder;
use crate::error::{Error, Result};

/// Where the log's files lie.
pub(crate) trait Disk: Send + Sync + 'static {
    /// Creates a folder that only its owner may enter, where it is missing.
    fn create_folder(&self, path: &Path) -> Result<()>;

    /// The paths in a folder, sorted.
    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>>;

    /// All bytes of a file.
    fn read(&self, path: &Path) -> Result<Vec<u8>>;

    /// Length of a file in bytes.
    fn len(&self, path: &Path) -> Result<u64>;

    /// An empty file in the place of what may be there. Its name is on disk once its folder is synced.
    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>>;

    /// Gives a file another name in its folder; for good once that is synced.
    fn rename(&self, from: &Path, to: &Path) -> Result<()>;

    /// Removes a file; for good once its folder is synced.
    fn remove(&self, path: &Path) -> Result<()>;

    /// Makes what was written to a file durable, by whomever.
    fn sync_file(&self, path: &Path) -> Result<()>;

    /// Makes names created or removed in a folder durable.
    fn sync_folder(&self, path: &Path) -> Result<()>;
}

/// A file that is being written.
pub(crate) trait DiskFile: Send + Sync {
    /// Writes at the end. After an error any part of it may be there.
    fn append(&self, bytes: &[u8]) -> io::Result<()>;

    /// Cuts the file off.
    fn cut(&self, len: u64) -> io::Result<()>;

    /// All that was written is on disk when this returns.
    fn sync(&self) -> io::Result<()>;
}

/// The system's files.
pub(crate) struct SystemDisk;

impl Disk for SystemDisk {
    fn create_folder(&self, path: &Path) -> Result<()> {
        folder::create(path)
    }

    fn list(&self, folder: &Path) -> Result<Vec<PathBuf>> {
        folder::list(folder)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>> {
        fs::read(path).map_err(|e| Error::io("read", path, e))
    }

    fn len(&self, path: &Path) -> Result<u64> {
        fs::metadata(path).map(|meta| meta.len()).map_err(|e| Error::io("measure", path, e))
    }

    fn create(&self, path: &Path) -> Result<Arc<dyn DiskFile>> {
        let mut options = OpenOptions::new();
        let file = options.append(true).create(true).open(path).map_err(|e| Error::io("create", path, e))?;
        file.set_len(0).map_err(|e| Error::io("create", path, e))?;
        Ok(Arc::new(file))
    }

    fn rename(&self, from: &Path, to: &Path) -> Result<()> {
        fs::rename(from, to).map_err(|e| Error::io("rename", from, e))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        fs::remove_file(path).map_err(|e| Error::io("remove", path, e))
    }

    fn sync_file(&self, path: &Path) -> Result<()> {
        folder::sync_file(path)
    }

    fn sync_folder(&self, path: &Path) -> Result<()> {
        folder::sync_folder(path)
    }
}

impl DiskFile for File {
    fn append(&self, bytes: &[u8]) -> io::Result<()> {
        (&mut &*self).write_all(bytes)
    }

    fn cut(&self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }

    /// Data and length; nobody looks at times.
    fn sync(&self) -> io::Result<()> {
        self.sync_data()
    }
}
