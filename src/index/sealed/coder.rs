//! Codes of a sealed file: 4 bits a dimension to walk by, 8 more to score by.
//!
//! Vectors are centred on their mean, padded to whole blocks, and rotated; then one grid serves all dimensions (as in
//! locally-adaptive vector quantization, Aguerrebere et al. 2023, but with one step for all, which the rotation allows).
//! Under inner product and L2 lengths vary, so a row is divided by its length, which is kept as its factor; under cosine
//! a row needs no factor.

use super::rotation::Rotation;
use crate::compute::distance::{dot, norm};
use crate::compute::{BLOCK, BLOCK_BYTES, Levels};
use crate::model::Metric;

/// The grid of 4-bit codes ends at this many standard deviations: for a normal distribution that loses least.
const GRID_DEVIATIONS: f32 = 2.7;

/// Keys fall at least by so many standard deviations of their error before a walk gives up.
const FALL_ERRORS: f32 = 2.0;

/// A step's parts, and products with them, are still normal numbers.
const LEAST_STEP: f32 = 1e-30;

/// What of a file's vectors its codes depend on.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Grid {
    pub metric: Metric,
    pub seed: u64,
    /// Of all vectors; zeros under inner product, where distances between rows are products too.
    pub mean: Vec<f32>,
    /// Width of one 4-bit code's interval.
    pub step: f32,
    /// No rotated value is further from 0.
    pub limit: f32,
}

/// Makes codes of rows and of queries.
#[derive(Debug)]
pub(super) struct Coder {
    pub grid: Grid,
    pub levels: Levels,
    rotation: Rotation,
}

/// Dimensions of the codes of vectors of `dim` dimensions: whole blocks. What is added is not wasted, as rotation
/// spreads the vector over it.
pub(super) fn code_dim(dim: usize) -> usize {
    dim.next_multiple_of(BLOCK)
}

/// Whether rows have a factor.
pub(super) fn has_factors(metric: Metric) -> bool {
    metric != Metric::Cosine
}

/// The step of a grid for rotated values of a standard deviation.
pub(super) fn step_for(deviation: f32) -> f32 {
    let step = 2.0 * GRID_DEVIATIONS * deviation / 16.0;
    // Where all vectors are equal every code stands for zero, as near as may be.
    step.max(LEAST_STEP)
}

impl Coder {
    pub(super) fn new(grid: Grid) -> Self {
        let rotation = Rotation::new(code_dim(grid.mean.len()), grid.seed);
        let levels = levels(grid.step, grid.limit);
        Self { grid, levels, rotation }
    }

    pub(super) fn code_dim(&self) -> usize {
        code_dim(self.grid.mean.len())
    }

    /// The vector centred and rotated, in `out`.
    pub(super) fn rotate(&self, vector: &[f32], centred: bool, out: &mut [f32]) {
        let (front, padding) = out.split_at_mut(vector.len());
        if centred {
            for ((out, value), mean) in front.iter_mut().zip(vector).zip(&self.grid.mean) {
                *out = value - mean;
            }
        } else {
            front.copy_from_slice(vector);
        }
        padding.fill(0.0);
        self.rotation.apply(out);
    }

    /// Divides a rotated row by its length where the metric asks for it, and returns its factor.
    pub(super) fn normalize(&self, rotated: &mut [f32]) -> f32 {
        if !has_factors(self.grid.metric) {
            return 1.0;
        }
        let length = norm(rotated);
        if length > 0.0 {
            let factor = length.recip();
            rotated.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
        }
        length as f32
    }

    /// Codes of a rotated, normalized row.
    pub(super) fn encode(&self, rotated: &[f32], codes: &mut [u8], bytes: &mut [u8]) {
        let steps = self.grid.step.recip();
        let blocks = rotated.chunks_exact(BLOCK).zip(codes.chunks_exact_mut(BLOCK_BYTES));
        for ((values, codes), bytes) in blocks.zip(bytes.chunks_exact_mut(BLOCK)) {
            for i in 0..BLOCK_BYTES {
                let low = self.refine(values[i], steps, &mut bytes[i]);
                let high = self.refine(values[i + BLOCK_BYTES], steps, &mut bytes[i + BLOCK_BYTES]);
                codes[i] = low | high << 4;
            }
        }
    }

    /// The 4-bit code of a value, and into `byte` its place within the code's interval.
    #[inline]
    fn refine(&self, value: f32, steps: f32, byte: &mut u8) -> u8 {
        // Casts saturate, at 0 too.
        let code = (value.mul_add(steps, 8.0) as u8).min(15);
        let (base, step) = (self.levels.base[usize::from(code)], self.levels.step[usize::from(code)]);
        // The base is the middle of the first part.
        *byte = ((value - base) / step + 0.5) as u8;
        code
    }

