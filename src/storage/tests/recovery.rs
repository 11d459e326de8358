//! Opening what a crash, a copy or a stranger left behind.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use super::super::backend::Backend;
use super::super::log::file;
use super::super::log::record::{self, Form, RecordBuilder};
use super::super::sled_backend::SledBackend;
use super::super::{Durability, Opened, Options, folder};
use super::{Map, contents, copy_folder, crash_copy, open, open_with, put};
use crate::error::{Error, Result};

fn try_open(path: &Path) -> Result<Opened> {
    Opened::open(path, &Options::default())
}

fn log_files(store: &Path) -> Vec<PathBuf> {
    folder::list(&store.join("log")).unwrap()
}

/// A store as a crash leaves it: data as of the opening, `commits` commits in the log.
fn crashed(commits: u8) -> tempfile::TempDir {
    crashed_before(commits, &[]).0
}

/// The same, and what the log's file goes on with where another commit follows.
fn crashed_before(commits: u8, changes: &[(&[u8], &[u8])]) -> (tempfile::TempDir, Vec<u8>) {
    let folder = tempfile::tempdir().unwrap();
    drop(open(folder.path()));
    let before = crash_copy(&folder.path().join("data"));
    let database = open(folder.path());
    for n in 1..=commits {
        put(&database, &[(b"last", &[n]), (&[b'k', n], &vec![n; 20_000])]).unwrap();
    }
    let crashed = crash_copy(folder.path());
    fs::remove_dir_all(crashed.path().join("data")).unwrap();
    copy_folder(before.path(), &crashed.path().join("data"));
    if !changes.is_empty() {
        put(&database, changes).unwrap();
    }
    let newest = |store: &Path| fs::read(log_files(store).pop().unwrap()).unwrap();
    let next = newest(folder.path()).split_off(newest(crashed.path()).len());
    (crashed, next)
}

fn model(commits: u8) -> Map {
    let mut model: Map = (1..=commits).map(|n| (vec![b'k', n], vec![n; 20_000])).collect();
    if commits > 0 {
        model.insert(b"last".to_vec(), vec![commits]);
    }
    model
}

#[test]
fn data_behind_the_log_is_caught_up() {
    let store = crashed(5);
    let database = open(store.path());
    assert_eq!(database.view().seq(), 5);
    assert_eq!(contents(&database.view()), model(5));
}

#[test]
fn data_that_holds_a_part_of_the_log_is_made_whole() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    for n in 1..=4 {
        put(&database, &[(b"last", &[n]), (&[b'k', n], &vec![n; 20_000])]).unwrap();
    }
    let store = crash_copy(folder.path());
    {
        let backend = SledBackend::open(store.path(), 1 << 20).unwrap();
        let lost = [(&b"last"[..], None), (&[b'k', 2], None), (&b"\xFFk\x03\x00\x01"[..], None)];
        backend.apply(&mut lost.into_iter()).unwrap();
        backend.sync().unwrap();
    }
    let reopened = open(store.path());
    assert_eq!(contents(&reopened.view()), model(4));
}

#[test]
fn a_log_torn_at_any_byte_of_its_last_record_loses_that_record_alone() {
    let (store, second) = crashed_before(1, &[(b"second", b"2")]);
    let log = log_files(store.path()).pop().unwrap();
    let whole = fs::read(&log).unwrap();
    for cut in 0..second.len() {
        let torn = crash_copy(store.path());
        let path = torn.path().join("log").join(log.file_name().unwrap());
        fs::write(&path, [&whole, &second[..cut]].concat()).unwrap();
        let database = open(torn.path());
        assert_eq!(contents(&database.view()), model(1), "cut at {cut}");
        if cut % 16 == 0 {
            put(&database, &[(b"goes", b"on")]).unwrap();
            drop(database);
            assert_eq!(contents(&open(torn.path()).view()).len(), 3);
        }
    }
}

#[test]
fn every_broken_byte_before_the_end_is_damage() {
    let store = crashed(3);
    let log = log_files(store.path()).pop().unwrap();
    let whole = fs::read(&log).unwrap();
    let first_two = whole.len() * 2 / 3;
    let header = file::HEADER_BYTES + record::HEADER_BYTES;
    for at in (0..header).chain((header..first_two).step_by(997)) {
        let mut broken = whole.clone();
        broken[at] ^= 0x40;
        fs::write(&log, &broken).unwrap();
        let error = try_open(store.path()).err().unwrap_or_else(|| panic!("byte {at} went unnoticed"));
        assert!(matches!(error, Error::Damaged { .. } | Error::Format { .. }), "byte {at}: {error}");
    }
    fs::write(&log, &whole).unwrap();
    assert_eq!(contents(&open(store.path()).view()), model(3));
}

