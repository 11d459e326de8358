//! Distances and the few vector operations around them, on the fastest back end of this machine.

use super::cpu::{Backend, best};

/// The back end in use: take it once where a loop calls it for each pair.
#[must_use]
pub fn backend() -> &'static Backend {
    best()
}

/// Inner product over the shorter of the two. Sums are taken in the back end's own order, so that
/// results differ between machines in the last digits.
///
/// ```
/// assert_eq!(kindred::compute::distance::dot(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 32.0);
/// ```
#[must_use]
pub fn dot(a: &[f32], b: &[f32]) -> f32 {
    best().dot(a, b)
}

/// Squared Euclidean distance over the shorter of the two, 0 or more.
///
/// ```
/// assert_eq!(kindred::compute::distance::l2_squared(&[1.0, 2.0], &[4.0, 6.0]), 25.0);
/// ```
#[must_use]
pub fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    best().l2_squared(a, b)
}

/// Inner product of 8-bit codes over the shorter of the two: exact, the same on every machine, up to
/// 65,536 elements.
///
/// ```
/// assert_eq!(kindred::compute::distance::dot_i8(&[-128, 127], &[127, 2]), -16_002);
/// ```
#[must_use]
pub fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    best().dot_i8(a, b)
}

/// `accumulator += weight · x`, over the shorter of the two.
///
/// ```
/// let mut sum = [1.0, 1.0];
/// kindred::compute::distance::axpy(&mut sum, 2.0, &[3.0, 4.0]);
/// assert_eq!(sum, [7.0, 9.0]);
/// ```
pub fn axpy(accumulator: &mut [f32], weight: f32, x: &[f32]) {
    best().axpy(accumulator, weight, x);
}

/// `x *= factor`.
pub fn scale(x: &mut [f32], factor: f32) {
    for value in x {
        *value *= factor;
    }
}

/// Euclidean length, summed in double precision: no finite vector overflows, only zero gives 0.
#[must_use]
pub fn norm(x: &[f32]) -> f64 {
    let square = |value: f32| f64::from(value) * f64::from(value);
    let (groups, rest) = x.as_chunks::<8>();
    // Eight sums side by side: one would wait for each addition before the next.
    let mut sums = [0.0; 8];
    for group in groups {
        sums.iter_mut().zip(group).for_each(|(sum, &value)| *sum += square(value));
    }
    (sums.iter().sum::<f64>() + rest.iter().map(|&value| square(value)).sum::<f64>()).sqrt()
}

/// Brings `x` to unit length and returns the length it had. A vector of zeros stays as it is, and gives 0.
///
/// ```
/// let mut x = [3.0, 4.0];
/// assert_eq!(kindred::compute::distance::normalize(&mut x), 5.0);
/// assert_eq!(x, [0.6, 0.8]);
/// ```
pub fn normalize(x: &mut [f32]) -> f64 {
    let length = norm(x);
    if length > 0.0 {
        let factor = length.recip();
        for value in x {
            *value = (f64::from(*value) * factor) as f32;
        }
    }
    length
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn extreme_vectors_are_normalized() {
        for magnitude in [1e-45, 1e-30, 1.0, 1e30, f32::MAX] {
            let mut x = vec![magnitude; 4];
            normalize(&mut x);
            assert!(x.iter().all(|value| (value - 0.5).abs() < 1e-6), "{magnitude}: {x:?}");
        }
        let mut zero = [0.0; 3];
        assert_eq!(normalize(&mut zero).to_bits(), 0);
        assert_eq!(zero.map(f32::to_bits), [0; 3]);
    }

    #[test]
    fn scale_multiplies() {
        let mut x = [1.0, -2.0];
        scale(&mut x, 0.5);
        assert_eq!(x.map(f32::to_bits), [0.5_f32, -1.0].map(f32::to_bits));
    }
}
