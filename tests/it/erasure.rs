//! Whoever is erased is in no byte of the store, and does not come back by a late record.

use crate::damage::tamper::{entries, flip};
use crate::fixture::{
    all_profiles, assert_same_profiles, bought, day, fill, item, options, place, records, store,
    vector_options,
};
use kindred::ingest::{Options as IngestOptions, Source, write_record};
use kindred::model::{Erasure, Event, Record, Tombstone};
use kindred::{Error, Store};
use std::path::Path;
use std::sync::atomic::AtomicBool;

const ID: &str = "Zdenka-Quixworth-4711";
const TEXT: &str = "I collect left-handed theodolites";
const REVIEW: &str = "a marvellous xylophone indeed";
const TOWN: &str = "Ashby-de-la-Zouch";
const EVENT: &str = "order-8675309";

fn compact(store: &Store) {
    assert!(store.compact(&|_| {}, &AtomicBool::new(false)).unwrap());
}

/// Names of the files below a folder that hold these bytes. The store's own threads may rename one meanwhile: then all are looked
/// at anew.
fn files_with(folder: &Path, bytes: &[u8]) -> Vec<String> {
    loop {
        match try_files_with(folder, bytes) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => std::thread::yield_now(),
            found => return found.unwrap(),
        }
    }
}

fn try_files_with(folder: &Path, bytes: &[u8]) -> std::io::Result<Vec<String>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(try_files_with(&path, bytes)?);
        } else if std::fs::read(&path)?.windows(bytes.len()).any(|window| window == bytes) {
            found.push(path.display().to_string());
        }
    }
    Ok(found)
}

/// What is known of the user, as it would lie on disk.
fn traces(vector: Option<&Vec<f32>>) -> Vec<Vec<u8>> {
    let mut traces: Vec<Vec<u8>> =
        [ID, TEXT, REVIEW, TOWN, EVENT].iter().map(|text| text.as_bytes().to_vec()).collect();
    for text in [TEXT, REVIEW, EVENT] {
        traces.push(blake3_16(text));
    }
    // Any four numbers in a row of a vector are a trace of it.
    if let Some(vector) = vector {
        traces.push(vector[..4].iter().flat_map(|x| x.to_le_bytes()).collect());
    }
    traces
}

/// What texts are known by in keys.
fn blake3_16(text: &str) -> Vec<u8> {
    blake3::hash(text.as_bytes()).as_bytes()[..16].to_vec()
}

fn live(store: &Store) {
    store
        .write(|tx| {
            tx.put_user(ID, [("age", 44.into()), ("town", TOWN.into())])?;
            tx.add_text(ID, TEXT, day(3))?;
            tx.record(Event { id: Some(EVENT.into()), ..bought(ID, "i1", 4) })?;
            tx.record(Event::new(ID, "review", day(5)).item("i0").text(REVIEW))
        })
        .unwrap();
}

/// What is left of a user's folded events holds neither their words nor their ids, also while the user is there.
#[test]
fn folded_events_leave_no_words_and_no_ids() {
    let (place, store) = store();
    fill(&store);
    live(&store);
    store.expire(day(6)).unwrap();
    compact(&store);
    drop(store);
    drop(options().open(&place.path).unwrap());
    for trace in [REVIEW.as_bytes().to_vec(), EVENT.as_bytes().to_vec(), blake3_16(EVENT)] {
        assert_gone(&place.path, &[trace]);
    }
    assert!(!files_with(&place.path, &blake3_16(REVIEW)).is_empty());
}

fn assert_gone(path: &Path, traces: &[Vec<u8>]) {
    for trace in traces {
        let found = files_with(path, trace);
        assert!(found.is_empty(), "{} in {found:?}", String::from_utf8_lossy(trace));
    }
}

#[test]
fn no_byte_of_an_erased_user_is_left() {
    for (fitted, folded) in [(false, false), (true, false), (false, true), (true, true)] {
        let (place, store) = store();
        fill(&store);
        live(&store);
        if folded {
            let expired = store.expire(day(6)).unwrap();
            assert!(expired.events >= 2 && store.snapshot().events(ID).unwrap().count() == 0);
        }
        if fitted {
            store.fit().unwrap();
        }
        store.build_index(&|_| {}).unwrap();
        store.checkpoint().unwrap();
        // Older versions of what is said of the user lie about, too.
        store.write(|tx| tx.put_user(ID, [("age", 45.into())])).unwrap();
        // A fit makes another encoder of the one that is at hand here.
        let encoded = crate::fixture::encoder().encode(&[TEXT], &|_| {}).unwrap();
        let traces = traces((!fitted).then_some(&encoded));
        for trace in &traces {
            let stored = !files_with(&place.path, trace).is_empty();
            assert!(
                stored || trace == &blake3_16(EVENT),
                "the test looks for what was never stored: {trace:?}"
            );
        }
        store.write(|tx| tx.erase_user(ID)).unwrap();
        assert!(matches!(store.snapshot().profile(ID), Err(Error::Unknown { .. })));
        compact(&store);
        assert_gone(&place.path, &traces);
        drop(store);
        assert_gone(&place.path, &traces);
        let store = options().open(&place.path).unwrap();
        assert_eq!(store.snapshot().stats().unwrap().users, 12);
        drop(store);
        assert_gone(&place.path, &traces);
    }
}

