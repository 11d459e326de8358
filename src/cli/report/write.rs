//! Files that are there whole, or not at all.

use crate::error::{Error, Result};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What is there already may be replaced where it is a file; a folder, a device or a pipe may not.
pub(super) fn refuse_other(file: &Path) -> Result<()> {
    match std::fs::metadata(file) {
        Ok(there) if there.is_dir() => {
            Err(Error::invalid("the file to write", file.display(), "it is a folder: name a file in it"))
        }
        Ok(there) if !there.is_file() => {
            let expected = "it is no ordinary file: name another, or - for standard output";
            Err(Error::invalid("the file to write", file.display(), expected))
        }
        _ => Ok(()),
    }
}

/// Writes a file that only its owner may read: beside its place first, then moved there, so that nobody finds half of it.
pub(in crate::cli) fn write_beside(file: &Path, bytes: &[u8]) -> Result<()> {
    refuse_other(file)?;
    // A link stays one.
    let file = file.canonicalize().unwrap_or_else(|_| file.to_owned());
    let folder = match file.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder.to_owned(),
        _ => PathBuf::from("."),
    };
    let failed = |error| Error::io("write", &file, error);
    let mut beside = tempfile::Builder::new().prefix(".kindred-").tempfile_in(&folder).map_err(failed)?;
    beside.write_all(bytes).and_then(|()| beside.as_file().sync_all()).map_err(failed)?;
    beside.persist(&file).map(drop).map_err(|error| failed(error.error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_is_left_beside() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("report.html");
        for text in ["a longer first", "second"] {
            write_beside(&file, text.as_bytes()).unwrap();
            assert_eq!(std::fs::read_to_string(&file).unwrap(), text);
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
        assert!(write_beside(folder.path(), b"").unwrap_err().to_string().contains("it is a folder"));
        assert!(write_beside(&folder.path().join("nowhere/report.html"), b"").is_err());
    }

    #[cfg(unix)]
    #[test]
    fn links_stay_and_devices_are_refused() {
        use std::os::unix::fs::{PermissionsExt, symlink};
        let folder = tempfile::tempdir().unwrap();
        let [file, link] = ["file", "link"].map(|name| folder.path().join(name));
        std::fs::write(&file, "before").unwrap();
        symlink(&file, &link).unwrap();
        write_beside(&link, b"after").unwrap();
        assert!(link.is_symlink());
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "after");
        assert_eq!(std::fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        assert!(
            write_beside(Path::new("/dev/null"), b"").unwrap_err().to_string().contains("no ordinary file")
        );
    }
}
