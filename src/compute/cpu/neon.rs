//! NEON: four floats or sixteen codes at a time.
#![expect(unsafe_code, reason = "vector loads take raw pointers; target features are checked at run time")]

use super::codes::NEON;
use super::{Backend, scalar};
use std::arch::aarch64::{
    float32x4_t, int8x16_t, vaddq_f32, vaddvq_f32, vaddvq_s32, vdupq_n_f32, vdupq_n_s32, vfmaq_f32,
    vget_high_s8, vget_low_s8, vld1q_f32, vld1q_s8, vmull_s8, vpadalq_s16, vst1q_f32, vsubq_f32,
};

/// Handed out by [`super::backends`] only where NEON is there.
pub(super) static BACKEND: Backend = Backend {
    name: "neon",
    // SAFETY: the table is handed out only where the feature is there.
    dot: |a, b| unsafe { dot(a, b) },
    // SAFETY: as above.
    l2_squared: |a, b| unsafe { l2_squared(a, b) },
    // SAFETY: as above.
    axpy: |accumulator, weight, x| unsafe { axpy(accumulator, weight, x) },
    // SAFETY: as above.
    dot_i8: |a, b| unsafe { dot_i8(a, b) },
    // Part of every aarch64: the compiler makes use of it by itself.
    hadamard: scalar::hadamard,
    codes: NEON,
};

#[inline]
#[target_feature(enable = "neon")]
fn load(x: &[f32; 4]) -> float32x4_t {
    // SAFETY: reads the four floats of the array.
    unsafe { vld1q_f32(x.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_codes(x: &[i8; 16]) -> int8x16_t {
    // SAFETY: reads the sixteen bytes of the array.
    unsafe { vld1q_s8(x.as_ptr()) }
}

/// The shape that both float reductions share: four independent sums, then the rest.
macro_rules! reduce {
    ($a:ident, $b:ident, $step:expr, $rest:path) => {{
        let length = $a.len().min($b.len());
        let (a, a_rest) = $a[..length].as_chunks::<4>();
        let (b, b_rest) = $b[..length].as_chunks::<4>();
        let (a_blocks, a) = a.as_chunks::<4>();
        let (b_blocks, b) = b.as_chunks::<4>();
        let mut sums = [vdupq_n_f32(0.0); 4];
        for (x, y) in a_blocks.iter().zip(b_blocks) {
            for lane in 0..4 {
                sums[lane] = $step(sums[lane], load(&x[lane]), load(&y[lane]));
            }
        }
        for (x, y) in a.iter().zip(b) {
            sums[0] = $step(sums[0], load(x), load(y));
        }
        let total = vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3]));
        vaddvq_f32(total) + $rest(a_rest, b_rest)
    }};
}

#[inline]
#[target_feature(enable = "neon")]
fn add_product(sum: float32x4_t, x: float32x4_t, y: float32x4_t) -> float32x4_t {
    vfmaq_f32(sum, x, y)
}

#[inline]
#[target_feature(enable = "neon")]
fn add_square(sum: float32x4_t, x: float32x4_t, y: float32x4_t) -> float32x4_t {
    let difference = vsubq_f32(x, y);
    vfmaq_f32(sum, difference, difference)
}

#[target_feature(enable = "neon")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    reduce!(a, b, add_product, scalar::dot)
}

#[target_feature(enable = "neon")]
fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    reduce!(a, b, add_square, scalar::l2_squared)
}

#[target_feature(enable = "neon")]
fn axpy(accumulator: &mut [f32], weight: f32, x: &[f32]) {
    let length = accumulator.len().min(x.len());
    let (sums, sums_rest) = accumulator[..length].as_chunks_mut::<4>();
    let (values, values_rest) = x[..length].as_chunks::<4>();
    let weights = vdupq_n_f32(weight);
    for (sum, value) in sums.iter_mut().zip(values) {
        let next = vfmaq_f32(load(sum), weights, load(value));
        // SAFETY: writes the four floats of the array.
        unsafe { vst1q_f32(sum.as_mut_ptr(), next) }
    }
    scalar::axpy(sums_rest, weight, values_rest);
}

/// A product of two codes fits 16 bits, −128 squared included; pairs are then added into 32.
#[target_feature(enable = "neon")]
fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<16>();
    let (b, b_rest) = b[..length].as_chunks::<16>();
    let mut sums = [vdupq_n_s32(0); 2];
    for (x, y) in a.iter().zip(b) {
        let (x, y) = (load_codes(x), load_codes(y));
        sums[0] = vpadalq_s16(sums[0], vmull_s8(vget_low_s8(x), vget_low_s8(y)));
        sums[1] = vpadalq_s16(sums[1], vmull_s8(vget_high_s8(x), vget_high_s8(y)));
    }
    vaddvq_s32(sums[0]).wrapping_add(vaddvq_s32(sums[1])).wrapping_add(scalar::dot_i8(a_rest, b_rest))
}
