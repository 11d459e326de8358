//! Users shared out among clusters.

use super::report::TriedClusters;
use crate::compute::SplitMix;
use crate::learn::{Rows, distances, k_means, restarted, silhouette};
use crate::model::{OnProgress, Progress};
use serde::Serialize;
use std::ops::RangeInclusive;

/// Runs from other seeds, of which the best counts.
const RUNS: usize = 4;

/// How clusters are found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Method {
    /// k-means: every user is in a cluster, the one whose mean is nearest. In stores that compare by direction (cosine, inner product)
    /// it is spherical.
    #[default]
    KMeans,
    /// HDBSCAN: clusters are where users lie dense, as many as there are, and whoever lies elsewhere is in none.
    #[cfg(feature = "hdbscan")]
    Hdbscan,
}

/// Who is in which cluster: the largest comes first.
pub(super) struct Partition {
    pub centroids: Rows,
    /// For each row its cluster; none for noise.
    pub labels: Vec<Option<u32>>,
    pub tried: Vec<TriedClusters>,
    pub silhouette: Option<f64>,
}

/// The rows that the number of clusters is chosen by, and dense places are looked for in.
pub(super) struct Sample {
    pub numbers: Vec<u32>,
    pub rows: Rows,
    pub distances: Vec<Vec<f32>>,
}

impl Sample {
    pub(super) fn of(rows: &Rows, size: usize, seed: u64) -> Self {
        let numbers = SplitMix::new(seed).sample(rows.len() as u32, size);
        let sample = rows.pick(&numbers);
        Self { numbers, distances: distances(&sample), rows: sample }
    }

    pub(super) fn len(&self) -> usize {
        self.numbers.len()
    }

    /// The mean silhouette of the sample under labels of all rows.
    fn silhouette(&self, labels: &[Option<u32>]) -> Option<f64> {
        let own: Vec<_> = self.numbers.iter().map(|&row| labels[row as usize]).collect();
        silhouette(&self.distances, &own)
    }
}

/// By k-means: with each number of clusters on the sample, then with the one of the best silhouette on all rows, from the sample's
/// centroids on.
pub(super) fn by_means(
    rows: &Rows,
    sample: &Sample,
    clusters: RangeInclusive<usize>,
    seed: u64,
    progress: OnProgress<'_>,
) -> Partition {
    let all = clusters.clone().count();
    let (mut tried, mut best): (Vec<TriedClusters>, Option<(Option<f64>, Rows)>) = (Vec::new(), None);
    for (number, clusters) in clusters.enumerate() {
        progress(Progress::of("choosing the number of clusters", number, all));
        let Some(found) = restarted(&sample.rows, clusters, RUNS, seed) else { continue };
        let labels: Vec<_> = found.labels.iter().map(|&label| Some(label)).collect();
        let width = silhouette(&sample.distances, &labels);
        tried.push(TriedClusters { clusters, silhouette: width });
        // None is less than any; of equally good ones the first has the fewest clusters.
        if best.as_ref().is_none_or(|(before, _)| width > *before) {
            best = Some((width, found.centroids));
        }
    }
    let centroids = best.map_or_else(|| rows.none(), |(_, centroids)| centroids);
    let told = |round, most| progress(Progress::of("sharing out users", round, most));
    let found = k_means(rows, centroids, &told);
    let labels: Vec<_> = found.labels.into_iter().map(Some).collect();
    ordered(&found.centroids, labels, tried, sample)
}

/// Clusters by size, the largest first, those without rows left out.
pub(super) fn ordered(
    centroids: &Rows,
    mut labels: Vec<Option<u32>>,
    tried: Vec<TriedClusters>,
    sample: &Sample,
) -> Partition {
    let mut sizes = vec![0_u64; centroids.len()];
    labels.iter().flatten().for_each(|&label| sizes[label as usize] += 1);
    let mut order: Vec<u32> = (0..sizes.len() as u32).filter(|&label| sizes[label as usize] > 0).collect();
    order.sort_by_key(|&label| std::cmp::Reverse(sizes[label as usize]));
    let mut places = vec![0; sizes.len()];
    order.iter().enumerate().for_each(|(place, &label)| places[label as usize] = place as u32);
    labels.iter_mut().flatten().for_each(|label| *label = places[*label as usize]);
    let silhouette = sample.silhouette(&labels);
    Partition { centroids: centroids.pick(&order), labels, tried, silhouette }
}
