//! Data that is beyond opening, made anew from the base and the log.

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use super::super::backend::Backend;
use super::super::disk::{Disk, SystemDisk};
use super::super::log::file;
use super::super::{Database, MemoryBackend, Opened, Options, base, folder};
use super::{Map, contents, copy_folder, crash_copy, open, open_with, put};
use crate::error::Error;

static GO_ON: AtomicBool = AtomicBool::new(false);

/// A closed store with a base, a kept log behind it, and what it holds.
fn based() -> (tempfile::TempDir, Map) {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    write(&database, 0..40);
    database.checkpoint().unwrap();
    assert!(database.renew_base(&|_| {}, &GO_ON).unwrap());
    write(&database, 20..60);
    database.checkpoint().unwrap();
    write(&database, 30..50);
    let expected = contents(&database.view());
    drop(database);
    (folder, expected)
}

/// Values of all lengths, some of them in parts; one key is deleted again.
fn write(database: &Database<u64>, keys: std::ops::Range<u8>) {
    for n in keys.clone() {
        put(database, &[(&[b'k', n], &vec![keys.end; usize::from(n) * 300])]).unwrap();
    }
    let mut writer = database.begin().unwrap();
    writer.delete(vec![b'k', keys.start]);
    writer.commit().unwrap().publish(1).unwrap();
}

/// Makes sled's files what no sled opens, one way or another.
fn ruin(store: &Path, way: usize) {
    let data = folder::list(store).unwrap().into_iter().find(|path| path.join("db").is_file()).unwrap();
    let db = data.join("db");
    let len = fs::metadata(&db).unwrap().len();
    match way {
        0 => fs::remove_dir_all(&data).unwrap(),
        1 => fs::write(&db, vec![7; len as usize]).unwrap(),
        _ => fs::write(&db, &fs::read(&db).unwrap()[..len as usize / 2]).unwrap(),
    }
}

fn kept_files(store: &Path) -> Vec<std::path::PathBuf> {
    let files = folder::list(&store.join("log")).unwrap();
    files.into_iter().filter(|path| file::kept_until(path).is_some()).collect()
}

#[test]
fn whatever_became_of_the_data_all_of_it_is_there_and_goes_on() {
    let (store, expected) = based();
    assert!(!kept_files(store.path()).is_empty());
    for way in 0..3 {
        let copy = crash_copy(store.path());
        ruin(copy.path(), way);
        let database = open(copy.path());
        assert_eq!(contents(&database.view()), expected, "way {way}");
        assert!(copy.path().join("damaged-data").is_dir(), "way {way}");
        put(&database, &[(b"goes", b"on")]).unwrap();
        drop(database);
        let database = open(copy.path());
        assert_eq!(contents(&database.view()).len(), expected.len() + 1, "way {way}");
        assert!(database.rewrite(&|_| {}, &GO_ON).unwrap());
        assert!(!copy.path().join("damaged-data").exists(), "compacted");
    }
}

#[test]
fn a_store_that_never_had_a_base_has_all_in_its_log() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    write(&database, 0..30);
    database.checkpoint().unwrap();
    write(&database, 10..40);
    let expected = contents(&database.view());
    drop(database);
    assert!(!folder.path().join("base").exists());
    ruin(folder.path(), 1);
    assert_eq!(contents(&open(folder.path()).view()), expected);
}

#[test]
fn an_older_copy_of_the_data_is_not_taken() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    write(&database, 0..10);
    drop(database);
    let old = crash_copy(&folder.path().join("data"));
    let database = open(folder.path());
    write(&database, 5..20);
    let expected = contents(&database.view());
    drop(database);
    fs::remove_dir_all(folder.path().join("data")).unwrap();
    copy_folder(old.path(), &folder.path().join("data"));
    assert_eq!(contents(&open(folder.path()).view()), expected);
}

