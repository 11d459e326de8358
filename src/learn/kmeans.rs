//! k-means: k-means++ (Arthur and Vassilvitskii, SODA 2007), then Lloyd's iteration. Of unit rows the means are brought to unit
//! length, which makes it spherical k-means (Dhillon and Modha, Machine Learning 2001).
//!
//! Rows are worked on by the threads of the pool that it is called in. Sums are always taken in the same order, so that how many
//! threads there are changes nothing.

use super::rows::Rows;
use crate::compute::SplitMix;
use crate::compute::distance::backend;
use rayon::prelude::*;

/// Rows that a thread takes at a time, so that they stay in the cache while all centroids pass.
const PIECE: usize = 64;
/// Rounds at most. Nearly all that is to be gained is gained in the first dozens.
const ROUNDS: usize = 100;
/// Where a round gains less than this share, it was the last.
const GAIN: f64 = 1e-5;
/// A squared distance below this share of the largest is what rounding makes of equal rows.
const EQUAL: f64 = 1e-10;

/// Rows shared out among centroids.
#[derive(Clone, Debug)]
pub(crate) struct Partition {
    pub centroids: Rows,
    /// For each row the number of the centroid nearest to it.
    pub labels: Vec<u32>,
    /// The sum of the squared distances between rows and their centroids.
    pub cost: f64,
}

/// For each row the nearest of some centroids and its squared distance; of equally near ones the first.
pub(crate) fn assign(rows: &Rows, centroids: &Rows) -> Vec<(u32, f32)> {
    let mut found = vec![(0, f32::INFINITY); rows.len()];
    found.par_chunks_mut(PIECE).enumerate().for_each(|(piece, found)| {
        let backend = backend();
        for (label, centroid) in centroids.iter().enumerate() {
            for (row, best) in (piece * PIECE..).zip(found.iter_mut()) {
                let squared = backend.l2_squared(rows.row(row), centroid);
                if squared < best.1 {
                    *best = (label as u32, squared);
                }
            }
        }
    });
    found
}

/// The means of the rows with each label below `labels`; none where no row has it, or where they have no direction together.
pub(crate) fn means(
    rows: &Rows,
    of: impl Iterator<Item = Option<u32>>,
    labels: usize,
) -> Vec<Option<Vec<f32>>> {
    let mut members = vec![Vec::new(); labels];
    for (row, label) in of.enumerate() {
        if let Some(members) = label.and_then(|label| members.get_mut(label as usize)) {
            members.push(row);
        }
    }
    members.par_iter().map(|members| mean(rows, members)).collect()
}

fn mean(rows: &Rows, members: &[usize]) -> Option<Vec<f32>> {
    if members.is_empty() {
        return None;
    }
    let mut sums = vec![0.0_f64; rows.dim()];
    for &row in members {
        sums.iter_mut().zip(rows.row(row)).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let mean: Vec<f32> = sums.iter().map(|sum| (sum / members.len() as f64) as f32).collect();
    let mut one = rows.none();
    one.push(&mean).then(|| one.row(0).to_vec())
}

/// Rows to begin with: each is drawn by its squared distance from those before it. Fewer than `wanted` where no more differ.
pub(crate) fn seeds(rows: &Rows, wanted: usize, random: &mut SplitMix) -> Rows {
    let mut chosen = rows.none();
    if rows.len() == 0 || wanted == 0 {
        return chosen;
    }
    let mut squared = vec![f32::INFINITY; rows.len()];
    let mut next = (random.unit() * rows.len() as f64) as usize;
    let mut least = 0.0;
    loop {
        chosen.push(rows.row(next));
        let last = rows.row(next);
        squared.par_iter_mut().enumerate().with_min_len(PIECE).for_each(|(row, squared)| {
            *squared = squared.min(backend().l2_squared(rows.row(row), last));
        });
        if chosen.len() == 1 {
            least = EQUAL * squared.iter().fold(0.0_f64, |largest, &one| largest.max(f64::from(one)));
        }
        match drawn(&squared, least, random) {
            Some(row) if chosen.len() < wanted => next = row,
            _ => return chosen,
        }
    }
}

/// A row, each as likely as it is large; none where all are no larger than `least`.
fn drawn(weights: &[f32], least: f64, random: &mut SplitMix) -> Option<usize> {
    let weighed = || weights.iter().map(|&weight| f64::from(weight)).enumerate().filter(|(_, w)| *w > least);
    let mut left = random.unit() * weighed().map(|(_, weight)| weight).sum::<f64>();
    let passed = weighed().find(|(_, weight)| {
        left -= weight;
        left < 0.0
    });
    // Rounding may leave a little behind the last.
    passed.or_else(|| weighed().next_back()).map(|(row, _)| row)
}

/// Shares rows out anew and moves the centroids to the means in turn, until that gains next to nothing.
pub(crate) fn k_means(rows: &Rows, mut centroids: Rows, told: &(dyn Fn(usize, usize) + Sync)) -> Partition {
    let (mut before, mut round) = (f64::INFINITY, 0);
    loop {
        told(round, ROUNDS);
        let found = assign(rows, &centroids);
        let cost: f64 = found.iter().map(|&(_, squared)| f64::from(squared)).sum();
        if before - cost <= GAIN * cost || round == ROUNDS {
            let labels = found.into_iter().map(|(label, _)| label).collect();
            return Partition { centroids, labels, cost };
        }
        (before, round) = (cost, round + 1);
        centroids = moved(rows, &centroids, &found);
    }
}

/// The centroids at the means of their rows. One that has lost all of them goes to the row that is farthest from its own.
fn moved(rows: &Rows, centroids: &Rows, found: &[(u32, f32)]) -> Rows {
    let labels = found.iter().map(|&(label, _)| Some(label));
    let means = means(rows, labels, centroids.len());
    let mut far: Vec<usize> = Vec::new();
    if means.contains(&None) {
        far = (0..rows.len()).collect();
        far.sort_by(|&a, &b| found[a].1.total_cmp(&found[b].1).then(b.cmp(&a)));
    }
    let mut moved = centroids.none();
    for (label, mean) in means.iter().enumerate() {
        let lost = || far.pop().map_or(centroids.row(label), |row| rows.row(row));
        moved.push(mean.as_deref().unwrap_or_else(lost));
    }
    moved
}

/// The best of some runs from seeds of their own, by cost.
pub(crate) fn restarted(rows: &Rows, clusters: usize, runs: usize, seed: u64) -> Option<Partition> {
    let run = |run: usize| {
        let mut random = SplitMix::of(seed, &[clusters, run]);
        k_means(rows, seeds(rows, clusters, &mut random), &|_, _| {})
    };
    (0..runs).map(run).reduce(|best, other| if other.cost < best.cost { other } else { best })
}
