//! Backups while writes go on, and stores restored from them: the same answers, or an error and nothing left behind.

use crate::damage::tamper::{entries, flip, forget};
use crate::fixture::{
    all_profiles, answers, bought, day, encoder, fill, fusion, item, options, place, records, vector_options,
};
use kindred::model::Event;
use kindred::{BackupOptions, Error, Snapshot, Store};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use tempfile::TempDir;

/// A folder with room for stores and backups.
struct Room(TempDir);

impl Room {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The names of what is in it.
    fn names(&self) -> Vec<String> {
        names(self.0.path())
    }
}

fn names(folder: &Path) -> Vec<String> {
    let all = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = all.collect();
    names.sort();
    names
}

fn bytes_of(folder: &Path) -> Vec<u8> {
    names(folder).iter().flat_map(|name| fs::read(folder.join(name)).unwrap()).collect()
}

fn holds(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

fn put_vectors(store: &Store, users: std::ops::Range<u32>, dim: usize) {
    let vector = |n: u32| (0..dim as u32).map(|d| ((n * 31 + d * 7) % 101) as f32 - 50.5).collect();
    store.write(|tx| users.clone().try_for_each(|n| tx.put_vector(&format!("u{n}"), vector(n)))).unwrap();
}

#[test]
fn a_restored_store_answers_as_the_snapshot_did() {
    let room = Room::new();
    let store = options().open(room.path("store")).unwrap();
    fill(&store);
    for fitted in [false, true] {
        if fitted {
            store.fit().unwrap();
        }
        let snapshot = store.snapshot();
        store.backup(room.path("backup")).unwrap();
        let to = room.path(if fitted { "fitted" } else { "restored" });
        let report = Store::restore(room.path("backup"), &to).unwrap();
        assert_eq!(report.commit, snapshot.stats().unwrap().commit);
        let restored = options().open(&to).unwrap();
        let found = restored.snapshot();
        assert_eq!(records(&found), records(&snapshot));
        assert_eq!(all_profiles(&found), all_profiles(&snapshot));
        assert_eq!(answers(&found), answers(&snapshot));
        let counts = |snapshot: &Snapshot| {
            let stats = snapshot.stats().unwrap();
            (
                stats.users,
                stats.items,
                stats.events,
                stats.texts,
                stats.vectors,
                stats.model_version,
                stats.kinds,
            )
        };
        assert_eq!(counts(&found), counts(&snapshot));
        let write = |store: &Store| store.write(|tx| tx.record(bought("u1", "i7", 400))).unwrap();
        write(&restored);
        write(&store);
        assert_eq!(all_profiles(&restored.snapshot()), all_profiles(&store.snapshot()));
    }
    assert_eq!(room.names(), ["backup", "fitted", "restored", "store"]);
}

#[test]
fn a_store_with_sealed_vectors_comes_back_with_all_of_them() {
    let room = Room::new();
    let store = vector_options(8).open(room.path("store")).unwrap();
    put_vectors(&store, 0..300, 8);
    assert!(store.seal(&|_| {}, &AtomicBool::new(false)).unwrap());
    put_vectors(&store, 290..310, 8);
    store.write(|tx| tx.remove_user("u5")).unwrap();
    let all = |snapshot: &Snapshot| {
        let mut answers = Vec::new();
        for user in snapshot.users() {
            let id = user.unwrap().id;
            answers.push((snapshot.similar(&id).limit(7).exact(true).run().unwrap(), id));
        }
        answers
    };
    let expected = all(&store.snapshot());
    assert_eq!(expected.len(), 309);
    store.backup(room.path("backup")).unwrap();
    drop(store);
    Store::restore(room.path("backup"), room.path("restored")).unwrap();
    let restored = Store::open(room.path("restored")).unwrap();
    assert_eq!(all(&restored.snapshot()), expected);
    assert!(restored.seal(&|_| {}, &AtomicBool::new(false)).unwrap());
    assert_eq!(restored.verify(&|_| {}).unwrap().problems, []);
    drop(restored);
    assert_eq!(all(&Store::open(room.path("restored")).unwrap().snapshot()), expected);
}

#[test]
fn a_backup_holds_one_snapshot_whatever_is_written_meanwhile() {
    let room = Room::new();
    let store = vector_options(4).open(room.path("store")).unwrap();
    put_vectors(&store, 0..2000, 4);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        // Each commit puts one user at each end of the keys, and a third event in the middle.
        scope.spawn(|| {
            let mut n = 0_i64;
            while !done.load(Ordering::Relaxed) {
                let end = format!("late{n}");
                let change = store.write(|tx| {
                    tx.record(Event::new("u7", "purchase", day(n % 9000)).item(format!("i{n}")))?;
                    tx.put_user(&end, [("n", n.into())])
                });
                change.unwrap();
                n += 1;
            }
        });
        for run in 0..4 {
            store.backup(room.path("backup")).unwrap();
            let to = room.path(&format!("restored{run}"));
            Store::restore(room.path("backup"), &to).unwrap();
            let restored = Store::open(&to).unwrap();
            let snapshot = restored.snapshot();
            let stats = snapshot.stats().unwrap();
            let commits = stats.events;
            assert_eq!((stats.users, stats.items, stats.events), (2000 + commits, commits, commits));
            assert_eq!(snapshot.users().count() as u64, stats.users);
            assert_eq!(snapshot.items().count() as u64, commits);
            assert_eq!(snapshot.events("u7").unwrap().count() as u64, commits);
        }
        done.store(true, Ordering::Relaxed);
    });
}

