//! Reads the log back when a store is opened: all sound records in order, a torn tail told from damage.

use std::path::{Path, PathBuf};

use super::super::disk::Disk;
use super::file;
use super::record::{self, Form};
use crate::error::{Error, Result};

/// How far beyond a broken record's number the numbers of its successors may lie.
const SEQ_WINDOW: u64 = 1 << 24;

/// What was found in the log's folder.
#[derive(Debug, Default)]
pub(crate) struct Replayed {
    /// Paths of all log files, oldest first.
    pub(crate) files: Vec<PathBuf>,
    /// Number of the first record that the files hold or would hold.
    pub(crate) first_seq: Option<u64>,
    /// Number of the last sound record.
    pub(crate) last_seq: Option<u64>,
    /// Whether bytes at the end belong to no sound record.
    pub(crate) torn: bool,
}

/// Which of the log's files are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Which {
    /// Those whose records the data may lack.
    Live,
    /// All that may hold a record behind this commit.
    After(u64),
    /// Those of them that are set aside, up to the first that is not: nobody writes them any more.
    Kept(u64),
}

/// Paths of the log's files, oldest first.
pub(crate) fn files(disk: &dyn Disk, log_folder: &Path, which: Which) -> Result<Vec<PathBuf>> {
    let mut files = disk.list(log_folder)?;
    files.retain(|path| file::first_seq(path).is_some());
    files.sort_by_key(|path| file::first_seq(path));
    let skipped = match which {
        // What is before a kept file was to be renamed as well.
        Which::Live => files.iter().rposition(|path| file::kept_until(path).is_some()),
        Which::After(commit) | Which::Kept(commit) => {
            files.iter().rposition(|path| file::kept_until(path).is_some_and(|last| last <= commit))
        }
    };
    files.drain(..skipped.map_or(0, |at| at + 1));
    if let Which::Kept(_) = which {
        let written = files.iter().position(|path| file::kept_until(path).is_none());
        files.truncate(written.unwrap_or(files.len()));
    }
    Ok(files)
}

/// The store whose log it is, as the oldest file has it.
pub(crate) fn store_id(disk: &dyn Disk, log_folder: &Path) -> Result<u128> {
    let files = files(disk, log_folder, Which::After(0))?;
    let bytes = files.first().map(|path| disk.read(path)).transpose()?;
    let found = bytes.and_then(|bytes| file::store_id(&bytes));
    found.ok_or_else(|| {
        Error::damaged(log_folder.display().to_string(), "it does not say of which store it is")
    })
}

/// Hands every record to `each`, oldest first.
///
/// # Errors
/// [`Error::Damaged`] where a record is broken or missing that was known to be on disk; records
/// that were never synced may be torn, and end the log.
pub(crate) fn replay(
    disk: &dyn Disk,
    log_folder: &Path,
    store_id: u128,
    which: Which,
    mut each: impl FnMut(&record::Found<'_>) -> Result<()>,
) -> Result<Replayed> {
    let files = files(disk, log_folder, which)?;
    let mut replayed =
        Replayed { first_seq: files.first().and_then(|p| file::first_seq(p)), ..Replayed::default() };
    let mut next = replayed.first_seq.unwrap_or(1);
    for (index, path) in files.iter().enumerate() {
        let last = index + 1 == files.len();
        let bytes = disk.read(path)?;
        if last && file::was_begun(&bytes) {
            replayed.torn = true;
            break;
        }
        if file::first_seq(path) != Some(next) {
            return Err(Error::damaged(
                path.display().to_string(),
                format!("commit {next} is missing before it"),
            ));
        }
        let (form, body) = file::body(path, &bytes, store_id)?;
        let end = read_body(path, body, &form, &mut next, &mut each)?;
        // Where a crash met opening, the file that goes on from a torn end may be there, and the torn one still: the next
        // file's number tells.
        replayed.torn = end < body.len();
    }
    replayed.last_seq = replayed.first_seq.filter(|first| next > *first).map(|_| next - 1);
    replayed.files = files;
    Ok(replayed)
}

/// Reads records up to the first broken one, which must be the torn end; returns where that is.
fn read_body(
    path: &Path,
    body: &[u8],
    form: &Form,
    next: &mut u64,
    each: &mut impl FnMut(&record::Found<'_>) -> Result<()>,
) -> Result<usize> {
    let mut at = 0;
    while at < body.len() {
        match record::find(&body[at..], form) {
            Some(found) if found.seq == *next => {
                each(&found)?;
                *next += 1;
                at += found.len;
            }
            _ if known_durable(&body[at..], form, *next) => return Err(broken(path, *next)),
            _ => {
                tracing::warn!(path = %path.display(), commit = *next, "the log ends in a torn record, which was never acknowledged");
                return Ok(at);
            }
        }
    }
    Ok(at)
}

/// Whether a record behind says that commit `seq` had been on disk. Its length may be what is broken, so every offset is tried.
fn known_durable(bytes: &[u8], form: &Form, seq: u64) -> bool {
    let plausible = |claimed: u64| claimed > seq && claimed - seq < SEQ_WINDOW;
    (0..bytes.len())
        .any(|at| record::proof(&bytes[at..], form, plausible).is_some_and(|durable| durable >= seq))
}

fn broken(path: &Path, seq: u64) -> Error {
    Error::damaged(path.display().to_string(), format!("the record of commit {seq} is broken"))
}
