//! The Hadamard transform.

/// The Hadamard transform, not scaled, of a power of two of values. It is inlined where instructions are chosen; sums and
/// differences are the same with all of them.
#[expect(
    clippy::inline_always,
    reason = "a function takes on the instructions of its caller only where it is inlined"
)]
#[inline(always)]
pub(super) fn hadamard(x: &mut [f32]) {
    let mut half = 1;
    if x.len() >= 16 {
        x.as_chunks_mut::<16>().0.iter_mut().for_each(hadamard_16);
        half = 16;
    }
    while half < x.len() {
        for pair in x.chunks_exact_mut(2 * half) {
            let (front, back) = pair.split_at_mut(half);
            for (a, b) in front.iter_mut().zip(back) {
                (*a, *b) = (*a + *b, *a - *b);
            }
        }
        half *= 2;
    }
}

/// As a 4 x 4 matrix: columns, then rows, so that all but the last step work on whole vectors.
#[expect(
    clippy::inline_always,
    reason = "a function takes on the instructions of its caller only where it is inlined"
)]
#[inline(always)]
fn hadamard_16(x: &mut [f32; 16]) {
    for half in [8, 4] {
        for start in (0..16).step_by(2 * half) {
            for i in start..start + half {
                (x[i], x[i + half]) = (x[i] + x[i + half], x[i] - x[i + half]);
            }
        }
    }
    for [a, b, c, d] in x.as_chunks_mut::<4>().0 {
        let (sum, difference, other_sum, other_difference) = (*a + *b, *a - *b, *c + *d, *c - *d);
        (*a, *c) = (sum + other_sum, sum - other_sum);
        (*b, *d) = (difference + other_difference, difference - other_difference);
    }
}
