//! Files beside a store: read as text, and written where they overwrite nothing of it.

use crate::error::{Error, Result};
use std::fs::File;
use std::path::{Path, PathBuf};

/// The text in a file, or in standard input for `-`; a byte order mark is taken off.
pub(super) fn read_text(path: &Path) -> Result<String> {
    let bytes = if path.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::Read::read_to_end(&mut std::io::stdin(), &mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let mut bytes = bytes.map_err(|e| Error::io("read", path, e))?;
    if bytes.starts_with(b"\xef\xbb\xbf") {
        bytes.drain(..3);
    }
    String::from_utf8(bytes).map_err(|e| {
        let before = &e.as_bytes()[..e.utf8_error().valid_up_to()];
        let line = before.split(|byte| *byte == b'\n').count();
        Error::Line {
            source_name: path.display().to_string(),
            line: line as u64,
            reason: "not UTF-8: save the file as UTF-8".to_owned(),
        }
    })
}

/// What is written into the store's own folder could be written over its data.
pub(super) fn refuse_within(store: &Path, file: &Path) -> Result<()> {
    match (target(file), store.canonicalize()) {
        (Some(target), Ok(store)) if target.starts_with(&store) => {
            let expected = "it lies in the store's own folder: take another";
            Err(Error::invalid("the file to write", file.display(), expected))
        }
        _ => Ok(()),
    }
}

/// A file would be written over one that is read.
pub(super) fn refuse_as_input<'f>(file: &Path, inputs: impl IntoIterator<Item = &'f PathBuf>) -> Result<()> {
    let Ok(file) = file.canonicalize() else { return Ok(()) };
    match inputs.into_iter().find(|input| input.canonicalize().is_ok_and(|input| input == file)) {
        None => Ok(()),
        Some(input) => {
            let expected = "it is read from too: take another";
            Err(Error::invalid("the file to write", input.display(), expected))
        }
    }
}

/// Where a write would go: links are followed, as the system does.
fn target(file: &Path) -> Option<PathBuf> {
    if let Ok(there) = file.canonicalize() {
        return Some(there);
    }
    let folder = match file.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    Some(folder.canonicalize().ok()?.join(file.file_name()?))
}

/// Makes a file that only its owner may read: what comes out of a store is what the store itself keeps to its owner.
pub(super) fn create_private(path: &Path) -> std::io::Result<File> {
    let mut options = File::options();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
