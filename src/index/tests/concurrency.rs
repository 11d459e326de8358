//! Readers and a writer while a task inserts into the graph that they search.

use super::*;
use std::sync::atomic::Ordering;
use std::thread;

const DIM: usize = 16;
const ROWS: u32 = 1500;

/// Searches until told to stop; every answer must be whole, ordered and of labels below `limit`.
fn read(view: &IndexView, seed: u64, limit: u32, stop: &AtomicBool) -> usize {
    let mut noise = Noise(seed);
    let mut searches = 0;
    while !stop.load(Ordering::Relaxed) {
        let found = view.search(&noise.vector(DIM), &SearchOptions::new(10)).unwrap();
        assert_eq!(found.len(), 10);
        assert!(found.iter().all(|neighbor| neighbor.label < limit));
        assert!(found.is_sorted_by(|a, b| (b.score, a.label) < (a.score, b.label)));
        searches += 1;
    }
    searches
}

#[test]
fn readers_and_writer_go_on_while_a_task_runs() {
    for metric in METRICS {
        let mut index = Index::new(Options { ef_construction: 64, ..small(DIM, metric) }).unwrap();
        let mut noise = Noise(9);
        let mut batch =
            |from: u32, to: u32| (from..to).map(|label| (label, Some(noise.vector(DIM)))).collect();
        index.apply(batch(0, ROWS), 1).unwrap();
        let old = absorb(&mut index);
        index.apply(batch(ROWS, 2 * ROWS), 2).unwrap();
        let removed: Vec<_> = (0..100).chain(ROWS..ROWS + 100).map(|label| (label, None)).collect();
        let mut task = index.plan(Wanted::Absorbed).unwrap();
        let stop = AtomicBool::new(false);
        let view = thread::scope(|scope| {
            let readers = [1, 2].map(|seed| {
                scope.spawn({
                    let (old, stop) = (&old, &stop);
                    move || read(old, seed, ROWS, stop)
                })
            });
            let worker = scope.spawn(move || {
                assert!(run(&mut task));
                task
            });
            let mut seq = 3;
            for changes in removed.chunks(20) {
                index.apply(changes.to_vec(), seq).unwrap();
                seq += 1;
            }
            index.apply(vec![(7, Some(vec![0.5; DIM])), (ROWS + 200, Some(vec![0.6; DIM]))], seq).unwrap();
            let task = worker.join().unwrap();
            stop.store(true, Ordering::Relaxed);
            assert!(readers.into_iter().all(|reader| reader.join().unwrap() > 0));
            index.complete(task).unwrap()
        });
        assert_eq!(view.len(), 2 * ROWS as usize - 200 + 1);
        let all = view.search(&[1.0; DIM], &exact(usize::MAX)).unwrap();
        assert_eq!(all.len(), view.len());
        assert!(all.iter().all(|n| n.label >= 100 || n.label == 7));
        assert!(all.iter().all(|n| !(ROWS..ROWS + 100).contains(&n.label)));
        assert_eq!((old.len(), view.head_len()), (ROWS as usize, 2));
    }
}
