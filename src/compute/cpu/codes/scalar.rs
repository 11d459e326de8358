//! The specification: plain Rust, any machine.

use super::super::scalar::dot_i8;
use super::{Ahead, BLOCK, BLOCK_BYTES, CodeKernels, Eight, Levels, Rows, Spaced};

pub(in super::super) const KERNELS: CodeKernels =
    CodeKernels { dots_u4, dots_i8, gram_i8, dot_refined, above, insert, unseen, prefetch };

/// The 4-bit code of a dimension.
#[inline]
fn code(codes: &[u8], dimension: usize) -> u8 {
    let (block, within) = (dimension / BLOCK, dimension % BLOCK);
    let byte = codes[block * BLOCK_BYTES + within % BLOCK_BYTES];
    if within < BLOCK_BYTES { byte & 15 } else { byte >> 4 }
}

pub(super) fn dots_u4(
    query: &[i8],
    codes: &[u8],
    stride: usize,
    ids: &[u32],
    _ahead: Ahead,
    out: &mut [i32],
) {
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

pub(super) fn insert(sorted: &mut [Eight], value: u64) -> usize {
    let sorted: &mut [u64] = bytemuck::cast_slice_mut(sorted);
    let mut at = sorted.len();
    while at > 0 && sorted[at - 1] > value {
        at -= 1;
    }
    if at < sorted.len() {
        sorted[at..].rotate_right(1);
        sorted[at] = value;
    }
    at
}

/// There is no portable way to ask.
pub(super) fn prefetch(_rows: Spaced, _ids: &[u32]) {}

pub(super) fn unseen(seen: &mut [u64], links: &[u32], last: u32, _rows: Spaced, out: &mut [u32]) -> usize {
    each_unseen(seen, links, last, out, |_| ())
}

/// Hands each link to `each`, writes those whose bits are not set yet to the front of `out`, sets them, and returns how many
/// there are.
#[inline]
pub(super) fn each_unseen(
    seen: &mut [u64],
    links: &[u32],
    last: u32,
    out: &mut [u32],
    each: impl Fn(u32),
) -> usize {
    let out = &mut out[..links.len()];
    let mut count = 0;
    for &link in links {
        let id = link.min(last);
        each(id);
        let (word, bit) = (&mut seen[id as usize / 64], 1 << (id % 64));
        // No branch: it would be guessed wrong half the time.
        out[count] = id;
        count += usize::from(*word & bit == 0);
        *word |= bit;
    }
    count
}