    /// What a prepared query vector is compared by.
    pub(super) fn query(&self, vector: &[f32]) -> Query {
        let mut query = Query::default();
        self.prepare(vector, &mut query);
        query
    }

    /// The same in memory that is there.
    pub(super) fn prepare(&self, vector: &[f32], query: &mut Query) {
        let metric = self.grid.metric;
        let Query { codes, rotated, .. } = query;
        rotated.resize(self.code_dim(), 0.0);
        self.rotate(vector, metric == Metric::L2, rotated);
        let largest = largest(rotated);
        let unit = if largest.is_normal() { largest / 127.0 } else { 1.0 };
        let steps = unit.recip();
        codes.clear();
        codes.extend(rotated.iter().map(|value| round(value * steps)));
        let sum: i32 = codes.iter().map(|&code| i32::from(code)).sum();
        let squares: i32 = codes.iter().map(|&code| i32::from(code) * i32::from(code)).sum();
        query.offset = match metric {
            Metric::Cosine | Metric::InnerProduct => dot(vector, &self.grid.mean),
            Metric::L2 => -dot(rotated, rotated),
        };
        query.middle = 7.5 * sum as f32;
        query.unit = unit * self.grid.step;
        query.error = (squares as f32 / 12.0).sqrt();
        query.length = unit * (squares as f32).sqrt();
        query.metric = metric;
    }
}

/// The largest magnitude of finite values: as whole numbers, their bits are in its order, and quicker to compare.
pub(super) fn largest(values: &[f32]) -> f32 {
    f32::from_bits(values.iter().fold(0, |largest, value| (value.to_bits() & i32::MAX as u32).max(largest)))
}

/// The nearest whole number of a value from −127.4 to 127.4: added to this sum it stands in the lowest bits. (A cast
/// would have to look for values out of range, one by one.)
#[inline]
fn round(value: f32) -> i8 {
    const SUM: f32 = 12_582_912.0;
    ((value + SUM).to_bits() as u8).cast_signed()
}

/// Even intervals but for the outermost, which reach to the limit: nothing is clipped.
fn levels(step: f32, limit: f32) -> Levels {
    let outer = (limit - 7.0 * step).max(step);
    let width = |code: usize| if code.is_multiple_of(15) { outer } else { step };
    let lower = |code: usize| if code == 0 { -7.0 * step - outer } else { (code as f32 - 8.0) * step };
    Levels {
        base: std::array::from_fn(|code| lower(code) + width(code) / 512.0),
        step: std::array::from_fn(|code| width(code) / 256.0),
    }
}

/// A query against the rows of one file.
#[derive(Debug, Default)]
pub(super) struct Query {
    pub codes: Vec<i8>,
    pub rotated: Vec<f32>,
    /// A product of codes less this, times `unit`, is the inner product with a row's 4-bit codes.
    middle: f32,
    unit: f32,
    /// The standard deviation of the error of a product.
    error: f32,
    /// What no row changes of the score.
    offset: f32,
    /// The rotated vector's.
    length: f32,
    metric: Metric,
}

impl Query {
    /// Turns products of codes into keys in the order of the score, larger being closer.
    #[inline]
    pub(super) fn keys(&self, products: &[i32], factors: &[f32], ids: &[u32], keys: &mut [f32]) {
        match self.metric {
            Metric::Cosine => {
                for (key, &product) in keys.iter_mut().zip(products) {
                    *key = product as f32;
                }
            }
            Metric::InnerProduct => {
                for ((key, &product), &id) in keys.iter_mut().zip(products).zip(ids) {
                    *key = (product as f32 - self.middle) * factor(factors, id);
                }
            }
            Metric::L2 => {
                for ((key, &product), &id) in keys.iter_mut().zip(products).zip(ids) {
                    let length = factor(factors, id);
                    *key = (2.0 * self.unit * (product as f32 - self.middle) - length) * length;
                }
            }
        }
    }

    /// The standard deviation of a key's error: that of each 4-bit code is spread evenly over one step, and they add up as
    /// chance has it.
    pub(super) fn key_error(&self, length: f32) -> f32 {
        match self.metric {
            Metric::Cosine => self.error,
            Metric::InnerProduct => self.error * length,
            Metric::L2 => 2.0 * self.unit * self.error * length,
        }
    }

    /// The standard deviation of the error of a score by refined codes: these have a 256th of the step.
    pub(super) fn score_error(&self, length: f32) -> f32 {
        self.relative(self.key_error(length)) / 256.0
    }

