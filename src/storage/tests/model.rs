//! Random operations against `BTreeMap`s, held snapshots and reopening included.

use std::ops::ControlFlow;
use std::sync::atomic::AtomicBool;

use proptest::prelude::*;

use super::super::current;
use super::super::merge::prefix_end;
use super::super::{Opened, Options, View, Writer};
use super::{Map, contents, open};

#[derive(Clone, Debug)]
enum Step {
    Put(Vec<u8>, Vec<u8>),
    Delete(Vec<u8>),
    ReadThenPut(Vec<u8>, Vec<u8>),
    Commit,
    Discard,
    Hold,
    Checkpoint,
    Rewrite,
    Reopen,
}

/// Few and short keys over few letters: many are prefixes of each other and many meet.
fn keys() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0, 1, b'a', 0xFE, 0xFF]), 1..4)
        .prop_filter("0xFF is reserved as a first byte", |key| key[0] != 0xFF)
}

fn values() -> impl Strategy<Value = Vec<u8>> {
    let len = prop_oneof![6 => 0..40_usize, 1 => 6_990..7_010_usize, 1 => 0..30_000_usize];
    (len, any::<u8>()).prop_map(|(len, seed)| (0..len).map(|i| seed.wrapping_add((i / 7) as u8)).collect())
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        12 => (keys(), values()).prop_map(|(key, value)| Step::Put(key, value)),
        5 => keys().prop_map(Step::Delete),
        5 => (keys(), values()).prop_map(|(key, value)| Step::ReadThenPut(key, value)),
        8 => Just(Step::Commit),
        1 => Just(Step::Discard),
        3 => Just(Step::Hold),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Rewrite),
        1 => Just(Step::Reopen),
    ];
    prop::collection::vec(step, 1..80)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn every_view_equals_the_model_at_its_commit(steps in steps()) {
        run(steps);
    }
}

fn run(steps: Vec<Step>) {
    let folder = tempfile::tempdir().unwrap();
    let mut database = Some(open(folder.path()));
    let mut committed = Map::new();
    let mut held: Vec<(View<u64>, Map)> = Vec::new();
    let mut steps = steps.into_iter().peekable();
    while steps.peek().is_some() {
        let open_database = database.as_ref().unwrap();
        let mut writer = open_database.begin().unwrap();
        let mut pending = committed.clone();
        let end = change(&mut writer, &committed, &mut pending, &mut steps);
        let mut seen = Map::new();
        let visit = |key: &[u8], value: &[u8]| {
            seen.insert(key.to_vec(), value.to_vec());
            Ok(ControlFlow::Continue(()))
        };
        writer.scan(b"a", visit).unwrap();
        assert_eq!(seen, with_prefix(&pending, b"a"));
        if let Some(Step::Discard) = end {
            drop(writer);
        } else {
            let commit = writer.commit().unwrap();
            let seq = commit.seq();
            commit.publish(seq).unwrap();
            committed = pending;
        }
        match end {
            Some(Step::Hold) => held.push((open_database.view(), committed.clone())),
            Some(Step::Checkpoint) => open_database.checkpoint().unwrap(),
            Some(Step::Rewrite) => assert!(open_database.rewrite(&|_| {}, &AtomicBool::new(false)).unwrap()),
            Some(Step::Reopen) => {
                check_all(&held);
                held.clear();
                drop(database.take());
                database = Some(open(folder.path()));
            }
            _ => {}
        }
        check(&database.as_ref().unwrap().view(), &committed);
        check_all(&held);
    }
    drop(held);
    drop(database);
    let opened = Opened::open(folder.path(), &Options::default()).unwrap();
    for (key, value) in &committed {
        assert_eq!(opened.contents.get(key).unwrap().as_ref(), Some(value));
    }
    drop(opened);
    assert_no_leftovers(folder.path(), &committed);
}