#[test]
fn the_second_run_writes_what_changed() {
    let room = Room::new();
    let (backup, options) = (room.path("backup"), BackupOptions::new());
    let store = vector_options(256).open(room.path("store")).unwrap();
    (0..10).for_each(|part| put_vectors(&store, part * 1000..(part + 1) * 1000, 256));
    let full = store.backup(&backup).unwrap();
    assert!(full.bytes > 10_000 * 1024, "{full:?}");
    assert_eq!((full.chunks_written, full.bytes_written), (full.chunks, full.bytes));

    let same = store.backup_with(&backup, &options.verify_all(true), &|_| {}).unwrap();
    assert_eq!((same.chunks_written, same.bytes_written, same.chunks_removed), (0, 0, 0));
    assert_eq!((same.entries, same.bytes), (full.entries, full.bytes));

    put_vectors(&store, 5000..5001, 256);
    store.write(|tx| tx.put_vector("u5000", vec![0.5; 256])).unwrap();
    let next = store.backup(&backup).unwrap();
    assert!((1..=4).contains(&next.chunks_written), "{next:?}");
    assert_eq!(next.chunks_removed, next.chunks_written + full.chunks - next.chunks);
    assert_eq!(next.chunks + 2, names(&backup).len() as u64, "and the manifest, and the lock");
}

#[test]
fn who_was_removed_is_gone_from_the_next_backup() {
    let room = Room::new();
    let backup = room.path("backup");
    let store = options().open(room.path("store")).unwrap();
    fill(&store);
    store
        .write(|tx| {
            tx.put_item(item("thing", "a thing that stays"))?;
            tx.record(bought("zacharias", "thing", 3))?;
            tx.add_text("zacharias", "what only zacharias would say", day(3))
        })
        .unwrap();
    store.backup(&backup).unwrap();
    assert!(holds(&bytes_of(&backup), "zacharias") && holds(&bytes_of(&backup), "would say"));
    store.write(|tx| tx.remove_user("zacharias")).unwrap();
    store.backup(&backup).unwrap();
    assert!(!holds(&bytes_of(&backup), "zacharias") && !holds(&bytes_of(&backup), "would say"));
    assert!(holds(&bytes_of(&backup), "a thing that stays"));
}

