//! AVX2 with FMA: thirty-two codes at a time, the sums of four rows reduced together.
#![expect(unsafe_code, reason = "vector loads take raw pointers; target features are checked at run time")]

use super::lanes::PLACES;
use super::{Ahead, BLOCK, BLOCK_BYTES, CodeKernels, Levels, Rows, prefetch, scalar};
use std::arch::x86_64::{
    __m128i, __m256, __m256i, _CMP_GT_OQ, _mm_add_epi32, _mm_add_ps, _mm_cvtsi64_si128, _mm_cvtss_f32,
    _mm_loadu_si128, _mm_movehl_ps, _mm_shuffle_ps, _mm_storeu_si128, _mm256_add_epi16, _mm256_add_epi32,
    _mm256_add_ps, _mm256_and_si256, _mm256_blendv_ps, _mm256_castps256_ps128, _mm256_castsi256_ps,
    _mm256_castsi256_si128, _mm256_cmp_ps, _mm256_cvtepi8_epi16, _mm256_cvtepi32_ps, _mm256_cvtepu8_epi32,
    _mm256_extractf128_ps, _mm256_extracti128_si256, _mm256_fmadd_ps, _mm256_loadu_ps, _mm256_loadu_si256,
    _mm256_madd_epi16, _mm256_maddubs_epi16, _mm256_movemask_ps, _mm256_permutevar8x32_ps, _mm256_set1_epi8,
    _mm256_set1_epi16, _mm256_set1_epi32, _mm256_set1_ps, _mm256_setr_epi32, _mm256_setzero_ps,
    _mm256_setzero_si256, _mm256_slli_epi32, _mm256_srli_epi16, _mm256_srli_epi32, _mm256_srlv_epi32,
    _mm256_storeu_si256, _mm256_unpackhi_epi32, _mm256_unpackhi_epi64, _mm256_unpacklo_epi32,
    _mm256_unpacklo_epi64,
};

