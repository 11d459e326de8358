//! What a filtered search has to beat: an exact scan of 8-bit codes of the rows that match.

use crate::cli::bench::truth::score;
use crate::compute::distance::backend;
use crate::compute::top_k::TopK;
use crate::ingest::vectors::Vectors;
use crate::model::Metric;
use roaring::RoaringBitmap;

/// Best by codes that are scored by vectors.
const RESCORED: usize = 30;
/// Rows compared at a time, by the kernel that the index scans with.
const BATCH: usize = 128;

/// Codes of rows, side by side in memory: each row −127 to 127 over its largest value.
pub(super) struct Scan<'a> {
    base: &'a Vectors,
    metric: Metric,
    rows: Vec<u32>,
    codes: Vec<i8>,
    /// Of each row the value of one step, and the squared length.
    factors: Vec<(f32, f32)>,
}

impl<'a> Scan<'a> {
    pub(super) fn new(base: &'a Vectors, metric: Metric, rows: Vec<u32>) -> Self {
        let mut codes = Vec::with_capacity(rows.len() * base.dim());
        let mut factors = Vec::with_capacity(rows.len());
        for &row in &rows {
            let vector = base.row(row as usize);
            factors.push((encode(vector, &mut codes), backend().dot(vector, vector)));
        }
        Self { base, metric, rows, codes, factors }
    }

    /// The `k` nearest rows that are not excluded, the nearest first.
    pub(super) fn search(&self, query: &[f32], k: usize, excluded: &RoaringBitmap) -> Vec<u32> {
        let backend = backend();
        let mut query_codes = Vec::with_capacity(query.len());
        let step = encode(query, &mut query_codes);
        let mut best = TopK::new(RESCORED.max(k));
        let mut products = [0; BATCH];
        for start in (0..self.rows.len()).step_by(BATCH) {
            let end = (start + BATCH).min(self.rows.len());
            let places: [u32; BATCH] = std::array::from_fn(|i| (start + i) as u32);
            backend.codes().dots_i8(&query_codes, &self.codes, &places[..end - start], &mut products);
            for (at, &product) in (start..end).zip(&products) {
                let ((row_step, squared), row) = (self.factors[at], self.rows[at]);
                let inner = step * row_step * product as f32;
                let estimate = if self.metric == Metric::L2 { 2.0 * inner - squared } else { inner };
                if best.may_keep(estimate) && !excluded.contains(row) {
                    best.push(estimate, row);
                }
            }
        }
        let mut exact = TopK::new(k);
        for (_, row) in best.into_sorted() {
            exact.push(score(self.metric, query, self.base.row(row as usize)), row);
        }
        exact.into_sorted().into_iter().map(|(_, row)| row).collect()
    }
}

/// Appends the codes of a vector and returns the value of one step.
fn encode(vector: &[f32], codes: &mut Vec<i8>) -> f32 {
    let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    let steps = if largest > 0.0 { 127.0 / largest } else { 0.0 };
    codes.extend(vector.iter().map(|value| (value * steps).round() as i8));
    largest / 127.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scan_finds_the_nearest_that_are_not_excluded() {
        let base = Vectors::new(2, (0..200).flat_map(|i| [(i as f32).sqrt(), 3.0]).collect());
        for (metric, nearest) in [(Metric::L2, [100, 101, 99]), (Metric::InnerProduct, [198, 196, 194])] {
            let all = Scan::new(&base, metric, (0..200).collect());
            let odd = (0..200).filter(|row| metric == Metric::InnerProduct && row % 2 == 1).collect();
            assert_eq!(all.search(&[10.01, 3.0], 3, &odd), nearest, "{metric}");
        }
        let few = Scan::new(&base, Metric::L2, vec![3, 50]);
        assert_eq!(few.search(&[0.0, 3.0], 9, &RoaringBitmap::new()), [3, 50]);
    }
}
