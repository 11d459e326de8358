//! A random orthogonal transform in O(n log n): it spreads what a vector holds evenly over all dimensions, so that one
//! grid of codes suits them all (Ailon and Chazelle 2006, section 2, without the sparse projection).

/// Rounds of signs and Hadamard transforms.
const ROUNDS: usize = 2;

/// Random signs and Hadamard transforms over the longest power of two that fits, at the front and at the back by
/// turns: any number of dimensions stays as it is.
#[derive(Debug)]
pub(super) struct Rotation {
    span: usize,
    /// For each transform, one factor for each dimension of its span: a sign over the root of the span.
    signs: Vec<f32>,
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
        Self { span, signs }
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
            hadamard(part);
        }
    }
}

/// The Hadamard transform, not scaled, of a power of two of values.
fn hadamard(x: &mut [f32]) {
    let mut half = 1;
    if x.len() >= 16 {
        x.as_chunks_mut::<16>().0.iter_mut().for_each(hadamard_16);
        half = 16;
    }
    while half < x.len() {
        for pair in x.chunks_exact_mut(2 * half) {
            let (front, back) = pair.split_at_mut(half);
            for (a, b) in front.iter_mut().zip(back) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// As a 4 x 4 matrix: columns, then rows, so that all but the last step work on whole vectors.
fn hadamard_16(x: &mut [f32; 16]) {
    for half in [8, 4] {
        for start in (0..16).step_by(2 * half) {
            for i in start..start + half {
                (x[i], x[i + half]) = (x[i] + x[i + half], x[i] - x[i + half]);
            }
        }
    }
    for [a, b, c, d] in x.as_chunks_mut::<4>().0 {
        let (sum, difference, other_sum, other_difference) = (*a + *b, *a - *b, *c + *d, *c - *d);
        (*a, *c) = (sum + other_sum, sum - other_sum);
        (*b, *d) = (difference + other_difference, difference - other_difference);
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
