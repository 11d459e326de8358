//! Reads what `lost_writes.c` wrote down, and builds it.

use std::path::{Path, PathBuf};
use std::process::Command;
use tempfile::TempDir;

/// One entry of a trace. Paths are relative to the traced folder, whose own is empty.
#[derive(Clone, Debug)]
pub enum Entry {
    /// A file that was not there was opened.
    Create {
        inode: u64,
        path: String,
    },
    Folder {
        inode: u64,
        path: String,
    },
    Write {
        inode: u64,
        at: u64,
        data: Vec<u8>,
    },
    Truncate {
        inode: u64,
        len: u64,
    },
    /// A file or folder was synced.
    Sync {
        inode: u64,
    },
    /// `sync_file_range`, which is no sync.
    RangeSync {
        inode: u64,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    /// The process said this on its standard output.
    Said(String),
    /// A call was made to fail.
    Failed,
    /// Something that is not replayed.
    Foreign(String),
}

/// The library for `LD_PRELOAD`, and the folder it lies in.
pub struct Shim {
    pub path: PathBuf,
    _folder: TempDir,
}

impl Shim {
    /// Builds it; `None`, and a word why, where it cannot be used.
    pub fn build() -> Option<Self> {
        if !cfg!(target_os = "linux") {
            println!("SKIPPED lost writes and injected faults: they need Linux");
            return None;
        }
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lost_writes.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/crash/lost_writes.c");
        let compiler = Command::new("cc")
            .args(["-O1", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-pthread", "-o"])
            .arg(&path)
            .arg(source)
            .output();
        match compiler {
            Ok(output) if output.status.success() => Some(Self { path, _folder: folder }),
            Ok(output) => panic!("{}", String::from_utf8_lossy(&output.stderr)),
            Err(error) => {
                println!("SKIPPED lost writes and injected faults: there is no C compiler `cc` ({error})");
                None
            }
        }
    }
}

/// All entries of a trace.
pub fn read(path: &Path) -> Vec<Entry> {
    let bytes = std::fs::read(path).unwrap();
    let (mut left, mut entries) = (&bytes[..], Vec::new());
    while !left.is_empty() {
        let kind = take(&mut left, 1)[0];
        let (inode, number) = (number64(&mut left), number64(&mut left));
        let (a, b) = (number32(&mut left), number32(&mut left));
        let (a, b) = (take(&mut left, a), take(&mut left, b));
        entries.push(entry(kind, inode, number, a, b));
    }
    entries
}

fn entry(kind: u8, inode: u64, number: u64, a: &[u8], b: &[u8]) -> Entry {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    match kind {
        b'C' => Entry::Create { inode, path: text(a) },
        b'M' => Entry::Folder { inode, path: text(a) },
        b'W' => Entry::Write { inode, at: number, data: a.to_vec() },
        b'T' => Entry::Truncate { inode, len: number },
        b'F' => Entry::Sync { inode },
        b'S' => Entry::RangeSync { inode },
        b'R' => Entry::Rename { from: text(a), to: text(b) },
        b'U' => Entry::Remove { path: text(a) },
        b'A' => Entry::Said(text(a)),
        b'E' => Entry::Failed,
        b'X' => Entry::Foreign(text(a)),
        other => panic!("a trace holds an entry of kind {other}"),
    }
}

fn take<'a>(left: &mut &'a [u8], len: usize) -> &'a [u8] {
    let (taken, rest) = left.split_at(len);
    *left = rest;
    taken
}

fn number64(left: &mut &[u8]) -> u64 {
    u64::from_le_bytes(take(left, 8).try_into().unwrap())
}

fn number32(left: &mut &[u8]) -> usize {
    u32::from_le_bytes(take(left, 4).try_into().unwrap()) as usize
}
