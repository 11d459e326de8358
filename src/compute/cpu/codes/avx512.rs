//! AVX-512 with VNNI: sixty-four codes at a time, the sums of four rows reduced together.
#![expect(unsafe_code, reason = "vector loads take raw pointers; target features are checked at run time")]

use super::{BLOCK, BLOCK_BYTES, CodeKernels, Levels};
use std::arch::x86_64::{
    __m128i, __m512, __m512i, _CMP_GT_OQ, _MM_HINT_T0, _mm_add_epi32, _mm_loadu_si128, _mm_prefetch,
    _mm_storeu_si128, _mm_sub_epi32, _mm512_add_epi32, _mm512_add_ps, _mm512_and_si512,
    _mm512_castsi512_si128, _mm512_cmp_ps_mask, _mm512_cmpgt_epu64_mask, _mm512_cvtepi32_ps,
    _mm512_cvtepu8_epi32, _mm512_dpbusd_epi32, _mm512_extracti32x4_epi32, _mm512_fmadd_ps,
    _mm512_loadu_epi64, _mm512_loadu_ps, _mm512_loadu_si512, _mm512_mask_storeu_epi32,
    _mm512_mask_storeu_epi64, _mm512_maskz_compress_epi32, _mm512_maskz_loadu_ps, _mm512_permutexvar_ps,
    _mm512_reduce_add_ps, _mm512_set1_epi8, _mm512_set1_epi32, _mm512_set1_epi64, _mm512_set1_ps,
    _mm512_setr_epi32, _mm512_setzero_ps, _mm512_setzero_si512, _mm512_srli_epi16, _mm512_srli_epi32,
    _mm512_sub_epi32, _mm512_unpackhi_epi32, _mm512_unpackhi_epi64, _mm512_unpacklo_epi32,
    _mm512_unpacklo_epi64, _mm512_xor_si512,
};

/// Handed out by [`crate::compute::backends`] only where AVX-512 F, BW, VL and VNNI are there; every SAFETY below rests on it.
pub(in super::super) const KERNELS: CodeKernels = CodeKernels {
    // SAFETY: the table is handed out only where the features are there.
    dots_u4: |query, codes, ids, out| unsafe { dots_u4(query, codes, ids, out) },
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
    prefetch,
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

/// The sums over the lanes of four vectors, in their order.
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn reduce(sums: [__m512i; 4]) -> __m128i {
    let pair = |x, y| _mm512_add_epi32(_mm512_unpacklo_epi32(x, y), _mm512_unpackhi_epi32(x, y));
    let (low, high) = (pair(sums[0], sums[1]), pair(sums[2], sums[3]));
    let four = _mm512_add_epi32(_mm512_unpacklo_epi64(low, high), _mm512_unpackhi_epi64(low, high));
    let front = _mm_add_epi32(_mm512_castsi512_si128(four), _mm512_extracti32x4_epi32::<1>(four));
    let back = _mm_add_epi32(_mm512_extracti32x4_epi32::<2>(four), _mm512_extracti32x4_epi32::<3>(four));
    _mm_add_epi32(front, back)
}

#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn store(sums: __m128i, out: &mut [i32]) {
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

/// Rows of one length; an id beyond the last stands for that.
#[derive(Clone, Copy)]
struct Rows<'a, T, const N: usize> {
    parts: &'a [[T; N]],
    /// Parts of a row.
    blocks: usize,
    last: usize,
}

impl<'a, T, const N: usize> Rows<'a, T, N> {
    fn new(values: &'a [T], blocks: usize) -> Self {
        let (parts, _) = values.as_chunks::<N>();
        Self { parts, blocks, last: parts.len() / blocks - 1 }
    }