/// Handed out by [`crate::compute::backends`] only where AVX2 and FMA are there, AVX-512 without VNNI included.
pub(in super::super) const KERNELS: CodeKernels = CodeKernels {
    // SAFETY: the table is handed out only where the features are there.
    dots_u4: |query, codes, stride, ids, ahead, out| unsafe {
        dots_u4(query, codes, stride, ids, ahead, out);
    },
    // SAFETY: as above.
    dots_i8: |query, codes, ids, out| unsafe { dots_i8(query, codes, ids, out) },
    // SAFETY: as above.
    gram_i8: |a, b, stride, out| unsafe { gram_i8(a, b, stride, out) },
    // SAFETY: as above.
    dot_refined: |query, codes, bytes, levels| unsafe { dot_refined(query, codes, bytes, levels) },
    // SAFETY: as above.
    above: |values, bound, out| unsafe { above(values, bound, out) },
    // Comparing and moving two or four numbers at a time is no quicker than one by one.
    insert: scalar::insert,
    unseen: prefetch::unseen,
    prefetch: prefetch::prefetch,
};

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load(bytes: &[u8; 32]) -> __m256i {
    // SAFETY: reads the 32 bytes of the array; the load has no alignment to keep.
    unsafe { _mm256_loadu_si256(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_signed(codes: &[i8; 32]) -> __m256i {
    // SAFETY: reads the 32 bytes of the array; the load has no alignment to keep.
    unsafe { _mm256_loadu_si256(codes.as_ptr().cast()) }
}

/// Sixteen codes, widened so that products and their pair sums cannot saturate.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_wide(codes: &[i8; 16]) -> __m256i {
    // SAFETY: reads the sixteen bytes of the array; the load has no alignment to keep.
    _mm256_cvtepi8_epi16(unsafe { _mm_loadu_si128(codes.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_floats(floats: &[f32; 8]) -> __m256 {
    // SAFETY: reads the eight floats of the array; the load has no alignment to keep.
    unsafe { _mm256_loadu_ps(floats.as_ptr()) }
}

/// The sums over the lanes of four vectors, in their order.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn reduce(sums: [__m256i; 4]) -> __m128i {
    let pair = |x, y| _mm256_add_epi32(_mm256_unpacklo_epi32(x, y), _mm256_unpackhi_epi32(x, y));
    let (low, high) = (pair(sums[0], sums[1]), pair(sums[2], sums[3]));
    let four = _mm256_add_epi32(_mm256_unpacklo_epi64(low, high), _mm256_unpackhi_epi64(low, high));
    _mm_add_epi32(_mm256_castsi256_si128(four), _mm256_extracti128_si256::<1>(four))
}

/// Stores up to four sums.
#[inline]
#[target_feature(enable = "avx2,fma")]
pub(super) fn store(sums: __m128i, out: &mut [i32]) {
    if let Some(four) = out.first_chunk_mut::<4>() {
        // SAFETY: writes the four numbers of the array; the store has no alignment to keep.
        unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), sums) }
    } else {
        let mut four = [0; 4];
        // SAFETY: as above.
        unsafe { _mm_storeu_si128(four.as_mut_ptr().cast(), sums) }
        out.copy_from_slice(&four[..out.len()]);
    }
}

#[target_feature(enable = "avx2,fma")]
fn dots_u4(query: &[i8], codes: &[u8], stride: usize, ids: &[u32], ahead: Ahead, out: &mut [i32]) {
    let (query, _) = query.as_chunks::<32>();
    let (query, _) = query.as_chunks::<4>();
    let rows = Rows::spaced(codes.as_chunks::<BLOCK_BYTES>().0, stride, query.len());
    let mut aheads = ahead.ids.chunks(4);
    for (ids, out) in ids.chunks(4).zip(out.chunks_mut(4)) {
        prefetch::prefetch(ahead.rows, aheads.next().unwrap_or_default());
        let rows = rows.four(ids);
        let mut sums = [_mm256_setzero_si256(); 4];
        for (block, parts) in query.iter().enumerate() {
            let parts = [
                load_signed(&parts[0]),
                load_signed(&parts[1]),
                load_signed(&parts[2]),
                load_signed(&parts[3]),
            ];
            for lane in 0..4 {
                sums[lane] = _mm256_add_epi32(sums[lane], products_u4(parts, &rows[lane][block]));
            }
        }
        store(reduce(sums), out);
    }
    aheads.for_each(|ids| prefetch::prefetch(ahead.rows, ids));
}

/// The products of a block, added up in eight lanes. Eight products of at most 15 · 128 make a lane of 16 bits, so
/// that nothing saturates.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn products_u4(query: [__m256i; 4], pairs: &[u8; BLOCK_BYTES]) -> __m256i {
    let low = _mm256_set1_epi8(15);
    let (pairs, _) = pairs.as_chunks::<32>();
    let (first, second) = (load(&pairs[0]), load(&pairs[1]));
    let front = _mm256_add_epi16(
        _mm256_maddubs_epi16(_mm256_and_si256(first, low), query[0]),
        _mm256_maddubs_epi16(_mm256_and_si256(second, low), query[1]),
    );
    let (first, second) = (_mm256_srli_epi16::<4>(first), _mm256_srli_epi16::<4>(second));
    let back = _mm256_add_epi16(
        _mm256_maddubs_epi16(_mm256_and_si256(first, low), query[2]),
        _mm256_maddubs_epi16(_mm256_and_si256(second, low), query[3]),
    );
    _mm256_madd_epi16(_mm256_add_epi16(front, back), _mm256_set1_epi16(1))
}

#[target_feature(enable = "avx2,fma")]
fn dots_i8(query: &[i8], codes: &[i8], ids: &[u32], out: &mut [i32]) {
    if !query.len().is_multiple_of(16) {
        return scalar::dots_i8(query, codes, ids, out);
    }
    let (query, _) = query.as_chunks::<16>();
    let rows = Rows::new(codes.as_chunks::<16>().0, query.len());
    for (ids, out) in ids.chunks(4).zip(out.chunks_mut(4)) {
        let rows = rows.four(ids);
        let mut sums = [_mm256_setzero_si256(); 4];
        for (block, part) in query.iter().enumerate() {
            let part = load_wide(part);
            for lane in 0..4 {
                let products = _mm256_madd_epi16(part, load_wide(&rows[lane][block]));
                sums[lane] = _mm256_add_epi32(sums[lane], products);
            }
        }
        store(reduce(sums), out);
    }
}

/// In tiles of two rows by four, whose sums the registers can hold: every load serves two products or four.
#[target_feature(enable = "avx2,fma")]
fn gram_i8(a: &[i8], b: &[i8], stride: usize, out: &mut [i32]) {
    if !stride.is_multiple_of(16) {
        return scalar::gram_i8(a, b, stride, out);
    }
    let (rows, columns) = (a.len() / stride, b.len() / stride);
    let left = Rows::new(a.as_chunks::<16>().0, stride / 16);
    let right = Rows::new(b.as_chunks::<16>().0, stride / 16);
    for column in (0..columns).step_by(4) {
        let right = right.consecutive(column);
        let width = (columns - column).min(4);
        for row in (0..rows).step_by(2) {
            let tile = tile(left.consecutive(row), right);
            for (i, sums) in tile.into_iter().enumerate().take(rows - row) {
                let start = (row + i) * columns + column;
                store(sums, &mut out[start..start + width]);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn tile(left: [&[[i8; 16]]; 2], right: [&[[i8; 16]]; 4]) -> [__m128i; 2] {
    let mut sums = [[_mm256_setzero_si256(); 4]; 2];
    for block in 0..left[0].len() {
        let rows = [load_wide(&left[0][block]), load_wide(&left[1][block])];
        for j in 0..4 {
            let column = load_wide(&right[j][block]);
            for i in 0..2 {
                sums[i][j] = _mm256_add_epi32(sums[i][j], _mm256_madd_epi16(rows[i], column));
            }
        }
    }
    [reduce(sums[0]), reduce(sums[1])]
}

/// Eight bytes, a lane for each.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn widen(bytes: [u8; 8]) -> __m256i {
    _mm256_cvtepu8_epi32(_mm_cvtsi64_si128(i64::from_le_bytes(bytes)))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn load_table(table: &[f32; 16]) -> [__m256; 2] {
    let (halves, _) = table.as_chunks::<8>();
    [load_floats(&halves[0]), load_floats(&halves[1])]
}

/// The table's value for the code in the lowest four bits of each lane.
#[inline]
#[target_feature(enable = "avx2,fma")]
fn look_up(table: [__m256; 2], codes: __m256i) -> __m256 {
    let (low, high) = (_mm256_permutevar8x32_ps(table[0], codes), _mm256_permutevar8x32_ps(table[1], codes));
    // The highest of the four bits, where the sign is, chooses the half.
    _mm256_blendv_ps(low, high, _mm256_castsi256_ps(_mm256_slli_epi32::<28>(codes)))
}

#[target_feature(enable = "avx2,fma")]
fn dot_refined(query: &[f32], codes: &[u8], bytes: &[u8], levels: &Levels) -> f32 {
    let (base, step) = (load_table(&levels.base), load_table(&levels.step));
    let mut sums = [_mm256_setzero_ps(); 2];
    let blocks = query.as_chunks::<BLOCK>().0.iter().zip(bytes.as_chunks::<BLOCK>().0);
    for ((query, bytes), codes) in blocks.zip(codes.as_chunks::<BLOCK_BYTES>().0) {
        let (query, bytes) = (query.as_chunks::<8>().0, bytes.as_chunks::<8>().0);
        for (part, &codes) in codes.as_chunks::<8>().0.iter().enumerate() {
            let pairs = widen(codes);
            for (half, codes) in [pairs, _mm256_srli_epi32::<4>(pairs)].into_iter().enumerate() {
                let at = half * 8 + part;
                let byte = _mm256_cvtepi32_ps(widen(bytes[at]));
                let value = _mm256_fmadd_ps(byte, look_up(step, codes), look_up(base, codes));
                sums[half] = _mm256_fmadd_ps(value, load_floats(&query[at]), sums[half]);
            }
        }
    }
    sum(_mm256_add_ps(sums[0], sums[1]))
}

#[inline]
#[target_feature(enable = "avx2,fma")]
fn sum(x: __m256) -> f32 {
    let four = _mm_add_ps(_mm256_castps256_ps128(x), _mm256_extractf128_ps::<1>(x));
    let two = _mm_add_ps(four, _mm_movehl_ps(four, four));
    _mm_cvtss_f32(_mm_add_ps(two, _mm_shuffle_ps::<1>(two, two)))
}

#[target_feature(enable = "avx2,fma")]
fn above(values: &[f32], bound: f32, out: &mut [u32]) -> usize {
    let (whole, rest) = values.as_chunks::<8>();
    let bounds = _mm256_set1_ps(bound);
    let shifts = _mm256_setr_epi32(0, 4, 8, 12, 16, 20, 24, 28);
    let mut found = 0;
    for (part, values) in whole.iter().enumerate() {
        let mask = _mm256_movemask_ps(_mm256_cmp_ps::<_CMP_GT_OQ>(load_floats(values), bounds)) as u8;
        let packed = _mm256_set1_epi32(PLACES[usize::from(mask)].cast_signed());
        let within = _mm256_and_si256(_mm256_srlv_epi32(packed, shifts), _mm256_set1_epi32(15));
        let places = _mm256_add_epi32(within, _mm256_set1_epi32((part * 8) as i32));
        // All eight are stored, as there is room; those past the count are written over, or left out of it.
        let out = &mut out[found..found + 8];
        // SAFETY: writes the eight numbers of the slice; the store has no alignment to keep.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), places) }
        found += mask.count_ones() as usize;
    }
    found + scalar::above_from(whole.len() * 8, rest, bound, &mut out[found..])
}
