//! Wrong input, empty and degenerate indexes, and what goes on inside.

use super::super::TaskKind;
use super::super::graph::{Graph, Shape};
use super::super::quantize::{Query, stride};
use super::*;
use crate::error::Error;

fn filled(metric: Metric, dim: usize, count: u32) -> Index {
    let mut index = Index::new(small(dim, metric)).unwrap();
    let mut noise = Noise(3);
    index.apply((0..count).map(|label| (label, Some(noise.vector(dim)))).collect(), 1).unwrap();
    index
}

#[test]
fn wrong_vectors_are_refused_and_change_nothing() {
    for metric in METRICS {
        let mut index = filled(metric, 4, 5);
        let before = index.view().search(&[1.0; 4], &exact(9)).unwrap();
        let wrong = [vec![1.0; 3], vec![], vec![1.0, f32::NAN, 0.0, 0.0], vec![f32::INFINITY; 4]];
        for vector in wrong {
            let changes = vec![(1, None), (9, Some(vec![1.0; 4])), (2, Some(vector.clone()))];
            assert!(index.apply(changes, 2).is_err());
            assert!(index.view().search(&vector, &SearchOptions::new(1)).is_err());
            assert_eq!(index.view().search(&[1.0; 4], &exact(9)).unwrap(), before);
            assert_eq!(index.view().seq(), 1);
        }
        index.apply(vec![(9, Some(vec![1.0; 4]))], 2).unwrap();
    }
}

#[test]
fn zero_vectors_have_no_cosine() {
    let zero = vec![0.0; 4];
    let mut cosine = filled(Metric::Cosine, 4, 5);
    assert!(matches!(cosine.apply(vec![(1, Some(zero.clone()))], 2), Err(Error::Invalid { .. })));
    assert!(matches!(cosine.view().search(&zero, &SearchOptions::new(1)), Err(Error::Invalid { .. })));
    for metric in [Metric::InnerProduct, Metric::L2] {
        let mut index = filled(metric, 4, 20);
        index.apply(vec![(77, Some(zero.clone()))], 2).unwrap();
        let view = absorb(&mut index);
        assert_eq!(view.search(&zero, &SearchOptions::new(30)).unwrap().len(), 21);
    }
}

#[test]
fn extreme_lengths_stay_finite() {
    for metric in METRICS {
        let mut index = Index::new(small(2, metric)).unwrap();
        let lengths = [1e-44_f32, 1e-30, 1.0, 1e9, 9e17];
        let changes = lengths.iter().enumerate().flat_map(|(i, &length)| {
            let label = 2 * i as u32;
            [(label, Some(vec![length, 0.0])), (label + 1, Some(vec![-length / 2.0, length / 2.0]))]
        });
        index.apply(changes.collect(), 1).unwrap();
        let view = absorb(&mut index);
        for query in [[9e17, 0.0], [0.0, 1e-44]] {
            let found = view.search(&query, &SearchOptions::new(10)).unwrap();
            assert!(
                found.len() == 10 && found.iter().all(|neighbor| neighbor.score.is_finite()),
                "{found:?}"
            );
        }
        let too_long = index.apply(vec![(1, Some(vec![1e19, 0.0]))], 2);
        assert_eq!(too_long.is_ok(), metric == Metric::Cosine);
    }
}

fn scaled(vectors: &[Vec<f32>], times: f32) -> Vec<Vec<f32>> {
    vectors.iter().map(|vector| vector.iter().map(|value| value * times).collect()).collect()
}

/// What a search of the head, and one of the graph, find of rows and queries of these lengths: no less than a scan.
fn found_of(metric: Metric, rows: &[Vec<f32>], queries: &[Vec<f32>]) -> Vec<Vec<u32>> {
    let options = Options { m: 12, ef_construction: 96, ..small(rows[0].len(), metric) };
    let mut index = Index::new(options).unwrap();
    let head = index.apply((0..).zip(rows.iter().cloned().map(Some)).collect(), 1).unwrap();
    let live = absorb(&mut index);
    let ask = SearchOptions { ef: 64, ..SearchOptions::new(10) };
    let mut all = Vec::new();
    for view in [head, live] {
        let mut right = 0;
        for query in queries {
            let found = view.search(query, &ask).unwrap();
            let last = view.search(query, &exact(10)).unwrap()[9].score;
            right += found.iter().filter(|neighbor| neighbor.score >= last).count();
            all.push(labels(&found));
        }
        let recall = right as f64 / (10 * queries.len()) as f64;
        assert!(recall >= 0.97, "{metric}: {recall} of {} rows in the graph", view.live_len());
    }
    all
}

