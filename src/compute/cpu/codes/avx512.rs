//! AVX-512 with VNNI: sixty-four codes at a time, the sums of four rows reduced together.
#![expect(unsafe_code, reason = "vector loads take raw pointers; target features are checked at run time")]

use super::avx2::store;
use super::prefetch::{self, prefetch_line};
use super::{Ahead, BLOCK, BLOCK_BYTES, CodeKernels, Eight, LINE, Levels, Rows, scalar};
use std::arch::x86_64::{
    __m128i, __m256i, __m512, __m512i, _CMP_GT_OQ, _mm_add_epi32, _mm_loadu_si128, _mm_sub_epi32,
    _mm256_storeu_si256, _mm512_add_epi32, _mm512_add_ps, _mm512_alignr_epi64, _mm512_and_si512,
    _mm512_castsi512_si128, _mm512_castsi512_si256, _mm512_cmp_ps_mask, _mm512_cmpgt_epu64_mask,
    _mm512_cvtepi32_ps, _mm512_cvtepu8_epi32, _mm512_dpbusd_epi32, _mm512_extracti32x4_epi32,
    _mm512_fmadd_ps, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_max_epu64, _mm512_maskz_compress_epi32,
    _mm512_permutexvar_ps, _mm512_reduce_add_ps, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_epi64,
    _mm512_set1_ps, _mm512_setr_epi32, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_shuffle_i32x4,
    _mm512_srli_epi16, _mm512_srli_epi32, _mm512_storeu_si512, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64,
    _mm512_unpacklo_epi32, _mm512_unpacklo_epi64, _mm512_xor_si512,
};

/// Handed out by [`crate::compute::backends`] only where AVX-512 F, BW, VL and VNNI are there, and AVX2 and FMA.
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
    // SAFETY: as above.
    insert: |sorted, value| unsafe { insert(sorted, value) },
    unseen: prefetch::unseen,
    prefetch: prefetch::prefetch,
};

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load(bytes: &[u8; 64]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array; the load has no alignment to keep.
    unsafe { _mm512_loadu_si512(bytes.as_ptr().cast()) }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_signed(codes: &[i8; 64]) -> __m512i {
    // SAFETY: reads the 64 bytes of the array; the load has no alignment to keep.
    unsafe { _mm512_loadu_si512(codes.as_ptr().cast()) }
}

/// The sums of the lanes of two vectors, pair by pair and by turns.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn pair(x: __m512i, y: __m512i) -> __m512i {
    _mm512_add_epi32(_mm512_unpacklo_epi32(x, y), _mm512_unpackhi_epi32(x, y))
}

/// For each four lanes of four vectors, their sums.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn four_of(sums: [__m512i; 4]) -> __m512i {
    let (low, high) = (pair(sums[0], sums[1]), pair(sums[2], sums[3]));
    _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high))
}

/// The sums over the lanes of four vectors, in their order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn reduce(sums: [__m512i; 4]) -> __m128i {
    let four = four_of(sums);
    let front = _mm_add_epi32(_mm512_castsi512_si128(four), _mm512_extracti32x4_epi32::<1>(four));
    let back = _mm_add_epi32(_mm512_extracti32x4_epi32::<2>(four), _mm512_extracti32x4_epi32::<3>(four));
    _mm_add_epi32(front, back)
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dots_u4(query: &[i8], codes: &[u8], stride: usize, ids: &[u32], ahead: Ahead, out: &mut [i32]) {
    let (query, _) = query.as_chunks::<64>();
    let (query, _) = query.as_chunks::<2>();
    let rows = Rows::spaced(codes.as_chunks::<BLOCK_BYTES>().0, stride, query.len());
    let (eights, rest) = ids.as_chunks::<8>();
    let (out_eights, out_rest) = out.as_chunks_mut::<8>();
    let (mut ahead_eights, ahead_rest) = ahead.ids.as_chunks::<8>();
    let lines = (ahead.rows.length / LINE).min(query.len());
    for (ids, out) in eights.iter().zip(out_eights) {
        let (next, lines) = ahead_eights.split_off_first().map_or((&[0; 8], 0), |next| (next, lines));
        let sums = sums_u4(query, rows.eight(ids), next.map(|id| ahead.start(id)), lines);
        let sums = reduce_eight(&sums);
        // SAFETY: writes the eight numbers of the array; the store has no alignment to keep.
        unsafe { _mm256_storeu_si256(out.as_mut_ptr().cast(), sums) }
    }
    for (ids, out) in rest.chunks(4).zip(out_rest.chunks_mut(4)) {
        store(reduce(sums_u4(query, rows.four(ids), [std::ptr::null(); 4], 0)), out);
    }
    for &id in ahead_eights.as_flattened().iter().chain(ahead_rest) {
        (0..lines).for_each(|line| prefetch_line(ahead.start(id), line));
    }
}

