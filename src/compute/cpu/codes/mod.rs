//! Kernels over rows of integer codes, one table for each instruction set.
//!
//! A row of 4-bit codes is made of blocks of 64 bytes for 128 dimensions: the low halves hold the block's dimensions 0
//! to 63, the high halves 64 to 127, so that one mask and one shift give two whole vectors of codes.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(target_arch = "aarch64")]
mod neon;
mod scalar;
#[cfg(test)]
mod tests;

#[cfg(target_arch = "x86_64")]
pub(super) use avx2::KERNELS as AVX2;
#[cfg(target_arch = "x86_64")]
pub(super) use avx512::KERNELS as AVX512_VNNI;
#[cfg(target_arch = "aarch64")]
pub(super) use neon::KERNELS as NEON;
pub(super) use scalar::KERNELS as SCALAR;

/// Dimensions of a block of 4-bit codes.
pub const BLOCK: usize = 128;
/// Bytes of a block.
pub const BLOCK_BYTES: usize = BLOCK / 2;

/// What the sixteen 4-bit codes stand for, refined by a byte: code `c` with byte `b` is `base[c] + b · step[c]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Levels {
    /// The lower end of each code's interval.
    pub base: [f32; 16],
    /// A 256th of each interval's width.
    pub step: [f32; 16],
}

/// One instruction set's functions over codes. Integer results are exact, and the same on every machine.
#[derive(Clone, Copy, Debug)]
pub struct CodeKernels {
    /// Inner products of a query with rows of 4-bit codes: `out[i] = Σ query[d] · code(ids[i], d)`. The query has a
    /// multiple of [`BLOCK`] dimensions, and rows are half as many bytes.
    dots_u4: fn(&[i8], &[u8], &[u32], &mut [i32]),
    /// Inner products of a query with rows of signed bytes, which are as long as the query.
    dots_i8: fn(&[i8], &[i8], &[u32], &mut [i32]),
    /// Inner products of all pairs of rows: `out[i · b_rows + j]`, rows being of the given length.
    gram_i8: fn(&[i8], &[i8], usize, &mut [i32]),
    /// Inner product of a query with one row of refined codes.
    dot_refined: fn(&[f32], &[u8], &[u8], &Levels) -> f32,
    /// Writes the places of values above a bound to the front of `out`, ascending, and returns their number.
    above: fn(&[f32], f32, &mut [u32]) -> usize,
    /// Puts a number into its place among sorted ones, dropping the last, and returns the place.
    insert: fn(&mut [u64], u64) -> usize,
    /// Asks for the memory of rows of a given length ahead of their use.
    prefetch: fn(&[u8], usize, &[u32]),
}

impl CodeKernels {
    /// Inner products of a query with rows of 4-bit codes: `out[i] = Σ query[d] · code(ids[i], d)`. The query has a
    /// multiple of [`BLOCK`] dimensions; rows are half as many bytes, and follow each other in `codes`. An id beyond the
    /// last row counts as the last.
    ///
    /// # Panics
    /// If the query is no multiple of [`BLOCK`] long, `codes` hold no whole row, or `out` is shorter than `ids`.
    #[inline]
    pub fn dots_u4(&self, query: &[i8], codes: &[u8], ids: &[u32], out: &mut [i32]) {
        assert!(!query.is_empty() && query.len().is_multiple_of(BLOCK), "a query is whole blocks");
        assert!(codes.len() >= query.len() / 2, "codes hold at least one row");
        (self.dots_u4)(query, codes, ids, &mut out[..ids.len()]);
    }

    /// Inner products of a query with rows of signed bytes, which are as long as the query. An id beyond the last
    /// row counts as the last.
    ///
    /// # Panics
    /// If the query is empty, `codes` hold no whole row, or `out` is shorter than `ids`.
    #[inline]
    pub fn dots_i8(&self, query: &[i8], codes: &[i8], ids: &[u32], out: &mut [i32]) {
        assert!(!query.is_empty(), "a query has dimensions");
        assert!(codes.len() >= query.len(), "codes hold at least one row");
        (self.dots_i8)(query, codes, ids, &mut out[..ids.len()]);
    }

    /// Inner products of all pairs of a row of `a` and a row of `b`, each `stride` long: that of rows `i` and `j`
    /// goes to `out[i · rows of b + j]`.
    ///
    /// # Panics
    /// If `stride` is 0 or `out` is too short.
    #[inline]
    pub fn gram_i8(&self, a: &[i8], b: &[i8], stride: usize, out: &mut [i32]) {
        assert!(stride > 0, "rows have dimensions");
        let pairs = (a.len() / stride) * (b.len() / stride);
        (self.gram_i8)(a, b, stride, &mut out[..pairs]);
    }

    /// Inner product of a query with one row of 4-bit codes, refined by a byte for each dimension. Sums are taken
    /// in the back end's own order.
    ///
    /// # Panics
    /// If the query is no multiple of [`BLOCK`] long or a row is shorter than the query asks for.
    #[inline]
    #[must_use]
    pub fn dot_refined(&self, query: &[f32], codes: &[u8], bytes: &[u8], levels: &Levels) -> f32 {
        assert!(query.len().is_multiple_of(BLOCK), "a query is whole blocks");
        (self.dot_refined)(query, &codes[..query.len() / 2], &bytes[..query.len()], levels)
    }

    /// Writes the places of the values above `bound` to the front of `out`, ascending, and returns how many there are.
    /// NaN is above nothing.
    ///
    /// # Panics
    /// If `out` is shorter than `values`.
    #[inline]
    pub fn above(&self, values: &[f32], bound: f32, out: &mut [u32]) -> usize {
        (self.above)(values, bound, &mut out[..values.len()])
    }

    /// Puts `value` into its place in `sorted`, whose numbers ascend but for the last, which is dropped; returns the
    /// place. It is behind equal numbers.
    ///
    /// # Panics
    /// If `sorted` is empty.
    #[inline]
    pub fn insert(&self, sorted: &mut [u64], value: u64) -> usize {
        assert!(!sorted.is_empty(), "there is a last number to drop");
        (self.insert)(sorted, value)
    }

    /// Asks for the memory of rows of `stride` bytes ahead of their use; an id beyond the last row is passed over.
    #[inline]
    pub fn prefetch(&self, rows: &[u8], stride: usize, ids: &[u32]) {
        (self.prefetch)(rows, stride, ids);
    }
}

/// The row of an id, the last one for an id beyond it.
#[inline]
fn row<T>(rows: &[T], stride: usize, id: u32) -> &[T] {
    let last = rows.len() / stride - 1;
    let start = (id as usize).min(last) * stride;
    &rows[start..start + stride]
}