/// By codes and in the graph rows are told apart at every length at which full vectors tell them apart.
#[test]
fn tiny_vectors_are_found_as_others_are() {
    let mut noise = Noise(17);
    let mut vectors = |count: usize| -> Vec<Vec<f32>> { (0..count).map(|_| noise.vector(24)).collect() };
    let (rows, queries) = (vectors(600), vectors(20));
    let found = |metric, power: i32, asked: i32| {
        found_of(metric, &scaled(&rows, 2_f32.powi(power)), &scaled(&queries, 2_f32.powi(asked)))
    };
    for (metric, powers) in [
        (Metric::Cosine, &[(-100, 0), (0, -100), (-120, -120)][..]),
        (Metric::InnerProduct, &[(-100, 0), (0, -100), (-75, 20), (-58, -58), (55, 55)][..]),
        (Metric::L2, &[(-55, -55), (-58, -58), (55, 55)][..]),
    ] {
        let expected = found(metric, 0, 0);
        for &(power, asked) in powers {
            assert!(found(metric, power, asked) == expected, "{metric} {power} {asked}");
        }
    }
    // Where scores lose digits or are all one, who is found may differ, but not how near they are.
    for length in [1e-19, 1e-22, 1e-25, 1e-36, 1e-40, 1e-44] {
        for metric in METRICS {
            let (rows, own) = (scaled(&rows, length), scaled(&queries, length));
            // What rounding leaves of them may be zeros, which cosine refuses.
            if length > 1e-40 || metric != Metric::Cosine {
                found_of(metric, &rows, &own);
                found_of(metric, &rows, &queries);
            }
        }
    }
}

#[test]
fn commits_never_go_back() {
    let mut index = filled(Metric::L2, 2, 1);
    // One commit may come in several pieces, as long as no view of it was given out.
    assert_eq!(index.apply(Vec::new(), 1).unwrap().seq(), 1);
    for seq in [0, u64::MAX] {
        assert!(matches!(index.apply(Vec::new(), seq), Err(Error::Invalid { .. })));
    }
    assert_eq!(index.apply(Vec::new(), 2).unwrap().seq(), 2);
}

#[test]
fn options_have_bounds() {
    let options = Options::new(8, Metric::L2);
    for wrong in [
        Options { dim: 0, ..options.clone() },
        Options { dim: 4097, ..options.clone() },
        Options { m: 1, ..options.clone() },
        Options { m: 300, ..options.clone() },
        Options { ef_construction: 0, ..options },
    ] {
        assert!(Index::new(wrong).is_err());
    }
}

#[test]
fn nothing_is_found_in_nothing() {
    let mut index = Index::new(small(2, Metric::L2)).unwrap();
    assert!(index.plan(Wanted::Absorbed).is_none());
    for options in [SearchOptions::new(5), exact(5), SearchOptions::new(0)] {
        assert!(index.view().search(&[0.0; 2], &options).unwrap().is_empty());
    }
    index.apply(vec![(1, Some(vec![1.0, 2.0]))], 1).unwrap();
    absorb(&mut index);
    let view = index.apply(vec![(1, None), (8, None)], 2).unwrap();
    assert!(view.is_empty() && view.search(&[0.0; 2], &SearchOptions::new(5)).unwrap().is_empty());
}

#[test]
fn a_single_row_goes_through_the_graph() {
    for metric in METRICS {
        let mut index = filled(metric, 5, 1);
        let view = absorb(&mut index);
        assert_eq!((view.head_len(), view.live_len()), (0, 1));
        assert_eq!(labels(&view.search(&[1.0; 5], &SearchOptions::new(3)).unwrap()), [0]);
    }
}

