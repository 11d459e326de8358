//! Sealed files from one open to the next: whatever a crash or a hand left of them, a store answers as one that is made
//! anew from its records.

use crate::fixture::{Place, answers, day, fill, options, place};
use kindred::model::{Event, Item};
use kindred::query::Hit;
use kindred::{Durability, Error, Like, Options, ReadOnlyStore, Snapshot, Stats, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use tempfile::TempDir;

const DIM: usize = 8;

fn vectors() -> Options {
    Store::options().dim(DIM).durability(Durability::Immediate)
}

/// Another test may start a process at any time, which holds all locks of this one for a moment.
fn open(path: &Path) -> Store {
    for _ in 0..100_000 {
        match vectors().open(path) {
            Err(Error::Locked { .. }) => std::thread::yield_now(),
            opened => return opened.unwrap(),
        }
    }
    panic!("{} stays locked", path.display());
}

/// Far enough apart that the nearest by codes are the nearest.
fn vector(n: usize) -> Vec<f32> {
    let mut state = n as u64;
    (0..DIM)
        .map(|_| {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (state >> 40) as f32 / (1 << 23) as f32 - 1.0
        })
        .collect()
}

fn put(store: &Store, users: impl Iterator<Item = usize>, version: usize) {
    store
        .write(|tx| users.into_iter().try_for_each(|n| tx.put_vector(&format!("u{n}"), vector(n + version))))
        .unwrap();
}

fn seal(store: &Store) {
    assert!(store.seal(&|_| {}, &AtomicBool::new(false)).unwrap());
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// The files of the index, the manifest apart.
fn files(store: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(store.join("index")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "sealed")).collect();
    files.sort();
    files
}

fn manifest(store: &Path) -> PathBuf {
    store.join("index/MANIFEST")
}

type Look = (Vec<Vec<Hit>>, [u64; 3]);

/// All that can be seen: exact and approximate answers, and counts.
fn look(store: &Store) -> Look {
    seen(&store.snapshot())
}

fn seen(snapshot: &Snapshot) -> Look {
    let mut seen = Vec::new();
    for n in 0..20 {
        for exact in [true, false] {
            let asked = vector(n * 19);
            seen.push(snapshot.similar(Like::vector(&asked)).limit(10).exact(exact).run().unwrap());
        }
    }
    seen.push(snapshot.similar(Like::vector(&vector(1))).limit(1000).exact(true).run().unwrap());
    let stats = snapshot.stats().unwrap();
    (seen, [stats.vectors, stats.users, snapshot.users().count() as u64])
}

/// The same store once its index is made of nothing but its records.
fn rebuilt(store: &Path) -> Look {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    copy(store, &path);
    fs::remove_dir_all(path.join("index")).unwrap();
    let store = open(&path);
    assert_eq!(store.snapshot().stats().unwrap().vectors_sealed, 0);
    look(&store)
}

/// One store at four times of its life, each closed.
struct Life {
    states: Vec<PathBuf>,
    _folder: TempDir,
}

impl Life {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let now = folder.path().join("now");
        let mut states = Vec::new();
        let mut keep = || {
            let state = folder.path().join(states.len().to_string());
            copy(&now, &state);
            states.push(state);
        };
        let store = open(&now);
        put(&store, 0..300, 0);
        seal(&store);
        drop(store);
        keep();
        let store = open(&now);
        // Fewer than one in twenty die: more would have the file made anew by itself.
        put(&store, (0..300).step_by(60), 1000);
        put(&store, 300..330, 0);
        store.write(|tx| (0..300).step_by(61).try_for_each(|n| tx.remove_user(&format!("u{n}")))).unwrap();
        drop(store);
        keep();
        let store = open(&now);
        seal(&store);
        drop(store);
        keep();
        let store = open(&now);
        put(&store, (1..300).step_by(29), 2000);
        drop(store);
        keep();
        Self { states, _folder: folder }
    }

    /// A copy of a state, changed by a crash or a hand.
    fn with(&self, state: usize, change: impl FnOnce(&Path)) -> Place {
        let place = place();
        copy(&self.states[state], &place.path);
        change(&place.path);
        place
    }

    fn index(&self, state: usize) -> PathBuf {
        self.states[state].join("index")
    }
}

