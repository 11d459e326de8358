//! Damaged values that the store makes anew by itself, from its second copy and its log.

use super::tamper::{entries, flip, hex, is_reserved, owner, with_tree};
use super::{Known, Sample, verify};
use kindred::query::Things;
use kindred::{Error, Store};
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

const MARK: &str = "DAMAGED";

/// A copy with a bit of an event flipped.
fn with_a_damaged_event(sample: &Sample, folder: &Path) -> PathBuf {
    let path = sample.copy(folder);
    let event = sample.keys.iter().find(|key| key[0] == b'e').unwrap();
    flip(&path, std::slice::from_ref(event), 90);
    path
}

/// The store opens, is sound, and has all that it had.
fn is_whole(sample: &Sample, path: &Path, what: &str) {
    let store = sample.options.open(path).unwrap_or_else(|error| panic!("{what}: {error}"));
    let known = Known::of(&store.snapshot());
    assert_eq!(known.records, sample.known.records, "{what}");
    let report = store.verify(&|_| {}).unwrap();
    assert!(report.is_sound(), "{what}: {:?}", report.problems);
    assert!(!path.join(MARK).exists(), "{what}");
}

#[test]
fn what_verify_finds_damaged_the_next_opening_makes_anew() {
    for sample in [Sample::embedded(), Sample::vectors()] {
        for (n, key) in sample.some_keys().into_iter().enumerate() {
            let folder = tempfile::tempdir().unwrap();
            let path = sample.copy(folder.path());
            flip(&path, std::slice::from_ref(key), 11 + 17 * n as u64);
            let what = format!("key {}", hex(key));
            let report = verify(&path);
            assert_eq!((report.found, report.heals), (1, true), "{what}: {:?}", report.problems);
            assert!(path.join(MARK).is_file(), "{what}");
            is_whole(&sample, &path, &what);
        }
    }
}

#[test]
fn a_value_that_opening_needs_is_made_anew_at_once() {
    let sample = Sample::embedded();
    for key in sample.keys.iter().filter(|key| key[0] == b'M') {
        let folder = tempfile::tempdir().unwrap();
        let path = sample.copy(folder.path());
        flip(&path, std::slice::from_ref(key), 70);
        is_whole(&sample, &path, &hex(key));
    }
}

#[test]
fn a_key_that_is_missing_is_there_again() {
    let sample = Sample::vectors();
    for tag in *b"eUu" {
        let key = sample.keys.iter().find(|key| key[0] == tag).unwrap();
        let folder = tempfile::tempdir().unwrap();
        let path = sample.copy(folder.path());
        with_tree(&path, |tree| drop(tree.remove(key).unwrap().unwrap()));
        assert!(verify(&path).heals);
        is_whole(&sample, &path, &hex(key));
    }
}

/// Reading one record is enough for the store to know.
#[test]
fn what_a_read_finds_damaged_the_next_opening_makes_anew() {
    let sample = Sample::vectors();
    let folder = tempfile::tempdir().unwrap();
    let path = with_a_damaged_event(&sample, folder.path());
    let store = sample.options.clone().heal(false).open(&path).unwrap();
    assert!(!path.join(MARK).exists());
    let snapshot = store.snapshot();
    let users: Vec<_> = snapshot.users().map(|user| user.unwrap().id).collect();
    let damaged = users.iter().flat_map(|user| snapshot.events(user).unwrap()).filter(Result::is_err).count();
    assert_eq!(damaged, 1);
    assert!(path.join(MARK).is_file());
    drop((snapshot, store));
    is_whole(&sample, &path, "read");
}