#[test]
fn folders_that_hold_something_else_are_left_alone() {
    let room = Room::new();
    let store = vector_options(2).open(room.path("store")).unwrap();
    put_vectors(&store, 0..3, 2);
    let refused = |to: &Path, word: &str| {
        let error = store.backup(to).unwrap_err();
        assert!(error.to_string().contains(word), "{error}");
        error
    };

    let notes = room.path("notes");
    fs::create_dir(&notes).unwrap();
    fs::write(notes.join("diary.txt"), "dear diary").unwrap();
    assert!(matches!(refused(&notes, "diary.txt"), Error::NotABackup { .. }));
    assert_eq!(names(&notes), ["diary.txt"]);
    assert!(matches!(refused(&notes.join("diary.txt"), "file"), Error::NotABackup { .. }));
    assert!(matches!(Store::restore(&notes, room.path("x")), Err(Error::NotABackup { .. })));
    assert!(matches!(Store::restore(room.path("none"), room.path("x")), Err(Error::NotABackup { .. })));

    let before = names(&room.path("store"));
    refused(&room.path("store"), "lies in");
    refused(&room.path("store").join("backups").join("daily"), "lies in");
    #[cfg(unix)]
    {
        std::os::unix::fs::symlink(room.path("store"), room.path("link")).unwrap();
        refused(&room.path("link").join("backup"), "lies in");
    }
    assert_eq!(names(&room.path("store")), before);

    let backup = room.path("backup");
    store.backup(&backup).unwrap();
    let other = vector_options(2).open(room.path("other")).unwrap();
    let files = bytes_of(&backup);
    let error = other.backup(&backup).unwrap_err();
    assert!(error.to_string().contains("another store"), "{error}");
    Store::restore(&backup, room.path("restored")).unwrap();
    let error = Store::open(room.path("restored")).unwrap().backup(&backup).unwrap_err();
    assert!(error.to_string().contains("another store"), "{error}");
    assert_eq!(bytes_of(&backup), files);
}

#[test]
fn an_older_copy_of_the_store_does_not_replace_its_backup() {
    fn copy(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for name in names(from) {
            let (from, to) = (from.join(&name), to.join(&name));
            if from.is_dir() {
                copy(&from, &to);
            } else {
                fs::copy(from, to).unwrap();
            }
        }
    }
    let room = Room::new();
    let open = |name: &str| vector_options(2).open(room.path(name)).unwrap();
    put_vectors(&open("store"), 0..3, 2);
    copy(&room.path("store"), &room.path("copy"));
    let store = open("store");
    put_vectors(&store, 3..4, 2);
    store.backup(room.path("backup")).unwrap();
    let error = open("copy").backup(room.path("backup")).unwrap_err();
    assert!(error.to_string().contains("older copy"), "{error}");
    store.backup(room.path("backup")).unwrap();
}

#[test]
fn a_store_is_restored_into_a_new_folder_or_an_empty_one() {
    let room = Room::new();
    let store = vector_options(2).open(room.path("store")).unwrap();
    put_vectors(&store, 0..3, 2);
    let backup = room.path("backup");
    store.backup(&backup).unwrap();
    let refused = |to: &Path| {
        let error = Store::restore(&backup, to).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error}");
    };
    let taken = room.path("taken");
    fs::create_dir(&taken).unwrap();
    fs::write(taken.join("note"), "mine").unwrap();
    refused(&taken);
    refused(&taken.join("note"));
    refused(&room.path("store"));
    refused(&backup);
    refused(&backup.join("inside"));
    refused(Path::new("/"));
    assert_eq!(names(&taken), ["note"]);

    fs::create_dir(room.path("empty")).unwrap();
    for to in ["empty", "new", "a/b"] {
        Store::restore(&backup, room.path(to)).unwrap();
        assert_eq!(Store::open(room.path(to)).unwrap().snapshot().users().count(), 3);
    }
    assert_eq!(room.names(), ["a", "backup", "empty", "new", "store", "taken"]);

    let in_the_way = room.path("late.unfinished");
    fs::create_dir(&in_the_way).unwrap();
    fs::write(in_the_way.join("thesis"), "mine").unwrap();
    refused(&room.path("late"));
    assert_eq!(names(&in_the_way), ["thesis"]);
    // What a restore that was killed leaves.
    fs::remove_file(in_the_way.join("thesis")).unwrap();
    fs::create_dir(in_the_way.join("store")).unwrap();
    fs::write(in_the_way.join("store").join("LOCK"), "process 1").unwrap();
    Store::restore(&backup, room.path("late")).unwrap();
    assert!(!in_the_way.exists());
}