#[test]
fn a_torn_log_that_opening_could_not_remove_is_read_again() {
    let store = crashed(2);
    let log = log_files(store.path()).pop().unwrap();
    let torn = [fs::read(&log).unwrap(), vec![7; 100]].concat();
    fs::write(&log, &torn).unwrap();
    let half_opened = crash_copy(store.path());
    drop(open(store.path()));
    // The machine stopped during that opening: the new file is there, and the old one still.
    let new = log_files(store.path()).pop().unwrap();
    assert_ne!(new, log);
    fs::copy(&new, half_opened.path().join("log").join(new.file_name().unwrap())).unwrap();
    let database = open(half_opened.path());
    assert_eq!(contents(&database.view()), model(2));
    put(&database, &[(b"goes", b"on")]).unwrap();
    drop(database);
    assert_eq!(contents(&open(half_opened.path()).view()).len(), 4);
    // A record that is missing between the two is damage all the same.
    fs::write(&log, &torn[..torn.len() - 200]).unwrap();
    assert!(matches!(try_open(store.path()), Err(Error::Damaged { .. })));
}

#[test]
fn a_log_file_that_was_being_begun_holds_nothing() {
    let store = crashed(2);
    drop(open(store.path()));
    let log = log_files(store.path()).pop().unwrap();
    let whole = fs::read(&log).unwrap();
    assert_eq!(whole.len(), file::HEADER_BYTES);
    let torn = [vec![], whole[..7].to_vec(), vec![0; whole.len()], [&whole[..8], &[0; 32]].concat()];
    for bytes in torn {
        fs::write(&log, &bytes).unwrap();
        let database = open(store.path());
        assert_eq!(contents(&database.view()), model(2), "{bytes:?}");
        drop(database);
        assert_eq!(fs::read(&log).unwrap(), whole);
    }
}

#[test]
fn what_sled_left_unfinished_does_not_keep_a_store_from_opening() {
    let store = crashed(2);
    let data = store.path().join("data");
    let (conf, unfinished) = (data.join("conf"), data.join("snap.7FFFFFFFFFFFFFFF.generating"));
    let whole = fs::read(&conf).unwrap();
    for cut in [0, 3, 9, whole.len() - 1] {
        let copy = crash_copy(store.path());
        fs::write(copy.path().join("data/conf"), &whole[..cut]).unwrap();
        let opened = open(copy.path());
        assert_eq!(contents(&opened.view()), model(2), "conf cut at {cut}");
        assert_eq!(fs::read(copy.path().join("data/conf")).unwrap(), whole);
    }
    fs::remove_file(&conf).unwrap();
    for bytes in [vec![], vec![0; 12], vec![1; 300]] {
        fs::write(&unfinished, &bytes).unwrap();
        let copy = crash_copy(store.path());
        assert_eq!(contents(&open(copy.path()).view()), model(2), "a snapshot of {} bytes", bytes.len());
    }
    // One that is whole is the newest, and the one before may be gone.
    fs::remove_file(&unfinished).unwrap();
    drop(open(store.path()));
    let snapshot =
        folder::list(&data).unwrap().into_iter().find(|path| path.to_string_lossy().contains("snap."));
    let snapshot = snapshot.unwrap();
    fs::rename(&snapshot, format!("{}.generating", snapshot.display())).unwrap();
    assert_eq!(contents(&open(store.path()).view()), model(2));
}

#[test]
fn a_missing_log_is_damage() {
    let store = crashed(2);
    drop(open(store.path()));
    log_files(store.path()).iter().for_each(|path| fs::remove_file(path).unwrap());
    assert!(matches!(try_open(store.path()), Err(Error::Damaged { .. })));
}

#[test]
fn the_log_of_another_store_is_refused() {
    let (one, other) = (crashed(2), crashed(2));
    fs::remove_dir_all(one.path().join("log")).unwrap();
    copy_folder(&other.path().join("log"), &one.path().join("log"));
    assert!(matches!(try_open(one.path()), Err(Error::Damaged { .. })));
}

#[test]
fn a_newer_log_format_is_named() {
    let store = crashed(1);
    let log = log_files(store.path()).pop().unwrap();
    let mut bytes = fs::read(&log).unwrap();
    bytes[8] = 9;
    fs::write(&log, bytes).unwrap();
    assert!(matches!(try_open(store.path()), Err(Error::Format { found: 9, newest: file::FORMAT })));
}

/// The log of a crashed store as a build of an older format had written it.
fn make_old(log: &Path, format: u32) {
    let bytes = fs::read(log).unwrap();
    let id = file::store_id(&bytes).unwrap();
    let (form, mut body) = file::body(log, &bytes, id).unwrap();
    let mut old = file::header_of(format, id, file::first_seq(log).unwrap()).to_vec();
    while let Some(found) = record::find(body, &form) {
        let (record, rest) = body.split_at(found.len);
        old.extend(record::in_old_form(record));
        body = rest;
    }
    assert_eq!(body.len(), 0);
    fs::write(log, old).unwrap();
}

#[test]
fn a_log_of_an_older_format_is_read() {
    for format in 1..file::SEALED {
        let store = crashed(3);
        make_old(&log_files(store.path()).pop().unwrap(), format);
        assert_eq!(contents(&open(store.path()).view()), model(3), "format {format}");
    }
}

