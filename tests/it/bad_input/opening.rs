//! Folders that are no store, or cannot be one.

use super::{Failures, Row, row};
use crate::fixture::{fill, options};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Makes what stands in the way within a folder; gives the path to open.
type Obstacle = fn(&Path) -> PathBuf;

fn bad(
    name: &'static str,
    input: Obstacle,
    variant: &'static str,
    words: &'static [&'static str],
) -> Row<Obstacle> {
    row(name, input, variant, words)
}

pub(super) fn rows() -> Vec<Row<Obstacle>> {
    let mut rows = vec![
        bad(
            "a file for a store",
            |f| file(f, "store", "text"),
            "NotAStore",
            &["is not a Kindred store", "it is a file"],
        ),
        bad(
            "a folder of something else",
            |f| {
                fs::create_dir(f.join("store")).unwrap();
                file(f, "store/diary.txt", "dear diary");
                f.join("store")
            },
            "NotAStore",
            &["it holds diary.txt"],
        ),
        bad("a file above the store", |f| file(f, "above", "text").join("store"), "Io", &["above/store"]),
        bad("a path with NUL in it", |f| f.join("a\0b"), "Io", &["NUL"]),
        bad("a name longer than the system takes", |f| f.join("n".repeat(300)), "Io", &["could not"]),
        bad("an empty path", |_| PathBuf::new(), "Invalid", &["folder is empty"]),
        bad(
            "a folder where the lock should be",
            |f| {
                made(f);
                fs::remove_file(f.join("store/LOCK")).unwrap();
                fs::create_dir(f.join("store/LOCK")).unwrap();
                f.join("store")
            },
            "Io",
            &["LOCK", "directory"],
        ),
    ];
    if cfg!(target_os = "linux") {
        rows.push(bad(
            "a folder that nobody may write to",
            |_| "/proc/self/kindred".into(),
            "Io",
            &["could not create"],
        ));
    }
    #[cfg(unix)]
    rows.extend([
        bad(
            "a link to itself",
            |f| {
                std::os::unix::fs::symlink("store", f.join("store")).unwrap();
                f.join("store")
            },
            "Io",
            &["could not open"],
        ),
        bad(
            "a link to nothing",
            |f| {
                std::os::unix::fs::symlink("nothing", f.join("store")).unwrap();
                f.join("store")
            },
            "Io",
            &["could not create"],
        ),
    ]);
    rows
}

fn file(folder: &Path, name: &str, text: &str) -> PathBuf {
    fs::write(folder.join(name), text).unwrap();
    folder.join(name)
}

fn made(folder: &Path) {
    fill(&options().open(folder.join("store")).unwrap());
}

/// All that lies below a folder, with the content of files.
fn tree(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let meta = fs::symlink_metadata(&path).unwrap();
        if meta.is_dir() {
            found.extend(tree(&path));
        }
        found.insert(path.clone(), if meta.is_file() { fs::read(&path).unwrap() } else { Vec::new() });
    }
    found
}

#[test]
fn what_can_be_no_store_is_refused_and_left_as_it_is() {
    let mut failures = Failures::default();
    for row in rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = (row.input)(folder.path());
        let before = tree(folder.path());
        match options().open(&path) {
            Err(error) => row.check(&error, &mut failures),
            Ok(_) => failures.add(row.name, "a store was opened"),
        }
        if tree(folder.path()) != before {
            failures.add(row.name, "the folder has changed");
        }
    }
}

#[test]
fn a_lock_file_of_noise_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    made(folder.path());
    for noise in [b"\xff\xfe\0".to_vec(), "x".repeat(100_000).into_bytes()] {
        fs::write(folder.path().join("store/LOCK"), noise).unwrap();
        let store = options().open(folder.path().join("store")).unwrap();
        assert_eq!(store.snapshot().stats().unwrap().users, 12);
    }
}