/// Looks, a few milliseconds apart, until something holds.
fn wait_until(what: &str, holds: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if holds() {
            return;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    panic!("{what} for half a minute");
}

#[test]
fn what_is_found_damaged_is_made_anew_while_the_store_is_open() {
    for sample in [Sample::embedded(), Sample::vectors()] {
        for tag in *b"etUsv" {
            let Some(key) = sample.keys.iter().find(|key| key[0] == tag) else { continue };
            let folder = tempfile::tempdir().unwrap();
            let path = sample.copy(folder.path());
            flip(&path, std::slice::from_ref(key), 73);
            let what = format!("key {}", hex(key));
            // What opening reads is made anew by then.
            let store = sample.options.open(&path).unwrap();
            let before = store.snapshot();
            let report = store.verify(&|_| {}).unwrap();
            assert!(report.heals || report.is_sound(), "{what}: {:?}", report.problems);
            wait_until(&format!("{what} is damaged"), || {
                store.write(|tx| tx.put_user("later", [])).unwrap();
                !store.stats().unwrap().damaged_values
            });
            assert!(!path.join(MARK).exists(), "{what}");
            // Where opening has read the value, it was made anew before. Where verify says so while that ends, it is done twice.
            assert_eq!(store.stats().unwrap().heals > 0, report.heals, "{what}");
            assert!(store.snapshot().users().any(|user| user.unwrap().id == "later"), "{what}");
            store.write(|tx| tx.remove_user("later")).unwrap();
            for snapshot in [&before, &store.snapshot()] {
                assert_eq!(Known::of(snapshot).records, sample.known.records, "{what}");
            }
            assert!(store.verify(&|_| {}).unwrap().is_sound(), "{what}");
            drop((before, store));
            is_whole(&sample, &path, &what);
        }
    }
}

#[test]
fn compacting_makes_damaged_values_anew_while_the_store_is_open() {
    for sample in [Sample::embedded(), Sample::vectors()] {
        for tag in *b"etU" {
            let Some(key) = sample.keys.iter().find(|key| key[0] == tag) else { continue };
            for verified in [true, false] {
                let folder = tempfile::tempdir().unwrap();
                let path = sample.copy(folder.path());
                flip(&path, std::slice::from_ref(key), 75);
                let what = format!("key {}, verified: {verified}", hex(key));
                let store = sample.options.clone().heal(false).open(&path).unwrap();
                if verified {
                    // What opening reads is made anew by then.
                    let report = store.verify(&|_| {}).unwrap();
                    assert!(report.heals || report.is_sound(), "{what}: {:?}", report.problems);
                }
                let before = store.snapshot();
                assert!(store.compact(&|_| {}, &AtomicBool::new(false)).unwrap(), "{what}");
                for snapshot in [&before, &store.snapshot()] {
                    assert_eq!(Known::of(snapshot).records, sample.known.records, "{what}");
                }
                store.write(|tx| tx.put_user("later", [])).unwrap();
                store.write(|tx| tx.remove_user("later")).unwrap();
                drop((before, store));
                is_whole(&sample, &path, &what);
            }
        }
    }
}

#[test]
fn where_the_new_data_cannot_be_named_all_stays_as_it_is() {
    let sample = Sample::vectors();
    let folder = tempfile::tempdir().unwrap();
    let path = with_a_damaged_event(&sample, folder.path());
    let store = sample.options.clone().heal(false).open(&path).unwrap();
    assert!(!store.stats().unwrap().damaged_values);
    assert!(store.verify(&|_| {}).unwrap().heals);
    assert!(store.stats().unwrap().damaged_values);
    let in_the_way = path.join("CURRENT.unfinished");
    std::fs::create_dir(&in_the_way).unwrap();
    let compact = || store.compact(&|_| {}, &AtomicBool::new(false));
    assert!(matches!(compact(), Err(Error::Io { .. })));
    assert!(path.join(MARK).is_file() && !path.join("data-1").exists());
    store.write(|tx| tx.put_user("later", [])).unwrap();
    std::fs::remove_dir(&in_the_way).unwrap();
    assert!(compact().unwrap());
    assert_eq!((store.stats().unwrap().damaged_values, store.stats().unwrap().heals), (false, 1));
    store.write(|tx| tx.remove_user("later")).unwrap();
    drop(store);
    is_whole(&sample, &path, "once it can be named");
}

/// What a damaged base lacks may be all there is.
#[test]
fn where_the_second_copy_is_damaged_too_it_opens_as_it_is_and_is_not_compacted() {
    let sample = Sample::vectors();
    let folder = tempfile::tempdir().unwrap();
    let path = sample.copy(folder.path());
    let store = sample.options.open(&path).unwrap();
    assert!(store.compact(&|_| {}, &AtomicBool::new(false)).unwrap());
    drop(store);
    let event = sample.keys.iter().find(|key| key[0] == b'e').unwrap();
    flip(&path, std::slice::from_ref(event), 90);
    let chunk = std::fs::read_dir(path.join("base")).unwrap().map(|entry| entry.unwrap().path());
    let chunk = chunk.into_iter().find(|path| path.extension().is_some()).unwrap();
    let mut bytes = std::fs::read(&chunk).unwrap();
    bytes[50] ^= 1;
    std::fs::write(&chunk, &bytes).unwrap();
    let store = sample.options.open(&path).unwrap();
    assert_eq!(store.verify(&|_| {}).unwrap().found, 1);
    let error = store.compact(&|_| {}, &AtomicBool::new(false)).unwrap_err();
    assert!(
        matches!(&error, Error::Damaged { .. }) && error.to_string().contains("kindred repair"),
        "{error}"
    );
    assert_eq!(std::fs::read(&chunk).unwrap(), bytes, "it stays");
    drop(store);
    let store = sample.options.open(&path).unwrap();
    assert_eq!(store.verify(&|_| {}).unwrap().found, 1);
    assert!(path.join(MARK).is_file());
    store.write(|tx| tx.put_user("later", [])).unwrap();
}

/// The store that is repaired is only read, and what its second copy has whole is saved.
#[test]
fn a_repair_loses_nothing_that_the_second_copy_has() {
    let sample = Sample::embedded();
    let keys: Vec<_> = sample.keys.iter().filter(|key| matches!(owner(key)[0], b'e' | b't' | b'U')).collect();
    let folder = tempfile::tempdir().unwrap();
    let path = sample.copy(folder.path());
    let keys: Vec<Vec<u8>> = keys.into_iter().filter(|key| !is_reserved(key)).cloned().collect();
    flip(&path, &keys, 80);
    let (report, known, _) = sample.repair(&path, "all records");
    assert!(report.found > 0 && report.lost == 0, "{report:?}");
    assert_eq!(known.records, sample.known.records);
    // A host that opens it instead finds the same.
    let store: Store = sample.options.open(&path).unwrap();
    assert_eq!(Known::of(&store.snapshot()).records, sample.known.records);
}

/// What could not be read is looked at again: a store that was healed meanwhile answers as one that was just opened.
#[test]
fn a_category_that_was_damaged_is_known_once_it_is_healed() {
    let place = crate::fixture::place();
    let put = |tx: &mut kindred::Transaction, id: &str, category: &str| {
        let attributes = [("category".to_owned(), category.into())].into();
        tx.put_item(kindred::model::Item { id: id.into(), attributes, text: None })
    };
    let options = crate::fixture::options();
    {
        let store = options.open(&place.path).unwrap();
        store
            .write(|tx| {
                put(tx, "a", "pets")?;
                put(tx, "b", "tea")?;
                tx.put_user("ann", [("town", "Ulm".into())])?;
                tx.put_user("bob", [("town", "Ulm".into())])?;
                ["a", "b"].iter().try_for_each(|id| tx.record(crate::fixture::bought("bob", id, 1)))
            })
            .unwrap();
        store.compact(&|_| {}, &AtomicBool::new(false)).unwrap();
    }
    let categories = |store: &Store| {
        let snapshot = store.snapshot();
        let found = snapshot.recommend("ann").by(Things::Categories).run().unwrap();
        found.into_iter().filter_map(|thing| thing.category).collect::<std::collections::BTreeSet<_>>()
    };
    let items: Vec<Vec<u8>> =
        entries(&place.path).into_iter().map(|entry| entry.0).filter(|key| key[0] == b'I').collect();
    flip(&place.path, &items[1..], 90);
    let store = options.clone().open(&place.path).unwrap();
    assert_eq!(categories(&store), ["pets".to_owned()].into());
    let deadline = std::time::Instant::now() + Duration::from_mins(1);
    while store.verify(&|_| {}).unwrap().found > 0 && std::time::Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(store.verify(&|_| {}).unwrap().is_sound());
    assert_eq!(categories(&store), ["pets", "tea"].map(str::to_owned).into());
}
