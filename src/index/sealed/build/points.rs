//! The points that a graph is built over: 8-bit codes, each with its own scale, and a distance between them.

use super::workers::{Cancelled, Workers};
use crate::compute::CodeKernels;
use crate::index::sealed::coder::{Coder, largest};
use crate::index::sealed::pool::Candidate;
use crate::model::Metric;

/// `distance(a, b) = half(a) + half(b) − 2 · scale(a) · scale(b) · product(a, b)`: the squared Euclidean distance where
/// `half` is a squared length; under inner product, where it is the same upper bound for all, in the product's order. All in units in
/// which the longest point is about 1 long.
#[derive(Debug)]
pub(super) struct Points {
    pub width: usize,
    pub codes: Vec<i8>,
    pub scale: Vec<f32>,
    pub half: Vec<f32>,
    pub kernels: &'static CodeKernels,
}

/// One point's codes with its numbers.
#[derive(Clone, Copy, Debug, Default)]
struct Numbers {
    scale: f64,
    /// The squared length of the codes.
    squares: f64,
    /// The largest value of the normalized row, for the grid's limit.
    largest: f32,
}

impl Points {
    /// Codes of all vectors, and the largest value that the coder's grid has to reach.
    pub(super) fn new<'v>(
        coder: &Coder,
        nodes: usize,
        vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
        workers: &Workers,
        kernels: &'static CodeKernels,
    ) -> Result<(Self, f32), Cancelled> {
        let width = coder.code_dim();
        let mut codes = vec![0_i8; nodes * width];
        let mut numbers = vec![Numbers::default(); nodes];
        let mut rows: Vec<(&mut [i8], &mut Numbers)> =
            codes.chunks_exact_mut(width).zip(&mut numbers).collect();
        workers.rows(
            &mut rows,
            1,
            || vec![0.0; width],
            |rotated, node, row| {
                coder.rotate(vector(node), true, rotated);
                let (codes, numbers) = &mut row[0];
                **numbers = encode(rotated, codes);
                coder.normalize(rotated);
                numbers.largest = largest(rotated);
            },
        )?;
        let limit = numbers.iter().fold(0.0_f32, |limit, numbers| limit.max(numbers.largest));
        let unit = unit(&numbers);
        let scale = numbers.iter().map(|numbers| (numbers.scale * unit) as f32).collect();
        let mut half: Vec<f32> = numbers.iter().map(|numbers| numbers.length_squared(unit) as f32).collect();
        if coder.grid.metric == Metric::InnerProduct {
            let bound = half.iter().fold(0.0_f32, |bound, half| bound.max(*half));
            half.fill(bound);
        }
        Ok((Self { width, codes, scale, half, kernels }, limit))
    }

    pub(super) fn len(&self) -> usize {
        self.scale.len()
    }

    /// The points from the one of this number on.
    pub(super) fn from(&self, first: usize) -> Self {
        Self {
            width: self.width,
            codes: self.codes[first * self.width..].to_vec(),
            scale: self.scale[first..].to_vec(),
            half: self.half[first..].to_vec(),
            kernels: self.kernels,
        }
    }

    pub(super) fn codes_of(&self, node: u32) -> &[i8] {
        &self.codes[node as usize * self.width..][..self.width]
    }

    /// How close `others` are to `node`, as candidates in order, the closest first.
    pub(super) fn sorted(
        &self,
        node: u32,
        others: &[u32],
        products: &mut Vec<i32>,
        out: &mut Vec<Candidate>,
    ) {
        products.resize(others.len(), 0);
        self.kernels.dots_i8(self.codes_of(node), &self.codes, others, products);
        out.clear();
        out.extend(
            others
                .iter()
                .zip(&*products)
                .map(|(&other, &product)| Candidate::new(-self.distance(node, other, product), other)),
        );
        out.sort_unstable();
        out.dedup();
    }

    #[inline]
    pub(super) fn distance(&self, a: u32, b: u32, product: i32) -> f32 {
        let (a, b) = (a as usize, b as usize);
        let inner = self.scale[a] * self.scale[b] * product as f32;
        self.half[a] + self.half[b] - 2.0 * inner
    }
}

impl Numbers {
    fn length_squared(&self, unit: f64) -> f64 {
        (self.scale * unit) * (self.scale * unit) * self.squares
    }
}

/// What brings the longest point's length to about 1: else products of very short ones would be 0 in `f32`, and all
/// distances alike. A power of two, it changes no other bit of them.
fn unit(numbers: &[Numbers]) -> f64 {
    let longest = numbers.iter().map(|numbers| numbers.length_squared(1.0)).fold(0.0, f64::max);
    if longest > 0.0 { 2.0_f64.powi(-longest.sqrt().log2().floor() as i32) } else { 1.0 }
}

/// Symmetric codes, −127 to 127 spanning the largest value.
fn encode(rotated: &[f32], codes: &mut [i8]) -> Numbers {
    let largest = largest(rotated);
    if largest == 0.0 {
        codes.fill(0);
        return Numbers::default();
    }
    let steps = 127.0 / f64::from(largest);
    let mut squares = 0.0;
    for (code, &value) in codes.iter_mut().zip(rotated) {
        let scaled = f64::from(value) * steps;
        *code = (scaled + 0.5_f64.copysign(scaled)) as i8;
        squares += f64::from(*code) * f64::from(*code);
    }
    Numbers { scale: f64::from(largest) / 127.0, squares, largest: 0.0 }
}
