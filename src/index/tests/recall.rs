//! Floors of recall, the graph answering: per metric on made vectors, and on real ones after turnover.

use super::*;
use crate::eval::recall_at_k;
use std::path::Path;

fn recall(view: &IndexView, queries: &[Vec<f32>], ef: usize) -> f64 {
    let search = |options: &SearchOptions| -> Vec<Vec<u32>> {
        queries.iter().map(|query| labels(&view.search(query, options).unwrap())).collect()
    };
    recall_at_k(&search(&SearchOptions { ef, ..SearchOptions::new(10) }), &search(&exact(10)), 10)
}

/// Clusters with lengths from a half to two.
pub(super) fn clustered(count: usize, dim: usize) -> Vec<Vec<f32>> {
    let mut noise = Noise(21);
    let centers: Vec<Vec<f32>> = (0..20).map(|_| noise.vector(dim)).collect();
    (0..count)
        .map(|i| {
            let length = 4_f32.powf(noise.next() / 2.0);
            centers[i % 20].iter().map(|center| (center + 0.6 * noise.next()) * length).collect()
        })
        .collect()
}

#[test]
fn every_metric_keeps_its_floor_through_deletions() {
    for (metric, floor) in [(Metric::Cosine, 0.99), (Metric::InnerProduct, 0.99), (Metric::L2, 0.99)] {
        let options = Options { m: 16, ef_construction: 100, ..small(32, metric) };
        let mut index = Index::new(options).unwrap();
        let vectors = clustered(3100, 32);
        let (base, queries) = vectors.split_at(3000);
        index.apply((0..).zip(base.iter().cloned().map(Some)).collect(), 1).unwrap();
        let view = absorb(&mut index);
        let full = recall(&view, queries, 64);
        let view = index.apply((0..3000).step_by(3).map(|label| (label, None)).collect(), 2).unwrap();
        let thinned = recall(&view, queries, 64);
        eprintln!("{metric}: {full:.4}, a third deleted {thinned:.4}");
        assert!(full >= floor && thinned >= floor, "{metric}: {full} {thinned}");
    }
}

/// Rows of a cluster are nearer to each other than 4-bit codes can tell: walks must not take that for the end.
#[test]
fn tight_clusters_are_found_whole() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        let mut noise = Noise(5);
        let centers: Vec<Vec<f32>> = (0..150).map(|_| noise.vector(128)).collect();
        let mut near = |i: usize| -> Vec<f32> {
            centers[i % 150].iter().map(|center| center + 0.03 * noise.next()).collect()
        };
        let base: Vec<Vec<f32>> = (0..4500).map(&mut near).collect();
        let queries: Vec<Vec<f32>> = (0..150).map(&mut near).collect();
        let mut index = Index::new(small(128, metric)).unwrap();
        index.apply((0..).zip(base.into_iter().map(Some)).collect(), 1).unwrap();
        repair::compact(&mut index);
        let found = recall(&index.view(), &queries, 100);
        eprintln!("{metric}: {found:.4}");
        assert!(found >= 0.99, "{metric}: {found}");
    }
}

/// Real sentence embeddings, `None` where they are not there.
fn embeddings(file: &str, count: usize) -> Option<Vec<Vec<f32>>> {
    const DIM: usize = 384;
    const HEADER: usize = 128;
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../shared/data/vectors-minilm-384"));
    let Ok(bytes) = std::fs::read(folder.join(file)) else {
        eprintln!("SKIPPED: {} is absent", folder.join(file).display());
        return None;
    };
    let (halves, _) = bytes[HEADER..].as_chunks::<2>();
    let values: Vec<f32> =
        halves.iter().take(count * DIM).map(|half| half::f16::from_le_bytes(*half).to_f32()).collect();
    Some(values.chunks_exact(DIM).map(<[f32]>::to_vec).collect())
}

fn defaults() -> Options {
    Options::new(384, Metric::Cosine)
}

/// Every label's vector is replaced once and a third of the labels removed, with tasks as they fall due.
fn after_turnover(options: Options, rows: usize, queries: usize) -> Option<f64> {
    let (base, queries) = (embeddings("base.npy", rows)?, embeddings("queries.npy", queries)?);
    let mut index = Index::new(options).unwrap();
    let first = |row: usize| ((row + rows / 2) % rows) as u32;
    let loaded = base.iter().enumerate().map(|(row, vector)| (first(row), Some(vector.clone())));
    index.apply(loaded.collect(), 1).unwrap();
    absorb(&mut index);
    let replaced = base.iter().enumerate().map(|(row, vector)| (row as u32, Some(vector.clone())));
    let removed = (0..rows as u32).step_by(3).map(|label| (label, None));
    let changes: Vec<_> = replaced.chain(removed).collect();
    for (commit, changes) in changes.chunks(500).enumerate() {
        index.apply(changes.to_vec(), commit as u64 + 2).unwrap();
        if let Some(mut task) = index.plan(Wanted::Due) {
            assert!(run(&mut task));
            index.complete(task).unwrap();
        }
    }
    let view = index.view();
    assert_eq!(view.len(), rows - rows.div_ceil(3));
    Some(recall(&view, &queries, SearchOptions::EF))
}

#[test]
fn turnover_of_real_vectors_keeps_recall() {
    // A narrower construction than the default halves the time, and recall has room.
    let options = Options { head_rows: 2_000, ef_construction: 100, rows_per_ef: 0, ..defaults() };
    if let Some(recall) = after_turnover(options, 10_000, 200) {
        eprintln!("recall@10 {recall:.4}");
        assert!(recall >= 0.95, "{recall}");
    }
}

#[test]
#[ignore = "minutes: all 100,000 real vectors"]
fn turnover_of_all_real_vectors_keeps_recall() {
    if let Some(recall) = after_turnover(defaults(), 100_000, 1000) {
        eprintln!("recall@10 {recall:.4}");
        assert!(recall >= 0.95, "{recall}");
    }
}
