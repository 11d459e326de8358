//! The specification: plain Rust, any machine.

use super::Backend;
use super::codes::SCALAR;
use super::hadamard;

pub(super) static BACKEND: Backend =
    Backend { name: "scalar", dot, l2_squared, axpy, dot_i8, hadamard, codes: SCALAR };

pub(super) fn dot(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| x * y).sum()
}

pub(super) fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum()
}

pub(super) fn axpy(accumulator: &mut [f32], weight: f32, x: &[f32]) {
    for (sum, value) in accumulator.iter_mut().zip(x) {
        *sum += weight * value;
    }
}

/// Wraps past about 130,000 elements, as the vector instructions do.
pub(super) fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    a.iter().zip(b).fold(0, |sum, (&x, &y)| sum.wrapping_add(i32::from(x) * i32::from(y)))
}

pub(super) fn hadamard(x: &mut [f32]) {
    hadamard::hadamard(x);
}
