//! Files that are there whole or not at all, whenever the machine stops.

use crate::error::{Error, Result};
use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

/// Behind the name of a file that is not finished.
pub(super) const UNFINISHED: &str = "unfinished";

/// Writes a file under a temporary name, syncs it, and only then gives it its own. Should the process end
/// meanwhile, at most an unfinished file stays; after an error not even that.
pub(super) fn write(path: &Path, content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>) -> Result<()> {
    let unfinished = path.with_extension(UNFINISHED);
    if let Err(error) = finish(&unfinished, path, content) {
        clear_away(&unfinished);
        return Err(error);
    }
    sync_folder_of(path)
}

/// Writes all of a file, then gives it its name.
fn finish(
    unfinished: &Path,
    path: &Path,
    content: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
) -> Result<()> {
    let io = |action| move |e| Error::io(action, path, e);
    let file = File::create(unfinished).map_err(io("create"))?;
    let mut writer = BufWriter::with_capacity(1 << 20, file);
    content(&mut writer).map_err(io("write"))?;
    let file = writer.into_inner().map_err(|e| Error::io("write", path, e.into_error()))?;
    file.sync_all().map_err(io("sync"))?;
    fs::rename(unfinished, path).map_err(io("rename"))
}

/// Removes what a failure leaves. Where that fails too, the next open does it.
pub(super) fn clear_away(path: &Path) {
    if let Err(error) = fs::remove_file(path)
        && error.kind() != io::ErrorKind::NotFound
    {
        tracing::warn!(path = %path.display(), %error, "a file that could not be finished stays");
    }
}

/// Removes a file for good, if it is there.
pub(super) fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(Error::io("remove", path, e)),
        _ => sync_folder_of(path),
    }
}

/// The paths in a folder.
pub(super) fn list(folder: &Path) -> Result<Vec<PathBuf>> {
    let io = |e| Error::io("list", folder, e);
    fs::read_dir(folder).map_err(io)?.map(|entry| Ok(entry.map_err(io)?.path())).collect()
}

/// Makes a name in its folder durable, where the system knows how.
fn sync_folder_of(path: &Path) -> Result<()> {
    if let Some(folder) = path.parent().filter(|_| cfg!(unix)) {
        let io = |e| Error::io("sync the folder of", path, e);
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn what_fails_leaves_nothing_and_not_another_file() {
        let folder = tempfile::tempdir().unwrap();
        let names = || list(folder.path()).unwrap();
        let path = folder.path().join("a.sealed");
        let full = || io::Error::from(io::ErrorKind::StorageFull);
        let failed = write(&path, |out| out.write_all(&vec![7; 3 << 20]).and(Err(full())));
        assert!(matches!(failed, Err(Error::Io { action: "write", .. })), "{failed:?}");
        assert_eq!(names(), [] as [PathBuf; 0]);
        fs::create_dir_all(path.join("in the way")).unwrap();
        assert!(write(&path, |out| out.write_all(b"x")).is_err());
        assert_eq!(names(), std::slice::from_ref(&path));
    }
}