#[test]
fn a_damaged_backup_restores_nothing() {
    let room = Room::new();
    let store = options().open(room.path("store")).unwrap();
    fill(&store);
    let backup = room.path("backup");
    store.backup(&backup).unwrap();
    for name in names(&backup).into_iter().filter(|name| name != "LOCK") {
        let path = backup.join(&name);
        let sound = fs::read(&path).unwrap();
        let mut flipped = sound.clone();
        flipped[sound.len() / 2] ^= 4;
        for bytes in [&flipped[..], &sound[..sound.len() - 1], b""] {
            fs::write(&path, bytes).unwrap();
            let error = Store::restore(&backup, room.path("restored")).unwrap_err();
            assert!(matches!(&error, Error::Damaged { place, .. } if place.contains(&name)), "{error}");
        }
        fs::remove_file(&path).unwrap();
        assert!(Store::restore(&backup, room.path("restored")).is_err());
        fs::write(&path, &sound).unwrap();
    }
    assert_eq!(room.names(), ["backup", "store"]);
    Store::restore(&backup, room.path("restored")).unwrap();
}

#[test]
fn a_backup_asked_to_verify_all_makes_good_what_is_damaged() {
    let room = Room::new();
    let store = options().open(room.path("store")).unwrap();
    fill(&store);
    let backup = room.path("backup");
    store.backup(&backup).unwrap();
    let chunk = names(&backup).into_iter().find(|name| name != "LOCK" && name != "MANIFEST").unwrap();
    let sound = fs::read(backup.join(&chunk)).unwrap();
    let mut flipped = sound.clone();
    flipped[20] ^= 1;
    fs::write(backup.join(&chunk), &flipped).unwrap();
    let mended = store.backup_with(&backup, &BackupOptions::new().verify_all(true), &|_| {}).unwrap();
    assert_eq!(mended.chunks_written, 1);
    assert_eq!(fs::read(backup.join(&chunk)).unwrap(), sound);
    // A file of another length is noticed without being asked.
    fs::write(backup.join(&chunk), &sound[1..]).unwrap();
    assert_eq!(store.backup(&backup).unwrap().chunks_written, 1);
    Store::restore(&backup, room.path("restored")).unwrap();
}

#[test]
fn a_closed_store_is_backed_up_without_its_encoder() {
    let room = Room::new();
    let store = options().open(room.path("store")).unwrap();
    fill(&store);
    let options = BackupOptions::new();
    let backup = |to: &str| Store::backup_closed(room.path("store"), room.path(to), &options, &|_| {});
    assert!(matches!(backup("backup"), Err(Error::Locked { .. })));
    let (expected, open) = (records(&store.snapshot()), store.backup(room.path("open")).unwrap());
    drop(store);
    let closed = backup("backup").unwrap();
    assert_eq!((closed.commit, closed.bytes), (open.commit, open.bytes));
    assert_eq!(names(&room.path("backup")), names(&room.path("open")));
    Store::restore(room.path("backup"), room.path("restored")).unwrap();
    let restored = Store::options().encoder(encoder()).fusion(fusion()).open(room.path("restored")).unwrap();
    assert_eq!(records(&restored.snapshot()), expected);
    assert!(matches!(
        Store::backup_closed(room.path("none"), room.path("x"), &options, &|_| {}),
        Err(Error::NotAStore { .. })
    ));
    assert!(!room.path("none").exists() && !room.path("x").exists());
}

#[test]
fn one_backup_at_a_time_is_made_in_a_folder_and_not_while_it_is_read() {
    let room = Room::new();
    let store = vector_options(2).open(room.path("store")).unwrap();
    put_vectors(&store, 0..3, 2);
    let (backup, options) = (room.path("backup"), BackupOptions::new());
    let locked = AtomicBool::new(false);
    let again = |_| {
        let second = store.backup(&backup).is_err_and(|e| matches!(e, Error::Locked { .. }));
        let read =
            Store::restore(&backup, room.path("restored")).is_err_and(|e| matches!(e, Error::Locked { .. }));
        locked.store(second && read, Ordering::Relaxed);
    };
    store.backup_with(&backup, &options, &again).unwrap();
    assert!(locked.swap(false, Ordering::Relaxed));
    let meanwhile = |_| {
        let second = store.backup(&backup).is_err_and(|e| matches!(e, Error::Locked { .. }));
        locked.store(second, Ordering::Relaxed);
    };
    Store::restore_with_progress(&backup, room.path("restored"), &meanwhile).unwrap();
    assert!(locked.load(Ordering::Relaxed));
    let place = place();
    Store::restore(&backup, &place.path).unwrap();
}

