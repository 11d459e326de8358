//! Asking for memory on x86-64, the same for all its back ends.
#![expect(unsafe_code, reason = "the hint takes a raw pointer")]

use super::Spaced;
use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};

/// Bytes of a cache line.
const LINE: usize = 64;

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
