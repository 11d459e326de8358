//! AVX-512: sixteen floats at a time; codes by VNNI where present, else by widening multiplication.
#![expect(unsafe_code, reason = "vector loads take raw pointers; target features are checked at run time")]

use super::Backend;
use super::codes::{AVX2, AVX512_VNNI};
use std::arch::x86_64::{
    __m512, __m512i, _mm256_loadu_epi8, _mm256_maskz_loadu_epi8, _mm512_add_epi32, _mm512_add_ps,
    _mm512_cvtepi8_epi16, _mm512_dpbusd_epi32, _mm512_fmadd_ps, _mm512_loadu_epi8, _mm512_loadu_ps,
    _mm512_madd_epi16, _mm512_mask_storeu_ps, _mm512_maskz_loadu_epi8, _mm512_maskz_loadu_ps,
    _mm512_reduce_add_epi32, _mm512_reduce_add_ps, _mm512_set1_epi8, _mm512_set1_ps, _mm512_setzero_ps,
    _mm512_setzero_si512, _mm512_storeu_ps, _mm512_sub_epi32, _mm512_sub_ps, _mm512_xor_si512,
};

/// Handed out by [`super::backends`] only where AVX-512 F, BW and VL are there.
pub(super) static BACKEND: Backend = Backend {
    name: "avx512",
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

/// As [`BACKEND`], with VNNI besides.
pub(super) static VNNI_BACKEND: Backend = Backend {
    name: "avx512-vnni",
    // SAFETY: the table is handed out only where the features are there, VNNI included.
    dot_i8: |a, b| unsafe { dot_i8_vnni(a, b) },
    codes: AVX512_VNNI,
    ..BACKEND
};

/// A mask of the lowest `count` lanes; `count` is below 64.
#[inline]
fn lanes(count: usize) -> u64 {
    (1 << count) - 1
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load(x: &[f32; 16]) -> __m512 {
    // SAFETY: reads the sixteen floats of the array; the load has no alignment to keep.
    unsafe { _mm512_loadu_ps(x.as_ptr()) }
}

/// Fewer than sixteen floats, the other lanes zero.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load_rest(x: &[f32]) -> __m512 {
    // SAFETY: the mask lets it read the floats of the slice and no others.
    unsafe { _mm512_maskz_loadu_ps(lanes(x.len()) as u16, x.as_ptr()) }
}

/// The shape that both float reductions share: four independent sums, then the rest.
macro_rules! reduce {
    ($a:ident, $b:ident, $step:expr) => {{
        let length = $a.len().min($b.len());
        let (a, a_rest) = $a[..length].as_chunks::<16>();
        let (b, b_rest) = $b[..length].as_chunks::<16>();
        let (a_blocks, a) = a.as_chunks::<4>();
        let (b_blocks, b) = b.as_chunks::<4>();
        let mut sums = [_mm512_setzero_ps(); 4];
        for (x, y) in a_blocks.iter().zip(b_blocks) {
            for lane in 0..4 {
                sums[lane] = $step(sums[lane], load(&x[lane]), load(&y[lane]));
            }
        }
        for (x, y) in a.iter().zip(b) {
            sums[0] = $step(sums[0], load(x), load(y));
        }
        sums[1] = $step(sums[1], load_rest(a_rest), load_rest(b_rest));
        _mm512_reduce_add_ps(_mm512_add_ps(_mm512_add_ps(sums[0], sums[1]), _mm512_add_ps(sums[2], sums[3])))
    }};
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn dot(a: &[f32], b: &[f32]) -> f32 {
    reduce!(a, b, |sum, x, y| _mm512_fmadd_ps(x, y, sum))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn add_square(sum: __m512, x: __m512, y: __m512) -> __m512 {
    let difference = _mm512_sub_ps(x, y);
    _mm512_fmadd_ps(difference, difference, sum)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn l2_squared(a: &[f32], b: &[f32]) -> f32 {
    reduce!(a, b, add_square)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn axpy(accumulator: &mut [f32], weight: f32, x: &[f32]) {
    let length = accumulator.len().min(x.len());
    let (sums, sums_rest) = accumulator[..length].as_chunks_mut::<16>();
    let (values, values_rest) = x[..length].as_chunks::<16>();
    let weights = _mm512_set1_ps(weight);
    for (sum, value) in sums.iter_mut().zip(values) {
        let next = _mm512_fmadd_ps(weights, load(value), load(sum));
        // SAFETY: writes the sixteen floats of the array; the store has no alignment to keep.
        unsafe { _mm512_storeu_ps(sum.as_mut_ptr(), next) }
    }
    let next = _mm512_fmadd_ps(weights, load_rest(values_rest), load_rest(sums_rest));
    // SAFETY: the mask lets it write the floats of the slice and no others.
    unsafe { _mm512_mask_storeu_ps(sums_rest.as_mut_ptr(), lanes(sums_rest.len()) as u16, next) }
}

/// Thirty-two codes, widened so that products and their pair sums cannot saturate.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load_wide(x: &[i8; 32]) -> __m512i {
    // SAFETY: reads the thirty-two bytes of the array; the load has no alignment to keep.
    _mm512_cvtepi8_epi16(unsafe { _mm256_loadu_epi8(x.as_ptr()) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn load_wide_rest(x: &[i8]) -> __m512i {
    // SAFETY: the mask lets it read the bytes of the slice and no others.
    _mm512_cvtepi8_epi16(unsafe { _mm256_maskz_loadu_epi8(lanes(x.len()) as u32, x.as_ptr()) })
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn dot_i8(a: &[i8], b: &[i8]) -> i32 {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<32>();
    let (b, b_rest) = b[..length].as_chunks::<32>();
    let mut sums = [_mm512_setzero_si512(); 2];
    for (i, (x, y)) in a.iter().zip(b).enumerate() {
        sums[i % 2] = _mm512_add_epi32(sums[i % 2], _mm512_madd_epi16(load_wide(x), load_wide(y)));
    }
    let rest = _mm512_madd_epi16(load_wide_rest(a_rest), load_wide_rest(b_rest));
    _mm512_reduce_add_epi32(_mm512_add_epi32(_mm512_add_epi32(sums[0], sums[1]), rest))
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_codes(x: &[i8; 64]) -> __m512i {
    // SAFETY: reads the sixty-four bytes of the array; the load has no alignment to keep.
    unsafe { _mm512_loadu_epi8(x.as_ptr()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_codes_rest(x: &[i8]) -> __m512i {
    // SAFETY: the mask lets it read the bytes of the slice and no others.
    unsafe { _mm512_maskz_loadu_epi8(lanes(x.len()), x.as_ptr()) }
}

/// VNNI multiplies unsigned by signed: `a + 128` is unsigned, and `128 · Σb`, summed alongside, is taken off again.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_i8_vnni(a: &[i8], b: &[i8]) -> i32 {
    let length = a.len().min(b.len());
    let (a, a_rest) = a[..length].as_chunks::<64>();
    let (b, b_rest) = b[..length].as_chunks::<64>();
    let offset = _mm512_set1_epi8(i8::MIN);
    let mut products = _mm512_setzero_si512();
    let mut offsets = _mm512_setzero_si512();
    for (x, y) in a.iter().zip(b) {
        let signed = load_codes(y);
        products = _mm512_dpbusd_epi32(products, _mm512_xor_si512(load_codes(x), offset), signed);
        offsets = _mm512_dpbusd_epi32(offsets, offset, signed);
    }
    if !a_rest.is_empty() {
        let signed = load_codes_rest(b_rest);
        products = _mm512_dpbusd_epi32(products, _mm512_xor_si512(load_codes_rest(a_rest), offset), signed);
        offsets = _mm512_dpbusd_epi32(offsets, offset, signed);
    }
    _mm512_reduce_add_epi32(_mm512_sub_epi32(products, offsets))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl")]
fn hadamard(x: &mut [f32]) {
    super::hadamard::hadamard(x);
}
