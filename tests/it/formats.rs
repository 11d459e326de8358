//! Stores of every format there has been open, whole, and go on in the newest.

use crate::fixture::bought;
use kindred::Store;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures").join(name)
}

fn copy_folder(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy_folder(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn exported(store: &Store) -> String {
    let mut lines = Vec::new();
    store.snapshot().export(&mut lines, &|_| {}).unwrap();
    of_records(&String::from_utf8(lines).unwrap())
}

/// Without the line that says what the store was made with, and without marks.
fn of_records(export: &str) -> String {
    let is_record = |line: &&str| {
        !["store", "erased"].iter().any(|kind| line.contains(&format!("{{\"type\":\"{kind}\"")))
    };
    export.split_inclusive('\n').filter(is_record).collect()
}

#[test]
fn a_store_of_format_1_opens_whole_and_goes_on() {
    opens_whole_and_goes_on("store-1", 0);
}

/// With the mark of a user who was erased, after compacting, and with a base.
#[test]
fn a_store_of_format_2_opens_whole_and_goes_on() {
    opens_whole_and_goes_on("store-2", 1);
}

/// With an archive of folded events, and with sums of which all dimensions are stored.
#[test]
fn a_store_of_format_3_opens_whole_and_goes_on() {
    opens_whole_and_goes_on("store-3", 1);
}

/// With a log whose records anybody could have made.
#[test]
fn a_store_of_format_4_opens_whole_and_goes_on() {
    opens_whole_and_goes_on("store-4", 1);
}

/// With a log and data of before there were segments.
#[test]
fn a_store_of_format_5_opens_whole_and_goes_on() {
    opens_whole_and_goes_on("store-5", 1);
}

/// With segments, of before these asked for acts on some items.
#[test]
fn a_store_of_format_6_opens_whole_and_goes_on() {
    opens_whole_and_goes_on("store-6", 1);
}

#[test]
fn segments_of_format_6_are_kept() {
    for name in ["store-6", "store-6-crashed"] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        copy_folder(&fixture(name), &path);
        let store = Store::open(&path).unwrap();
        let snapshot = store.snapshot();
        let expected: [(&str, &[&str]); 3] =
            [("buyers", &["ann", "bob"]), ("both", &["ann", "bob"]), ("others", &[])];
        for (segment, members) in expected {
            assert_eq!(snapshot.members(segment).unwrap(), members, "{segment} of {name}");
        }
    }
}

/// The records of an older build, and behind them those of this one.
#[test]
fn data_is_made_anew_of_records_of_both_forms() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    copy_folder(&fixture("store-4-crashed"), &path);
    let store = Store::open(&path).unwrap();
    store.write(|tx| tx.record(bought("new", "p1", 1))).unwrap();
    let expected = exported(&store);
    drop(store);
    let kept = std::fs::read_dir(path.join("log")).unwrap().map(|entry| entry.unwrap().path());
    assert!(kept.filter(|file| file.extension().is_some_and(|end| end == "kept")).count() > 1);
    let current = std::fs::read_to_string(path.join("CURRENT")).unwrap();
    std::fs::remove_dir_all(path.join(current.split(' ').next().unwrap())).unwrap();
    assert_eq!(exported(&Store::open(&path).unwrap()), expected);
}

/// Closed as it should be, and stopped while its log was not cut yet.
fn opens_whole_and_goes_on(fixed: &str, marks: usize) {
    let expected = of_records(&std::fs::read_to_string(fixture(&format!("{fixed}.jsonl"))).unwrap());
    for name in [fixed, &format!("{fixed}-crashed")] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store");
        copy_folder(&fixture(name), &path);
        for _ in 0..2 {
            let store = Store::options().must_exist().open(&path).unwrap();
            assert_eq!(exported(&store), expected, "{name}");
            assert_eq!(store.snapshot().erased().count(), marks, "{name}");
        }
        let store = Store::open(&path).unwrap();
        let hits = store.snapshot().similar("ann").limit(1).run().unwrap();
        assert_eq!(hits[0].user, "bob", "{name}");
        store.write(|tx| tx.record(bought("new", "p1", 1)).and(tx.erase_user("ann"))).unwrap();
        assert!(store.compact(&|_| {}, &AtomicBool::new(false)).unwrap());
        drop(store);
        let store = Store::open(&path).unwrap();
        let without_ann: Vec<&str> = expected.lines().filter(|line| !line.contains("\"ann\"")).collect();
        let now = exported(&store);
        assert!(without_ann.iter().all(|line| now.contains(line)), "{name}");
        assert_eq!(now.lines().count(), without_ann.len() + 2, "{name}");
        assert!(store.write(|tx| tx.record(bought("ann", "p1", 1))).is_err(), "{name}");
        let expired = store.expire("2026-01-03".parse().unwrap()).unwrap();
        assert!(expired.events > 0, "{name}");
        drop(store);
        assert!(Store::open(&path).unwrap().verify(&|_| {}).unwrap().is_sound(), "{name}");
    }
}