/// The base is renewed once more log is kept than it is long, so that both stay in proportion.
#[test]
fn the_log_that_is_kept_is_bounded() {
    let folder = tempfile::tempdir().unwrap();
    let options = Options { log_bytes: 50_000, ..Options::default() };
    let mut expected = Map::new();
    for round in 0..40_u8 {
        let database = open_with(folder.path(), &options);
        write(&database, 10..20);
        put(&database, &[(b"round", &[round])]).unwrap();
        database.checkpoint().unwrap();
        let due = || {
            let kept = kept_files(folder.path());
            kept.iter().map(|path| fs::metadata(path).map_or(0, |meta| meta.len())).sum::<u64>() > 50_000
        };
        while due() {
            std::thread::yield_now();
        }
        expected = contents(&database.view());
    }
    assert!(folder.path().join("base/MANIFEST").is_file());
    ruin(folder.path(), 1);
    assert_eq!(contents(&open(folder.path()).view()), expected);
}

/// Without all records behind the base there is nothing to make the data of: a new base is made at once.
#[test]
fn a_gap_in_what_is_kept_or_a_damaged_base_has_a_new_base_made() {
    let (store, expected) = based();
    let base = |path: &Path| path.join("base/MANIFEST");
    for way in 0..3 {
        let copy = crash_copy(store.path());
        match way {
            0 => fs::remove_file(&kept_files(copy.path())[0]).unwrap(),
            1 => fs::write(base(copy.path()), "junk").unwrap(),
            _ => fs::remove_file(base(copy.path())).unwrap(),
        }
        let ruined = crash_copy(copy.path());
        ruin(ruined.path(), 1);
        let refused = Opened::open(ruined.path(), &Options::default()).map(drop).unwrap_err();
        assert!(matches!(refused, Error::Damaged { .. }), "way {way}: {refused}");
        assert!(ruined.path().join("data/db").is_file(), "way {way}: what is there stays there");
        let database = open(copy.path());
        while !database.is_based() {
            std::thread::yield_now();
        }
        assert_eq!(contents(&database.view()), expected);
        drop(database);
        ruin(copy.path(), 1);
        assert_eq!(contents(&open(copy.path()).view()), expected, "way {way}");
    }
}

/// A store over a map in memory, so that single values can be damaged.
fn over(backend: &Arc<MemoryBackend>, path: &Path) -> Database<u64> {
    let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
    let opened = Opened::open_over(path, &Options::default(), &disk, &(Arc::clone(backend) as _)).unwrap();
    let seq = opened.contents.seq();
    opened.start(seq).unwrap()
}

#[test]
fn a_base_with_a_whole_value_is_not_replaced_by_one_without() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Arc::new(MemoryBackend::default()));
    let database = over(&backend, folder.path());
    write(&database, 0..9);
    assert!(database.renew_base(&|_| {}, &GO_ON).unwrap());
    let manifest = fs::read(folder.path().join("base/MANIFEST")).unwrap();
    let expected = contents(&database.view());
    database.checkpoint().unwrap();
    backend.tamper(b"k\x05", |bytes| bytes[9] ^= 1);
    put(&database, &[(b"more", b"1")]).unwrap();
    let by_itself =
        || base::renew(&database.core, || database.view(), base::Damaged::Refused, &|_| {}, &GO_ON);
    let refused = by_itself().unwrap_err();
    assert!(matches!(&refused, Error::Damaged { place, .. } if place.contains("6b05")), "{refused}");
    assert_eq!(fs::read(folder.path().join("base/MANIFEST")).unwrap(), manifest);
    drop(database);
    backend.ruin();
    let found = contents(&over(&backend, folder.path()).view());
    assert_eq!(found.len(), expected.len() + 1);
}