/// Makes the next changes, up to a step that is none, which it returns.
fn change(
    writer: &mut Writer<'_, u64>,
    committed: &Map,
    pending: &mut Map,
    steps: &mut impl Iterator<Item = Step>,
) -> Option<Step> {
    loop {
        match steps.next() {
            Some(Step::Put(key, value)) => {
                let known = pending.insert(key.clone(), value.clone()).is_some();
                if known || key.len() > 1 || committed.contains_key(&key) {
                    writer.put(key, value);
                } else {
                    writer.put_new(key, value);
                }
            }
            Some(Step::Delete(key)) => {
                pending.remove(&key);
                writer.delete(key);
            }
            Some(Step::ReadThenPut(key, value)) => {
                if !committed.contains_key(&key) {
                    writer.note_absent(key.clone());
                }
                assert_eq!(writer.get(&key).unwrap().as_ref(), pending.get(&key));
                pending.insert(key.clone(), value.clone());
                writer.put(key, value);
            }
            end => return end,
        }
    }
}

fn check_all(held: &[(View<u64>, Map)]) {
    held.iter().for_each(|(view, model)| check(view, model));
}

fn check(view: &View<u64>, model: &Map) {
    assert_eq!(*view.attachment(), view.seq());
    assert_eq!(&contents(view), model);
    for key in [&[0][..], &[1], &[0, 0], b"a", b"aa", &[0xFE], &[0xFE, 0xFF], &[0, 0xFF]] {
        assert_eq!(view.get(key).unwrap().as_ref(), model.get(key));
    }
    let mut range = Vec::new();
    let visit = |key: &[u8], _: crate::Result<Vec<u8>>| {
        range.push(key.to_vec());
        Ok(if range.len() == 3 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) })
    };
    view.scan_from(&[0, 1], Some(b"aa"), visit).unwrap();
    let expected: Vec<_> =
        model.range(vec![0, 1]..b"aa".to_vec()).map(|(key, _)| key.clone()).take(3).collect();
    assert_eq!(range, expected);
}

fn with_prefix(map: &Map, prefix: &[u8]) -> Map {
    let end = prefix_end(prefix).unwrap();
    map.range(prefix.to_vec()..end).map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// No parts of values that are gone, and none of sled's files that are never synced.
fn assert_no_leftovers(store: &std::path::Path, committed: &Map) {
    use super::super::backend::Backend;
    let data = current::path(store, current::read(store).unwrap());
    let backend = super::super::sled_backend::SledBackend::open(store, 1 << 20).unwrap();
    let parts = backend.scan(&[0xFF], Some(&[0xFF, 0xFF]), usize::MAX).unwrap().len();
    let expected: usize =
        committed.values().filter(|v| v.len() > 7_000).map(|value| value.len().div_ceil(7_000)).sum();
    assert_eq!(parts, expected);
    assert_eq!(std::fs::read_dir(data.join("blobs")).unwrap().count(), 0);
}

#[test]
fn many_long_values_side_by_side_make_no_unsynced_files() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    let mut model = Map::new();
    for round in 0..3_u8 {
        let mut writer = database.begin().unwrap();
        for n in 0..200_u32 {
            let mut key = vec![b'k'; 300];
            key.extend(n.to_be_bytes());
            let value = vec![round; 6_000 + 97 * n as usize];
            model.insert(key.clone(), value.clone());
            writer.put(key, value);
        }
        writer.commit().unwrap().publish(u64::from(round) + 1).unwrap();
    }
    check(&database.view(), &model);
    drop(database);
    assert_no_leftovers(folder.path(), &model);
}

#[test]
fn an_empty_commit_publishes_its_attachment() {
    let database = super::super::Database::in_memory(1_u64).unwrap();
    let before = database.view();
    let pending = database.begin().unwrap().commit().unwrap();
    assert_eq!(pending.seq(), 0);
    pending.publish(2).unwrap();
    assert_eq!((*before.attachment(), *database.view().attachment()), (1, 2));
    assert_eq!(**database.begin().unwrap().attachment(), 2);
}

#[test]
fn a_reserved_empty_or_endless_key_is_refused_and_nothing_is_written() {
    let database = super::super::Database::in_memory(0_u64).unwrap();
    for key in [&b"\xFFx"[..], b"", &[b'k'; 513]] {
        assert!(super::put(&database, &[(b"good", b"1"), (key, b"2")]).is_err());
    }
    assert!(contents(&database.view()).is_empty());
    super::put(&database, &[(b"good", b"1")]).unwrap();
}
