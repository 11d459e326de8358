//! What lies under the keys after all sorts of writes: nothing that nobody uses, and sums that equal those made
//! anew.

use super::points::Points;
use super::reader::Reader;
use super::refuse::sums_of;
use super::settings::{EncoderChoice, Request};
use super::stored::text_hash;
use super::upkeep::Pause;
use super::{Engine, Published, VerifyOptions};
use crate::encoder::HashedEncoder;
use crate::index::{SearchOptions, TaskKind, Wanted};
use crate::model::{Event, Fusion, Item, Record, Removal, Text, Time, User};
use crate::profile::Sums;
use crate::storage::{MemoryBackend, MemoryDisk, View, codec, keys};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

fn engine() -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), &request()).unwrap();
    (folder, engine)
}

fn request() -> Request {
    Request {
        encoder: EncoderChoice::Host(Arc::new(HashedEncoder::new(16).unwrap())),
        fusion: Some(Fusion { item_dims: 4, group_dims: 2, ..Fusion::default() }),
        ..Request::default()
    }
}

fn day(n: i64) -> Time {
    Time::from_secs(n * 86_400).unwrap()
}

fn item(id: &str, text: &str) -> Record {
    Record::Item(Item { id: id.into(), text: Some(text.into()), ..Item::default() })
}

fn text(user: &str, text: &str, n: i64) -> Record {
    Record::Text(Text { user: user.into(), text: text.into(), time: day(n) })
}

fn user(id: &str, town: &str) -> Record {
    Record::User(User { id: id.into(), attributes: [("town".to_owned(), town.into())].into(), vector: None })
}

fn filled() -> Vec<Record> {
    let mut records =
        vec![item("a", "salmon"), item("b", "salmon"), item("c", "town Ulm"), item("a", "trout")];
    for n in 0..12_i64 {
        let name = format!("u{}", n % 3);
        records.push(user(&name, ["Ulm", "Bonn"][n as usize % 2]));
        let event =
            Event::new(&name, ["purchase", "view", "dismiss", "like"][n as usize % 4], day(900 - 70 * n));
        records.push(Record::Event(event.item(["a", "b", "c", "d"][n as usize % 4]).text("salmon")));
        records.push(text(&name, ["salmon", "trout", "tea"][n as usize % 3], n));
    }
    records
}

