//! Asking for memory on x86-64, the same for all its back ends.
#![expect(unsafe_code, reason = "the hint takes a raw pointer")]

use super::{Ahead, LINE, Spaced, scalar};
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Every cache line that a row touches: a row need not begin with one.
pub(super) fn prefetch(rows: Spaced, ids: &[u32]) {
    for &id in ids {
        let Some(row) = rows.row(id) else { continue };
        let before = row.as_ptr().addr() % LINE;
        let first = row.as_ptr().wrapping_sub(before);
        for at in (0..before + row.len()).step_by(LINE) {
            // SAFETY: a hint, which never faults and reads nothing that the program could see; SSE is part of the
            // architecture.
            unsafe { _mm_prefetch::<_MM_HINT_T0>(first.wrapping_add(at).cast()) }
        }
    }
}

/// The cache line so many lines behind `start`.
#[inline]
pub(super) fn prefetch_line(start: *const u8, line: usize) {
    // SAFETY: as above.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(start.wrapping_add(line * LINE).cast()) }
}

impl Ahead<'_> {
    /// Where a row would begin, be it there or not.
    #[inline]
    pub(super) fn start(&self, id: u32) -> *const u8 {
        self.rows.bytes.as_ptr().wrapping_add((id as usize).wrapping_mul(self.rows.stride))
    }
}

/// As [`scalar::each_unseen`], asking for the line in which each row begins.
pub(super) fn unseen(seen: &mut [u64], links: &[u32], last: u32, rows: Spaced, out: &mut [u32]) -> usize {
    let ahead = Ahead { rows, ids: &[] };
    scalar::each_unseen(seen, links, last, out, |id| prefetch_line(ahead.start(id), 0))
}
