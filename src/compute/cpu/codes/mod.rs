//! Kernels over rows of integer codes, one table for each instruction set.
//!
//! A row of 4-bit codes is made of blocks of 64 bytes for 128 dimensions: the low halves hold the block's dimensions 0
//! to 63, the high halves 64 to 127, so that one mask and one shift give two whole vectors of codes.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
#[cfg(any(target_arch = "x86_64", target_arch = "aarch64"))]
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
#[cfg(target_arch = "x86_64")]
mod prefetch;
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
/// Bytes that memory hands over at a time.
pub const LINE: usize = 64;
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

/// Rows of bytes that lie apart: each begins `stride` bytes behind the one before, and is `length` long.
#[derive(Clone, Copy, Debug, Default)]
pub struct Spaced<'a> {
    /// From the first row's beginning on.
    pub bytes: &'a [u8],
    /// Bytes from one beginning to the next.
    pub stride: usize,
    /// Bytes of a row, at most the stride.
    pub length: usize,
}

impl<'a> Spaced<'a> {
    /// Rows one after the other.
    #[must_use]
    pub fn packed(bytes: &'a [u8], length: usize) -> Self {
        Self { bytes, stride: length, length }
    }

    /// The part of each row from `start` on.
    #[must_use]
    #[inline]
    pub fn from(&self, start: usize) -> Self {
        let bytes = self.bytes.get(start..).unwrap_or_default();
        Self { bytes, stride: self.stride, length: self.length.saturating_sub(start) }
    }

    /// The first `length` bytes of each row.
    #[must_use]
    #[inline]
    pub fn to(&self, length: usize) -> Self {
        Self { length: length.min(self.length), ..*self }
    }

    /// A row, if it is there.
    #[must_use]
    #[inline]
    pub fn row(&self, id: u32) -> Option<&'a [u8]> {
        let start = (id as usize).checked_mul(self.stride)?;
        self.bytes.get(start..)?.get(..self.length)
    }
}

/// Eight numbers, in a cache line of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bytemuck::Pod, bytemuck::Zeroable)]
#[repr(C, align(64))]
pub struct Eight(pub [u64; 8]);

/// Rows that are used soon. Asking for some while others are compared costs less than asking for all at once, when the
/// processor waits for the first to come before it can ask for the last.
#[derive(Clone, Copy, Debug, Default)]
pub struct Ahead<'a> {
    /// All rows.
    pub rows: Spaced<'a>,
    /// Those asked for.
    pub ids: &'a [u32],
}

/// From a query, rows and ids to an inner product for each id.
type Dots<T> = fn(&[i8], &[T], &[u32], &mut [i32]);
/// The same over rows that begin a number of blocks apart.
type DotsU4 = fn(&[i8], &[u8], usize, &[u32], Ahead, &mut [i32]);

/// From bits, links, the last row and the rows to how many links are new.
type Unseen = fn(&mut [u64], &[u32], u32, Spaced, &mut [u32]) -> usize;

/// One instruction set's functions over codes. Integer results are exact, wrap past 32 bits, and are the same on every
/// machine.
///
/// A field is what the method of its name calls once lengths are checked. None relies on that for soundness.
#[derive(Clone, Copy, Debug)]
pub struct CodeKernels {
    dots_u4: DotsU4,
    dots_i8: Dots<i8>,
    gram_i8: fn(&[i8], &[i8], usize, &mut [i32]),
    dot_refined: fn(&[f32], &[u8], &[u8], &Levels) -> f32,
    above: fn(&[f32], f32, &mut [u32]) -> usize,
    insert: fn(&mut [Eight], u64) -> usize,
    unseen: Unseen,
    prefetch: fn(Spaced, &[u32]),
}

impl CodeKernels {
    /// Inner products of a query with rows of 4-bit codes: `out[i] = Σ query[d] · code(ids[i], d)`. The query has a
    /// multiple of [`BLOCK`] dimensions, and rows at least half as many bytes. An id beyond the last row counts as the last.
    /// Meanwhile it asks for the memory of the rows `ahead`, of each as much as of those compared.
    ///
    /// # Panics
    /// If the query is no multiple of [`BLOCK`] long or longer than rows are, `rows` have no whole row or do not begin at
    /// multiples of [`BLOCK_BYTES`], or `out` is shorter than `ids`.
    #[inline]
    pub fn dots_u4(&self, query: &[i8], rows: Spaced, ids: &[u32], ahead: Ahead, out: &mut [i32]) {
        assert!(!query.is_empty() && query.len().is_multiple_of(BLOCK), "a query is whole blocks");
        assert!(
            (query.len() / 2..=rows.stride).contains(&rows.length),
            "a row is as long as the query asks for"
        );
        assert!(rows.bytes.len() >= rows.length, "there is at least one row");
        assert!(rows.stride.is_multiple_of(BLOCK_BYTES), "rows begin with blocks");
        (self.dots_u4)(query, rows.bytes, rows.stride / BLOCK_BYTES, ids, ahead, &mut out[..ids.len()]);
    }

    /// Inner products of a query with rows of signed bytes, which are as long as the query. An id beyond the last
    /// row counts as the last. Vectors take lengths that are multiples of 64; others may be slow.
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
    /// goes to `out[i · rows of b + j]`. Vectors take strides that are multiples of 64; others may be slow.
    ///
    /// # Panics
    /// If `stride` is 0 or `out` is too short.
    #[inline]
    pub fn gram_i8(&self, a: &[i8], b: &[i8], stride: usize, out: &mut [i32]) {
        assert!(stride > 0, "rows have dimensions");
        let pairs = (a.len() / stride).saturating_mul(b.len() / stride);
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

    /// Puts `value` into its place among ascending numbers, of which the last is dropped, and returns the place: behind equal
    /// numbers. A value that is not below the last is dropped itself.
    #[inline]
    pub fn insert(&self, sorted: &mut [Eight], value: u64) -> usize {
        (self.insert)(sorted, value)
    }

    /// Writes to the front of `out` those of `links` whose bits in `seen` are not set yet, in their order, sets these, and
    /// returns how many there are. A link beyond `last` stands for that one. Meanwhile it asks for the line of memory in
    /// which each link's row of `rows` begins.
    ///
    /// # Panics
    /// If `seen` has no bit for a link, or `out` is shorter than `links`.
    #[inline]
    pub fn unseen(&self, seen: &mut [u64], links: &[u32], last: u32, rows: Spaced, out: &mut [u32]) -> usize {
        (self.unseen)(seen, links, last, rows, out)
    }

    /// Asks for the memory of rows ahead of their use; an id beyond the last row is passed over.
    #[inline]
    pub fn prefetch(&self, rows: Spaced, ids: &[u32]) {
        (self.prefetch)(rows, ids);
    }
}

/// Rows of one length, each beginning a certain way behind the one before. What is left behind the last whole one is no
/// row.
#[derive(Clone, Copy)]
struct Rows<'a, T> {
    all: &'a [T],
    stride: usize,
    length: usize,
    last: usize,
}

impl<'a, T> Rows<'a, T> {
    /// One after the other.
    #[inline]
    fn new(all: &'a [T], length: usize) -> Self {
        Self::spaced(all, length, length)
    }

    #[inline]
    fn spaced(all: &'a [T], stride: usize, length: usize) -> Self {
        Self { all, stride, length, last: all.len().saturating_sub(length) / stride }
    }

    /// The given row, the last one for a number beyond it.
    #[inline]
    fn row(&self, number: usize) -> &'a [T] {
        let start = number.min(self.last) * self.stride;
        &self.all[start..start + self.length]
    }
}