/// Opens, compares, goes on writing, and compares again after the next open; returns how many were sealed at first.
fn check(place: &Place, what: &str) -> u64 {
    let expected = rebuilt(&place.path);
    let store = open(&place.path);
    let sealed = store.snapshot().stats().unwrap().vectors_sealed;
    assert!(look(&store) == expected, "{what}");
    put(&store, (2..340).step_by(13), 3000);
    store.write(|tx| tx.remove_user("u8").and(tx.remove_user("u301"))).unwrap();
    let expected = look(&store);
    drop(store);
    assert!(rebuilt(&place.path) == expected, "{what}, later");
    let store = open(&place.path);
    assert!(look(&store) == expected, "{what}, opened again");
    seal(&store);
    assert!(look(&store) == expected, "{what}, sealed again");
    drop(store);
    let store = open(&place.path);
    assert!(look(&store) == expected, "{what}, opened at last");
    assert_eq!(store.snapshot().stats().unwrap().vectors_sealed, expected.1[0], "{what}");
    sealed
}

#[test]
fn a_crash_at_any_step_of_sealing_costs_nothing() {
    let life = Life::new();
    for state in 0..4 {
        assert!(check(&life.with(state, |_| {}), &format!("state {state}")) > 0);
    }
    let file = files(&life.states[2]).pop().unwrap();
    let name = file.file_name().unwrap().to_owned();
    let unfinished = life.with(1, |path| {
        let half = &fs::read(&file).unwrap()[..9000];
        fs::write(path.join("index").join(&name).with_extension("unfinished"), half).unwrap();
        fs::write(path.join("index/MANIFEST.unfinished"), half).unwrap();
    });
    assert!(check(&unfinished, "a file half written") > 0);
    assert!(files(&unfinished.path).iter().all(|path| path.extension().unwrap() == "sealed"));
    let unnamed = life.with(1, |path| {
        fs::copy(&file, path.join("index").join(&name)).unwrap();
    });
    assert!(check(&unnamed, "a file that no manifest names") > 0);
    let unswept = life.with(1, |path| {
        // A manifest has a commit of its own, which is on disk before it.
        open(path)
            .write(|tx| tx.put_item(Item { id: "changes no vector".into(), ..Item::default() }))
            .unwrap();
        fs::remove_dir_all(path.join("index")).unwrap();
        copy(&life.index(2), &path.join("index"));
    });
    assert!(check(&unswept, "a manifest with a journal not swept") > 0);
    let old = life.with(2, |path| {
        for file in files(&life.states[1]) {
            fs::copy(&file, path.join("index").join(file.file_name().unwrap())).unwrap();
        }
    });
    assert!(check(&old, "old files not removed") > 0);
    let names =
        |path: &Path| files(path).iter().map(|file| file.file_name().unwrap().to_owned()).collect::<Vec<_>>();
    assert!(names(&old.path).iter().all(|name| !names(&life.states[1]).contains(name)));
}

#[test]
fn a_folder_of_another_time_or_store_is_not_taken() {
    let life = Life::new();
    let exchanged = |state, other: PathBuf| {
        life.with(state, |path| {
            fs::remove_dir_all(path.join("index")).unwrap();
            copy(&other, &path.join("index"));
        })
    };
    assert_eq!(check(&exchanged(2, life.index(1)), "an older folder"), 0);
    assert_eq!(check(&exchanged(3, life.index(0)), "a much older folder"), 0);
    assert_eq!(check(&exchanged(1, life.index(3)), "a folder of the future"), 0);
    assert_eq!(check(&exchanged(2, Life::new().index(2)), "a folder of another store"), 0);
}

#[test]
fn damage_and_loss_cost_time_and_no_answer() {
    let life = Life::new();
    let flip = |path: &Path, at: usize| {
        let mut bytes = fs::read(path).unwrap();
        bytes[at] ^= 16;
        fs::write(path, bytes).unwrap();
    };
    for at in [0, 9, 20, 30, 50, 130, 4093] {
        let place = life.with(3, |path| flip(&files(path)[0], at));
        assert_eq!(check(&place, &format!("byte {at} of a header")), 0);
    }
    for at in [0, 9, 13, 20, 36, 45, 60] {
        let place = life.with(3, |path| flip(&manifest(path), at));
        assert_eq!(check(&place, &format!("byte {at} of the manifest")), 0);
    }
    for length in [0, 100, 4096, 20_000] {
        let place = life.with(1, |path| {
            fs::OpenOptions::new().write(true).open(&files(path)[0]).unwrap().set_len(length).unwrap();
        });
        assert_eq!(check(&place, &format!("a file cut to {length}")), 0);
    }
    for length in [0, 10, 44] {
        let place = life.with(1, |path| {
            fs::OpenOptions::new().write(true).open(manifest(path)).unwrap().set_len(length).unwrap();
        });
        assert_eq!(check(&place, &format!("a manifest cut to {length}")), 0);
    }
    assert_eq!(check(&life.with(3, |path| fs::remove_file(&files(path)[0]).unwrap()), "a file lost"), 0);
    assert_eq!(check(&life.with(3, |path| fs::remove_file(manifest(path)).unwrap()), "no manifest"), 0);
    let older = life.with(3, |path| {
        fs::copy(&files(&life.states[0])[0], &files(path)[0]).unwrap();
    });
    assert_eq!(check(&older, "an older file under a newer one's name"), 0);
}

