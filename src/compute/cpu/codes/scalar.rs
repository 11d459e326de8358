//! The specification: plain Rust, any machine.

use super::super::scalar::dot_i8;
use super::{BLOCK, BLOCK_BYTES, CodeKernels, Levels, Rows, Spaced};

pub(in super::super) const KERNELS: CodeKernels =
    CodeKernels { dots_u4, dots_i8, gram_i8, dot_refined, above, insert, prefetch };

/// The 4-bit code of a dimension.
#[inline]
fn code(codes: &[u8], dimension: usize) -> u8 {
    let (block, within) = (dimension / BLOCK, dimension % BLOCK);
    let byte = codes[block * BLOCK_BYTES + within % BLOCK_BYTES];
    if within < BLOCK_BYTES { byte & 15 } else { byte >> 4 }
}

pub(super) fn dots_u4(query: &[i8], codes: &[u8], stride: usize, ids: &[u32], out: &mut [i32]) {
    let rows = Rows::spaced(codes, stride * BLOCK_BYTES, query.len() / 2);
    for (sum, &id) in out.iter_mut().zip(ids) {
        let row = rows.row(id as usize);
        let product = |d: usize| i32::from(query[d]) * i32::from(code(row, d));
        *sum = (0..query.len()).map(product).fold(0, i32::wrapping_add);
    }
}

pub(super) fn dots_i8(query: &[i8], codes: &[i8], ids: &[u32], out: &mut [i32]) {
    let rows = Rows::new(codes, query.len());
    for (sum, &id) in out.iter_mut().zip(ids) {
        *sum = dot_i8(query, rows.row(id as usize));
    }
}

pub(super) fn gram_i8(a: &[i8], b: &[i8], stride: usize, out: &mut [i32]) {
    let columns = (b.len() / stride).max(1);
    for (x, sums) in a.chunks_exact(stride).zip(out.chunks_exact_mut(columns)) {
        for (y, sum) in b.chunks_exact(stride).zip(sums) {
            *sum = dot_i8(x, y);
        }
    }
}

pub(super) fn dot_refined(query: &[f32], codes: &[u8], bytes: &[u8], levels: &Levels) -> f32 {
    let term = |d: usize| {
        let code = usize::from(code(codes, d));
        query[d] * (levels.base[code] + f32::from(bytes[d]) * levels.step[code])
    };
    (0..query.len()).map(term).sum()
}

pub(super) fn above(values: &[f32], bound: f32, out: &mut [u32]) -> usize {
    above_from(0, values, bound, out)
}

/// As [`above`], the first value's place being the given one.
pub(super) fn above_from(first: usize, values: &[f32], bound: f32, out: &mut [u32]) -> usize {
    let mut found = 0;
    for (at, &value) in (first..).zip(values) {
        // Stored always, counted where it is above: no branch to mispredict.
        out[found] = at as u32;
        found += usize::from(value > bound);
    }
    found
}

pub(super) fn insert(sorted: &mut [u64], value: u64) -> usize {
    let mut at = sorted.len() - 1;
    while at > 0 && sorted[at - 1] > value {
        sorted[at] = sorted[at - 1];
        at -= 1;
    }
    sorted[at] = value;
    at
}

/// There is no portable way to ask.
pub(super) fn prefetch(_rows: Spaced, _ids: &[u32]) {}
