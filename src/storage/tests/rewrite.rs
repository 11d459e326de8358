//! Data folders written anew while the store is in use.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use super::super::{Opened, Options, current, folder};
use super::{Map, contents, copy_folder, crash_copy, megabytes, open, put};
use crate::error::Error;

static GO_ON: AtomicBool = AtomicBool::new(false);

fn data_folders(store: &Path) -> Vec<String> {
    let names =
        folder::list(store).unwrap().into_iter().map(|path| path.file_name().unwrap().display().to_string());
    names.filter(|name| current::number(name).is_some()).collect()
}

fn key(n: u32) -> Vec<u8> {
    [&b"k"[..], &n.to_be_bytes()].concat()
}

/// A store with so many keys that a copy is made in several steps.
fn filled(path: &Path) -> super::Database<u64> {
    let database = open(path);
    for chunk in 0..4_u32 {
        let mut writer = database.begin().unwrap();
        (chunk * 500..(chunk + 1) * 500).for_each(|n| writer.put(key(n), n.to_be_bytes().repeat(20)));
        writer.commit().unwrap().publish(1).unwrap();
    }
    database
}

/// Whether any file below the folder has these bytes.
fn found_below(path: &Path, bytes: &[u8]) -> bool {
    folder::list(path).unwrap().iter().any(|path| {
        if path.is_dir() {
            return found_below(path, bytes);
        }
        fs::read(path).unwrap().windows(bytes.len()).any(|window| window == bytes)
    })
}

#[test]
fn what_was_deleted_or_replaced_is_in_no_file_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let database = filled(folder.path());
    let mut secret = b"a secret of somebody ".repeat(3);
    secret.extend(vec![b'x'; 9_000]);
    put(&database, &[(b"replaced", &secret), (b"deleted secret", b"1"), (b"kept", b"still there")]).unwrap();
    let mut writer = database.begin().unwrap();
    writer.put(b"replaced".to_vec(), b"nothing".to_vec());
    writer.delete(b"deleted secret".to_vec());
    writer.commit().unwrap().publish(1).unwrap();
    assert!(found_below(folder.path(), b"a secret of somebody"));
    let before = contents(&database.view());
    assert!(database.rewrite(&|_| {}, &GO_ON).unwrap());
    assert_eq!(contents(&database.view()), before);
    assert_eq!(data_folders(folder.path()), ["data-1"]);
    drop(database);
    for gone in [&b"a secret of somebody"[..], b"deleted secret"] {
        assert!(!found_below(folder.path(), gone));
    }
    assert!(found_below(folder.path(), b"still there"));
    assert_eq!(contents(&open(folder.path()).view()), before);
}

#[test]
fn changes_and_views_go_on_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let database = filled(folder.path());
    let old = database.view();
    let before = contents(&old);
    let mut expected = before.clone();
    let round = AtomicU64::new(0);
    for _ in 0..3 {
        let changed = std::sync::Mutex::new(Map::new());
        // Each time some keys are done: one before them and one behind all is put, one is deleted.
        let meanwhile = |done: u64| {
            let n = round.fetch_add(1, Ordering::SeqCst);
            let value = done.to_be_bytes();
            let behind = [&b"z"[..], &n.to_be_bytes()].concat();
            put(&database, &[(&key(0), &value), (&key(1_999), &value), (&behind, &value)]).unwrap();
            let mut writer = database.begin().unwrap();
            writer.delete(key(1_000));
            writer.commit().unwrap().publish(1).unwrap();
            database.checkpoint().unwrap();
            let mut changed = changed.lock().unwrap();
            [key(0), key(1_999), behind]
                .into_iter()
                .for_each(|key| drop(changed.insert(key, value.to_vec())));
        };
        assert!(database.rewrite(&meanwhile, &GO_ON).unwrap());
        expected.extend(changed.into_inner().unwrap());
        expected.remove(&key(1_000));
        assert_eq!(contents(&database.view()), expected);
        assert_eq!(contents(&old), before);
    }
    assert!(round.load(Ordering::SeqCst) > 20);
    drop((database, old));
    assert_eq!(data_folders(folder.path()), ["data-3"]);
    assert_eq!(contents(&open(folder.path()).view()), expected);
}