/// The data is made anew from a second copy that is older than the erasure.
#[test]
fn no_byte_is_left_where_a_damaged_value_is_made_anew_on_the_way() {
    for noticed in [true, false] {
        let (place, store) = store();
        fill(&store);
        live(&store);
        compact(&store);
        store.write(|tx| tx.erase_user(ID)).unwrap();
        drop(store);
        assert!(files_with(&place.path.join("base"), ID.as_bytes()).len() == 1, "the second copy has it");
        let keys: Vec<Vec<u8>> = entries(&place.path).into_iter().map(|(key, _)| key).collect();
        let event = keys.into_iter().find(|key| key[0] == b'e').unwrap();
        flip(&place.path, &[event], 90);
        let store = options().heal(false).open(&place.path).unwrap();
        if noticed {
            assert!(store.verify(&|_| {}).unwrap().heals);
        }
        compact(&store);
        assert!(store.verify(&|_| {}).unwrap().is_sound());
        assert_gone(&place.path, &traces(None));
        drop(store);
        assert_gone(&place.path, &traces(None));
    }
}

#[test]
fn no_byte_of_an_erased_vector_is_left() {
    let place = place();
    let store = vector_options(24).open(&place.path).unwrap();
    let vector =
        |n: u32| (0..24).map(|i| ((n * 7_919 + i * 104_729) % 65_537) as f32 - 40.5).collect::<Vec<f32>>();
    store.write(|tx| (0..300).try_for_each(|n| tx.put_vector(&format!("user {n}"), vector(n)))).unwrap();
    store.write(|tx| tx.put_vector(ID, vector(1_000))).unwrap();
    store.build_index(&|_| {}).unwrap();
    store.checkpoint().unwrap();
    let traces = [ID.as_bytes().to_vec(), vector(1_000)[..4].iter().flat_map(|x| x.to_le_bytes()).collect()];
    assert!(traces.iter().all(|trace| !files_with(&place.path, trace).is_empty()));
    store.write(|tx| tx.erase_user(ID)).unwrap();
    compact(&store);
    drop(store);
    drop(vector_options(24).open(&place.path).unwrap());
    assert_gone(&place.path, &traces);
}

#[test]
fn the_others_are_as_if_the_user_had_never_been() {
    let (_place, store) = store();
    fill(&store);
    let before = all_profiles(&store.snapshot());
    live(&store);
    store.write(|tx| tx.erase_user(ID)).unwrap();
    compact(&store);
    assert_same_profiles(&all_profiles(&store.snapshot()), &before, 1e-6);
}

/// Records that would bring the user back.
fn late() -> Vec<Record> {
    let user = kindred::model::User { id: ID.into(), ..Default::default() };
    let text = kindred::model::Text { user: ID.into(), text: TEXT.into(), time: day(9) };
    vec![Record::Event(bought(ID, "i2", 9)), Record::User(user), Record::Text(text)]
}

#[test]
fn a_late_record_is_refused_with_all_of_its_write() {
    let (place, mut store) = store();
    fill(&store);
    live(&store);
    store.write(|tx| tx.erase_user(ID)).unwrap();
    for reopened in [false, true] {
        if reopened {
            drop(store);
            store = options().open(&place.path).unwrap();
        }
        let before = records(&store.snapshot());
        for record in late() {
            let written = store.write(|tx| {
                tx.put_item(item("new", "something else"))?;
                tx.apply(record.clone())
            });
            assert!(matches!(&written, Err(Error::Erased { user }) if user == ID), "{written:?}");
        }
        assert_eq!(records(&store.snapshot()), before);
    }
    // The user's events are forgotten with their ids.
    store
        .write(|tx| {
            tx.readmit_user(ID)?;
            tx.record(Event { id: Some(EVENT.into()), ..bought(ID, "i1", 4) })
        })
        .unwrap();
    assert_eq!(store.snapshot().profile(ID).unwrap().kinds[0].count, 1);
    assert_eq!(store.snapshot().erased().count(), 0);
    // One who is there already is not in need of being let in.
    store.write(|tx| tx.readmit_user(ID).and(tx.readmit_user("never seen"))).unwrap();
}