fn count(view: &View<Published>, prefix: &[u8]) -> usize {
    let mut count = 0;
    view.scan(prefix, |_, _| {
        count += 1;
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    count
}

/// Uses of each text, counted from the records that are there.
fn uses(view: &View<Published>) -> BTreeMap<String, u32> {
    let mut texts = Vec::new();
    super::reencode::each_text(view, &mut |text| {
        texts.push(text.to_owned());
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    let mut uses = BTreeMap::new();
    for text in texts {
        *uses.entry(text).or_default() += 1;
    }
    uses
}

fn check(engine: &Engine) {
    let view = engine.view();
    let space = Arc::clone(&view.attachment().space);
    let uses = uses(&view);
    for (text, uses) in &uses {
        let hash = text_hash(text);
        assert_eq!(view.read("uses", &keys::text_uses(hash)).unwrap(), Some(*uses), "{text}");
        assert!(view.raw(&keys::text_vector(space.encoder, hash)).unwrap().is_some(), "{text}");
    }
    assert_eq!(count(&view, b"n"), uses.len(), "texts that nothing uses are counted");
    assert_eq!(count(&view, &keys::text_vectors()), uses.len(), "vectors that nothing uses");
    let counters = view.attachment().counters;
    assert_eq!(count(&view, &keys::events()) as u64, counters.events);
    assert_eq!(count(&view, &keys::all_texts()) as u64, counters.texts);
    let counts =
        [&keys::users(), &keys::states(), &keys::all_sums(), &b"u".to_vec()].map(|p| count(&view, p));
    assert_eq!(counts, [counters.users as usize; 4]);
    assert_eq!([&keys::items(), &b"i".to_vec()].map(|p| count(&view, p)), [counters.items as usize; 2]);
    let mut points = Points::new(Arc::clone(&space));
    view.scan(&keys::all_sums(), |key, value| {
        let no = keys::u32_at(key, 5).unwrap();
        let stored: Sums = codec::decode("sums", value)?;
        let anew = sums_of(&view, &space, &mut points, no)?;
        let newest = view.state(no)?.figures.newest.unwrap_or_default();
        let (stored, anew) = (space.total(&stored, newest), space.total(&anew, newest));
        for (x, y) in stored.iter().zip(&anew) {
            assert!((x - y).abs() < 1e-5, "user {no}: {x} and {y}");
        }
        assert_eq!(stored.is_empty(), anew.is_empty());
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
}

#[test]
fn nothing_is_kept_that_nobody_uses() {
    let (_folder, engine) = engine();
    let remove_item = |id: &str| Record::Remove(Removal::Item { item: id.into() });
    let remove_user = |id: &str| Record::Remove(Removal::User { user: id.into() });
    engine.write(&filled(), &|_| {}).unwrap();
    check(&engine);
    engine.fit(&|_| {}).unwrap();
    check(&engine);
    engine.write(&[remove_item("b"), user("u1", "Köln"), item("c", "salmon")], &|_| {}).unwrap();
    check(&engine);
    let town = Removal::UserAttribute { user: "u2".into(), attribute: "town".into() };
    engine.write(&[Record::Remove(town), remove_user("u0")], &|_| {}).unwrap();
    check(&engine);
    engine.fit(&|_| {}).unwrap();
    check(&engine);
    engine.write(&filled(), &|_| {}).unwrap();
    check(&engine);
    let all = ["u0", "u1", "u2"].map(remove_user).into_iter().chain(["a", "b", "c", "d"].map(remove_item));
    engine.write(&all.collect::<Vec<_>>(), &|_| {}).unwrap();
    check(&engine);
    let view = engine.view();
    assert_eq!(view.attachment().index.len(), 0);
    for left in [keys::all_contributions(), b"x".to_vec(), keys::item_factors()] {
        assert_eq!(count(&view, &left), 0, "{left:?}");
    }
}

#[test]
fn what_an_unfinished_fit_left_is_swept_by_the_next() {
    let (_folder, engine) = engine();
    engine.write(&filled(), &|_| {}).unwrap();
    let stale = [
        keys::sums(1, 999),
        keys::item_factor(1, 999),
        keys::group_factor(1, 999),
        keys::text_vector(7, [9; 16]),
    ];
    engine.shared.put_aside(stale.iter().map(|key| (key.clone(), 0_u32))).unwrap();
    engine.fit(&|_| {}).unwrap();
    for key in stale {
        assert!(engine.view().raw(&key).unwrap().is_none(), "{key:?}");
    }
    check(&engine);
}

/// Ends the engine as a crash would: no manifest is written.
fn crash(engine: Engine) {
    std::thread::scope(|scope| {
        let hold = || {
            let _held = engine.shared.manifest.lock();
            panic!("as planned: whoever wants the lock is refused");
        };
        assert!(scope.spawn(hold).join().is_err());
    });
    drop(engine);
}

fn sealed(engine: &Engine) -> (usize, usize) {
    let index = engine.view().attachment().index.clone();
    assert_eq!(index.verify(&|_, _| ()), []);
    (index.sealed_len(), index.len())
}

#[test]
fn the_journal_names_what_the_files_lack() {
    let (folder, engine) = engine();
    let seal = |engine: &Engine| {
        assert!(engine.arrange_index(Wanted::Sealed, &|_| {}, &AtomicBool::new(false)).unwrap());
    };
    engine.write(&filled(), &|_| {}).unwrap();
    assert_eq!(count(&engine.view(), &keys::all_unsealed()), 3);
    seal(&engine);
    assert_eq!((sealed(&engine), count(&engine.view(), &keys::all_unsealed())), ((3, 3), 0));
    let remove_user = |id: &str| Record::Remove(Removal::User { user: id.into() });
    engine.write(&[user("u1", "Köln"), remove_user("u2"), user("u9", "Ulm")], &|_| {}).unwrap();
    assert_eq!(sealed(&engine), (1, 3));
    crash(engine);
    let engine = Engine::open(folder.path(), &request()).unwrap();
    assert_eq!((sealed(&engine), count(&engine.view(), &keys::all_unsealed())), ((1, 3), 3));
    drop(engine);
    let engine = Engine::open(folder.path(), &request()).unwrap();
    assert_eq!(count(&engine.view(), &keys::all_unsealed()), 2, "who is gone needs no naming any more");
    engine.write(&[remove_user("u9")], &|_| {}).unwrap();
    seal(&engine);
    assert_eq!((sealed(&engine), count(&engine.view(), &keys::all_unsealed())), ((2, 2), 0));
    let files = || std::fs::read_dir(folder.path().join("index")).unwrap().map(|entry| entry.unwrap().path());
    let before: Vec<_> = files().filter(|path| path.extension().is_some_and(|e| e == "sealed")).collect();
    assert_eq!(before.len(), 1);
    engine.fit(&|_| {}).unwrap();
    crash(engine);
    let engine = Engine::open(folder.path(), &request()).unwrap();
    // Upkeep may have made another file by now.
    assert!(files().all(|path| !before.contains(&path)), "the file is of the model before");
    assert_eq!(sealed(&engine).1, 2);
}

/// A store of twenty vectors in one file, without its upkeep thread.
fn sealed_vectors() -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let request = Request { dim: Some(2), ..Request::default() };
    let mut engine = Engine::open(folder.path(), &request).unwrap();
    engine.upkeep.stop();
    put(&engine, 0..20, 0.0);
    assert!(engine.arrange_index(Wanted::Sealed, &|_| {}, &AtomicBool::new(false)).unwrap());
    (folder, engine)
}

fn put(engine: &Engine, users: std::ops::Range<u32>, turn: f32) {
    let user = |n: u32| {
        let vector = vec![(n as f32 + turn).cos(), (n as f32 + turn).sin()];
        Record::User(User { id: format!("u{n}"), attributes: [].into(), vector: Some(vector) })
    };
    engine.write(&users.map(user).collect::<Vec<_>>(), &|_| {}).unwrap();
}

fn index_files(folder: &std::path::Path) -> Vec<String> {
    let files = std::fs::read_dir(folder.join("index")).unwrap();
    let mut names: Vec<String> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

fn copy_files(from: &std::path::Path, to: &std::path::Path) {
    std::fs::create_dir_all(to).unwrap();
    for file in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        std::fs::copy(file.path(), to.join(file.file_name())).unwrap();
    }
}

/// The vectors that are found when the process ends and an old copy of the index's files is there after it.
fn found_with_index(old: &std::path::Path, engine: Engine, store: &std::path::Path) -> usize {
    crash(engine);
    std::fs::remove_dir_all(store.join("index")).unwrap();
    copy_files(old, &store.join("index"));
    let engine = Engine::open(store, &Request::default()).unwrap();
    engine.view().attachment().index.len()
}

/// A history found by simulation: two manifests of one commit, of which the later one had more taken out of the journal.
#[test]
fn an_old_copy_of_the_index_is_not_taken_though_nothing_was_written_since() {
    let (folder, engine) = sealed_vectors();
    put(&engine, 20..25, 0.0);
    let manifest = || std::fs::read(folder.path().join("index/MANIFEST")).unwrap();
    let before = manifest();
    put(&engine, 0..1, 0.3);
    engine.checkpoint().unwrap();
    assert_ne!(manifest(), before);
    let (index, old) = (folder.path().join("index"), folder.path().join("old"));
    copy_files(&index, &old);
    assert_eq!(count(&engine.view(), &keys::all_unsealed()), 6);
    assert!(engine.arrange_index(Wanted::Sealed, &|_| {}, &AtomicBool::new(false)).unwrap());
    assert_eq!(count(&engine.view(), &keys::all_unsealed()), 0);
    assert_eq!(found_with_index(&old, engine, folder.path()), 25);
}

/// A history found by simulation: the manifest was lost, and the next one, of the same commit, had more taken out of the journal.
#[test]
fn an_old_copy_of_the_index_is_not_taken_after_its_manifest_was_lost() {
    let (folder, engine) = sealed_vectors();
    put(&engine, 20..25, 0.0);
    put(&engine, 0..1, 0.3);
    engine.checkpoint().unwrap();
    let (index, old) = (folder.path().join("index"), folder.path().join("old"));
    copy_files(&index, &old);
    crash(engine);
    std::fs::remove_file(index.join("MANIFEST")).unwrap();
    let engine = Engine::open(folder.path(), &Request::default()).unwrap();
    assert!(engine.arrange_index(Wanted::Sealed, &|_| {}, &AtomicBool::new(false)).unwrap());
    assert_eq!(count(&engine.view(), &keys::all_unsealed()), 0);
    assert_eq!(found_with_index(&old, engine, folder.path()), 25);
}

/// So many rows die that the file is to be made anew.
fn wear(engine: &Engine) {
    put(engine, 0..8, 0.5);
}

#[test]
fn upkeep_waits_after_a_failure_and_works_again_once_it_can() {
    let (folder, engine) = sealed_vectors();
    wear(&engine);
    let (index, aside) = (folder.path().join("index"), folder.path().join("aside"));
    std::fs::rename(&index, &aside).unwrap();
    let (mut pause, stop) = (Pause::default(), AtomicBool::new(false));
    for _ in 0..8 {
        engine.shared.look_after(&mut pause, &stop);
    }
    assert_eq!(sealed(&engine), (12, 20));
    std::fs::rename(&aside, &index).unwrap();
    engine.shared.look_after(&mut pause, &stop);
    assert_eq!(sealed(&engine), (12, 20), "it still waits");
    (0..8).for_each(|_| engine.shared.look_after(&mut pause, &stop));
    assert_eq!(sealed(&engine), (20, 20));
    assert_eq!(index_files(folder.path()).len(), 2, "the manifest and one file");
}

#[test]
fn upkeep_makes_a_damaged_file_good() {
    for section in [BY_LABEL, VECTORS] {
        let (folder, engine) = sealed_vectors();
        let names = index_files(folder.path());
        let path = folder.path().join("index").join(&names[0]);
        flip_section(&path, section);
        wear(&engine);
        engine.write(&[Record::Remove(Removal::User { user: "u9".into() })], &|_| {}).unwrap();
        // Held, so that what is found is seen.
        let view = engine.view();
        engine.shared.look_after(&mut Pause::default(), &AtomicBool::new(false));
        assert_eq!(view.attachment().index.damaged_files(), 1, "section {section}");
        drop(view);
        assert_eq!(sealed(&engine), (19, 19), "section {section}");
        let index = engine.view().attachment().index.clone();
        let found =
            index.search(&[1.0, 0.0], &SearchOptions { exact: true, ..SearchOptions::new(50) }).unwrap();
        let gone = engine.view().user_no("u9").unwrap();
        assert_eq!((found.len(), gone), (19, None));
        drop(index);
        let left = index_files(folder.path());
        assert!(
            left.len() == 2 && !left.contains(&names[0]) && left.contains(&"MANIFEST".to_owned()),
            "{left:?}"
        );
        drop(engine);
        let engine = Engine::open(folder.path(), &Request::default()).unwrap();
        assert_eq!(sealed(&engine), (19, 19));
    }
}

/// The numbers of sections: of finer codes, which a merge does not copy, and of vectors, which it does.
const BYTES: usize = 2;
const BY_LABEL: usize = 5;
const VECTORS: usize = 8;

/// Flips a bit at the start of a section of a sealed file, by its number, where it lies: the file is mapped.
fn flip_section(path: &std::path::Path, section: usize) {
    use std::io::{Seek, SeekFrom, Write};
    let bytes = std::fs::read(path).unwrap();
    let at = u64::from_le_bytes(bytes[128 + 24 * section..][..8].try_into().unwrap());
    let mut file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    file.seek(SeekFrom::Start(at)).unwrap();
    file.write_all(&[bytes[at as usize] ^ 1]).unwrap();
}

#[test]
fn a_seal_asked_for_after_damage_was_told_makes_it_good() {
    let (folder, engine) = sealed_vectors();
    flip_section(&folder.path().join("index").join(&index_files(folder.path())[0]), VECTORS);
    wear(&engine);
    let compact = || engine.arrange_index(Wanted::Compact, &|_| {}, &AtomicBool::new(false));
    assert!(matches!(compact(), Err(crate::Error::Damaged { .. })));
    assert_eq!(engine.view().attachment().index.damaged_files(), 1);
    let report = engine.verify(VerifyOptions::default(), &|_| {}, &AtomicBool::new(false)).unwrap();
    assert!(report.problems.iter().all(|problem| problem.place.ends_with(".sealed")), "{report:?}");
    assert!(report.problems.iter().any(|problem| problem.what.contains("checksum")), "{report:?}");
    assert!(compact().unwrap());
    assert_eq!(sealed(&engine), (20, 20));
}

#[test]
fn damage_that_was_told_is_made_good_by_the_next_open() {
    let (folder, engine) = sealed_vectors();
    flip_section(&folder.path().join("index").join(&index_files(folder.path())[0]), VECTORS);
    wear(&engine);
    let compact = engine.arrange_index(Wanted::Compact, &|_| {}, &AtomicBool::new(false));
    assert!(matches!(compact, Err(crate::Error::Damaged { .. })));
    assert!(!index_files(folder.path()).contains(&"MANIFEST".to_owned()));
    drop(engine);
    let engine = Engine::open(folder.path(), &Request::default()).unwrap();
    assert_eq!(engine.view().attachment().index.len(), 20);
    assert_eq!(engine.verify(VerifyOptions::new(), &|_| {}, &AtomicBool::new(false)).unwrap().found, 0);
}

#[test]
fn a_seal_ends_however_much_comes_in_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let request = Request { dim: Some(2), head_rows: Some(4), ..Request::default() };
    let mut engine = Engine::open(folder.path(), &request).unwrap();
    engine.upkeep.stop();
    put(&engine, 0..20, 0.0);
    let turns = std::sync::atomic::AtomicU32::new(0);
    let write = |_| {
        let turn = turns.fetch_add(1, Ordering::Relaxed);
        assert!(turn < 1000, "it goes on and on");
        put(&engine, 20 * turn..20 * turn + 20, 0.1);
    };
    for wanted in [Wanted::Sealed, Wanted::Compact, Wanted::Settled] {
        assert!(engine.arrange_index(wanted, &write, &AtomicBool::new(false)).unwrap());
    }
    assert!(turns.into_inner() > 0, "nothing came in meanwhile");
}

#[test]
fn upkeep_gives_way_to_who_asks_for_a_task_and_is_woken_after() {
    let folder = tempfile::tempdir().unwrap();
    let request = Request { dim: Some(2), head_rows: Some(4), ..Request::default() };
    let mut engine = Engine::open(folder.path(), &request).unwrap();
    engine.upkeep.stop();
    put(&engine, 0..20, 0.0);
    let head = || engine.view().attachment().index.head_len();
    let look_after = || engine.shared.look_after(&mut Pause::default(), &AtomicBool::new(false));
    let turns = &engine.shared.turns;
    turns.ask();
    look_after();
    assert_eq!(head(), 20, "it did not give way");
    assert!(turns.end(), "nobody wakes it");
    look_after();
    assert_eq!(head(), 0, "nobody asks any more");
    turns.ask();
    assert!(!turns.end(), "it is woken for nothing");
}

#[test]
fn writes_wait_for_upkeep_that_is_behind_but_not_for_ever() {
    let (_folder, engine) = engine();
    let users: Vec<Record> = (0..9).map(|n| text(&n.to_string(), "salmon", n)).collect();
    let (long, short) = (Duration::from_hours(1), Duration::from_millis(1));
    // As if a task ran: upkeep itself waits for it.
    let task = engine.shared.task.lock().unwrap();
    engine.write(&users, &|_| {}).unwrap();
    let bytes = engine.view().attachment().index.unsealed_bytes();
    assert!(engine.wait_while_behind(bytes, long));
    assert!(!engine.wait_while_behind(bytes - 1, short));
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| engine.wait_while_behind(bytes - 1, long));
        drop(task);
        assert!(waiting.join().unwrap());
    });
    // Where nothing works on it waiting would not help.
    assert!(engine.wait_while_behind(0, long));
}

#[test]
fn a_verify_that_ends_after_a_merge_gives_up_no_sound_file() {
    let (folder, engine) = sealed_vectors();
    let compact = || engine.arrange_index(Wanted::Compact, &|_| {}, &AtomicBool::new(false)).unwrap();
    flip_section(&folder.path().join("index").join(&index_files(folder.path())[0]), BYTES);
    wear(&engine);
    let merged = AtomicBool::new(false);
    let merge = |_| assert!(merged.swap(true, Ordering::Relaxed) || compact());
    let report = engine.verify(VerifyOptions::new(), &merge, &AtomicBool::new(false)).unwrap();
    assert!(report.found > 0 && !report.is_damaged(), "{report:?}");
    let after = index_files(folder.path());
    assert!(after.len() == 2 && after.contains(&"MANIFEST".to_owned()), "{after:?}");
    assert!(compact());
    assert_eq!((index_files(folder.path()), sealed(&engine)), (after, (20, 20)));
    drop(engine);
    assert_eq!(sealed(&Engine::open(folder.path(), &Request::default()).unwrap()), (20, 20));
}

#[test]
fn embeddings_that_a_damaged_file_held_are_made_as_they_were() {
    let (folder, mut engine) = engine();
    engine.upkeep.stop();
    let arrange = |engine: &Engine, wanted| engine.arrange_index(wanted, &|_| {}, &AtomicBool::new(false));
    engine.write(&filled(), &|_| {}).unwrap();
    engine.fit(&|_| {}).unwrap();
    assert!(arrange(&engine, Wanted::Sealed).unwrap());
    engine.write(&[user("u1", "Köln")], &|_| {}).unwrap();
    let found = |engine: &Engine| {
        let index = engine.view().attachment().index.clone();
        let query = vec![0.5; engine.view().attachment().space.layout.dim()];
        index.search(&query, &SearchOptions { exact: true, ..SearchOptions::new(9) }).unwrap()
    };
    let before = found(&engine);
    flip_section(&folder.path().join("index").join(&index_files(folder.path())[0]), VECTORS);
    assert!(arrange(&engine, Wanted::Compact).is_err());
    assert!(arrange(&engine, Wanted::Compact).unwrap());
    assert_eq!((found(&engine), sealed(&engine)), (before, (3, 3)));
}

#[test]
fn a_manifest_that_cannot_be_written_stays_due() {
    let (folder, engine) = sealed_vectors();
    let manifest = folder.path().join("index/MANIFEST");
    std::fs::remove_file(&manifest).unwrap();
    let obstacle = folder.path().join("index/MANIFEST.unfinished");
    std::fs::create_dir(&obstacle).unwrap();
    put(&engine, 20..21, 0.0);
    assert!(engine.arrange_index(Wanted::Sealed, &|_| {}, &AtomicBool::new(false)).is_err());
    std::fs::remove_dir(&obstacle).unwrap();
    engine.checkpoint().unwrap();
    assert!(manifest.exists());
    assert_eq!(count(&engine.view(), &keys::all_unsealed()), 0);
}

#[test]
fn a_cancelled_absorb_keeps_the_graph() {
    let (_folder, engine) = sealed_vectors();
    let absorb = |progress: crate::model::OnProgress<'_>, cancel: &AtomicBool| {
        engine.arrange_index(Wanted::Absorbed, progress, cancel).unwrap()
    };
    let (never, cancel) = (AtomicBool::new(false), AtomicBool::new(false));
    put(&engine, 20..30, 0.0);
    assert!(absorb(&|_| {}, &never));
    put(&engine, 30..60, 0.0);
    assert!(!absorb(&|_| cancel.store(true, Ordering::Relaxed), &cancel));
    let task = engine.shared.core().unwrap().index.plan(Wanted::Absorbed).unwrap();
    assert_eq!(task.kind(), TaskKind::Absorb);
    engine.shared.core().unwrap().index.complete(task).unwrap();
    assert!(absorb(&|_| {}, &never));
    assert_eq!(engine.view().attachment().index.live_len(), 40);
}