/// The products of a query with some rows, each in sixteen parts. Some lines behind each of the places `ahead` are asked
/// for meanwhile, one by one: the processor waits where more are on their way than it can keep account of.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn sums_u4<const ROWS: usize>(
    query: &[[[i8; 64]; 2]],
    rows: [&[[u8; BLOCK_BYTES]]; ROWS],
    ahead: [*const u8; ROWS],
    lines: usize,
) -> [__m512i; ROWS] {
    let low = _mm512_set1_epi8(15);
    let mut sums = [_mm512_setzero_si512(); ROWS];
    for (block, [front, back]) in query.iter().enumerate() {
        let (front, back) = (load_signed(front), load_signed(back));
        for row in 0..ROWS {
            if block < lines {
                prefetch_line(ahead[row], block);
            }
            let pairs = load(&rows[row][block]);
            let high = _mm512_and_si512(_mm512_srli_epi16::<4>(pairs), low);
            sums[row] = _mm512_dpbusd_epi32(sums[row], _mm512_and_si512(pairs, low), front);
            sums[row] = _mm512_dpbusd_epi32(sums[row], high, back);
        }
    }
    sums
}

/// The sums over the lanes of eight vectors, in their order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn reduce_eight(sums: &[__m512i; 8]) -> __m256i {
    let first = four_of([sums[0], sums[1], sums[2], sums[3]]);
    let second = four_of([sums[4], sums[5], sums[6], sums[7]]);
    let halves = _mm512_add_epi32(
        _mm512_shuffle_i32x4::<0b10_00_10_00>(first, second),
        _mm512_shuffle_i32x4::<0b11_01_11_01>(first, second),
    );
    let whole = _mm512_add_epi32(halves, _mm512_shuffle_i32x4::<0b10_11_00_01>(halves, halves));
    let ends = _mm512_shuffle_i32x4::<0b10_00_10_00>(whole, whole);
    _mm512_castsi512_si256(ends)
}

/// VNNI multiplies unsigned by signed: a row's codes plus 128 are unsigned, and 128 times the query's sum is taken
/// off again.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dots_i8(query: &[i8], codes: &[i8], ids: &[u32], out: &mut [i32]) {
    if !query.len().is_multiple_of(64) {
        return scalar::dots_i8(query, codes, ids, out);
    }
    let sign = _mm512_set1_epi8(i8::MIN);
    let (query, _) = query.as_chunks::<64>();
    let offsets = offsets([query; 4]);
    let rows = Rows::new(codes.as_chunks::<64>().0, query.len());
    for (ids, out) in ids.chunks(4).zip(out.chunks_mut(4)) {
        let rows = rows.four(ids);
        let mut sums = [_mm512_setzero_si512(); 4];
        for (block, part) in query.iter().enumerate() {
            let part = load_signed(part);
            for lane in 0..4 {
                let row = _mm512_xor_si512(load_signed(&rows[lane][block]), sign);
                sums[lane] = _mm512_dpbusd_epi32(sums[lane], row, part);
            }
        }
        store(_mm_sub_epi32(reduce(sums), offsets), out);
    }
}

/// 128 times the sum of a row's codes, for four rows.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn offsets(rows: [&[[i8; 64]]; 4]) -> __m128i {
    let offset = _mm512_set1_epi8(i8::MIN);
    let mut sums = [_mm512_setzero_si512(); 4];
    for lane in 0..4 {
        for part in rows[lane] {
            sums[lane] = _mm512_dpbusd_epi32(sums[lane], offset, load_signed(part));
        }
    }
    reduce(sums)
}

