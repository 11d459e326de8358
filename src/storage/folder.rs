//! The store's folder: what is in it, and how it is made and synced.

use std::fs::{self, DirBuilder};
use std::path::{Path, PathBuf};

use super::log;
use crate::error::{Error, Result};

/// File that is locked while a store is open.
pub(crate) const LOCK_FILE: &str = "LOCK";
/// File that names the folder of the backend, where that is not the first.
pub(crate) const CURRENT_FILE: &str = "CURRENT";
/// File that is there while values of the data are known to be damaged.
pub(crate) const DAMAGE_FILE: &str = "DAMAGED";
/// First folder of the backend.
pub(crate) const DATA_FOLDER: &str = "data";
/// Folder of the commit log.
pub(crate) const LOG_FOLDER: &str = "log";
/// Folder of the base, from which and the log the data can be made anew.
pub(crate) const BASE_FOLDER: &str = "base";
/// Folder of the index's files, which are made anew where they are missing.
pub(crate) const INDEX_FOLDER: &str = "index";

/// The folder of the index's files in a store's; made where it is missing.
pub(crate) fn index_folder(store: &Path) -> Result<PathBuf> {
    let path = index_of(store);
    if !path.is_dir() {
        create(&path)?;
    }
    Ok(path)
}

/// Where the index's files lie in a store's folder, if there are any.
pub(crate) fn index_of(store: &Path) -> PathBuf {
    store.join(INDEX_FOLDER)
}

/// Creates the folder of a new store, or checks that `path` is the folder of one. A folder with
/// none but our own names in it may be half made, and is gone on with.
pub(crate) fn prepare(path: &Path) -> Result<()> {
    match fs::metadata(path) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => create(path)?,
        Err(e) => return Err(Error::io("open", path, e)),
        Ok(meta) if !meta.is_dir() => return Err(not_a_store(path, "it is a file")),
        Ok(_) => check(path)?,
    }
    if holds_store(path) { Ok(()) } else { sync_above(path) }
}

/// Makes the names of a new store's folder and of all above it durable. Whoever made them, the host included, need not have
/// synced them, and without them nothing of the store is found.
fn sync_above(path: &Path) -> Result<()> {
    let path = fs::canonicalize(path).map_err(|e| Error::io("open", path, e))?;
    for folder in path.ancestors().skip(1) {
        match sync_folder(folder) {
            // A folder that may be passed through but not read was made by somebody else, long before.
            Err(Error::Io { source, .. }) if source.kind() == std::io::ErrorKind::PermissionDenied => {}
            synced => synced?,
        }
    }
    Ok(())
}

/// Whether a store was ever made in the folder. Unlike [`prepare`] it leaves nothing there.
pub(crate) fn holds_store(path: &Path) -> bool {
    let log = path.join(LOG_FOLDER);
    let data = || path.join(DATA_FOLDER).is_dir() || path.join(CURRENT_FILE).is_file();
    let written =
        || list(&log).is_ok_and(|files| files.iter().any(|file| log::file::first_seq(file).is_some()));
    log.is_dir() && (data() || written())
}

/// Refuses a folder in which no store was ever made.
pub(crate) fn must_hold_store(path: &Path) -> Result<()> {
    if holds_store(path) {
        return Ok(());
    }
    Err(not_a_store(path, if path.is_dir() { "it holds no store" } else { "there is no such folder" }))
}

fn check(path: &Path) -> Result<()> {
    if holds_store(path) {
        return Ok(());
    }
    let ours = [LOCK_FILE, DATA_FOLDER, LOG_FOLDER, INDEX_FOLDER, BASE_FOLDER];
    for entry in list(path)? {
        let name = entry.file_name().unwrap_or_default();
        if !ours.iter().any(|own| name == *own) {
            return Err(not_a_store(path, format!("it holds {}", name.display())));
        }
    }
    Ok(())
}

fn not_a_store(path: &Path, reason: impl Into<String>) -> Error {
    Error::NotAStore { path: path.to_owned(), reason: reason.into() }
}

/// Creates a folder, and those above it, that only its owner may enter.
pub(crate) fn create(path: &Path) -> Result<()> {
    let mut builder = DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|e| Error::io("create", path, e))?;
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync_folder(parent),
        _ => Ok(()),
    }
}

/// An empty file, in the place of what may be there, that only its owner may read.
pub(crate) fn create_file(path: &Path) -> std::io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

/// The paths in a folder, sorted.
pub(crate) fn list(path: &Path) -> Result<Vec<PathBuf>> {
    let io = |e| Error::io("list", path, e);
    let mut paths = Vec::new();
    for entry in fs::read_dir(path).map_err(io)? {
        paths.push(entry.map_err(io)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Makes what was written to a file durable, by whomever.
pub(crate) fn sync_file(path: &Path) -> Result<()> {
    fs::File::open(path).and_then(|file| file.sync_all()).map_err(|e| Error::io("sync", path, e))
}

/// Makes names created or removed in a folder durable, where the system knows how.
pub(crate) fn sync_folder(path: &Path) -> Result<()> {
    if cfg!(unix) {
        fs::File::open(path).and_then(|f| f.sync_all()).map_err(|e| Error::io("sync", path, e))?;
    }
    Ok(())
}

/// Removes a folder with all that is in it, where it is there.
pub(crate) fn remove_all(folder: &Path) -> Result<()> {
    match fs::remove_dir_all(folder) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", folder, e)),
        _ => Ok(()),
    }
}