#[test]
fn given_up_it_leaves_nothing_and_the_next_one_is_whole() {
    let folder = tempfile::tempdir().unwrap();
    let database = filled(folder.path());
    let before = contents(&database.view());
    for keys in [0, 300, 1_500] {
        let cancel = AtomicBool::new(keys == 0);
        let stop = |done| cancel.store(done >= keys, Ordering::SeqCst);
        assert!(!database.rewrite(&stop, &cancel).unwrap());
        assert_eq!(data_folders(folder.path()), ["data"]);
        put(&database, &[(b"goes", b"on")]).unwrap();
    }
    assert!(database.rewrite(&|_| {}, &GO_ON).unwrap());
    let after = contents(&database.view());
    assert_eq!(after.len(), before.len() + 1);
}

/// Stopped at any step, the store opens with all that it had, whichever folder is current.
#[test]
fn a_crash_at_any_step_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let database = filled(folder.path());
    let expected = contents(&database.view());
    let copies = std::sync::Mutex::new(Vec::new());
    let keep = |_| copies.lock().unwrap().push(crash_copy(folder.path()));
    assert!(database.rewrite(&keep, &GO_ON).unwrap());
    let mut copies = copies.into_inner().unwrap();
    let done = crash_copy(folder.path());
    // The step between: both folders are whole, and CURRENT names the old one or the new one.
    for named in [0, 1] {
        let both = crash_copy(copies.last().unwrap().path());
        fs::remove_dir_all(both.path().join("data-1")).unwrap();
        copy_folder(&done.path().join("data-1"), &both.path().join("data-1"));
        current::stage(both.path(), named).unwrap();
        if named == 1 {
            current::install(both.path()).unwrap();
        }
        copies.push(both);
    }
    copies.push(done);
    for copy in &copies {
        let database = open(copy.path());
        assert_eq!(contents(&database.view()), expected);
        assert_eq!(data_folders(copy.path()).len(), 1);
    }
}

#[test]
fn with_a_lost_or_damaged_pointer_the_data_is_made_anew_and_what_was_there_is_set_aside() {
    let store = tempfile::tempdir().unwrap();
    let database = filled(store.path());
    let expected = contents(&database.view());
    assert!(database.rewrite(&|_| {}, &GO_ON).unwrap());
    drop(database);
    for change in [Some("data-7 junk"), None] {
        let copy = crash_copy(store.path());
        let pointer = copy.path().join("CURRENT");
        match change {
            Some(text) => fs::write(&pointer, text).unwrap(),
            None => fs::remove_file(&pointer).unwrap(),
        }
        assert_eq!(contents(&open(copy.path()).view()), expected);
        assert!(copy.path().join("damaged-data-1/db").is_file());
        // Without a base nothing is removed.
        fs::remove_dir_all(copy.path().join("base")).unwrap();
        fs::write(&pointer, "data-7 junk").unwrap();
        let refused = Opened::open(copy.path(), &Options::default()).map(drop).unwrap_err();
        assert!(matches!(refused, Error::Damaged { .. }), "{refused}");
        assert!(copy.path().join("data-2/db").is_file());
    }
}

/// Figures, not a judgement: run with `--ignored --nocapture`.
#[test]
#[ignore = "minutes; prints figures"]
fn sizes() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let write = |round: u32| {
        for chunk in 0..100_u32 {
            let mut writer = database.begin().unwrap();
            (chunk * 4_000..(chunk + 1) * 4_000).for_each(|n| {
                let n = n.wrapping_mul(0x9E37_79B1);
                writer.put(key(n), (n ^ round).to_be_bytes().repeat(80));
            });
            writer.commit().unwrap().publish(1).unwrap();
        }
        database.checkpoint().unwrap();
    };
    for round in 0..11 {
        write(round);
        println!("after {round} rounds {} MB of 130", megabytes(&database));
        if round == 0 || round == 10 {
            let started = std::time::Instant::now();
            database.rewrite(&|_| {}, &GO_ON).unwrap();
            println!("rewritten: {} MB, {:?}", megabytes(&database), started.elapsed());
        }
    }
}
