//! NEON: sixteen codes at a time, the sums of four rows reduced together.
//!
//! Plain multiplications, since the intrinsics for dot products of bytes are not stable in Rust.
#![expect(unsafe_code, reason = "vector loads take raw pointers; target features are checked at run time")]

use super::lanes::PLACES;
use super::{Ahead, BLOCK, BLOCK_BYTES, CodeKernels, Levels, Rows, scalar};
use std::arch::aarch64::{
    float32x4_t, int8x16_t, int16x8_t, int32x4_t, uint8x16_t, uint8x16x4_t, vaddq_f32, vaddq_u8, vaddq_u32,
    vaddvq_f32, vaddvq_u16, vandq_u8, vandq_u16, vandq_u32, vcgtq_f32, vcvtq_f32_u32, vdupq_n_f32,
    vdupq_n_s16, vdupq_n_s32, vdupq_n_u8, vdupq_n_u32, vfmaq_f32, vget_low_s8, vget_low_u8, vget_low_u16,
    vld1q_f32, vld1q_s8, vld1q_s32, vld1q_u8, vld1q_u16, vmlal_high_s8, vmlal_s8, vmovl_high_u8,
    vmovl_high_u16, vmovl_u8, vmovl_u16, vmovn_high_u32, vmovn_u32, vmull_high_s8, vmull_s8, vpadalq_s16,
    vpaddq_s32, vqtbl1q_u8, vqtbl4q_u8, vreinterpretq_f32_u8, vreinterpretq_s8_u8, vreinterpretq_u8_f32,
    vshlq_n_u8, vshlq_u32, vshrq_n_u8, vst1q_s32, vst1q_u32,
};

/// Handed out by [`crate::compute::backends`] only where NEON is there.
pub(in super::super) const KERNELS: CodeKernels = CodeKernels {
    // SAFETY: the table is handed out only where the feature is there.
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
    // The intrinsic that asks for memory is not stable in Rust for this architecture: nothing is asked for.
    unseen: scalar::unseen,
    prefetch: scalar::prefetch,
};

