//! The true neighbours, by comparing every query with every vector.

use super::bar;
use super::data::Data;
use crate::cli::npy::write_npy;
use crate::compute::distance::backend;
use crate::compute::top_k::TopK;
use crate::error::{Error, Result};
use crate::ingest::vectors::Vectors;
use crate::model::Metric;
use std::path::Path;

/// Rows that all queries of a thread are compared with before the next: they stay in its cache.
const BLOCK: usize = 256;

/// How far the exact search goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Exact {
    pub metric: Metric,
    pub k: usize,
    /// Threads that share the queries.
    pub threads: usize,
}

impl Exact {
    /// The `k` nearest of `rows` for each of the first `count` queries, the nearest first.
    pub(super) fn nearest(&self, data: &Data, rows: &[u32], count: usize) -> Result<Vec<Vec<u32>>> {
        let queries: Vec<&[f32]> = data.queries.iter().take(count).collect();
        let bar = bar("Truth");
        bar.set_length((rows.len() * self.threads.min(queries.len())) as u64);
        let search = |part: &[&[f32]]| self.part(&data.base, rows, part, &|done| bar.inc(done as u64));
        let parts: Vec<_> = std::thread::scope(|scope| {
            let chunks = queries.chunks(queries.len().div_ceil(self.threads).max(1));
            let workers: Vec<_> = chunks.map(|part| scope.spawn(move || search(part))).collect();
            workers.into_iter().map(std::thread::ScopedJoinHandle::join).collect()
        });
        bar.finish_and_clear();
        let panicked = |_| Error::Bug("an exact search panicked".to_owned());
        let found: Vec<_> = parts.into_iter().collect::<Result<_, _>>().map_err(panicked)?;
        Ok(found.into_iter().flatten().collect())
    }

    fn part(&self, base: &Vectors, rows: &[u32], queries: &[&[f32]], done: &dyn Fn(usize)) -> Vec<Vec<u32>> {
        let mut best: Vec<TopK<u32>> = queries.iter().map(|_| TopK::new(self.k)).collect();
        for block in rows.chunks(BLOCK) {
            for (query, best) in queries.iter().zip(&mut best) {
                for &row in block {
                    best.push(score(self.metric, query, base.row(row as usize)), row);
                }
            }
            done(block.len());
        }
        let labels = |best: TopK<u32>| best.into_sorted().into_iter().map(|(_, row)| row).collect();
        best.into_iter().map(labels).collect()
    }
}

/// The larger the closer; for cosine the vectors are of unit length.
pub(super) fn score(metric: Metric, query: &[f32], row: &[f32]) -> f32 {
    match metric {
        Metric::Cosine | Metric::InnerProduct => backend().dot(query, row),
        Metric::L2 => -backend().l2_squared(query, row),
    }
}

/// Writes neighbours, as many for each query, as npy (i32).
pub(super) fn save(path: &Path, truth: &[Vec<u32>]) -> Result<()> {
    let columns = truth.first().map_or(1, Vec::len).max(1);
    let rows: Vec<i32> = truth.iter().flatten().map(|&row| row as i32).collect();
    write_npy(path, &rows, columns)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::vectors::read_neighbors;

    fn line() -> Data {
        let base = Vectors::new(1, (0..1000).map(|i| i as f32).collect());
        Data { base, queries: Vectors::new(1, vec![3.2, 700.9, 0.0]), synthetic: false }
    }

    #[test]
    fn the_nearest_are_found_among_the_rows_given() {
        let exact = Exact { metric: Metric::L2, k: 2, threads: 2 };
        let all: Vec<u32> = (0..1000).collect();
        assert_eq!(exact.nearest(&line(), &all, 3).unwrap(), [[3, 4], [701, 700], [0, 1]]);
        assert_eq!(exact.nearest(&line(), &[8, 9, 650], 2).unwrap(), [[8, 9], [650, 9]]);
    }

    #[test]
    fn a_saved_truth_reads_the_same() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("truth.npy");
        save(&path, &[vec![1, 2, 3], vec![4, 5, 6]]).unwrap();
        assert_eq!(read_neighbors(&path).unwrap(), [[1, 2, 3], [4, 5, 6]]);
    }
}