#[test]
fn what_is_damaged_leaves_the_others_in_the_index() {
    let (folder, engine) = engine();
    engine.write(&filled(), &|_| {}).unwrap();
    let no = |id: &str| engine.view().user_no(id).unwrap().unwrap();
    let mut wrong_sums = Sums::default();
    wrong_sums.class(7.0, day(0), 3);
    engine.shared.put_aside([(keys::sums(0, no("u0")), wrong_sums)]).unwrap();
    engine.shared.put_aside([(keys::state(no("u1")), "no state at all")]).unwrap();
    drop(engine);
    let engine = Engine::open(folder.path(), &request()).unwrap();
    assert_eq!(engine.view().attachment().index.len(), 1);
}

/// Values may be made anew while the store is open, of which the index hears nothing.
#[test]
fn who_was_left_out_for_a_damaged_value_is_there_at_the_next_opening() {
    for has_manifest in [false, true] {
        let (folder, disk, backend) = (
            tempfile::tempdir().unwrap(),
            Arc::new(MemoryDisk::default()),
            Arc::new(MemoryBackend::default()),
        );
        let open = || {
            Engine::open_over(folder.path(), &request(), &(disk.clone() as _), &(backend.clone() as _))
                .unwrap()
        };
        let seal = |engine: &Engine| {
            assert!(engine.arrange_index(Wanted::Sealed, &|_| {}, &AtomicBool::new(false)).unwrap());
        };
        let engine = open();
        engine.write(&filled(), &|_| {}).unwrap();
        if has_manifest {
            seal(&engine);
            engine.write(&filled(), &|_| {}).unwrap();
        }
        let no = engine.view().user_no("u1").unwrap().unwrap();
        let len = engine.view().attachment().index.len();
        drop(engine);
        backend.tamper(&keys::state(no), |bytes| *bytes.last_mut().unwrap() ^= 1);
        let engine = open();
        assert_eq!(engine.view().attachment().index.len(), len - 1);
        assert!(engine.heal_if_due().unwrap());
        seal(&engine);
        drop(engine);
        assert_eq!(open().view().attachment().index.len(), len, "with a manifest: {has_manifest}");
    }
}

/// What a writer found missing is looked for once more after damaged data was made anew.
#[test]
fn who_was_missing_is_not_made_a_second_time() {
    let (folder, backend) = (tempfile::tempdir().unwrap(), Arc::new(MemoryBackend::default()));
    let disk = Arc::new(MemoryDisk::default());
    let open = || {
        Engine::open_over(folder.path(), &request(), &(disk.clone() as _), &(backend.clone() as _)).unwrap()
    };
    open().write(&filled(), &|_| {}).unwrap();
    let engine = open();
    let before = (engine.view().attachment().counters, engine.view().user_no("u1").unwrap());
    backend.lose(&keys::user_name("u1"));
    engine.write(&[Record::Remove(Removal::User { user: "u1".into() })], &|_| {}).unwrap();
    assert!(engine.verify(VerifyOptions::new(), &|_| {}, &AtomicBool::new(false)).unwrap().heals);
    assert!(engine.heal_if_due().unwrap());
    engine.write(&[user("u1", "Ulm")], &|_| {}).unwrap();
    assert_eq!((engine.view().attachment().counters, engine.view().user_no("u1").unwrap()), before);
}
