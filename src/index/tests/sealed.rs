//! Sealed files against the exact scan: metrics, sizes, equal vectors, filters, deletions.

use super::recall::clustered;
use super::*;
use crate::eval::recall_at_k;
use proptest::prelude::*;
use std::sync::atomic::Ordering;

/// Options under which a walk is taken as soon as it could be shorter than a scan.
fn options(dim: usize, metric: Metric) -> Options {
    Options { unsealed_rows: 64, ..small(dim, metric) }
}

/// One sealed file, in memory, of these vectors under the labels 0, 1, ….
fn sealed(vectors: &[Vec<f32>], metric: Metric) -> (Index, IndexView) {
    let mut index = Index::new(options(vectors[0].len(), metric)).unwrap();
    index.apply((0..).zip(vectors.iter().cloned().map(Some)).collect(), 1).unwrap();
    let view = seal(&mut index, Wanted::Sealed);
    assert_eq!((view.sealed_files(), view.sealed_len()), (1, vectors.len()));
    (index, view)
}

fn seal(index: &mut Index, wanted: Wanted) -> IndexView {
    let mut task = index.plan(wanted).expect("there is something to seal");
    assert!(run(&mut task));
    index.complete(task).unwrap()
}

fn recall_within(view: &IndexView, queries: &[Vec<f32>], ef: usize, within: Option<&RowSet>) -> f64 {
    let search = |options: &SearchOptions| -> Vec<Vec<u32>> {
        queries.iter().map(|query| labels(&view.search(query, options).unwrap())).collect()
    };
    let found = search(&SearchOptions { ef, within, ..SearchOptions::new(10) });
    let truth = search(&SearchOptions { within, ..exact(10) });
    assert!(found.iter().zip(&truth).all(|(found, truth)| found.len() == truth.len()), "min(k, matches)");
    recall_at_k(&found, &truth, 10)
}

fn walked(view: &IndexView, query: &[f32], options: &SearchOptions) -> bool {
    let (_, steps) = view.explain(query, options).unwrap();
    steps.iter().all(|steps| matches!(steps[..], [SearchStep::Walk { .. }]))
}

#[test]
fn every_metric_is_found_at_every_width_of_vectors() {
    for metric in METRICS {
        for dim in [2, 3, 17, 128, 200] {
            let vectors = clustered(3050, dim);
            let (base, queries) = vectors.split_at(3000);
            let (_, view) = sealed(base, metric);
            let recall = recall_within(&view, queries, 128, None);
            eprintln!("{metric} {dim}: {recall:.4}");
            assert!(walked(&view, &queries[0], &SearchOptions { ef: 16, ..SearchOptions::new(10) }));
            assert!(recall >= 0.97, "{metric} {dim}: {recall}");
        }
    }
}

/// Lengths as people's activity is spread: a few are many times as long as most.
#[test]
fn very_different_lengths_are_found() {
    let mut noise = Noise(3);
    let vectors: Vec<Vec<f32>> = clustered(3050, 48)
        .into_iter()
        .map(|vector| {
            let length = (1.5 * (noise.next() + noise.next() + noise.next())).exp();
            vector.into_iter().map(|value| value * length).collect()
        })
        .collect();
    let (base, queries) = vectors.split_at(3000);
    for metric in METRICS {
        let (_, view) = sealed(base, metric);
        let recall = recall_within(&view, queries, 128, None);
        eprintln!("{metric}: {recall:.4}");
        assert!(recall >= 0.97, "{metric}: {recall}");
    }
}

/// Lengths whose squares are no numbers any more, and about the longest that are taken: powers of two, so that all answers
/// must be the same. (The squared distance of vectors much shorter than 1e-18 is 0, to an exact scan too.)
#[test]
fn very_short_and_very_long_vectors_are_found() {
    let vectors = clustered(3050, 48);
    let scaled = |vectors: &[Vec<f32>], power: i32| -> Vec<Vec<f32>> {
        let times = 2.0_f32.powi(power);
        vectors.iter().map(|vector| vector.iter().map(|value| value * times).collect()).collect()
    };
    let found = |metric, power: i32, asked: i32| -> Vec<Vec<u32>> {
        let (_, view) = sealed(&scaled(&vectors[..3000], power), metric);
        let queries = scaled(&vectors[3000..], asked);
        let narrow = SearchOptions { ef: 10, ..SearchOptions::new(10) };
        assert!(recall_within(&view, &queries, 128, None) >= 0.97, "{metric} {power}");
        assert!(walked(&view, &queries[0], &narrow));
        queries.iter().map(|query| labels(&view.search(query, &narrow).unwrap())).collect()
    };
    for (metric, powers) in [
        (Metric::InnerProduct, &[(-100, 0), (-75, 20), (55, 55)][..]),
        (Metric::L2, &[(-55, -55), (55, 55)][..]),
    ] {
        let expected = found(metric, 0, 0);
        for &(power, asked) in powers {
            assert!(found(metric, power, asked) == expected, "{metric} {power}");
        }
    }
}

