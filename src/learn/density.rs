//! HDBSCAN (Campello, Moulavi and Sander, PAKDD 2013): clusters are where rows lie dense, whatever their shape, and the rest is noise.

use crate::error::{Error, Result};
use hdbscan::{DistanceMetric, Hdbscan, HdbscanHyperParams};

/// Equal rows would lie infinitely dense: they are taken to be this share of the largest distance apart.
const APART: f32 = 1e-6;

/// The cluster of each row, by the distances between all of them; none for noise. The smallest cluster has `least` rows, 2 at least,
/// and so many neighbours tell how dense it is around a row. Distances of next to nothing are made a little larger. Time and memory grow with the square of the rows.
pub(crate) fn by_density(distances: &mut [Vec<f32>], least: usize) -> Result<Vec<Option<u32>>> {
    let largest = distances.iter().flatten().fold(0.0_f32, |largest, &distance| largest.max(distance));
    if distances.len() < least.max(2) || largest <= 0.0 {
        return Ok(vec![None; distances.len()]);
    }
    for (at, row) in distances.iter_mut().enumerate() {
        row.iter_mut().for_each(|distance| *distance = distance.max(APART * largest));
        row[at] = 0.0;
    }
    let options = HdbscanHyperParams::builder()
        .min_cluster_size(least)
        .min_samples(least)
        .dist_metric(DistanceMetric::Precalculated)
        .build();
    let labels = Hdbscan::new(distances, options).cluster();
    let labels = labels.map_err(|error| Error::Bug(format!("clustering by density: {error}")))?;
    Ok(labels.into_iter().map(|label| u32::try_from(label).ok()).collect())
}