/// Whether the machine stopped is told by what the lock's file says.
#[test]
fn after_a_stop_of_the_machine_nothing_of_the_data_is_trusted() {
    for stopped in [true, false] {
        let (folder, backend) = (tempfile::tempdir().unwrap(), Arc::new(MemoryBackend::default()));
        let database = over(&backend, folder.path());
        write(&database, 0..9);
        database.checkpoint().unwrap();
        put(&database, &[(b"more", b"1")]).unwrap();
        let expected = contents(&database.view());
        // As a process that is killed leaves it: the log holds a record.
        let crashed = crash_copy(folder.path());
        drop(database);
        // An older value came back, another is gone, and no checksum tells.
        let older = backend.entries()[&b"k\x04"[..]].clone();
        backend.apply(&mut [(&b"k\x05"[..], None), (b"k\x06", Some(&older[..]))].into_iter()).unwrap();
        if stopped {
            fs::write(crashed.path().join("LOCK"), "process 1 (kindred)\nboot another\n").unwrap();
        }
        let found = contents_or_not(&over(&backend, crashed.path()));
        assert_eq!(found.as_ref() == Some(&expected), stopped || cfg!(not(target_os = "linux")));
        assert!(!crashed.path().join("damaged-data").exists());
    }
}

fn contents_or_not(database: &Database<u64>) -> Option<Map> {
    let mut map = Map::new();
    let insert = |key: &[u8], value: &[u8]| {
        map.insert(key.to_vec(), value.to_vec());
        Ok(std::ops::ControlFlow::Continue(()))
    };
    database.view().scan(b"", insert).ok()?;
    Some(map)
}

#[test]
fn an_interrupted_rebuild_begins_anew() {
    let (store, expected) = based();
    ruin(store.path(), 1);
    // What a process that was killed meanwhile leaves: data of the next number, in part.
    let other = tempfile::tempdir().unwrap();
    drop(open(other.path()));
    copy_folder(&other.path().join("data"), &store.path().join("data-1"));
    assert_eq!(contents(&open(store.path()).view()), expected);
}

/// Stretches of the base are of different commits then.
#[test]
fn a_base_that_is_written_beside_writers_is_made_whole_by_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let key = |n: u32| [&b"k"[..], &n.to_be_bytes()].concat();
    let put_some = |round: u32, step: usize| {
        let mut writer = database.begin().unwrap();
        (0..20_000_u32).step_by(step).for_each(|n| writer.put(key(n), vec![round as u8; 40]));
        writer.delete(key(7_000 + round));
        writer.commit().unwrap().publish(1).unwrap();
    };
    put_some(0, 1);
    for round in 1..6 {
        let visited = AtomicU32::new(0);
        let meanwhile = |_: crate::model::Progress| {
            let n = visited.fetch_add(1, Ordering::Relaxed);
            put_some(10 * round + n % 7, 700);
        };
        put_some(round, 3);
        assert!(database.renew_base(&meanwhile, &GO_ON).unwrap());
        assert!(visited.into_inner() > 1);
        let expected = contents(&database.view());
        let found = super::super::read_only(folder.path()).unwrap();
        expected.iter().for_each(|(key, value)| assert_eq!(found.get(key).unwrap().as_ref(), Some(value)));
        let crashed = crash_copy(folder.path());
        ruin(crashed.path(), 1);
        assert_eq!(contents(&open(crashed.path()).view()), expected, "round {round}");
    }
}

/// Closing a store waits for the thread that renews its base.
#[test]
fn a_base_is_given_up_while_it_is_read_back() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    for n in 0..200_u8 {
        put(&database, &[(&[n], &[n, 1].repeat(20_000))]).unwrap();
    }
    let (cancel, read_back) = (AtomicBool::new(false), AtomicU32::new(0));
    let cancel_then = |progress: crate::model::Progress| {
        if progress.total.is_some() {
            read_back.fetch_add(1, Ordering::Relaxed);
            cancel.store(true, Ordering::Relaxed);
        }
    };
    assert!(!database.renew_base(&cancel_then, &cancel).unwrap());
    assert_eq!(read_back.into_inner(), 1, "of several chunks");
    assert!(database.renew_base(&|_| {}, &GO_ON).unwrap());
}
