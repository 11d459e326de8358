//! Indexes that have gone through many changes, as a store's does.

use crate::cli::bench::data::{Data, Random};
use crate::cli::bench::tiers::{Bench, BuildArgs};
use crate::error::Result;
use crate::index::Wanted;
use crate::ingest::vectors::Vectors;
use crate::model::Metric;
use std::time::Instant;

/// Rows of one commit where vectors are replaced and removed.
const COMMIT_ROWS: usize = 1_000;
/// Parts in which everything is deleted and inserted again.
const STEPS: usize = 20;
/// Of what is in which order.
const SEED: u64 = 0x7475_726e;

/// Whether a label is still there after [`replaced`].
pub(super) fn is_kept(label: u32) -> bool {
    !label.is_multiple_of(3)
}

/// Gives every label another vector than it starts with, then removes every third label.
pub(super) fn replaced(args: &BuildArgs, metric: Metric, base: &Vectors) -> Result<(Bench, f64)> {
    let started = Instant::now();
    let mut bench = args.bench(base.dim(), metric)?;
    let label = |row: usize| ((row + base.len() / 2) % base.len()) as u32;
    bench
        .apply(base.iter().enumerate().map(|(row, vector)| (label(row), Some(vector.to_vec()))).collect())?;
    bench.maintain(Wanted::Sealed)?;
    let replaced = base.iter().enumerate().map(|(row, vector)| (row as u32, Some(vector.to_vec())));
    let removed = (0..base.len() as u32).filter(|&label| !is_kept(label)).map(|label| (label, None));
    let changes: Vec<_> = replaced.chain(removed).collect();
    for changes in changes.chunks(COMMIT_ROWS) {
        bench.apply(changes.to_vec())?;
        bench.maintain(Wanted::Due)?;
    }
    Ok((bench, started.elapsed().as_secs_f64()))
}

/// Deletes all labels, a twentieth at a time in random order, and inserts each twentieth again with vectors of other
/// labels before the next; so many times. The vectors are put in the order of the labels that have them in the end.
pub(super) fn renewed(
    args: &BuildArgs,
    metric: Metric,
    data: &mut Data,
    turnovers: usize,
) -> Result<(Bench, f64)> {
    let started = Instant::now();
    let base = &data.base;
    let (mut bench, _) = args.sealed(base, metric)?;
    let mut random = Random(SEED);
    let mut row_of: Vec<u32> = (0..base.len() as u32).collect();
    for _ in 0..turnovers {
        row_of = random.shuffled(base.len());
        for labels in random.shuffled(base.len()).chunks(base.len().div_ceil(STEPS)) {
            bench.apply(labels.iter().map(|&label| (label, None)).collect())?;
            bench.maintain(Wanted::Due)?;
            let vector = |label: u32| base.row(row_of[label as usize] as usize).to_vec();
            bench.apply(labels.iter().map(|&label| (label, Some(vector(label)))).collect())?;
            bench.maintain(Wanted::Due)?;
        }
    }
    let seconds = started.elapsed().as_secs_f64();
    let values = row_of.iter().flat_map(|&row| base.row(row as usize)).copied().collect();
    data.base = Vectors::new(base.dim(), values);
    Ok((bench, seconds))
}
