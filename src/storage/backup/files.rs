//! The folder of a backup: which names are its own, and files that are there whole or not at all.

use super::chunk::{Chunk, Hash, Named};
use crate::error::{Error, Result};
use crate::storage::folder::{self, LOCK_FILE, sync_folder};
use crate::storage::frame::hex;
use crate::storage::lock::FolderLock;
use crate::telemetry::redacted;
use std::collections::HashSet;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// The file that names all others.
pub(super) const MANIFEST: &str = "MANIFEST";
const CHUNK: &str = "chunk";
/// Behind the name of a file that is not finished.
const UNFINISHED: &str = "unfinished";

/// The name of a chunk's file.
pub(super) fn chunk_name(hash: &Hash) -> String {
    format!("{}.{CHUNK}", hex(hash))
}

/// Whether a name is one that a backup gives.
fn is_own(path: &Path) -> bool {
    let is_hash =
        |stem: &str| stem.len() == 64 && stem.bytes().all(|c| matches!(c, b'0'..=b'9' | b'a'..=b'f'));
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    match name.split_once('.') {
        None => name == LOCK_FILE || name == MANIFEST,
        Some((stem, CHUNK)) => is_hash(stem),
        Some((stem, UNFINISHED)) => stem == MANIFEST || is_hash(stem),
        Some(_) => false,
    }
}

fn has_extension(path: &Path, wanted: &str) -> bool {
    path.extension().is_some_and(|extension| extension == wanted)
}

/// Hears of each change of the folder before it is made, the verb and the file, and may forbid it: how tests end a
/// backup at any instant.
pub(crate) type Watch<'a> = &'a dyn Fn(&'static str, &Path) -> io::Result<()>;

/// The folder that a backup is written into.
pub(super) struct Files<'a> {
    folder: PathBuf,
    watch: Watch<'a>,
    /// Held where others may write there, too.
    _lock: Option<FolderLock>,
}

impl<'a> Files<'a> {
    /// Takes a folder that is not there, empty, or a backup's; any other is left as it is.
    pub(super) fn take(folder: &Path, watch: Watch<'a>) -> Result<Self> {
        match fs::metadata(folder) {
            Err(e) if e.kind() == io::ErrorKind::NotFound => folder::create(folder)?,
            Err(e) => return Err(Error::io("open", folder, e)),
            Ok(meta) if !meta.is_dir() => return Err(foreign(folder, "it is a file")),
            Ok(_) => {}
        }
        if let Some(other) = folder::list(folder)?.iter().find(|path| !is_own(path)) {
            let name = other.file_name().unwrap_or_default().display();
            return Err(foreign(folder, &format!("it holds {name}")));
        }
        let lock = Some(FolderLock::acquire(folder)?);
        Ok(Self { folder: folder.to_owned(), watch, _lock: lock })
    }

    /// A folder that nobody else writes to, though others may read it.
    pub(super) fn own(folder: &Path, watch: Watch<'a>) -> Result<Self> {
        folder::create(folder)?;
        Ok(Self { folder: folder.to_owned(), watch, _lock: None })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Removes what a run that did not come to its end left unfinished.
    pub(super) fn clear(&self) -> Result<()> {
        let left = folder::list(&self.folder)?;
        left.iter().filter(|path| has_extension(path, UNFINISHED)).try_for_each(|path| self.remove(path))
    }

    /// Whether a chunk's file is there, as far as its length tells.
    pub(super) fn holds(&self, chunk: &Named) -> bool {
        let path = self.folder.join(chunk_name(&chunk.hash));
        fs::symlink_metadata(path).is_ok_and(|meta| meta.is_file() && meta.len() == chunk.len)
    }

    /// Writes a chunk's file.
    pub(super) fn write_chunk(&self, chunk: &Chunk) -> Result<()> {
        let path = self.folder.join(chunk_name(&chunk.named.hash));
        self.write(&path, &chunk.bytes, |_| Ok(()))
    }

    /// Has the manifest take the place of the one before, after all files that are there by now; `check` is shown it
    /// before.
    pub(super) fn write_manifest(&self, bytes: &[u8], check: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        self.sync_folder()?;
        self.write(&self.folder.join(MANIFEST), bytes, check)?;
        self.sync_folder()
    }

    /// Removes the chunks that are not among `named`; returns how many.
    pub(super) fn keep_only(&self, named: &[Named]) -> Result<u64> {
        let names: HashSet<String> = named.iter().map(|chunk| chunk_name(&chunk.hash)).collect();
        let is_named = |path: &Path| {
            path.file_name().and_then(|name| name.to_str()).is_some_and(|name| names.contains(name))
        };
        let mut removed = 0;
        for path in folder::list(&self.folder)? {
            if has_extension(&path, CHUNK) && !is_named(&path) {
                self.remove(&path)?;
                removed += 1;
            }
        }
        self.sync_folder()?;
        Ok(removed)
    }

    fn write(&self, path: &Path, bytes: &[u8], check: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
        let unfinished = path.with_extension(UNFINISHED);
        let written = self.finish(&unfinished, path, bytes, check);
        if written.is_err()
            && let Err(error) = self.remove(&unfinished)
        {
            tracing::warn!(error = %redacted(&error), "the next backup removes it");
        }
        written
    }

    fn finish(
        &self,
        unfinished: &Path,
        path: &Path,
        bytes: &[u8],
        check: impl FnOnce(&Path) -> Result<()>,
    ) -> Result<()> {
        let io = |action| move |e| Error::io(action, path, e);
        let mut file = folder::create_file(unfinished).map_err(io("create"))?;
        (self.watch)("write", unfinished).and_then(|()| file.write_all(bytes)).map_err(io("write"))?;
        (self.watch)("sync", unfinished).and_then(|()| file.sync_all()).map_err(io("sync"))?;
        drop(file);
        check(unfinished)?;
        let rename = || fs::rename(unfinished, path);
        (self.watch)("rename", path).and_then(|()| rename()).map_err(io("rename"))
    }

    fn remove(&self, path: &Path) -> Result<()> {
        let removed = (self.watch)("remove", path).and_then(|()| fs::remove_file(path));
        match removed {
            Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
            _ => Ok(()),
        }
    }

    fn sync_folder(&self) -> Result<()> {
        (self.watch)("sync", &self.folder).map_err(|e| Error::io("sync", &self.folder, e))?;
        sync_folder(&self.folder)
    }
}

/// An [`Error::NotABackup`].
pub(super) fn foreign(folder: &Path, reason: &str) -> Error {
    Error::NotABackup { path: folder.to_owned(), reason: reason.to_owned() }
}
