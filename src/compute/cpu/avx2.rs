//! AVX2 with FMA: eight floats or sixteen codes at a time.
#![expect(unsafe_code, reason = "vector loads take raw pointers; target features are checked at run time")]

use super::codes::AVX2;
use super::{Backend, scalar};
use std::arch::x86_64::{
    __m128i, __m256, __m256i, _mm_add_epi32, _mm_add_ps, _mm_cvtsi128_si32, _mm_cvtss_f32, _mm_loadu_si128,
    _mm_movehl_ps, _mm_shuffle_epi32, _mm_shuffle_ps, _mm256_add_epi32, _mm256_add_ps,
    _mm256_castps256_ps128, _mm256_castsi256_si128, _mm256_cvtepi8_epi16, _mm256_extractf128_ps,
    _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_madd_epi16, _mm256_set1_ps,
    _mm256_setzero_ps, _mm256_setzero_si256, _mm256_storeu_ps, _mm256_sub_ps,
};

/// Handed out by [`super::backends`] only where AVX2 and FMA are there; every SAFETY below rests on it.
pub(super) static BACKEND: Backend = Backend {
    name: "avx2",
    // SAFETY: the table is handed out only where the features are there.
    dot: |a, b| unsafe { dot(a, b) },
    // SAFETY: as above.
    l2_squared: |a, b| unsafe { l2_squared(a, b) },
    // SAFETY: as above.
    axpy: |accumulator, weight, x| unsafe { axpy(accumulator, weight, x) },
    // SAFETY: as above.
    dot_i8: |a, b| unsafe { dot_i8(a, b) },
    // SAFETY: as above.
    hadamard: |x| unsafe { hadamard(x) },
    codes: AVX2,
};

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load(x: &[f32; 8]) -> __m256 {
    // SAFETY: reads the eight floats of the array; the load has no alignment to keep.
    unsafe { _mm256_loadu_ps(x.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn store(x: &mut [f32; 8], value: __m256) {
    // SAFETY: writes the eight floats of the array; the store has no alignment to keep.
    unsafe { _mm256_storeu_ps(x.as_mut_ptr(), value) }
}

/// Sixteen codes, widened so that products and their pair sums cannot saturate.
#[expect(clippy::cast_ptr_alignment, reason = "the load has no alignment to keep")]
#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_codes(x: &[i8; 16]) -> __m256i {
    // SAFETY: reads the sixteen bytes of the array; the load has no alignment to keep.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(x.as_ptr().cast::<__m128i>()) })
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn sum(x: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ps(two, _mm_shuffle_ps::<1>(two, two)))
}

/// The shape that both float reductions share: four independent sums, then the rest.
macro_rules! reduce {
    ($a:ident, $b:ident, $step:expr, $rest:path) => {{
        let length = $a.len().min($b.len());
        let (a, a_rest) = $a[..length].as_chunks::<8>();
        let (b, b_rest) = $b[..length].as_chunks::<8>();
        let (a_blocks, a) = a.as_chunks::<4>();
        let (b_blocks, b) = b.as_chunks::<4>();
        let mut sums = [_mm256_setzero_ps(); 4];
        for (x, y) in a_blocks.iter().zip(b_blocks) {
            for lane in 0..4 {
                sums[lane] = $step(sums[lane], load(&x[lane]), load(&y[lane]));
            }
        }
        for (x, y) in a.iter().zip(b) {
            sums[0] = $step(sums[0], load(x), load(y));
        }
        let total = _mm256_add_ps(_mm256_add_ps(sums[0], sums[1]), _mm256_add_ps(sums[2], sums[3]));
        sum(total) + $rest(a_rest, b_rest)
    }};
}

#[target_feature(enable = "avx2,fma")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    reduce!(a, b, |sum, x, y| _mm256_fmadd_ps(x, y, sum), scalar::dot)
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn add_square(sum: __m256, x: __m256, y: __m256) -> __m256 {
    let difference = _mm256_sub_ps(x, y);
    _mm256_fmadd_ps(difference, difference, sum)
}

#[target_feature(enable = "avx2,fma")]
fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    reduce!(a, b, add_square, scalar::l2_squared)
}

#[target_feature(enable = "avx2,fma")]
fn axpy(accumulator: &mut [f32], weight: f32, x: &[f32]) {
    let length = accumulator.len().min(x.len());
    let (sums, sums_rest) = accumulator[..length].as_chunks_mut::<8>();
    let (values, values_rest) = x[..length].as_chunks::<8>();
    let weights = _mm256_set1_ps(weight);
    for (sum, value) in sums.iter_mut().zip(values) {
        let next = _mm256_fmadd_ps(weights, load(value), load(sum));
        store(sum, next);
    }
    scalar::axpy(sums_rest, weight, values_rest);
}

#[target_feature(enable = "avx2,fma")]
fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<16>();
    let (b, b_rest) = b[..length].as_chunks::<16>();
    let mut sums = [_mm256_setzero_si256(); 2];
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        sums[i % 2] = _mm256_add_epi32(sums[i % 2], _mm256_madd_epi16(load_codes(x), load_codes(y)));
    }
    let total = _mm256_add_epi32(sums[0], sums[1]);
    let four = _mm_add_epi32(_mm256_castsi256_si128(total), _mm256_extracti128_si256::<1>(total));
    let two = _mm_add_epi32(four, _mm_shuffle_epi32::<0b00_00_11_10>(four));
    let one = _mm_add_epi32(two, _mm_shuffle_epi32::<0b00_00_00_01>(two));
    _mm_cvtsi128_si32(one).wrapping_add(scalar::dot_i8(a_rest, b_rest))
}

#[target_feature(enable = "avx2,fma")]
fn hadamard(x: &mut [f32]) {
    super::hadamard::hadamard(x);
}