    /// Four rows of a batch; at its end the last id again, whose sum is then thrown away.
    #[inline]
    fn four(&self, ids: &[u32]) -> [&'a [[T; N]]; 4] {
        std::array::from_fn(|i| {
            let start = (ids[i.min(ids.len() - 1)] as usize).min(self.last) * self.blocks;
            &self.parts[start..start + self.blocks]
        })
    }
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dots_u4(query: &[i8], codes: &[u8], ids: &[u32], out: &mut [i32]) {
    let low = _mm512_set1_epi8(15);
    let (query, _) = query.as_chunks::<64>();
    let (query, _) = query.as_chunks::<2>();
    let rows = Rows::<u8, BLOCK_BYTES>::new(codes, query.len());
    for (ids, out) in ids.chunks(4).zip(out.chunks_mut(4)) {
        let [a, b, c, d] = rows.four(ids);
        let mut sums = [_mm512_setzero_si512(); 4];
        for ((((part, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
            let (front, back) = (load_signed(&part[0]), load_signed(&part[1]));
            for (sum, pairs) in sums.iter_mut().zip([a, b, c, d]) {
                let pairs = load(pairs);
                let high = _mm512_and_si512(_mm512_srli_epi16::<4>(pairs), low);
                *sum = _mm512_dpbusd_epi32(*sum, _mm512_and_si512(pairs, low), front);
                *sum = _mm512_dpbusd_epi32(*sum, high, back);
            }
        }
        store(reduce(sums), out);
    }
}

/// VNNI multiplies unsigned by signed: the query plus 128 is unsigned, and 128 times the row's sum, taken alongside,
/// is taken off again.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn dots_i8(query: &[i8], codes: &[i8], ids: &[u32], out: &mut [i32]) {
    if !query.len().is_multiple_of(64) {
        return super::scalar::dots_i8(query, codes, ids, out);
    }
    let offset = _mm512_set1_epi8(i8::MIN);
    let (query, _) = query.as_chunks::<64>();
    let rows = Rows::<i8, 64>::new(codes, query.len());
    for (ids, out) in ids.chunks(4).zip(out.chunks_mut(4)) {
        let [a, b, c, d] = rows.four(ids);
        let mut sums = [_mm512_setzero_si512(); 4];
        let mut offsets = [_mm512_setzero_si512(); 4];
        for ((((part, a), b), c), d) in query.iter().zip(a).zip(b).zip(c).zip(d) {
            let part = _mm512_xor_si512(load_signed(part), offset);
            for ((sum, correction), row) in sums.iter_mut().zip(&mut offsets).zip([a, b, c, d]) {
                let row = load_signed(row);
                *sum = _mm512_dpbusd_epi32(*sum, part, row);
                *correction = _mm512_dpbusd_epi32(*correction, offset, row);
            }
        }
        for lane in 0..4 {
            sums[lane] = _mm512_sub_epi32(sums[lane], offsets[lane]);
        }
        store(reduce(sums), out);
    }
}

/// The sum of a row's codes times 128, for four rows of `b`.
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

/// Four rows from the given one on; where fewer are left, the last again.
#[inline]
fn four_from(rows: &[i8], stride: usize, from: usize) -> [&[[i8; 64]]; 4] {
    let last = rows.len() / stride - 1;
    std::array::from_fn(|i| {
        let at = (from + i).min(last) * stride;
        rows[at..at + stride].as_chunks::<64>().0
    })
}

/// In tiles of four rows by four, so that every load serves four products.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn gram_i8(a: &[i8], b: &[i8], stride: usize, out: &mut [i32]) {
    if !stride.is_multiple_of(64) {
        return super::scalar::gram_i8(a, b, stride, out);
    }
    let (rows, columns) = (a.len() / stride, b.len() / stride);
    if rows == 0 {
        return;
    }
    for column in (0..columns).step_by(4) {
        let right = four_from(b, stride, column);
        let offsets = offsets(right);
        let width = (columns - column).min(4);
        for row in (0..rows).step_by(4) {
            let tile = tile(four_from(a, stride, row), right);
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
    let blocks = left[0].len();
    let (left, right) = (left.map(|row| &row[..blocks]), right.map(|row| &row[..blocks]));
    let mut sums = [[_mm512_setzero_si512(); 4]; 4];
    for block in 0..blocks {
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

/// Sixteen dimensions: their codes in the low bits of each lane, and their bytes.
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
    let low = _mm512_set1_epi32(15);
    let mut sums = [_mm512_setzero_ps(); 2];
    let blocks = query.as_chunks::<BLOCK>().0.iter().zip(bytes.as_chunks::<BLOCK>().0);
    for ((query, bytes), codes) in blocks.zip(codes.as_chunks::<BLOCK_BYTES>().0) {
        let (query, bytes) = (query.as_chunks::<16>().0, bytes.as_chunks::<16>().0);
        for (part, codes) in codes.as_chunks::<16>().0.iter().enumerate() {
            let pairs = widen(codes);
            for (half, codes) in
                [_mm512_and_si512(pairs, low), _mm512_srli_epi32::<4>(pairs)].into_iter().enumerate()
            {
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

#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn above(values: &[f32], bound: f32, out: &mut [u32]) -> usize {
    let bound = _mm512_set1_ps(bound);
    let lanes = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    let mut found = 0;
    for (part, values) in values.chunks(16).enumerate() {
        let present = u16::MAX >> (16 - values.len());
        // SAFETY: the mask lets it read the floats of the slice and no others.
        let values = unsafe { _mm512_maskz_loadu_ps(present, values.as_ptr()) };
        let mask = _mm512_cmp_ps_mask::<_CMP_GT_OQ>(values, bound) & present;
        let places = _mm512_add_epi32(lanes, _mm512_set1_epi32((part * 16) as i32));
        let count = mask.count_ones() as usize;
        let (places, out) = (_mm512_maskz_compress_epi32(mask, places), &mut out[found..found + count]);
        // Compressing straight to memory is microcode on some processors.
        let filled = u16::MAX.checked_shr(16 - count as u32).unwrap_or(0);
        // SAFETY: writes as many numbers as the slice holds.
        unsafe { _mm512_mask_storeu_epi32(out.as_mut_ptr().cast(), filled, places) }
        found += count;
    }
    found
}

/// Eight numbers at a time move up by one, from the end, until some of eight are not above the value.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vnni")]
fn insert(sorted: &mut [u64], value: u64) -> usize {
    let bound = _mm512_set1_epi64(value.cast_signed());
    let mut end = sorted.len() - 1;
    while end >= 8 {
        let nine = &mut sorted[end - 8..=end];
        // SAFETY: reads the first eight of the nine numbers.
        let eight = unsafe { _mm512_loadu_epi64(nine.as_ptr().cast()) };
        let larger = _mm512_cmpgt_epu64_mask(eight, bound);
        // SAFETY: writes the last eight of the nine numbers, or fewer.
        unsafe { _mm512_mask_storeu_epi64(nine.as_mut_ptr().add(1).cast(), larger, eight) }
        if larger != u8::MAX {
            let at = end - larger.count_ones() as usize;
            sorted[at] = value;
            return at;
        }
        end -= 8;
    }
    super::scalar::insert(&mut sorted[..=end], value)
}

/// The cache lines of each row.
pub(super) fn prefetch(rows: &[u8], stride: usize, ids: &[u32]) {
    for &id in ids {
        let start = id as usize * stride;
        if start + stride > rows.len() {
            continue;
        }
        for line in (start..start + stride).step_by(64) {
            // SAFETY: the place is inside the slice; and a prefetch is a hint, which reads nothing that the program
            // could see. SSE is part of the architecture.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(rows.as_ptr().add(line).cast()) }
        }
    }
}
