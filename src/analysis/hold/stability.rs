//! Whether both halves of a sample have the same clusters (von Luxburg, "Clustering stability: an overview", Foundations and Trends in
//! Machine Learning 2010).

use super::report::Stability;
use crate::compute::SplitMix;
use crate::eval::{Mean, adjusted_rand};
use crate::learn::{Rows, assign, restarted};
use crate::model::{OnProgress, Progress};

/// Runs of k-means from other seeds, of which the best counts.
const RESTARTS: usize = 4;

/// Clusters that are looked for in the halves of a sample.
pub(super) struct Halving<'a> {
    pub rows: &'a Rows,
    pub clusters: usize,
    pub runs: usize,
    pub seed: u64,
}

impl Halving<'_> {
    /// None for less than two clusters, and where a half has fewer users than that.
    pub(super) fn stability(&self, labels: &[Option<u32>], progress: OnProgress<'_>) -> Option<Stability> {
        if self.clusters < 2 || self.rows.len() / 2 < self.clusters {
            return None;
        }
        let (mut between, mut with) = (Vec::new(), Vec::new());
        for run in 0..self.runs {
            let [one, other] = self.halves(run)?;
            between.extend(adjusted_rand(&one, &other));
            for half in [one, other] {
                let known = half.iter().zip(labels).filter_map(|(half, label)| Some((*half, (*label)?)));
                let (half, labels): (Vec<u32>, Vec<u32>) = known.unzip();
                with.extend(adjusted_rand(&half, &labels));
            }
            progress(Progress::of("looking for clusters again", run + 1, self.runs));
        }
        let between_halves = Mean::of(&between)?;
        Some(Stability { clusters: self.clusters, between_halves, with_attribute: Mean::of(&with) })
    }

    /// For all rows, the nearest of the clusters that each half has.
    fn halves(&self, run: usize) -> Option<[Vec<u32>; 2]> {
        let order = SplitMix::of(self.seed, &[2, run]).shuffled(self.rows.len() as u32);
        let (one, other) = order.split_at(order.len() / 2);
        let nearest = |half: &[u32], number: usize| {
            let seed = SplitMix::of(self.seed, &[3, run, number]).next();
            let found = restarted(&self.rows.pick(half), self.clusters, RESTARTS, seed)?;
            Some(assign(self.rows, &found.centroids).into_iter().map(|(label, _)| label).collect())
        };
        Some([nearest(one, 0)?, nearest(other, 1)?])
    }
}