#[test]
fn a_handful_of_rows_is_a_file_too() {
    for metric in METRICS {
        for count in 1..40 {
            let vectors = clustered(count + 1, 5);
            let (_, view) = sealed(&vectors[..count], metric);
            for k in [1, 3, 100] {
                let found = view.search(&vectors[count], &SearchOptions::new(k)).unwrap();
                let expected = view.search(&vectors[count], &exact(k)).unwrap();
                assert_eq!(found, expected, "{metric} {count} {k}");
            }
        }
    }
}

#[test]
fn equal_vectors_and_zeros_are_all_found() {
    for metric in METRICS {
        let ones = vec![1.0; 6];
        let zeros = vec![if metric == Metric::Cosine { -1.0 } else { 0.0 }; 6];
        let vectors: Vec<Vec<f32>> = (0..900)
            .map(|i| match i % 3 {
                0 => ones.clone(),
                1 => zeros.clone(),
                _ => clustered(1, 6).remove(0),
            })
            .collect();
        let (mut index, view) = sealed(&vectors, metric);
        let found = labels(&view.search(&ones, &SearchOptions::new(300)).unwrap());
        assert_eq!(found.len(), 300, "{metric}");
        if metric != Metric::InnerProduct {
            assert!(found.iter().all(|label| label % 3 == 0), "{metric}: {found:?}");
        }
        let found = view.search(&zeros, &SearchOptions::new(1000)).unwrap();
        assert_eq!(found.len(), 900, "{metric}");
        // Of equal rows those that are left are found.
        let view = index.apply((0..891).map(|label| (label, None)).collect(), 2).unwrap();
        assert_eq!(view.search(&ones, &SearchOptions::new(50)).unwrap().len(), 9);
    }
}

#[test]
fn a_file_does_not_depend_on_the_number_of_threads() {
    let folder = tempfile::tempdir().unwrap();
    let vectors = clustered(4000, 24);
    let files: Vec<Vec<u8>> = [1, 2, 5]
        .map(|threads| {
            let folder = folder.path().join(threads.to_string());
            std::fs::create_dir(&folder).unwrap();
            let options =
                Options { threads, folder: Some(folder.clone()), ..options(24, Metric::InnerProduct) };
            let mut index = Index::new(options).unwrap();
            index.apply((0..).zip(vectors.iter().cloned().map(Some)).collect(), 1).unwrap();
            seal(&mut index, Wanted::Sealed);
            let file = std::fs::read_dir(&folder).unwrap().next().unwrap().unwrap();
            std::fs::read(file.path()).unwrap()
        })
        .into();
    assert!(files[0] == files[1] && files[0] == files[2]);
}

/// Sets of rows at random, and such that leave out all that is near the query.
#[test]
fn filters_keep_recall_at_every_share() {
    let vectors = clustered(6040, 32);
    let (base, queries) = vectors.split_at(6000);
    let (_, view) = sealed(base, Metric::Cosine);
    let mut noise = Noise(8);
    for share in [0.5, 0.1, 0.01, 0.001] {
        let set = (0..6000).filter(|_| f64::from(noise.next() + 1.0) / 2.0 < share).collect();
        let rows = view.row_set(set);
        let recall = recall_within(&view, queries, 128, Some(&rows));
        eprintln!("{share}: {} rows, {recall:.4}", rows.labels().len());
        assert!(recall >= 0.99, "{share}: {recall}");
    }
    for query in queries {
        let near = view.search(query, &exact(2000)).unwrap();
        let mut far: roaring::RoaringBitmap = (0..6000).collect();
        near.iter().for_each(|neighbor| assert!(far.remove(neighbor.label)));
        let rows = view.row_set(far);
        let recall = recall_within(&view, std::slice::from_ref(query), 128, Some(&rows));
        let options = SearchOptions { ef: 128, within: Some(&rows), ..SearchOptions::new(10) };
        let (_, steps) = view.explain(query, &options).unwrap();
        assert!(recall >= 0.9, "the far two thirds: {recall} {steps:?}");
    }
}

#[test]
fn a_set_made_on_another_view_serves_too() {
    let vectors = clustered(900, 8);
    let (mut index, old) = sealed(&vectors[..600], Metric::L2);
    let rows = old.row_set((0..900).step_by(3).collect());
    index.apply((600..900).zip(vectors[600..].iter().cloned().map(Some)).collect(), 2).unwrap();
    let in_head = index.view();
    let in_file = seal(&mut index, Wanted::Compact);
    for view in [in_head, in_file] {
        let options = SearchOptions { within: Some(&rows), ..SearchOptions::new(400) };
        let found = labels(&view.search(&vectors[0], &options).unwrap());
        assert_eq!(found.len(), 300);
        assert!(found.iter().all(|label| label % 3 == 0));
    }
}

