//! The back ends: one table of functions for each instruction set, chosen once at run time.
//!
//! `scalar` is the specification; `tests` holds every other back end to it.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod codes;
mod hadamard;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(test)]
mod tests;

pub use codes::{Ahead, BLOCK, BLOCK_BYTES, CodeKernels, Eight, LINE, Levels, Spaced};
use std::sync::OnceLock;

/// One instruction set's functions. All work over the shorter of two slices.
#[derive(Debug)]
pub struct Backend {
    name: &'static str,
    dot: fn(&[f32], &[f32]) -> f32,
    l2_squared: fn(&[f32], &[f32]) -> f32,
    axpy: fn(&mut [f32], f32, &[f32]),
    dot_i8: fn(&[i8], &[i8]) -> i32,
    hadamard: fn(&mut [f32]),
    codes: CodeKernels,
}

impl Backend {
    /// The instruction set's name, for reports.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Inner product; see [`distance::dot`](super::distance::dot).
    #[must_use]
    #[inline]
    pub fn dot(&self, a: &[f32], b: &[f32]) -> f32 {
        (self.dot)(a, b)
    }

    /// Squared Euclidean distance; see [`distance::l2_squared`](super::distance::l2_squared).
    #[must_use]
    #[inline]
    pub fn l2_squared(&self, a: &[f32], b: &[f32]) -> f32 {
        (self.l2_squared)(a, b)
    }

    /// `accumulator += weight · x`; see [`distance::axpy`](super::distance::axpy).
    #[inline]
    pub fn axpy(&self, accumulator: &mut [f32], weight: f32, x: &[f32]) {
        (self.axpy)(accumulator, weight, x);
    }

    /// Inner product of codes; see [`distance::dot_i8`](super::distance::dot_i8).
    #[must_use]
    #[inline]
    pub fn dot_i8(&self, a: &[i8], b: &[i8]) -> i32 {
        (self.dot_i8)(a, b)
    }

    /// The Hadamard transform in place, not scaled: applied twice, it multiplies by the length. Results are the same with
    /// every back end.
    ///
    /// # Panics
    /// If the length is no power of two.
    #[inline]
    pub fn hadamard(&self, x: &mut [f32]) {
        assert!(x.len().is_power_of_two(), "a Hadamard matrix has a power of two of rows");
        (self.hadamard)(x);
    }

    /// What it does over rows of codes.
    #[must_use]
    #[inline]
    pub fn codes(&self) -> &CodeKernels {
        &self.codes
    }
}

/// Every back end that this machine can run, the slowest first; never empty.
///
/// ```
/// let fastest = kindred::compute::backends().last().map(|backend| backend.dot(&[1.0, 2.0], &[3.0, 4.0]));
/// assert_eq!(fastest, Some(11.0));
/// ```
#[must_use]
pub fn backends() -> Vec<&'static Backend> {
    let mut found = vec![&scalar::BACKEND];
    #[cfg(target_arch = "x86_64")]
    {
        let avx2 = is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma");
        if avx2 {
            found.push(&avx2::BACKEND);
        }
        // The kernels for AVX-512 use those for AVX2 too.
        if avx2
            && is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
        {
            found.push(&avx512::BACKEND);
            if is_x86_feature_detected!("avx512vnni") && is_x86_feature_detected!("popcnt") {
                found.push(&avx512::VNNI_BACKEND);
            }
        }
    }
    // Its tables are looked up byte by byte, which counts on the order of the bytes of a float.
    #[cfg(target_arch = "aarch64")]
    if cfg!(target_endian = "little") && std::arch::is_aarch64_feature_detected!("neon") {
        found.push(&neon::BACKEND);
    }
    found
}

/// The fastest back end of this machine.
pub(super) fn best() -> &'static Backend {
    static BEST: OnceLock<&Backend> = OnceLock::new();
    BEST.get_or_init(|| backends().last().copied().unwrap_or(&scalar::BACKEND))
}