#[test]
fn the_widest_vectors_are_taken() {
    let mut index = filled(Metric::Cosine, 4096, 20);
    let view = absorb(&mut index);
    assert_eq!(view.search(&[1.0; 4096], &SearchOptions::new(7)).unwrap().len(), 7);
}

#[test]
fn equal_vectors_are_all_found_lowest_labels_first() {
    for metric in METRICS {
        let mut index = Index::new(small(3, metric)).unwrap();
        let changes = (0..300).map(|label| (label, Some(vec![1.0, 2.0, 3.0])));
        index.apply(changes.collect(), 1).unwrap();
        let view = absorb(&mut index);
        let expected: Vec<u32> = (0..40).collect();
        for options in [SearchOptions::new(40), exact(40)] {
            assert_eq!(labels(&view.search(&[1.0, 2.0, 3.0], &options).unwrap()), expected, "{metric}");
        }
        assert_eq!(view.live.as_ref().unwrap().nodes(), 1);
    }
}

#[test]
fn exclusion_leaves_exactly_what_matches() {
    for metric in METRICS {
        let mut index = filled(metric, 4, 200);
        let view = absorb(&mut index);
        let all = |_: u32| true;
        let rare = |label: u32| label % 50 != 3;
        for (exclude, expected) in [(&all as &(dyn Fn(u32) -> bool + Sync), 0), (&rare, 4)] {
            let options = SearchOptions { exclude: Some(exclude), ..SearchOptions::new(10) };
            assert_eq!(view.search(&[1.0; 4], &options).unwrap().len(), expected);
        }
    }
}

#[test]
fn min_score_cuts() {
    let mut index = Index::new(small(1, Metric::L2)).unwrap();
    let view = index.apply((0..9).map(|label| (label, Some(vec![label as f32]))).collect(), 1).unwrap();
    let options = SearchOptions { min_score: Some(-4.0), ..SearchOptions::new(9) };
    assert_eq!(labels(&view.search(&[0.0], &options).unwrap()), [0, 1, 2]);
    let unordered = SearchOptions { min_score: Some(f32::NAN), ..options };
    assert!(view.search(&[0.0], &unordered).is_err());
}

#[test]
fn the_last_change_of_a_label_counts() {
    let mut index = Index::new(small(1, Metric::L2)).unwrap();
    let changes = vec![(1, Some(vec![1.0])), (2, Some(vec![2.0])), (1, Some(vec![5.0])), (2, None)];
    let found = index.apply(changes, 1).unwrap().search(&[5.0], &SearchOptions::new(9)).unwrap();
    assert_eq!(found, [Neighbor { label: 1, score: 0.0 }]);
}

#[test]
fn head_segments_stay_few() {
    let mut index = Index::new(Options { head_rows: 5000, ..small(2, Metric::L2) }).unwrap();
    for seq in 1..=2000_u32 {
        let view = index.apply(vec![(seq % 700, Some(vec![seq as f32, 1.0]))], seq.into()).unwrap();
        assert!(view.head.len() <= 12, "{} segments after {seq} commits", view.head.len());
    }
    assert!(index.view().head.iter().map(|segment| segment.len()).sum::<usize>() < 3 * 700);
}

#[test]
fn tasks_are_planned_when_due() {
    let mut index = filled(Metric::L2, 2, 8);
    assert!(index.plan(Wanted::Due).is_none());
    index.apply(vec![(8, Some(vec![1.0, 1.0]))], 2).unwrap();
    let task = index.plan(Wanted::Due).unwrap();
    assert_eq!(task.kind(), TaskKind::Absorb);
    assert!(index.plan(Wanted::Absorbed).is_none(), "one at a time");
    drop(task);
    assert_eq!(absorb(&mut index).live_len(), 9);
    index.apply((0..5).map(|label| (label, None)).collect(), 3).unwrap();
    assert_eq!(index.plan(Wanted::Due).unwrap().kind(), TaskKind::Rebuild);
}

