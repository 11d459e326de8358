//! Reading a backup: nothing of it is believed before its hash is found right.

use super::chunk::{self, Named};
use super::files::{MANIFEST, chunk_name, foreign};
use super::lookup::Lookup;
use super::manifest::Manifest;
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress};
use crate::storage::lock::FolderLock;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

/// A backup that is being read.
pub(crate) struct Backup {
    pub(super) manifest: Manifest,
    pub(super) folder: PathBuf,
    _lock: Option<FolderLock>,
}

impl Backup {
    /// Opens the backup in a folder, which no other changes meanwhile.
    ///
    /// # Errors
    /// [`Error::NotABackup`] where there is none, [`Error::Locked`] while one is being made, and as [`read_manifest`].
    pub(crate) fn open(folder: &Path) -> Result<Self> {
        if !folder.is_dir() {
            return Err(foreign(folder, "there is no such folder"));
        }
        let lock = FolderLock::share(folder)?;
        let Some(manifest) = read_manifest(&folder.join(MANIFEST))? else {
            return Err(foreign(folder, "it has no manifest"));
        };
        Ok(Self { manifest, folder: folder.to_owned(), _lock: lock })
    }

    /// The store that it is of.
    pub(crate) fn store_id(&self) -> u128 {
        self.manifest.store_id
    }

    /// Number of the snapshot's commit.
    pub(crate) fn commit(&self) -> u64 {
        self.manifest.commit
    }

    /// Number of the last commit that entries may be of.
    pub(crate) fn until(&self) -> u64 {
        self.manifest.until
    }

    /// Values that were damaged when it was made, and that it lacks.
    pub(crate) fn damaged(&self) -> u64 {
        self.manifest.damaged
    }

    /// Bytes of its entries.
    pub(crate) fn bytes(&self) -> u64 {
        self.manifest.chunk_bytes()
    }

    /// Looks single keys of it up.
    ///
    /// # Errors
    /// As [`Lookup::new`].
    pub(crate) fn lookup(&self) -> Result<Lookup> {
        Lookup::new(&self.folder, &self.manifest.chunks)
    }

    /// Calls `visit` with each entry, in the order of their keys.
    ///
    /// # Errors
    /// [`Error::Damaged`] naming a file that is not as it was written, and those of `visit`.
    pub(super) fn visit(
        &self,
        progress: OnProgress<'_>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let chunks = &self.manifest.chunks;
        for (at, named) in chunks.iter().enumerate() {
            let end = chunks.get(at + 1).map(|next| &next.first[..]);
            read_chunk(&self.folder, named, end, &mut visit)?;
            progress(Progress::of("reading the backup", at + 1, chunks.len()));
        }
        Ok(())
    }
}

/// The manifest in a file, or `None` where there is no file.
pub(super) fn read_manifest(path: &Path) -> Result<Option<Manifest>> {
    let place = path.display().to_string();
    match read(path, None) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
        Ok(bytes) => Manifest::decode(&place, &bytes).map(Some),
    }
}

/// Calls `visit` with each entry of a chunk, whose keys lie before `end`, after its hash was found right.
pub(super) fn read_chunk(
    folder: &Path,
    named: &Named,
    end: Option<&[u8]>,
    visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    let path = folder.join(chunk_name(&named.hash));
    let place = path.display().to_string();
    let bytes = match read(&path, Some(named.len)) {
        Err(Error::Io { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            return Err(Error::damaged(place, "it is missing"));
        }
        read => read?,
    };
    check_chunk(&place, &bytes, named, end, visit)
}

/// Calls `visit` with each entry of a chunk's bytes, after their hash was found right.
pub(super) fn check_chunk(
    place: &str,
    bytes: &[u8],
    named: &Named,
    end: Option<&[u8]>,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
) -> Result<()> {
    if blake3::hash(bytes) != named.hash {
        return Err(Error::damaged(place, "its content is not what its name says"));
    }
    let mut first = None;
    let count = chunk::entries(place, bytes, |key, value| {
        first.get_or_insert_with(|| key.to_vec());
        if end.is_some_and(|end| key >= end) {
            return Err(Error::damaged(place, "its keys reach into the next"));
        }
        visit(key, value)
    })?;
    if count != named.entries || first.as_ref() != Some(&named.first) {
        return Err(Error::damaged(place, "it holds other entries than the manifest says"));
    }
    Ok(())
}

/// The bytes of a file, which must be a plain one, and as long as expected before memory is taken for it.
fn read(path: &Path, expected: Option<u64>) -> Result<Vec<u8>> {
    let io = |action| move |e| Error::io(action, path, e);
    let place = || path.display().to_string();
    // Asked before the file is opened: to open a pipe would wait for a writer.
    if !fs::metadata(path).map_err(io("open"))?.is_file() {
        return Err(Error::damaged(place(), "it is not a file"));
    }
    let file = File::open(path).map_err(io("open"))?;
    let len = file.metadata().map_err(io("read"))?.len();
    if expected.is_some_and(|expected| expected != len) {
        return Err(Error::damaged(place(), format!("it has {len} bytes, not those that the manifest says")));
    }
    let mut bytes = Vec::with_capacity(len as usize);
    file.take(len).read_to_end(&mut bytes).map_err(io("read"))?;
    Ok(bytes)
}