#[test]
fn within_one_write_the_order_counts() {
    let (_place, store) = store();
    let twice = store.write(|tx| {
        tx.record(bought(ID, "i1", 1))?;
        tx.erase_user(ID)?;
        tx.record(bought(ID, "i1", 2))
    });
    assert!(matches!(twice, Err(Error::Erased { .. })));
    assert_eq!(store.snapshot().stats().unwrap().users, 0);
    assert_eq!(store.snapshot().erased().count(), 0);
    store
        .write(|tx| {
            tx.erase_user(ID)?;
            tx.readmit_user(ID)?;
            tx.record(bought(ID, "i1", 2))?;
            tx.erase_user(ID)
        })
        .unwrap();
    assert_eq!(store.snapshot().stats().unwrap().users, 0);
    assert_eq!(store.snapshot().erased().count(), 1);
}

#[test]
fn one_whom_the_store_never_saw_can_be_kept_out() {
    let (_place, store) = store();
    store.write(|tx| tx.erase_user(ID)).unwrap();
    assert!(store.write(|tx| tx.record(bought(ID, "i1", 1))).is_err());
    store.write(|tx| tx.record(bought("somebody else", "i1", 1))).unwrap();
}

fn lines(records: &[Record]) -> Vec<u8> {
    let mut lines = Vec::new();
    records.iter().for_each(|record| write_record(record, &mut lines).unwrap());
    lines
}

#[test]
fn ingest_rejects_late_lines_one_by_one_and_in_strict_mode_ends_at_the_first() {
    let (_place, store) = store();
    let mut all = vec![Record::Event(bought("u1", "i1", 1)), Record::Erase(Erasure { user: ID.into() })];
    all.extend(late());
    // Late, and wrong besides.
    all.push(Record::Event(Event { kind: "no such kind".into(), ..bought(ID, "i1", 9) }));
    all.push(Record::Event(bought("u2", "i1", 1)));
    let read = |strict| {
        let mut rejects = Vec::new();
        let source = Source::reader("late.jsonl", std::io::Cursor::new(lines(&all)));
        let report = store.ingest(source, &IngestOptions::new().strict(strict), &mut rejects, &|_| {});
        (report, String::from_utf8(rejects).unwrap())
    };
    let (strict, _) = read(true);
    assert!(
        matches!(&strict, Err(Error::Line { line: 3, reason, .. }) if reason.contains("was erased")),
        "{strict:?}"
    );
    assert_eq!(store.snapshot().stats().unwrap().users, 1);
    let (report, rejects) = read(false);
    let report = report.unwrap();
    assert_eq!((report.read, report.rejected, report.reasons["user: was erased"]), (7, 4, 3));
    assert_eq!(rejects.lines().count(), 4);
    assert!(rejects.contains("\"line\":3") && rejects.contains("late.jsonl"), "{rejects}");
    assert!(!rejects.contains(ID) && !rejects.contains(TEXT), "{rejects}");
    let users: Vec<String> = crate::fixture::user_ids(&store.snapshot());
    assert_eq!(users, ["u1", "u2"]);
}

#[test]
fn marks_go_with_an_export_and_do_not_mix_with_those_of_another_store() {
    let (_place, store) = store();
    store.write(|tx| tx.erase_user(ID).and(tx.erase_user("another"))).unwrap();
    let marks: Vec<Tombstone> = store.snapshot().erased().map(Result::unwrap).collect();
    assert_eq!(marks.len(), 2);
    assert!(marks.contains(&Tombstone::of(ID, marks[0].salt).unwrap()));
    let (_other_place, other) = crate::fixture::store();
    other.write(|tx| marks.iter().try_for_each(|&mark| tx.apply(Record::Erased(mark)))).unwrap();
    assert!(matches!(other.write(|tx| tx.record(bought(ID, "i1", 1))), Err(Error::Erased { .. })));
    assert_eq!(other.snapshot().erased().map(Result::unwrap).collect::<Vec<_>>(), marks);
    let (_third_place, third) = crate::fixture::store();
    third.write(|tx| tx.erase_user("u1")).unwrap();
    let mixed = third.write(|tx| tx.apply(Record::Erased(marks[0])));
    assert!(matches!(mixed, Err(Error::Invalid { .. })), "{mixed:?}");
    assert_eq!(third.snapshot().erased().count(), 1);
}