#[test]
fn a_note_beside_the_files_is_left_alone() {
    let life = Life::new();
    let place = life.with(3, |path| fs::write(path.join("index/notes.txt"), "mine").unwrap());
    assert!(check(&place, "a note") > 0);
    assert_eq!(fs::read_to_string(place.path.join("index/notes.txt")).unwrap(), "mine");
}

#[test]
fn embeddings_are_sealed_and_brought_up_to_date_too() {
    let place = place();
    let open = || options().durability(Durability::Immediate).open(&place.path).unwrap();
    let sealed = |snapshot: &Snapshot| snapshot.stats().unwrap().vectors_sealed;
    let unchanged = |before: &Stats, again: &Stats| assert_eq!(before.vectors, again.vectors);
    let store = open();
    fill(&store);
    seal(&store);
    drop(store);
    for round in 0..3 {
        let store = open();
        assert!(sealed(&store.snapshot()) > 0, "round {round}");
        store
            .write(|tx| {
                tx.record(Event::new("u3", "purchase", day(100 + round)).item("i5"))?;
                tx.put_user(&format!("new{round}"), [("town", "Ulm".into())])?;
                tx.remove_user(&format!("u{}", 5 + round))
            })
            .unwrap();
        let (before, counts) = (answers(&store.snapshot()), store.snapshot().stats().unwrap());
        drop(store);
        let store = open();
        assert_eq!(answers(&store.snapshot()), before);
        unchanged(&counts, &store.snapshot().stats().unwrap());
        store.fit().unwrap();
        let before = answers(&store.snapshot());
        drop(store);
        let store = open();
        assert_eq!(answers(&store.snapshot()), before);
        seal(&store);
        store.checkpoint().unwrap();
        assert_eq!(answers(&store.snapshot()), before);
    }
}

#[test]
fn compacting_leaves_one_file_and_no_dead_row() {
    let place = place();
    let store = open(&place.path);
    for n in 0..3 {
        put(&store, n * 100..n * 100 + [100, 9, 4][n], 0);
        seal(&store);
    }
    store.write(|tx| tx.remove_user("u5")).unwrap();
    let before = look(&store);
    assert!(!store.compact(&|_| {}, &AtomicBool::new(true)).unwrap());
    assert!(store.compact(&|_| {}, &AtomicBool::new(false)).unwrap());
    assert!(look(&store) == before, "compacting changed an answer");
    assert_eq!(files(&place.path).len(), 1);
    let stats = store.snapshot().stats().unwrap();
    assert_eq!((stats.vectors_sealed, stats.sealed_files), (112, 1));
}

/// Flips a bit in the middle of a section of a file, by its number, or in its last page.
fn flip_inside(file: &Path, section: Option<usize>) {
    let mut bytes = fs::read(file).unwrap();
    let at = section.map_or(bytes.len() - 1, |section| {
        let number = |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().unwrap()) as usize;
        let entry = 128 + 24 * section;
        number(entry) + number(entry + 8) / 2
    });
    bytes[at] ^= 16;
    fs::write(file, bytes).unwrap();
}

/// Entries, nodes, codes, and vectors under cosine; and what fills up the last page.
#[test]
fn what_opening_does_not_read_is_read_through_and_made_good_while_the_store_is_open() {
    let life = Life::new();
    for section in [Some(0), Some(1), Some(2), Some(8), None] {
        let place = life.with(3, |path| flip_inside(&files(path)[0], section));
        let damaged = files(&place.path)[0].clone();
        let expected = rebuilt(&place.path);
        let store = open(&place.path);
        // Nobody writes, and nobody asks.
        let deadline = Instant::now() + Duration::from_mins(5);
        let is_whole = |stats: Stats| stats.vectors_sealed == stats.vectors;
        while damaged.exists()
            || !manifest(&place.path).exists()
            || !is_whole(store.snapshot().stats().unwrap())
        {
            assert!(Instant::now() < deadline, "section {section:?} is never read");
            std::thread::sleep(Duration::from_millis(5));
        }
        assert!(look(&store) == expected, "section {section:?}");
        assert_eq!(store.verify(&|_| {}).unwrap().problems, [], "section {section:?}");
        drop(store);
        assert!(check(&place, &format!("section {section:?}, made good")) > 0);
    }
}

