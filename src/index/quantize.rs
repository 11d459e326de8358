//! Eight-bit codes, symmetric, each vector with its own scale: −127 to 127 spans its largest element.

use crate::compute::distance::dot_i8;
use crate::model::Metric;

/// Codes of a row are padded with zeros to a multiple of this: whole vector loads, no rests.
const ALIGNMENT: usize = 64;

/// What brings a row's code products back to the metric's scale. Directions and lengths are kept apart: squares of short
/// lengths, and products of their steps, would be too small for a number.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Factor {
    /// Makes the product of codes a cosine: 1 / length of the codes.
    pub scale: f32,
    /// Length of what the codes stand for; 1 for cosine.
    pub norm: f32,
}

/// Bytes of a row's codes.
pub(super) fn stride(dim: usize) -> usize {
    dim.next_multiple_of(ALIGNMENT)
}

/// Writes the codes of `vector` to the front of `codes`; what is beyond stays as it is.
pub(super) fn encode(vector: &[f32], metric: Metric, codes: &mut [i8]) -> Factor {
    let largest = vector.iter().fold(0.0_f32, |largest, value| largest.max(value.abs()));
    if largest == 0.0 {
        return Factor::default();
    }
    // In double precision the quotient is finite for subnormal vectors too.
    let steps = 127.0 / f64::from(largest);
    for (code, &value) in codes.iter_mut().zip(vector) {
        let scaled = f64::from(value) * steps;
        *code = (scaled + 0.5_f64.copysign(scaled)) as i8;
    }
    factor(metric, f64::from(largest) / 127.0, f64::from(dot_i8(codes, codes)))
}

fn factor(metric: Metric, step: f64, codes_squared: f64) -> Factor {
    let length = codes_squared.sqrt();
    let norm = if metric == Metric::Cosine { 1.0 } else { step * length };
    Factor { scale: length.recip() as f32, norm: norm as f32 }
}

/// A vector with its codes: what a search compares rows with.
#[derive(Debug)]
pub(super) struct Query {
    pub vector: Vec<f32>,
    pub codes: Vec<i8>,
    pub factor: Factor,
    metric: Metric,
}

impl Query {
    pub(super) fn new(vector: Vec<f32>, metric: Metric) -> Self {
        let mut codes = vec![0; stride(vector.len())];
        let factor = encode(&vector, metric, &mut codes);
        Self { vector, codes, factor, metric }
    }

    /// For exact scores alone.
    pub(super) fn without_codes(vector: Vec<f32>, metric: Metric) -> Self {
        Self { vector, codes: Vec::new(), factor: Factor::default(), metric }
    }

    /// The score that codes give, in the order of the exact one but for rounding; `product` is of the codes.
    #[inline]
    pub(super) fn estimate(&self, product: i32, row: Factor) -> f32 {
        let cosine = self.factor.scale * row.scale * product as f32;
        match self.metric {
            Metric::Cosine => cosine,
            Metric::InnerProduct => cosine * self.factor.norm * row.norm,
            Metric::L2 => (2.0 * cosine * self.factor.norm - row.norm) * row.norm,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::distance::{dot, l2_squared, normalize};
    use proptest::prelude::*;

    #[test]
    fn the_largest_element_takes_the_whole_range() {
        let mut codes = [9; 4];
        let factor = encode(&[0.0, -2.0, 1.0], Metric::L2, &mut codes);
        assert_eq!(codes, [0, -127, 64, 9]);
        let length = f64::from(127 * 127 + 64 * 64 + 9 * 9).sqrt();
        let expected = Factor { scale: length.recip() as f32, norm: (2.0 / 127.0 * length) as f32 };
        assert_eq!(factor, expected);
    }

    #[test]
    fn subnormal_vectors_have_codes() {
        let mut codes = [0; 2];
        encode(&[1e-45, -1e-45], Metric::L2, &mut codes);
        assert_eq!(codes, [127, -127]);
    }

    proptest! {
        #[test]
        fn estimates_are_near(
            a in proptest::collection::vec(-1f32..1.0, 48),
            b in proptest::collection::vec(-1f32..1.0, 48),
        ) {
            // Half a step per element, of vectors no longer than √48.
            let tolerance = 0.05 * 48f32.sqrt();
            for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
                let (mut a, mut b) = (a.clone(), b.clone());
                if metric == Metric::Cosine {
                    normalize(&mut a);
                    normalize(&mut b);
                }
                let mut codes = vec![0; stride(b.len())];
                let row = encode(&b, metric, &mut codes);
                let query = Query::new(a.clone(), metric);
                let found = query.estimate(dot_i8(&query.codes, &codes), row);
                let expected = match metric {
                    Metric::L2 => dot(&a, &a) - l2_squared(&a, &b),
                    _ => dot(&a, &b),
                };
                prop_assert!((found - expected).abs() < tolerance, "{} {} {}", metric, found, expected);
            }
        }
    }
}