#[inline]
#[target_feature(enable = "neon")]
fn load(bytes: &[u8; 16]) -> uint8x16_t {
    // SAFETY: reads the sixteen bytes of the array.
    unsafe { vld1q_u8(bytes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_signed(codes: &[i8; 16]) -> int8x16_t {
    // SAFETY: reads the sixteen bytes of the array.
    unsafe { vld1q_s8(codes.as_ptr()) }
}

#[inline]
#[target_feature(enable = "neon")]
fn load_floats(floats: &[f32; 4]) -> float32x4_t {
    // SAFETY: reads the four floats of the array.
    unsafe { vld1q_f32(floats.as_ptr()) }
}

/// The sums over the lanes of four vectors, in their order.
#[inline]
#[target_feature(enable = "neon")]
fn reduce(sums: [int32x4_t; 4]) -> int32x4_t {
    vpaddq_s32(vpaddq_s32(sums[0], sums[1]), vpaddq_s32(sums[2], sums[3]))
}

/// Stores up to four sums.
#[inline]
#[target_feature(enable = "neon")]
fn store(sums: int32x4_t, out: &mut [i32]) {
    if let Some(four) = out.first_chunk_mut::<4>() {
        // SAFETY: writes the four numbers of the array.
        unsafe { vst1q_s32(four.as_mut_ptr(), sums) }
    } else {
        let mut four = [0; 4];
        // SAFETY: as above.
        unsafe { vst1q_s32(four.as_mut_ptr(), sums) }
        out.copy_from_slice(&four[..out.len()]);
    }
}

#[target_feature(enable = "neon")]
fn dots_u4(query: &[i8], codes: &[u8], stride: usize, ids: &[u32], _ahead: Ahead, out: &mut [i32]) {
    let (query, _) = query.as_chunks::<16>();
    let (query, _) = query.as_chunks::<8>();
    let (codes, _) = codes.as_chunks::<16>();
    let rows = Rows::spaced(codes.as_chunks::<4>().0, stride, query.len());
    for (ids, out) in ids.chunks(4).zip(out.chunks_mut(4)) {
        let rows = rows.four(ids);
        let mut sums = [vdupq_n_s32(0); 4];
        for (block, parts) in query.iter().enumerate() {
            let mut products = [[vdupq_n_s16(0); 2]; 4];
            for part in 0..4 {
                let (front, back) = (load_signed(&parts[part]), load_signed(&parts[4 + part]));
                for lane in 0..4 {
                    products[lane] =
                        add_products_u4(products[lane], load(&rows[lane][block][part]), front, back);
                }
            }
            for lane in 0..4 {
                sums[lane] = vpadalq_s16(vpadalq_s16(sums[lane], products[lane][0]), products[lane][1]);
            }
        }
        store(reduce(sums), out);
    }
}

/// Adds the products of 32 codes. A block adds eight of at most 15 · 128 to a lane, whose 16 bits hold them.
#[inline]
#[target_feature(enable = "neon")]
fn add_products_u4(
    products: [int16x8_t; 2],
    pairs: uint8x16_t,
    front: int8x16_t,
    back: int8x16_t,
) -> [int16x8_t; 2] {
    let low = vreinterpretq_s8_u8(vandq_u8(pairs, vdupq_n_u8(15)));
    let high = vreinterpretq_s8_u8(vshrq_n_u8::<4>(pairs));
    let first = vmlal_s8(products[0], vget_low_s8(low), vget_low_s8(front));
    let second = vmlal_high_s8(products[1], low, front);
    [vmlal_s8(first, vget_low_s8(high), vget_low_s8(back)), vmlal_high_s8(second, high, back)]
}

/// A product of two codes fits 16 bits, −128 squared included; pairs are then added into 32.
#[inline]
#[target_feature(enable = "neon")]
fn add_products(sum: int32x4_t, x: int8x16_t, y: int8x16_t) -> int32x4_t {
    let sum = vpadalq_s16(sum, vmull_s8(vget_low_s8(x), vget_low_s8(y)));
    vpadalq_s16(sum, vmull_high_s8(x, y))
}

#[target_feature(enable = "neon")]
fn dots_i8(query: &[i8], codes: &[i8], ids: &[u32], out: &mut [i32]) {
    if !query.len().is_multiple_of(16) {
        return scalar::dots_i8(query, codes, ids, out);
    }
    let (query, _) = query.as_chunks::<16>();
    let rows = Rows::new(codes.as_chunks::<16>().0, query.len());
    for (ids, out) in ids.chunks(4).zip(out.chunks_mut(4)) {
        let rows = rows.four(ids);
        let mut sums = [vdupq_n_s32(0); 4];
        for (block, part) in query.iter().enumerate() {
            let part = load_signed(part);
            for lane in 0..4 {
                sums[lane] = add_products(sums[lane], part, load_signed(&rows[lane][block]));
            }
        }
        store(reduce(sums), out);
    }
}

/// In tiles of four rows by four, so that every load serves four products.
#[target_feature(enable = "neon")]
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
        for row in (0..rows).step_by(4) {
            let tile = tile(left.consecutive(row), right);
            for (i, sums) in tile.into_iter().enumerate().take(rows - row) {
                let start = (row + i) * columns + column;
                store(sums, &mut out[start..start + width]);
            }
        }
    }
}

#[inline]
#[target_feature(enable = "neon")]
fn tile(left: [&[[i8; 16]]; 4], right: [&[[i8; 16]]; 4]) -> [int32x4_t; 4] {
    let mut sums = [[vdupq_n_s32(0); 4]; 4];
    for block in 0..left[0].len() {
        let columns = [
            load_signed(&right[0][block]),
            load_signed(&right[1][block]),
            load_signed(&right[2][block]),
            load_signed(&right[3][block]),
        ];
        for i in 0..4 {
            let row = load_signed(&left[i][block]);
            for j in 0..4 {
                sums[i][j] = add_products(sums[i][j], row, columns[j]);
            }
        }
    }
    [reduce(sums[0]), reduce(sums[1]), reduce(sums[2]), reduce(sums[3])]
}

/// Sixteen floats as the 64 bytes of a table.
#[inline]
#[target_feature(enable = "neon")]
fn load_table(table: &[f32; 16]) -> uint8x16x4_t {
    let (parts, _) = table.as_chunks::<4>();
    uint8x16x4_t(
        vreinterpretq_u8_f32(load_floats(&parts[0])),
        vreinterpretq_u8_f32(load_floats(&parts[1])),
        vreinterpretq_u8_f32(load_floats(&parts[2])),
        vreinterpretq_u8_f32(load_floats(&parts[3])),
    )
}

/// For four floats' bytes, which of sixteen codes each is of: the first four codes, the next four, and so on.
const SPREAD: [[u8; 16]; 4] = {
    let mut spread = [[0; 16]; 4];
    let mut byte = 0;
    while byte < 64 {
        spread[byte / 16][byte % 16] = (byte / 4) as u8;
        byte += 1;
    }
    spread
};

/// Sixteen bytes as floats.
#[inline]
#[target_feature(enable = "neon")]
fn widen(bytes: uint8x16_t) -> [float32x4_t; 4] {
    let (low, high) = (vmovl_u8(vget_low_u8(bytes)), vmovl_high_u8(bytes));
    [
        vcvtq_f32_u32(vmovl_u16(vget_low_u16(low))),
        vcvtq_f32_u32(vmovl_high_u16(low)),
        vcvtq_f32_u32(vmovl_u16(vget_low_u16(high))),
        vcvtq_f32_u32(vmovl_high_u16(high)),
    ]
}

#[target_feature(enable = "neon")]
fn dot_refined(query: &[f32], codes: &[u8], bytes: &[u8], levels: &Levels) -> f32 {
    let (base, step) = (load_table(&levels.base), load_table(&levels.step));
    let within = load(&[0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3, 0, 1, 2, 3]);
    let mut sums = [vdupq_n_f32(0.0); 4];
    let blocks = query.as_chunks::<BLOCK>().0.iter().zip(bytes.as_chunks::<BLOCK>().0);
    for ((query, bytes), codes) in blocks.zip(codes.as_chunks::<BLOCK_BYTES>().0) {
        let (query, bytes) = (query.as_chunks::<4>().0.as_chunks::<4>().0, bytes.as_chunks::<16>().0);
        for (part, codes) in codes.as_chunks::<16>().0.iter().enumerate() {
            let pairs = load(codes);
            for (half, codes) in
                [vandq_u8(pairs, vdupq_n_u8(15)), vshrq_n_u8::<4>(pairs)].into_iter().enumerate()
            {
                let at = half * 4 + part;
                // A code's float is the four bytes from four times the code on.
                let (starts, refinement) = (vshlq_n_u8::<2>(codes), widen(load(&bytes[at])));
                for lane in 0..4 {
                    let places = vaddq_u8(vqtbl1q_u8(starts, load(&SPREAD[lane])), within);
                    let base = vreinterpretq_f32_u8(vqtbl4q_u8(base, places));
                    let step = vreinterpretq_f32_u8(vqtbl4q_u8(step, places));
                    let value = vfmaq_f32(base, refinement[lane], step);
                    sums[lane] = vfmaq_f32(sums[lane], value, load_floats(&query[at][lane]));
                }
            }
        }
    }
    vaddvq_f32(vaddq_f32(vaddq_f32(sums[0], sums[1]), vaddq_f32(sums[2], sums[3])))
}

/// A bit for each of eight values, whether it is above its bound.
#[inline]
#[target_feature(enable = "neon")]
fn mask_above(values: &[f32; 8], bounds: float32x4_t) -> u8 {
    let (values, _) = values.as_chunks::<4>();
    let low = vmovn_u32(vcgtq_f32(load_floats(&values[0]), bounds));
    let all = vmovn_high_u32(low, vcgtq_f32(load_floats(&values[1]), bounds));
    // SAFETY: reads the eight numbers of the array.
    let bits = unsafe { vld1q_u16([1, 2, 4, 8, 16, 32, 64, 128].as_ptr()) };
    vaddvq_u16(vandq_u16(all, bits)) as u8
}

#[target_feature(enable = "neon")]
fn above(values: &[f32], bound: f32, out: &mut [u32]) -> usize {
    let (whole, rest) = values.as_chunks::<8>();
    let bounds = vdupq_n_f32(bound);
    // Shifts to the left by less than nothing are shifts to the right.
    // SAFETY: reads the four numbers of each array.
    let shifts = unsafe { [vld1q_s32([0, -4, -8, -12].as_ptr()), vld1q_s32([-16, -20, -24, -28].as_ptr())] };
    let mut found = 0;
    for (part, values) in whole.iter().enumerate() {
        let mask = mask_above(values, bounds);
        let (packed, first) = (vdupq_n_u32(PLACES[usize::from(mask)]), vdupq_n_u32((part * 8) as u32));
        // All eight are stored, as there is room; those past the count are written over, or left out of it.
        let (out, _) = out[found..found + 8].as_chunks_mut::<4>();
        for half in 0..2 {
            let within = vandq_u32(vshlq_u32(packed, shifts[half]), vdupq_n_u32(15));
            // SAFETY: writes the four numbers of the array.
            unsafe { vst1q_u32(out[half].as_mut_ptr(), vaddq_u32(within, first)) }
        }
        found += mask.count_ones() as usize;
    }
    found + scalar::above_from(whole.len() * 8, rest, bound, &mut out[found..])
}
