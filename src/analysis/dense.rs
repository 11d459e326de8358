//! Clusters where users lie dense.

use super::partition::{Partition, Sample, ordered};
use crate::error::Result;
use crate::learn::{self, Rows, assign, means};
use crate::model::{OnProgress, Progress};

/// By density in the sample; everybody else is where the most alike of the sample is.
pub(super) fn by_density(
    rows: &Rows,
    mut sample: Sample,
    least: usize,
    progress: OnProgress<'_>,
) -> Result<Partition> {
    progress(Progress::of("looking for dense places", 0, 1));
    let found = learn::by_density(&mut sample.distances, least)?;
    if found.iter().all(Option::is_none) {
        return Ok(ordered(&rows.none(), vec![None; rows.len()], Vec::new(), &sample));
    }
    progress(Progress::of("sharing out users", 0, 1));
    let nearest = assign(rows, &sample.rows).into_iter().map(|(row, _)| found[row as usize]);
    let mut labels: Vec<_> = nearest.collect();
    // Of two who are the same the other would be the nearest.
    for (&row, label) in sample.numbers.iter().zip(&found) {
        labels[row as usize] = *label;
    }
    let clusters = found.iter().flatten().max().map_or(0, |&label| label as usize + 1);
    let mut centroids = rows.none();
    for (label, mean) in means(rows, labels.iter().copied(), clusters).into_iter().enumerate() {
        let any = || labels.iter().position(|of| *of == Some(label as u32));
        if let Some(centroid) = mean.or_else(|| any().map(|row| rows.row(row).to_vec())) {
            centroids.push(&centroid);
        }
    }
    Ok(ordered(&centroids, labels, Vec::new(), &sample))
}