/// In tiles of four rows by four, so that every load serves four products.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn gram_i8(a: &[i8], b: &[i8], stride: usize, out: &mut [i32]) {
    if !stride.is_multiple_of(64) {
        return scalar::gram_i8(a, b, stride, out);
    }
    let (rows, columns) = (a.len() / stride, b.len() / stride);
    let left = Rows::new(a.as_chunks::<64>().0, stride / 64);
    let right = Rows::new(b.as_chunks::<64>().0, stride / 64);
    for column in (0..columns).step_by(4) {
        let right = right.consecutive(column);
        let offsets = offsets(right);
        let width = (columns - column).min(4);
        for row in (0..rows).step_by(4) {
            let tile = tile(left.consecutive(row), right);
            for (i, sums) in tile.into_iter().enumerate().take(rows - row) {
                let start = (row + i) * columns + column;
                store(_mm_sub_epi32(sums, offsets), &mut out[start..start + width]);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn tile(left: [&[[i8; 64]]; 4], right: [&[[i8; 64]]; 4]) -> [__m128i; 4] {
    let offset = _mm512_set1_epi8(i8::MIN);
    let mut sums = [[_mm512_setzero_si512(); 4]; 4];
    for block in 0..left[0].len() {
        let columns: [__m512i; 4] = [
            load_signed(&right[0][block]),
            load_signed(&right[1][block]),
            load_signed(&right[2][block]),
            load_signed(&right[3][block]),
        ];
        for i in 0..4 {
            let row = _mm512_xor_si512(load_signed(&left[i][block]), offset);
            for j in 0..4 {
                sums[i][j] = _mm512_dpbusd_epi32(sums[i][j], row, columns[j]);
            }
        }
    }
    [reduce(sums[0]), reduce(sums[1]), reduce(sums[2]), reduce(sums[3])]
}

/// Sixteen bytes, a lane for each.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn widen(bytes: &[u8; 16]) -> __m512i {
    // SAFETY: reads the sixteen bytes of the array; the load has no alignment to keep.
    _mm512_cvtepu8_epi32(unsafe { _mm_loadu_si128(bytes.as_ptr().cast()) })
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_floats(floats: &[f32; 16]) -> __m512 {
    // SAFETY: reads the sixteen floats of the array; the load has no alignment to keep.
    unsafe { _mm512_loadu_ps(floats.as_ptr()) }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dot_refined(query: &[f32], codes: &[u8], bytes: &[u8], levels: &Levels) -> f32 {
    let (base, step) = (load_floats(&levels.base), load_floats(&levels.step));
    let mut sums = [_mm512_setzero_ps(); 2];
    let blocks = query.as_chunks::<BLOCK>().0.iter().zip(bytes.as_chunks::<BLOCK>().0);
    for ((query, bytes), codes) in blocks.zip(codes.as_chunks::<BLOCK_BYTES>().0) {
        let (query, bytes) = (query.as_chunks::<16>().0, bytes.as_chunks::<16>().0);
        for (part, codes) in codes.as_chunks::<16>().0.iter().enumerate() {
            // A permutation looks at the lowest four bits of each lane alone.
            let pairs = widen(codes);
            for (half, codes) in [pairs, _mm512_srli_epi32::<4>(pairs)].into_iter().enumerate() {
                let at = half * 4 + part;
                let byte = _mm512_cvtepi32_ps(widen(&bytes[at]));
                let value = _mm512_fmadd_ps(
                    byte,
                    _mm512_permutexvar_ps(codes, step),
                    _mm512_permutexvar_ps(codes, base),
                );
                sums[half] = _mm512_fmadd_ps(value, load_floats(&query[at]), sums[half]);
            }
        }
    }
    _mm512_reduce_add_ps(_mm512_add_ps(sums[0], sums[1]))
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,popcnt")]
fn above(values: &[f32], bound: f32, out: &mut [u32]) -> usize {
    let (whole, rest) = values.as_chunks::<16>();
    let bounds = _mm512_set1_ps(bound);
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let mut found = 0;
    for (part, values) in whole.iter().enumerate() {
        let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(load_floats(values), bounds);
        let places = _mm512_add_epi32(lanes, _mm512_set1_epi32((part * 16) as i32));
        // Compressing straight to memory is microcode on some processors. All sixteen are stored, as there is room;
        // those past the count are written over, or left out of it.
        let out = &mut out[found..found + 16];
        // SAFETY: writes the sixteen numbers of the slice; the store has no alignment to keep.
        unsafe {
            _mm512_storeu_si512(out.as_mut_ptr().cast(), _mm512_maskz_compress_epi32(mask, places));
        }
        found += mask.count_ones() as usize;
    }
    found + scalar::above_from(whole.len() * 16, rest, bound, &mut out[found..])
}

/// Eight numbers at a time, from the end, until some of eight are not above the value: each that is takes what was before
/// it, or the value where that is not above it. Loads and stores are whole lines, so that the next insertion need not wait
/// for this one's to reach the cache.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni,popcnt")]
fn insert(sorted: &mut [Eight], value: u64) -> usize {
    let values = _mm512_set1_epi64(value.cast_signed());
    for at in (0..sorted.len()).rev() {
        let eight = load_eight(&sorted[at]);
        let larger = _mm512_cmpgt_epu64_mask(eight, values);
        let before = at.checked_sub(1).map_or(_mm512_setzero_si512(), |before| load_eight(&sorted[before]));
        let moved = _mm512_alignr_epi64::<7>(eight, before);
        let next = _mm512_mask_max_epu64(eight, larger, moved, values);
        // SAFETY: writes the eight numbers.
        unsafe { _mm512_storeu_si512(sorted[at].0.as_mut_ptr().cast(), next) }
        if larger != u8::MAX {
            return 8 * (at + 1) - larger.count_ones() as usize;
        }
    }
    0
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn load_eight(numbers: &Eight) -> __m512i {
    // SAFETY: reads the eight numbers.
    unsafe { _mm512_loadu_si512(numbers.0.as_ptr().cast()) }
}