#[test]
fn a_dropped_task_costs_a_rebuild_but_no_row() {
    let mut index = filled(Metric::L2, 2, 30);
    absorb(&mut index);
    index.apply((30..50).map(|label| (label, Some(vec![label as f32, 0.0]))).collect(), 2).unwrap();
    drop(index.plan(Wanted::Absorbed).unwrap());
    let mut task = index.plan(Wanted::Absorbed).unwrap();
    assert_eq!(task.kind(), TaskKind::Rebuild);
    assert!(run(&mut task));
    let view = index.complete(task).unwrap();
    assert_eq!((view.live_len(), view.live.as_ref().unwrap().segments.len()), (50, 1));
}

#[test]
fn another_indexs_task_is_refused() {
    let (mut one, mut other) = (filled(Metric::L2, 2, 3), filled(Metric::L2, 2, 3));
    let task = one.plan(Wanted::Absorbed).unwrap();
    assert!(other.complete(task).is_err());
    assert_eq!(absorb(&mut other).live_len(), 3);
}

#[test]
fn longer_rows_under_inner_product_make_the_graph_anew() {
    let mut index = filled(Metric::InnerProduct, 2, 30);
    absorb(&mut index);
    index.apply(vec![(90, Some(vec![50.0, 0.0]))], 2).unwrap();
    let mut task = index.plan(Wanted::Absorbed).unwrap();
    assert_eq!(task.kind(), TaskKind::Rebuild);
    assert!(run(&mut task));
    let view = index.complete(task).unwrap();
    assert_eq!(view.search(&[1.0, 0.0], &SearchOptions::new(1)).unwrap()[0].label, 90);
}

#[test]
fn sizes_grow_with_rows() {
    let mut index = filled(Metric::L2, 100, 50);
    let head = index.view().size_bytes();
    assert!(head >= 50 * (400 + 128));
    assert!(absorb(&mut index).size_bytes() > head + 50 * 1000);
}

/// In a narrow cone `hnsw_rs` loses points; the index must not.
#[test]
fn points_the_graph_cannot_reach_are_found() {
    const DIM: usize = 16;
    let mut index = Index::new(Options { ef_construction: 32, ..small(DIM, Metric::Cosine) }).unwrap();
    let mut noise = Noise(11);
    let vectors: Vec<Vec<f32>> =
        (0..4000).map(|_| (0..DIM).map(|i| f32::from(i == 0) * 40.0 + noise.next()).collect()).collect();
    index.apply((0..).zip(vectors.iter().cloned().map(Some)).collect(), 1).unwrap();
    let view = absorb(&mut index);
    let live = view.live.as_ref().unwrap();
    assert!(!live.orphans.is_empty(), "the trap is gone: the scan of orphans can go too");
    for (number, row) in live.orphans.iter().flat_map(|&node| live.rows_of(node)) {
        let label = live.segments[number].label(row);
        let found = view.search(&vectors[label as usize], &SearchOptions { ef: 16, ..SearchOptions::new(1) });
        assert_eq!(labels(&found.unwrap()), [label]);
    }
}

/// Levels come from a generator of fixed seed: the same rows in the same order make the same graph.
#[test]
fn graphs_are_repeatable() {
    let shape = Shape { stride: stride(8), m: 4, ef_construction: 16 };
    let mut answers = Vec::new();
    for _ in 0..2 {
        let graph = Graph::new(shape, Metric::L2, 500, 0.0);
        let mut noise = Noise(5);
        for node in 0..500 {
            let row = Query::new(noise.vector(8), Metric::L2);
            graph.insert(node, &graph.point(&row.codes, row.factor));
        }
        let query = Query::new(noise.vector(8), Metric::L2);
        answers.push((graph.search(&query, 50).collect::<Vec<_>>(), graph.orphans(500)));
    }
    assert_eq!(answers[0], answers[1]);
    assert_eq!(answers[0].0.len(), 50);
}

#[test]
fn views_and_tasks_cross_threads() {
    fn crosses<T: Send + Sync>() {}
    crosses::<IndexView>();
    crosses::<Task>();
    crosses::<Index>();
}
