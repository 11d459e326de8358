//! A random orthogonal transform in O(n log n): it spreads what a vector holds evenly over all dimensions, so that one
//! grid of codes suits them all (Ailon and Chazelle 2006, section 2, without the sparse projection).

use crate::compute::Backend;
use crate::compute::distance::backend;

/// Rounds of signs and Hadamard transforms.
const ROUNDS: usize = 2;

/// Random signs and Hadamard transforms over the longest power of two that fits, at the front and at the back by
/// turns: any number of dimensions stays as it is.
#[derive(Debug)]
pub(super) struct Rotation {
    span: usize,
    /// For each transform, one factor for each dimension of its span: a sign over the root of the span.
    signs: Vec<f32>,
    backend: &'static Backend,
}

impl Rotation {
    /// The transform of a seed for vectors of `dim` dimensions, which are at least one.
    pub(super) fn new(dim: usize, seed: u64) -> Self {
        let span = 1 << dim.ilog2();
        let factor = (span as f32).sqrt().recip();
        let mut numbers = SplitMix(seed);
        let signs = (0..2 * ROUNDS * span)
            .map(|_| if numbers.next() >> 63 == 0 { factor } else { -factor })
            .collect();
        Self { span, signs, backend: backend() }
    }

    /// Transforms `x` in place.
    pub(super) fn apply(&self, x: &mut [f32]) {
        let back = x.len() - self.span;
        for (turn, signs) in self.signs.chunks_exact(self.span).enumerate() {
            let start = if turn % 2 == 0 { 0 } else { back };
            let part = &mut x[start..start + self.span];
            for (value, sign) in part.iter_mut().zip(signs) {
                *value *= sign;
            }
            self.backend.hadamard(part);
        }
    }
}

/// A small generator of 64-bit numbers (Steele, Lea and Flood 2014, `SplitMix64`), for seeds and samples.
#[derive(Clone, Debug)]
pub(super) struct SplitMix(pub u64);

impl SplitMix {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is at least 1.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::distance::{dot, norm};

    fn wave(dim: usize, phase: f32) -> Vec<f32> {
        (0..dim).map(|i| (i as f32 * 0.61 + phase).sin()).collect()
    }

    #[test]
    fn lengths_and_angles_stay() {
        for dim in [1, 2, 3, 16, 17, 128, 384, 640, 768, 4096] {
            let rotation = Rotation::new(dim, 9);
            let (mut a, mut b) = (wave(dim, 0.1), wave(dim, 0.9));
            let (length, product) = (norm(&a), dot(&a, &b));
            rotation.apply(&mut a);
            rotation.apply(&mut b);
            assert!((norm(&a) - length).abs() < 1e-4 * (1.0 + length), "{dim}");
            assert!((dot(&a, &b) - product).abs() < 1e-4 * (1.0 + product.abs()), "{dim}");
        }
    }

    #[test]
    fn one_dimension_reaches_all() {
        for dim in [128, 384, 640, 768, 896] {
            for hot in [0, dim / 2, dim - 1] {
                let mut x = vec![0.0; dim];
                x[hot] = 1.0;
                Rotation::new(dim, 3).apply(&mut x);
                let largest = x.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
                assert!(largest < 8.0 / (dim as f32).sqrt(), "{dim} {hot}: {largest}");
            }
        }
    }
}