#[cfg(unix)]
#[test]
fn only_the_owner_may_look_into_a_backup_and_a_restored_store() {
    use std::os::unix::fs::PermissionsExt;
    let room = Room::new();
    let store = vector_options(2).open(room.path("store")).unwrap();
    put_vectors(&store, 0..3, 2);
    fs::create_dir(room.path("mine")).unwrap();
    store.backup(room.path("backup")).unwrap();
    store.backup(room.path("mine")).unwrap();
    Store::restore(room.path("backup"), room.path("restored")).unwrap();
    let mode = |path: PathBuf| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!([mode(room.path("backup")), mode(room.path("restored"))], [0o700; 2]);
    for name in names(&room.path("mine")).iter().filter(|name| *name != "LOCK") {
        assert_eq!(mode(room.path("mine").join(name)), 0o600, "{name}");
    }
}

#[test]
fn a_backup_beside_whoever_has_the_store_holds_whole_commits() {
    let room = Room::new();
    let store = vector_options(4).open(room.path("store")).unwrap();
    put_vectors(&store, 0..1, 4);
    let made = AtomicU32::new(0);
    std::thread::scope(|scope| {
        // Each commit has ten users more.
        let writer = scope.spawn(|| {
            for commit in 0.. {
                if commit >= 150 && made.load(Ordering::Relaxed) >= 3 || commit == 3000 {
                    break;
                }
                put_vectors(&store, 10 * commit + 1..10 * commit + 11, 4);
                if commit % 40 == 20 {
                    // Makes the second copy anew, which is read meanwhile.
                    assert!(store.compact(&|_| {}, &AtomicBool::new(false)).unwrap());
                }
            }
            assert!(room.path("store/base/MANIFEST").is_file());
        });
        let mut last = 0;
        for round in 0.. {
            let ended = writer.is_finished();
            let options = BackupOptions::new();
            match Store::backup_elsewhere(room.path("store"), room.path("backup"), &options, &|_| {}) {
                Ok(report) => {
                    assert!(report.commit >= last && report.damaged == 0, "{report:?}");
                    last = report.commit;
                    let to = room.path(&format!("restored {round}"));
                    Store::restore(room.path("backup"), &to).unwrap();
                    let users = vector_options(4).open(&to).unwrap().snapshot().stats().unwrap().users;
                    assert_eq!(users % 10, 1, "{users} users");
                    made.fetch_add(1, Ordering::Relaxed);
                }
                // The writer never rests.
                Err(_) if !ended => {}
                Err(error) => panic!("{error}"),
            }
            if ended {
                break;
            }
        }
    });
    // The store's own goes on from it.
    let report = store.backup(room.path("backup")).unwrap();
    assert_eq!(report.commit, store.snapshot().stats().unwrap().commit);
    let within =
        Store::backup_elsewhere(room.path("store"), room.path("store/x"), &BackupOptions::new(), &|_| {});
    assert!(matches!(within, Err(Error::Invalid { .. })), "{within:?}");
}

#[test]
fn a_second_copy_that_lacks_values_is_backed_up_by_nobody_else() {
    let room = Room::new();
    let path = room.path("store");
    let store = options().open(&path).unwrap();
    fill(&store);
    drop(store);
    let event = entries(&path).into_iter().map(|(key, _)| key).find(|key| key[0] == b'e').unwrap();
    forget(&path);
    flip(&path, &[event], 90);
    let store = options().heal(false).open(&path).unwrap();
    // It makes a new second copy, of what there is.
    assert!(store.compact(&|_| {}, &AtomicBool::new(false)).unwrap());
    let made = Store::backup_elsewhere(&path, room.path("elsewhere"), &BackupOptions::new(), &|_| {});
    assert!(matches!(&made, Err(Error::Damaged { reason, .. }) if reason.contains("lacks 1")), "{made:?}");
    assert!(!room.path("elsewhere").join("MANIFEST").exists());
    assert_eq!(store.backup(room.path("own")).unwrap().damaged, 1);
}
