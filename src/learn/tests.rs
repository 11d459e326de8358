//! What is learned, against the definitions.

use super::*;
use crate::compute::SplitMix;
use proptest::prelude::*;

fn rows(is_unit: bool, dim: usize, values: &[Vec<f32>]) -> Rows {
    let mut rows = Rows::new(dim, is_unit);
    values.iter().for_each(|row| assert!(rows.push(row)));
    rows
}

fn some_rows(dim: usize, most: usize) -> impl Strategy<Value = Vec<Vec<f32>>> {
    // Few values, so that there are equal rows and equal distances; never all zeros.
    let row = prop::collection::vec(-3_i8..4, dim).prop_map(|row| {
        let mut row: Vec<f32> = row.into_iter().map(f32::from).collect();
        row[0] += 0.5;
        row
    });
    prop::collection::vec(row, 1..most)
}

fn squared(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum()
}

/// Rows around directions of their own, and where each belongs.
fn planted(clusters: usize, each: usize, dim: usize, spread: f32, seed: u64) -> (Rows, Vec<u32>) {
    let mut random = SplitMix::new(seed);
    let centres: Vec<Vec<f32>> =
        (0..clusters).map(|_| (0..dim).map(|_| random.gaussian()).collect()).collect();
    let (mut rows, mut truth) = (Rows::new(dim, true), Vec::new());
    for no in 0..clusters * each {
        let centre = &centres[no % clusters];
        let row: Vec<f32> = centre.iter().map(|value| value + spread * random.gaussian()).collect();
        assert!(rows.push(&row));
        truth.push((no % clusters) as u32);
    }
    (rows, truth)
}

/// The adjusted Rand index (Hubert and Arabie 1985): 1 for the same partition, about 0 for one by chance.
fn adjusted_rand(a: &[u32], b: &[u32]) -> f64 {
    let pairs = |n: f64| n * (n - 1.0) / 2.0;
    let count = |of: &dyn Fn(usize) -> (u32, u32)| {
        let mut counts = std::collections::BTreeMap::new();
        (0..a.len()).for_each(|at| *counts.entry(of(at)).or_insert(0.0) += 1.0);
        counts.into_values().map(pairs).sum::<f64>()
    };
    let both = count(&|at| (a[at], b[at]));
    let (first, second) = (count(&|at| (a[at], 0)), count(&|at| (b[at], 0)));
    let expected = first * second / pairs(a.len() as f64);
    (both - expected) / (f64::midpoint(first, second) - expected)
}

fn silhouette_by_definition(rows: &Rows, labels: &[Option<u32>]) -> Option<f64> {
    let mean = |from: usize, label: u32| {
        let others = (0..rows.len()).filter(|&row| row != from && labels[row] == Some(label));
        let distances: Vec<f64> = others.map(|row| squared(rows.row(from), rows.row(row)).sqrt()).collect();
        (!distances.is_empty()).then(|| distances.iter().sum::<f64>() / distances.len() as f64)
    };
    let clusters: std::collections::BTreeSet<u32> = labels.iter().flatten().copied().collect();
    if clusters.len() < 2 {
        return None;
    }
    let mut widths = Vec::new();
    for (row, own) in labels.iter().enumerate() {
        let Some(own) = *own else { continue };
        let others = clusters.iter().filter(|&&label| label != own);
        let beside = others.filter_map(|&label| mean(row, label)).fold(f64::INFINITY, f64::min);
        widths.push(match mean(row, own) {
            Some(within) if within.max(beside) > 0.0 => (beside - within) / within.max(beside),
            _ => 0.0,
        });
    }
    Some(widths.iter().sum::<f64>() / widths.len() as f64)
}