    /// The score that a key stands for, less what no row changes.
    #[inline]
    fn relative(&self, key: f32) -> f32 {
        if self.metric == Metric::L2 { key } else { key * self.unit }
    }

    /// By how much keys fall as scores do, `falls` times the measure that makes queries alike: under cosine 1, under inner
    /// product the query's length, under L2 the squared distance. It is no less than what keys may be off by.
    pub(super) fn fall(&self, falls: f32) -> Fall {
        match self.metric {
            Metric::Cosine => Fall { factor: 1.0, less: falls / self.unit, least: FALL_ERRORS * self.error },
            Metric::InnerProduct => Fall { factor: 1.0, less: falls * self.length / self.unit, least: 0.0 },
            Metric::L2 => Fall { factor: 1.0 + falls, less: -falls * self.offset, least: self.near_error() },
        }
    }

    /// The fall of the score from one key to another, and the measure of this query.
    pub(super) fn fallen(&self, from: f32, to: f32) -> (f32, f32) {
        let fallen = self.relative(from) - self.relative(to);
        match self.metric {
            Metric::Cosine => (fallen, 1.0),
            Metric::InnerProduct => (fallen, self.length),
            Metric::L2 => (fallen, (-(self.offset + from)).max(self.near_error())),
        }
    }

    /// What keys of rows about as long as the query may be off by, under L2: near ones are.
    fn near_error(&self) -> f32 {
        FALL_ERRORS * self.key_error((-self.offset).max(0.0).sqrt())
    }

    /// The score, from the inner product with a row's refined codes.
    #[inline]
    pub(super) fn score(&self, product: f32, length: f32) -> f32 {
        match self.metric {
            Metric::Cosine => self.offset + product,
            Metric::InnerProduct => self.offset + length * product,
            Metric::L2 => (self.offset + length * (2.0 * product - length)).min(0.0),
        }
    }
}

/// A key below another one: `factor · key − less`, but at least by `least`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fall {
    pub factor: f32,
    pub less: f32,
    pub least: f32,
}

impl Fall {
    #[inline]
    pub(super) fn below(&self, key: f32) -> f32 {
        (self.factor * key - self.less).min(key - self.least)
    }
}

#[inline]
pub(super) fn factor(factors: &[f32], id: u32) -> f32 {
    factors.get(id as usize).copied().unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::distance::{backend, l2_squared, normalize};

    fn vectors(count: usize, dim: usize) -> Vec<Vec<f32>> {
        let mut numbers = super::super::rotation::SplitMix(5);
        let mut value = || (numbers.next() >> 40) as f32 / (1 << 23) as f32 - 1.0;
        (0..count).map(|i| (0..dim).map(|_| value() * (1.0 + (i % 3) as f32)).collect()).collect()
    }

    fn coder(metric: Metric, dim: usize) -> Coder {
        let mean = if metric == Metric::InnerProduct { vec![0.0; dim] } else { vec![0.02; dim] };
        let step = step_for((code_dim(dim) as f32).sqrt().recip());
        Coder::new(Grid { metric, seed: 7, mean, step, limit: 1.0 })
    }

    #[test]
    fn refined_scores_are_near_the_exact_ones() {
        for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
            for dim in [2, 100, 384] {
                let coder = coder(metric, dim);
                let width = coder.code_dim();
                let mut rows = vectors(20, dim);
                if metric == Metric::Cosine {
                    rows.iter_mut().for_each(|row| assert!(normalize(row) > 0.0));
                }
                let query = coder.query(&rows[0]);
                for row in &rows {
                    let (mut rotated, mut codes, mut bytes) =
                        (vec![0.0; width], vec![0; width / 2], vec![0; width]);
                    coder.rotate(row, true, &mut rotated);
                    let length = coder.normalize(&mut rotated);
                    coder.encode(&rotated, &mut codes, &mut bytes);
                    let product =
                        backend().codes().dot_refined(&query.rotated, &codes, &bytes, &coder.levels);
                    let expected = match metric {
                        Metric::L2 => -l2_squared(&rows[0], row),
                        _ => dot(&rows[0], row),
                    };
                    // Of the centred lengths.
                    let tolerance = 1e-3 * ((norm(row) + 0.1) * (norm(&rows[0]) + 0.1)) as f32;
                    let found = query.score(product, length);
                    assert!((found - expected).abs() <= tolerance, "{metric} {dim}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn the_grid_reaches_its_limit() {
        let levels = levels(0.1, 3.0);
        assert!((levels.base[15] + 255.0 * levels.step[15] - 3.0).abs() < 0.01);
        assert!((levels.base[0] + 3.0).abs() < 0.01);
        assert!((levels.base[8]).abs() < 0.001);
    }
}