#[test]
fn a_cancelled_seal_changes_nothing_and_may_be_run_again() {
    let mut index = Index::new(options(8, Metric::L2)).unwrap();
    let vectors = clustered(500, 8);
    index.apply((0..).zip(vectors.iter().cloned().map(Some)).collect(), 1).unwrap();
    let mut task = index.plan(Wanted::Sealed).unwrap();
    let cancel = AtomicBool::new(false);
    let stop = |_: usize, _: usize| cancel.store(true, Ordering::Relaxed);
    assert!(!task.run(&stop, &cancel).unwrap());
    assert!(run(&mut task));
    assert_eq!(index.complete(task).unwrap().sealed_len(), 500);
}

#[test]
fn what_changes_while_a_file_is_made_stays_changed() {
    let vectors = clustered(1200, 8);
    let (mut index, _) = sealed(&vectors[..600], Metric::L2);
    index.apply((600..900).zip(vectors[600..900].iter().cloned().map(Some)).collect(), 2).unwrap();
    let mut task = index.plan(Wanted::Compact).unwrap();
    assert!(run(&mut task));
    // Of both sources: some replaced, some removed.
    let changes = (0..900).step_by(7).map(|label| (label, Some(vectors[900 + label as usize / 7].clone())));
    index.apply(changes.chain((3..900).step_by(7).map(|label| (label, None))).collect(), 3).unwrap();
    let view = index.complete(task).unwrap();
    let all = labels(&view.search(&vectors[0], &SearchOptions::new(1000)).unwrap());
    assert_eq!(all.len(), view.len());
    assert_eq!(view.len(), 900 - (3..900).step_by(7).count());
    assert!(all.iter().all(|label| label % 7 != 3));
    let found = view.search(&vectors[900], &SearchOptions::new(1)).unwrap();
    assert_eq!((found[0].label, found[0].score.abs() < 1e-6), (0, true));
}

/// Ten times over, every row is deleted and put back with another vector, in steps of a twentieth.
#[test]
fn turnovers_cost_no_recall() {
    let vectors = clustered(2040, 24);
    let (base, queries) = vectors.split_at(2000);
    let settings = Options { unsealed_rows: 200, ..options(24, Metric::Cosine) };
    let mut index = Index::new(settings).unwrap();
    index.apply((0..).zip(base.iter().cloned().map(Some)).collect(), 1).unwrap();
    let fresh = recall_within(&seal(&mut index, Wanted::Sealed), queries, 32, None);
    let mut seq = 1;
    for turn in 1..=10 {
        for step in 0..20 {
            let part = (step..2000_u32).step_by(20);
            seq += 1;
            index.apply(part.clone().map(|label| (label, None)).collect(), seq).unwrap();
            seq += 1;
            let vector = |label: u32| base[(label as usize + turn * 97) % 2000].clone();
            index.apply(part.map(|label| (label, Some(vector(label)))).collect(), seq).unwrap();
            while let Some(mut task) = index.plan(Wanted::Due) {
                assert!(run(&mut task));
                index.complete(task).unwrap();
            }
        }
    }
    let view = index.view();
    let worn = recall_within(&view, queries, 32, None);
    eprintln!("fresh {fresh:.4}, after ten turnovers {worn:.4} in {} files", view.sealed_files());
    assert!(view.len() == 2000 && view.sealed_files() <= 6);
    assert!(worn >= fresh - 0.005, "{fresh} {worn}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// However many rows match, of files, graph and head, exactly as many come as were asked for or match.
    #[test]
    fn a_filtered_search_gives_all_that_match(
        set in proptest::collection::btree_set(0u32..700, 0..200),
        k in 1usize..250,
        metric in proptest::sample::select(&METRICS[..]),
    ) {
        let vectors = clustered(700, 6);
        let (mut index, _) = sealed(&vectors[..500], metric);
        index.apply((500..700).zip(vectors[500..].iter().cloned().map(Some)).collect(), 2).unwrap();
        let view = index.apply((0..700).step_by(5).map(|label| (label, None)).collect(), 3).unwrap();
        let rows = view.row_set(set.iter().copied().collect());
        let options = SearchOptions { within: Some(&rows), ..SearchOptions::new(k) };
        let found = labels(&view.search(&vectors[1], &options).unwrap());
        let matching = set.iter().filter(|&label| label % 5 != 0).count();
        prop_assert_eq!(found.len(), matching.min(k));
        prop_assert!(found.iter().all(|label| set.contains(label) && label % 5 != 0));
    }
}