proptest! {
    #[test]
    fn every_row_is_with_the_nearest_centroid(
        values in some_rows(3, 60), wanted in 1_usize..8, seed: u64, is_unit: bool,
    ) {
        let rows = rows(is_unit, 3, &values);
        let found = restarted(&rows, wanted, 2, seed).unwrap();
        prop_assert!(found.centroids.len() <= wanted);
        prop_assert_eq!(found.labels.len(), rows.len());
        let mut cost = 0.0;
        for (row, &label) in rows.iter().zip(&found.labels) {
            let own = squared(row, found.centroids.row(label as usize));
            let least = found.centroids.iter().map(|centroid| squared(row, centroid)).fold(f64::INFINITY, f64::min);
            prop_assert!(own <= least + 1e-5, "{own} where {least} is nearest");
            cost += own;
        }
        prop_assert!((cost - found.cost).abs() < 1e-3 * (1.0 + cost));
    }

    #[test]
    fn as_many_clusters_as_rows_that_differ_cost_nothing(values in some_rows(2, 12), seed: u64) {
        let rows = rows(false, 2, &values);
        let mut different = values.clone();
        different.sort_by(|a, b| a.partial_cmp(b).unwrap());
        different.dedup();
        let found = restarted(&rows, values.len(), 1, seed).unwrap();
        prop_assert_eq!((found.centroids.len(), found.cost), (different.len(), 0.0));
    }

    #[test]
    fn silhouettes_are_as_defined(
        values in some_rows(2, 40), labels in prop::collection::vec(prop::option::weighted(0.9, 0_u32..4), 40),
    ) {
        let rows = rows(false, 2, &values);
        let labels = &labels[..rows.len()];
        let found = silhouette(&distances(&rows), labels);
        match (found, silhouette_by_definition(&rows, labels)) {
            (Some(found), Some(expected)) => prop_assert!((found - expected).abs() < 1e-5, "{found} {expected}"),
            (found, expected) => prop_assert_eq!(found, expected),
        }
    }

    #[test]
    fn one_group_against_all_others_is_a_part_of_the_whole(
        values in some_rows(2, 40), is_member in prop::collection::vec(any::<bool>(), 40),
    ) {
        let distances = distances(&rows(false, 2, &values));
        let is_member = &is_member[..distances.len()];
        let others: Vec<bool> = is_member.iter().map(|is_member| !is_member).collect();
        let labels: Vec<Option<u32>> = is_member.iter().map(|&is_member| Some(u32::from(is_member))).collect();
        let count = |of: &[bool]| of.iter().filter(|is_in| **is_in).count();
        // Who is alone counts 0 in the whole, and has no silhouette as a group.
        let part = |of: &[bool]| silhouette_of(&distances, of).unwrap_or(0.0) * count(of) as f64;
        for of in [is_member, &others] {
            let is_defined = count(of) >= 2 && count(of) < distances.len();
            prop_assert_eq!(silhouette_of(&distances, of).is_some(), is_defined);
        }
        if let Some(whole) = silhouette(&distances, &labels) {
            prop_assert!((part(is_member) + part(&others) - whole * distances.len() as f64).abs() < 1e-6);
        }
    }

    #[test]
    fn means_are_as_defined(values in some_rows(2, 40), labels in prop::collection::vec(prop::option::of(0_u32..4), 40)) {
        let rows = rows(false, 2, &values);
        let found = means(&rows, labels[..rows.len()].iter().copied(), 4);
        for (label, found) in (0..4).zip(found) {
            let members: Vec<&[f32]> =
                rows.iter().zip(&labels).filter(|(_, of)| **of == Some(label)).map(|(row, _)| row).collect();
            prop_assert_eq!(found.is_some(), !members.is_empty());
            for (column, value) in found.into_iter().flatten().enumerate() {
                let sum: f32 = members.iter().map(|row| row[column]).sum();
                prop_assert!((value - sum / members.len() as f32).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn planted_clusters_are_found_whatever_the_threads() {
    let (rows, truth) = planted(6, 300, 32, 0.4, 3);
    let on = |threads: usize, seed: u64| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| restarted(&rows, 6, 4, seed).unwrap())
    };
    let (one, three) = (on(1, 7), on(3, 7));
    assert_eq!((&one.labels, one.cost), (&three.labels, three.cost));
    assert_eq!(one.centroids, three.centroids);
    for seed in 0..5 {
        let agreement = adjusted_rand(&on(2, seed).labels, &truth);
        assert!(agreement > 0.95, "{agreement} with seed {seed}");
    }
}

#[test]
fn the_silhouette_is_best_at_the_number_of_clusters_that_there_are() {
    let (rows, _) = planted(5, 60, 16, 0.3, 11);
    let distances = distances(&rows);
    let width = |clusters: usize| {
        let labels: Vec<_> = restarted(&rows, clusters, 4, 1).unwrap().labels.into_iter().map(Some).collect();
        silhouette(&distances, &labels).unwrap()
    };
    let best = (2..10).max_by(|&a, &b| width(a).total_cmp(&width(b))).unwrap();
    assert_eq!(best, 5);
}

#[test]
fn rows_that_are_all_alike_are_one_cluster() {
    let rows = rows(true, 2, &vec![vec![0.3, 0.7]; 9]);
    let found = restarted(&rows, 4, 2, 1).unwrap();
    assert_eq!((found.centroids.len(), found.labels), (1, vec![0; 9]));
    assert_eq!(restarted(&rows.none(), 4, 2, 1).unwrap().labels, [0_u32; 0]);
}

#[cfg(feature = "hdbscan")]
#[test]
fn dense_places_are_clusters_and_the_rest_is_noise() {
    let (mut rows, mut truth) = planted(3, 100, 8, 0.1, 5);
    let mut random = SplitMix::new(9);
    for _ in 0..30 {
        assert!(rows.push(&(0..8).map(|_| random.gaussian()).collect::<Vec<_>>()));
        truth.push(9);
    }
    let found = by_density(&mut distances(&rows), 20).unwrap();
    let labels: Vec<u32> = found.iter().map(|label| label.unwrap_or(9)).collect();
    let agreement = adjusted_rand(&labels, &truth);
    assert!(agreement > 0.95, "{agreement}");
    assert!(found[300..].iter().filter(|label| label.is_none()).count() >= 20);
}

#[cfg(feature = "hdbscan")]
#[test]
fn density_of_few_or_equal_rows_is_no_error() {
    for (count, least) in [(0, 2), (1, 2), (2, 2), (3, 2), (10, 5), (10, 10), (10, 11), (40, 5)] {
        for kinds in [1, 2, 7] {
            let values: Vec<Vec<f32>> = (0..count).map(|no| vec![(no % kinds) as f32, 1.0]).collect();
            let found = by_density(&mut distances(&rows(false, 2, &values)), least).unwrap();
            assert_eq!(found.len(), count);
        }
    }
}