fn reader(path: &Path, scrub: bool) -> ReadOnlyStore {
    vectors().scrub(scrub).open_read_only(path).unwrap()
}

fn sealed(reader: &ReadOnlyStore) -> u64 {
    reader.snapshot().stats().unwrap().vectors_sealed
}

/// Waits for what a thread does by itself.
fn wait(what: &str, mut is_done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_mins(5);
    while !is_done() {
        assert!(Instant::now() < deadline, "{what}: it never comes");
        std::thread::sleep(Duration::from_millis(2));
    }
}

/// The files stay as they are: they are another's.
#[test]
fn who_only_reads_does_without_what_turns_out_to_be_damaged() {
    let life = Life::new();
    for section in [Some(0), Some(1), Some(2), Some(8), None] {
        let when = format!("section {section:?}");
        let place = life.with(3, |path| flip_inside(&files(path)[0], section));
        let expected = rebuilt(&place.path);
        let (left, written) = (files(&place.path), fs::read(manifest(&place.path)).unwrap());
        assert!(sealed(&reader(&place.path, false)) > 0, "{when} is read by opening");
        let reader = reader(&place.path, true);
        // Nobody looks again.
        wait(&when, || sealed(&reader) == 0);
        assert!(seen(&reader.snapshot()) == expected, "{when}");
        assert!(!reader.refresh().unwrap());
        assert_eq!(sealed(&reader), 0, "{when}: it took the file again");
        assert_eq!((files(&place.path), fs::read(manifest(&place.path)).unwrap()), (left, written));
        // Until its owner has made it good.
        let store = open(&place.path);
        wait(&when, || reader.refresh().is_ok() && sealed(&reader) > 0);
        assert!(seen(&reader.snapshot()) == look(&store), "{when}");
    }
}

/// The file is there only after the reader was opened.
#[test]
fn who_only_reads_follows_to_the_files_of_each_look() {
    let place = place();
    let store = open(&place.path);
    put(&store, 0..300, 0);
    seal(&store);
    let reader = reader(&place.path, true);
    let first = files(&place.path);
    put(&store, 300..310, 0);
    seal(&store);
    drop(store);
    let second = files(&place.path).into_iter().find(|file| !first.contains(file)).unwrap();
    flip_inside(&second, Some(8));
    let expected = rebuilt(&place.path);
    assert!(reader.refresh().unwrap());
    wait("the second file", || sealed(&reader) == 0);
    assert!(seen(&reader.snapshot()) == expected);
}

#[test]
fn who_only_reads_may_do_so_without_a_look_at_the_files() {
    let place = Life::new().with(3, |path| flip_inside(&files(path)[0], Some(8)));
    let reader = reader(&place.path, false);
    assert!(sealed(&reader) > 0);
    reader.refresh().unwrap();
    std::thread::sleep(Duration::from_millis(50));
    assert!(sealed(&reader) > 0, "somebody has looked");
}

#[test]
fn damage_inside_is_told_by_compacting_and_made_good_soon() {
    let life = Life::new();
    let place = life.with(3, |path| {
        let file = &files(path)[0];
        let mut bytes = fs::read(file).unwrap();
        let last = bytes.iter().rposition(|&byte| byte != 0).unwrap();
        bytes[last] ^= 16;
        fs::write(file, bytes).unwrap();
    });
    let store = vectors().scrub(false).open(&place.path).unwrap();
    assert!(store.snapshot().stats().unwrap().vectors_sealed > 0, "nobody has looked yet");
    look(&store);
    let error = store.compact(&|_| {}, &AtomicBool::new(false)).unwrap_err();
    assert!(matches!(error, Error::Damaged { .. }), "{error}");
    // By upkeep, or by the next open: whose turn is next is chance.
    drop(store);
    check(&place, "damage that was found");
    let store = open(&place.path);
    assert_eq!(store.verify(&|_| {}).unwrap().problems, []);
}
