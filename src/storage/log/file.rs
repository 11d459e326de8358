//! Names and headers of the log's files.

use std::path::{Path, PathBuf};

use super::record::{Form, Key};
use crate::error::{Error, Result};

/// Newest format of store and log that this build reads and the one it writes. Format 1 has no `CURRENT` and no tombstones, format 2 no
/// archives of folded events, format 3 all dimensions of every sum, format 4 records that anybody can make, format 5 no segments, format 6 none
/// that ask for acts on some items; all are read as they are.
pub(crate) const FORMAT: u32 = 7;

/// The first format whose records are sealed.
pub(crate) const SEALED: u32 = 5;

/// Bytes of a file's header: magic, format u32, store id u128, first seq u64, checksum u32.
pub(crate) const HEADER_BYTES: usize = 40;

const MAGIC: [u8; 8] = *b"KNDRLOG\0";
/// Behind the number of a file whose records the data may lack.
const SUFFIX: &str = ".log";
/// Behind the numbers of a file whose records the data has on disk: it is kept in case the data must be made anew.
const KEPT: &str = ".kept";

/// Path of the file whose first record is `first_seq`; names sort as their numbers do.
pub(crate) fn path(folder: &Path, first_seq: u64) -> PathBuf {
    folder.join(format!("{first_seq:020}{SUFFIX}"))
}

/// Path of a kept file with the records from `first_seq` to `last_seq`.
pub(crate) fn kept_path(folder: &Path, first_seq: u64, last_seq: u64) -> PathBuf {
    folder.join(format!("{first_seq:020}-{last_seq:020}{KEPT}"))
}

/// The number of the first record that a log file's name says, kept or not; `None` for all other names.
pub(crate) fn first_seq(path: &Path) -> Option<u64> {
    match path.file_name()?.to_str()?.strip_suffix(SUFFIX) {
        Some(text) => number(text),
        None => kept(path).map(|(first, _)| first),
    }
}

/// The number of a kept file's last record.
pub(crate) fn kept_until(path: &Path) -> Option<u64> {
    kept(path).map(|(_, last)| last)
}

fn kept(path: &Path) -> Option<(u64, u64)> {
    let (first, last) = path.file_name()?.to_str()?.strip_suffix(KEPT)?.split_once('-')?;
    Some((number(first)?, number(last)?))
}

/// A number as names have it. In any other form it could stand beside the file that it would be taken for.
fn number(text: &str) -> Option<u64> {
    let given = text.len() == 20 && text.bytes().all(|byte| byte.is_ascii_digit());
    if given { text.parse().ok() } else { None }
}

/// The store that a file's header names, where it is sound.
pub(crate) fn store_id(bytes: &[u8]) -> Option<u128> {
    let header = bytes.first_chunk::<HEADER_BYTES>().filter(|header| is_sound(header))?;
    Some(header[12..28].iter().rev().fold(0, |id, byte| id << 8 | u128::from(*byte)))
}

/// A new file's header.
pub(crate) fn header(store_id: u128, first_seq: u64) -> [u8; HEADER_BYTES] {
    header_of(FORMAT, store_id, first_seq)
}

/// The header of a file of any format.
pub(crate) fn header_of(format: u32, store_id: u128, first_seq: u64) -> [u8; HEADER_BYTES] {
    let mut header = [0; HEADER_BYTES];
    header[..8].copy_from_slice(&MAGIC);
    header[8..12].copy_from_slice(&format.to_le_bytes());
    header[12..28].copy_from_slice(&store_id.to_le_bytes());
    header[28..36].copy_from_slice(&first_seq.to_le_bytes());
    let crc = crc32fast::hash(&header[..36]);
    header[36..].copy_from_slice(&crc.to_le_bytes());
    header
}

/// Whether a file that is `bytes` was only being begun: its header is cut short, or its bytes are not all there. Nothing is
/// written behind a header before that is synced.
pub(crate) fn was_begun(bytes: &[u8]) -> bool {
    match bytes.first_chunk::<HEADER_BYTES>() {
        Some(header) => bytes.len() == HEADER_BYTES && !is_sound(header),
        None => true,
    }
}

fn is_sound(header: &[u8; HEADER_BYTES]) -> bool {
    header.ends_with(&crc32fast::hash(&header[..HEADER_BYTES - 4]).to_le_bytes())
}

/// What a file's records are sealed with: a hash of its header, which the random id of the store is in.
pub(crate) fn key(header: &[u8; HEADER_BYTES]) -> Key {
    *blake3::hash(header).as_bytes()
}

/// The records' bytes of a file that is `bytes`, and their form, its header checked against name and store.
pub(crate) fn body<'a>(path: &Path, bytes: &'a [u8], store_id: u128) -> Result<(Form, &'a [u8])> {
    let damaged = |reason: &str| Err(Error::damaged(path.display().to_string(), reason));
    let Some((found, body)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return damaged("its header is cut short");
    };
    if found[..8] != MAGIC {
        return damaged("it is not a log file");
    }
    let format = u32::from_le_bytes([found[8], found[9], found[10], found[11]]);
    if format > FORMAT {
        return Err(Error::Format { found: format, newest: FORMAT });
    }
    let form = if format < SEALED { Form::Old } else { Form::Sealed(key(found)) };
    match first_seq(path) {
        Some(seq) if *found == header_of(format, store_id, seq) => Ok((form, body)),
        _ => damaged("its header belongs to another file or store, or is damaged"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_given_are_taken() {
        let folder = Path::new("log");
        for seq in [0, 1, 77, u64::MAX] {
            let (live, kept) = (path(folder, seq), kept_path(folder, seq, seq));
            assert_eq!((first_seq(&live), kept_until(&live)), (Some(seq), None));
            assert_eq!((first_seq(&kept), kept_until(&kept)), (Some(seq), Some(seq)));
        }
        for name in [
            "1.log",
            "+0000000000000000001.log",
            "000000000000000000001.log",
            "0000000000000000000x.log",
            "99999999999999999999.log",
            "00000000000000000001",
            "00000000000000000001.LOG",
            "00000000000000000001-2.kept",
            "1-00000000000000000002.kept",
            "00000000000000000001.kept",
        ] {
            assert_eq!(first_seq(&folder.join(name)), None, "{name}");
        }
    }
}
