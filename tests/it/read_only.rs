//! Reading a store that is open elsewhere.

use crate::fixture::{
    Place, all_profiles, answers, bought, day, fill, options, place, records, store, vector_options,
};
use kindred::model::Item;
use kindred::{Error, Like, ReadOnlyStore, Snapshot, Store};
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::SystemTime;

static GO_ON: AtomicBool = AtomicBool::new(false);

fn read(place: &Place) -> ReadOnlyStore {
    options().open_read_only(&place.path).unwrap()
}

fn same(reader: &Snapshot, store: &Snapshot, when: &str) {
    assert_eq!(records(reader), records(store), "{when}");
    assert_eq!(all_profiles(reader), all_profiles(store), "{when}");
    assert_eq!(answers(reader), answers(store), "{when}");
}

#[test]
fn a_reader_sees_what_the_writer_has_whatever_that_did() {
    let (place, store) = store();
    fill(&store);
    let reader = read(&place);
    let steps: [(&str, &dyn Fn()); 7] = [
        ("filled", &|| ()),
        ("sealed", &|| assert!(store.seal(&|_| {}, &GO_ON).unwrap())),
        ("written over the seal", &|| {
            store.write(|tx| tx.record(bought("late", "i1", 40)).and(tx.remove_item("i2"))).unwrap();
        }),
        ("fitted", &|| assert!(store.fit().unwrap().users > 0)),
        ("compacted", &|| assert!(store.compact(&|_| {}, &GO_ON).is_ok())),
        ("written over the base", &|| {
            store.write(|tx| tx.record(bought("later", "i1", 41)).and(tx.remove_user("late"))).unwrap();
        }),
        ("checkpointed", &|| store.checkpoint().unwrap()),
    ];
    for (when, step) in steps {
        step();
        for anew in [true, false] {
            // The store's own thread may make a commit at any time.
            let (seen, expected) = loop {
                let expected = store.snapshot();
                reader.refresh().unwrap();
                let seen = if anew { read(&place).snapshot() } else { reader.snapshot() };
                if seen.stats().unwrap().commit == expected.stats().unwrap().commit {
                    break (seen, expected);
                }
            };
            same(&seen, &expected, when);
        }
    }
    let before = store.snapshot();
    let records = records(&before);
    drop((before, store));
    let closed = read(&place);
    assert_eq!(crate::fixture::records(&closed.snapshot()), records);
    // Nobody is kept out by who only reads.
    options().open(&place.path).unwrap();
}

#[test]
fn a_snapshot_of_a_reader_stays_as_it_is() {
    let (place, store) = store();
    fill(&store);
    assert!(store.compact(&|_| {}, &GO_ON).unwrap());
    let reader = read(&place);
    let snapshot = reader.snapshot();
    let (before, hits) = (records(&snapshot), answers(&snapshot));
    store
        .write(|tx| tx.remove_user("u1").and(tx.put_item(Item { id: "new".into(), ..Item::default() })))
        .unwrap();
    store.seal(&|_| {}, &GO_ON).unwrap();
    // Files that the reader reads are gone now.
    assert!(store.compact(&|_| {}, &GO_ON).unwrap());
    assert_eq!((records(&snapshot), answers(&snapshot)), (before, hits));
    assert!(reader.refresh().unwrap());
    assert_eq!(records(&reader.snapshot()), records(&store.snapshot()));
}

/// All files below a folder, with when they were written.
fn files(folder: &Path) -> BTreeMap<PathBuf, SystemTime> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path));
        }
        let modified = path.metadata().unwrap().modified().unwrap();
        found.insert(path, modified);
    }
    found
}

#[test]
fn a_reader_writes_nothing() {
    let (place, store) = store();
    fill(&store);
    store.seal(&|_| {}, &GO_ON).unwrap();
    drop(store);
    let before = files(&place.path);
    let reader = read(&place);
    assert!(!answers(&reader.snapshot()).is_empty());
    assert!(!reader.refresh().unwrap());
    drop(reader);
    assert_eq!(files(&place.path), before);
}

/// Each commit gives every user the same vector: a snapshot that mixes two of them is found.
#[test]
fn readers_beside_a_writer_that_never_rests_see_whole_commits_in_order() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    let write = |version: u16| {
        let vector = vec![1.0, f32::from(version)];
        store.write(|tx| (0..40).try_for_each(|n| tx.put_vector(&format!("u{n}"), vector.clone()))).unwrap();
    };
    write(0);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let (reader, mut last, mut seen) = (ReadOnlyStore::open(&place.path).unwrap(), 0, 0);
                    while !done.load(Ordering::Relaxed) {
                        let commit = whole(&reader.snapshot());
                        assert!(commit >= last, "{commit} after {last}");
                        seen += u32::from(commit > last);
                        last = commit;
                        reader.refresh().unwrap();
                    }
                    seen
                })
            })
            .collect();
        for version in 1..400 {
            write(version);
            match version % 50 {
                7 => assert!(store.seal(&|_| {}, &GO_ON).unwrap()),
                17 => store.checkpoint().unwrap(),
                27 => assert!(store.compact(&|_| {}, &GO_ON).unwrap()),
                _ => {}
            }
        }
        done.store(true, Ordering::Relaxed);
        for reader in readers {
            assert!(reader.join().unwrap() > 3);
        }
    });
}

/// Checks that a snapshot shows one version of everybody; returns its commit.
fn whole(snapshot: &Snapshot) -> u64 {
    let stats = snapshot.stats().unwrap();
    assert_eq!((stats.users, stats.vectors), (40, 40));
    let vectors: Vec<_> = snapshot.users().map(|user| user.unwrap().vector).collect();
    assert!(vectors.windows(2).all(|pair| pair[0] == pair[1]), "{vectors:?}");
    let hits = snapshot.similar(Like::vector(&[1.0, 0.0])).limit(40).run().unwrap();
    assert_eq!(hits.len(), 40);
    stats.commit
}

#[test]
fn what_cannot_be_read_is_told() {
    let place = place();
    let missing = ReadOnlyStore::open(&place.path).map(drop).unwrap_err();
    assert!(matches!(missing, Error::NotAStore { .. }), "{missing}");
    let made = Store::open(&place.path).unwrap();
    made.write(|tx| tx.put_user("ann", [("since", day(1).into())])).unwrap();
    let other = Store::options().dim(3).open_read_only(&place.path).map(drop).unwrap_err();
    assert!(matches!(other, Error::OptionMismatch { .. }), "{other}");
    made.checkpoint().unwrap();
    drop(made);
    // A log that lacks its beginning, and no base: as in a store that an older build made.
    let log = place.path.join("log");
    let first = fs::read_dir(&log).unwrap().map(|entry| entry.unwrap().path()).min().unwrap();
    fs::remove_file(first).unwrap();
    let early = ReadOnlyStore::open(&place.path).map(drop).unwrap_err();
    assert!(early.to_string().contains("base"), "{early}");
    // Whoever opens it makes the base.
    let store = Store::open(&place.path).unwrap();
    let reader = loop {
        match ReadOnlyStore::open(&place.path) {
            Err(Error::Storage { .. }) => std::thread::yield_now(),
            read => break read.unwrap(),
        }
    };
    assert_eq!(records(&reader.snapshot()), records(&store.snapshot()));
}