/// A later record that says what was on disk, as anybody can make it who does not know the store's id.
fn forged(form: &Form) -> Vec<u8> {
    let key = if let Form::Sealed(key) = form { *key } else { [0; 32] };
    let record = RecordBuilder::with_capacity(0).finish(9, 8, &key).unwrap();
    if *form == Form::Old { record::in_old_form(record.bytes()) } else { record.bytes().to_vec() }
}

#[test]
fn a_value_that_looks_like_a_record_is_not_taken_for_one() {
    let forms = [Form::Old, Form::Sealed([0; 32]), Form::Sealed(file::key(&file::header(0, 1)))];
    let value = forms.each_ref().map(forged).concat();
    let (store, next) = crashed_before(2, &[(b"third", &value)]);
    let log = log_files(store.path()).pop().unwrap();
    let whole = fs::read(&log).unwrap();
    // Of the third record, only what lies behind its header got to the disk.
    let mut torn = next;
    torn[..record::HEADER_BYTES].fill(0);
    fs::write(&log, [&whole[..], &torn].concat()).unwrap();
    assert_eq!(contents(&open(store.path()).view()), model(2));
}

/// Why the form is another now.
#[test]
fn in_an_older_log_it_is_damage() {
    let (store, next) = crashed_before(2, &[(b"third", &forged(&Form::Old))]);
    let log = log_files(store.path()).pop().unwrap();
    make_old(&log, 4);
    let mut torn = record::in_old_form(&next);
    torn[..24].fill(0);
    let whole = fs::read(&log).unwrap();
    fs::write(&log, [&whole[..], &torn].concat()).unwrap();
    assert!(matches!(try_open(store.path()), Err(Error::Damaged { .. })));
}

#[test]
fn the_log_goes_on_in_new_files_and_is_removed_behind_the_base() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { log_bytes: 100_000, ..Options::default() };
    let database = open_with(folder.path(), &options);
    for n in 1..=60_u8 {
        put(&database, &[(b"last", &[n]), (&[b'k', n], &vec![n; 20_000])]).unwrap();
        if n % 20 == 0 {
            let crashed = crash_copy_between_checkpoints(&database, folder.path());
            assert_eq!(contents(&open(crashed.path()).view()), model(n));
        }
    }
    database.checkpoint().unwrap();
    assert!(database.renew_base(&|_| {}, &AtomicBool::new(false)).unwrap());
    let files = log_files(folder.path());
    assert_eq!(files.len(), 1);
    assert_eq!(fs::metadata(&files[0]).unwrap().len(), file::HEADER_BYTES as u64);
    drop(database);
    assert_eq!(contents(&open(folder.path()).view()), model(60));
}

/// Waits until nobody has anything to do with the log: copying while its files are renamed would mix two states.
fn crash_copy_between_checkpoints(database: &super::Database<u64>, path: &Path) -> tempfile::TempDir {
    database.checkpoint().unwrap();
    put(database, &[(b"last", &database.view().get(b"last").unwrap().unwrap())]).unwrap();
    let _held = database.core.base.hold();
    crash_copy(path)
}

#[test]
fn a_second_opening_is_refused_until_the_first_is_closed() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    match try_open(folder.path()) {
        Err(Error::Locked { holder, .. }) => assert!(holder.contains(&std::process::id().to_string())),
        other => panic!("expected Locked, got {:?}", other.err()),
    }
    drop(database);
    try_open(folder.path()).unwrap();
}

#[test]
fn a_folder_of_something_else_is_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("letter.txt");
    fs::write(&file, "dear").unwrap();
    assert!(
        matches!(try_open(folder.path()), Err(Error::NotAStore { reason, .. }) if reason.contains("letter.txt"))
    );
    assert!(matches!(try_open(&file), Err(Error::NotAStore { .. })));
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn a_store_is_new_until_its_first_commit_and_may_hold_other_folders_after() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/store");
    assert!(try_open(&path).unwrap().is_new);
    assert!(try_open(&path).unwrap().is_new);
    put(&open(&path), &[(b"k", b"v")]).unwrap();
    fs::create_dir(path.join("index")).unwrap();
    assert!(!try_open(&path).unwrap().is_new);
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_enter_a_new_store() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    try_open(&path).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
}

#[test]
fn relaxed_commits_show_at_once_and_are_on_disk_after_a_while() {
    let folder = tempfile::tempdir().unwrap();
    let durability = Durability::Within(Duration::from_millis(20));
    let database = open_with(folder.path(), &Options { durability, ..Options::default() });
    for n in 1..=40_u8 {
        put(&database, &[(b"last", &[n]), (&[b'k', n], &vec![n; 20_000])]).unwrap();
        assert_eq!(database.view().get(b"last").unwrap(), Some(vec![n]));
    }
    while database.durable_seq() < 40 {
        std::thread::sleep(Duration::from_millis(1));
    }
    database.checkpoint().unwrap();
    let crashed = crash_copy(folder.path());
    assert_eq!(contents(&open(crashed.path()).view()), model(40));
}
