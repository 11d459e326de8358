//! What a store says of itself.

use crate::fixture::{fill, options, place, vector_options};
use kindred::Snapshot;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

#[test]
fn a_checkpoint_leaves_nothing_waiting() {
    let place = place();
    let store = options().settle_after(Duration::MAX).open(&place.path).unwrap();
    fill(&store);
    let before = store.stats().unwrap();
    assert_eq!((before.newest.users, before.read_only.clone()), (12, None));
    assert!(before.checkpoint <= before.newest.commit && before.newest.commit > 0);
    store.checkpoint().unwrap();
    let after = store.stats().unwrap();
    assert!(after.checkpoint >= before.newest.commit, "{after:?}");
    let parts = [after.folder.data, after.folder.log, after.folder.other];
    assert!(parts.iter().all(|bytes| *bytes > 0), "{after:?}");
    assert_eq!(after.folder.total(), after.folder_bytes);
}

#[test]
fn sealing_shows_in_the_bytes_of_the_index_and_held_snapshots_are_counted() {
    let place = place();
    let store = vector_options(2).settle_after(Duration::MAX).open(&place.path).unwrap();
    let mut held: Vec<Snapshot> = Vec::new();
    for n in 1..=5_u64 {
        store.write(|tx| tx.put_vector(&format!("u{n}"), vec![1.0, n as f32])).unwrap();
        held.push(store.snapshot());
        // A clone is the same snapshot.
        held.push(held[held.len() - 1].clone());
        assert!(store.stats().unwrap().snapshots >= n);
    }
    let before = store.stats().unwrap();
    assert_eq!(before.damaged_index_files, 0);
    assert!(store.seal(&|_| {}, &AtomicBool::new(false)).unwrap());
    let after = store.stats().unwrap();
    assert_eq!((before.newest.sealed_files, after.newest.sealed_files), (0, 1));
    assert!(after.folder.index > before.folder.index, "{after:?}");
}

/// The names of the fields are for programs.
#[test]
fn stats_are_one_flat_object_in_json() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    let json = serde_json::to_value(store.stats().unwrap()).unwrap();
    for field in
        ["users", "commit", "folder_bytes", "waiting_commits", "checkpoint", "snapshots", "read_only"]
    {
        assert!(json.get(field).is_some(), "{field}: {json}");
    }
    assert_eq!(json["folder"].as_object().unwrap().len(), 5);
}
