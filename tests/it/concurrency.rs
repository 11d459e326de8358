//! Many writers, many readers, and the index at work behind them.

use crate::fixture::{day, fill, item, options, place, vector_options};
use kindred::model::Event;
use kindred::{Durability, Store};
use std::sync::atomic::{AtomicBool, Ordering};

const WRITERS: usize = 4;
const WRITES: i64 = 60;

/// Each write gives one event to two users: no snapshot may ever show one without the other.
fn write_pairs(store: &Store, writer: usize) {
    for n in 0..WRITES {
        store
            .write(|tx| {
                for side in ["left", "right"] {
                    let event = Event::new(format!("{side}{writer}"), "purchase", day(n));
                    tx.record(event.item(format!("i{}", n % 8)))?;
                }
                Ok(())
            })
            .unwrap();
        let seen = store.snapshot().profile(&format!("left{writer}")).unwrap().events;
        assert_eq!(seen, n as u64 + 1, "a write that returned is there");
    }
}

fn read_pairs(store: &Store, done: &AtomicBool) -> usize {
    let mut reads = 0;
    while !done.load(Ordering::Relaxed) {
        let snapshot = store.snapshot();
        let mut events = 0;
        for writer in 0..WRITERS {
            let (left, right) = (format!("left{writer}"), format!("right{writer}"));
            let (Ok(a), Ok(b)) = (snapshot.profile(&left), snapshot.profile(&right)) else { continue };
            assert_eq!((a.events, &a.kinds, &a.embedding), (b.events, &b.kinds, &b.embedding));
            assert_eq!(snapshot.events(&left).unwrap().count() as u64, a.events);
            let hits = snapshot.similar(&left).limit(100).run().unwrap();
            assert_eq!(hits.len() as u64, snapshot.stats().unwrap().vectors - 1);
            let twin = hits.iter().find(|hit| hit.user == right).unwrap();
            assert!((twin.score - 1.0).abs() < 1e-4, "{twin:?}");
            events += 2 * a.events;
        }
        assert_eq!(snapshot.stats().unwrap().events, events);
        reads += 1;
    }
    reads
}

#[test]
fn writers_and_readers_get_along() {
    for durability in [Durability::Immediate, Durability::Within(std::time::Duration::from_millis(5))] {
        let place = place();
        let options = options().head_rows(2).durability(durability);
        let store = options.open(&place.path).unwrap();
        let texts = crate::fixture::TEXTS;
        store.write(|tx| (0..8).try_for_each(|n| tx.put_item(item(&format!("i{n}"), texts[n])))).unwrap();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let readers: Vec<_> = (0..2).map(|_| scope.spawn(|| read_pairs(&store, &done))).collect();
            let writers: Vec<_> = (0..WRITERS)
                .map(|writer| {
                    scope.spawn({
                        let store = &store;
                        move || write_pairs(store, writer)
                    })
                })
                .collect();
            let failed = writers.into_iter().filter_map(|writer| writer.join().err()).count();
            done.store(true, Ordering::Relaxed);
            assert_eq!(failed, 0);
            assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
        });
        let events = 2 * WRITERS as u64 * WRITES as u64;
        assert_eq!(store.snapshot().stats().unwrap().events, events);
        drop(store);
        assert_eq!(options.open(&place.path).unwrap().snapshot().stats().unwrap().events, events);
    }
}

#[test]
fn vectors_replaced_by_many_threads_stay_findable() {
    let place = place();
    let store = vector_options(4).head_rows(8).open(&place.path).unwrap();
    std::thread::scope(|scope| {
        for writer in 0..WRITERS {
            let store = &store;
            scope.spawn(move || {
                for n in 0..100 {
                    let user = format!("w{writer}-{}", n % 20);
                    let vector = vec![writer as f32 + 1.0, n as f32, 1.0, -1.0];
                    store.write(|tx| tx.put_vector(&user, vector.clone())).unwrap();
                    let snapshot = store.snapshot();
                    assert_eq!(snapshot.profile(&user).unwrap().embedding, Some(vector.clone()));
                    let best = snapshot.similar(vector.as_slice()).limit(1).run().unwrap();
                    assert!(best[0].score > 0.9999, "{best:?}");
                }
            });
        }
        scope.spawn(|| (0..5).for_each(|_| store.build_index(&|_| {}).unwrap()));
    });
    let stats = store.snapshot().stats().unwrap();
    assert_eq!((stats.users, stats.vectors), (80, 80));
    assert_eq!(store.snapshot().similar("w0-0").limit(1000).run().unwrap().len(), 79);
}

#[test]
fn dropping_a_store_at_work_is_safe() {
    for n in 0..5 {
        let place = place();
        let store = options().head_rows(0).open(&place.path).unwrap();
        fill(&store);
        let snapshot = store.snapshot();
        drop(store);
        assert_eq!(snapshot.stats().unwrap().users, 12, "{n}");
        drop(snapshot);
        assert_eq!(options().open(&place.path).unwrap().snapshot().stats().unwrap().users, 12);
    }
}
