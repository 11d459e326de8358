//! Searches in one call are the same as one by one.

use super::*;
use crate::error::Error;

#[test]
fn a_batch_equals_single_searches_whatever_the_threads() {
    // Walks by vectors, and by codes.
    assert_batches_equal_single_searches(16);
    assert_batches_equal_single_searches(200);
}

fn assert_batches_equal_single_searches(dim: usize) {
    let mut noise = Noise(3);
    let mut index = Index::new(Options { unsealed_rows: 64, ..small(dim, Metric::Cosine) }).unwrap();
    let rows = |noise: &mut Noise, labels: std::ops::Range<u32>| -> Vec<(u32, Option<Vec<f32>>)> {
        labels.map(|label| (label, Some(noise.vector(dim)))).collect()
    };
    index.apply(rows(&mut noise, 0..2000), 1).unwrap();
    let mut task = index.plan(Wanted::Sealed).unwrap();
    assert!(run(&mut task));
    index.complete(task).unwrap();
    let view = index.apply(rows(&mut noise, 1900..2100), 2).unwrap();
    let queries: Vec<Vec<f32>> = (0..23).map(|_| noise.vector(dim)).collect();
    let queries: Vec<&[f32]> = queries.iter().map(Vec::as_slice).collect();
    let even = view.row_set((0..2100).step_by(2).collect());
    let few = view.row_set((0..2100).step_by(70).collect());
    let exclude = |label: u32| label.is_multiple_of(3);
    for options in [
        SearchOptions::new(10),
        SearchOptions { within: Some(&few), exact_scores: false, ..SearchOptions::new(5) },
        SearchOptions { within: Some(&even), exclude: Some(&exclude), ..SearchOptions::new(5) },
    ] {
        let single: Vec<_> = queries.iter().map(|query| view.search(query, &options).unwrap()).collect();
        for threads in [1, 2, 5, 100] {
            assert_eq!(view.search_batch(&queries, &options, threads).unwrap(), single, "{threads}");
        }
    }
}

#[test]
fn a_batch_tells_what_it_refuses() {
    let mut index = Index::new(Options::new(2, Metric::L2)).unwrap();
    let view = index.apply(vec![(1, Some(vec![1.0, 2.0]))], 1).unwrap();
    let options = SearchOptions::new(1);
    assert_eq!(view.search_batch(&[], &options, 2).unwrap(), Vec::<Vec<Neighbor>>::new());
    assert!(matches!(view.search_batch(&[&[1.0, 2.0]], &options, 0), Err(Error::Invalid { .. })));
    let wrong: [&[f32]; 3] = [&[1.0, 2.0], &[1.0, f32::NAN], &[1.0]];
    for threads in [1, 3] {
        assert!(matches!(view.search_batch(&wrong, &options, threads), Err(Error::NotFinite { .. })));
    }
}
