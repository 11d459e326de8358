//! How much of the exact answer an approximate one holds.

use std::collections::HashSet;
use std::hash::Hash;

/// Mean share of each query's first `k` true neighbours that are among its first `k` found.
///
/// Queries are paired in order. One with no true neighbours does not count; with none that counts the
/// recall is 1. Where fewer than `k` are true, it is the share of those.
///
/// ```
/// let found = [vec![1, 2, 9], vec![4, 5, 6]];
/// let truth = [vec![1, 2, 3], vec![4, 5, 6]];
/// assert_eq!(kindred::eval::recall_at_k(&found, &truth, 2), 1.0);
/// assert_eq!(kindred::eval::recall_at_k(&found, &truth, 3), (2.0 / 3.0 + 1.0) / 2.0);
/// ```
#[must_use]
pub fn recall_at_k<I: Eq + Hash>(found: &[Vec<I>], truth: &[Vec<I>], k: usize) -> f64 {
    let shares: Vec<f64> =
        found.iter().zip(truth).filter_map(|(found, truth)| share(found, truth, k)).collect();
    if shares.is_empty() { 1.0 } else { shares.iter().sum::<f64>() / shares.len() as f64 }
}

fn share<I: Eq + Hash>(found: &[I], truth: &[I], k: usize) -> Option<f64> {
    let truth: HashSet<&I> = truth.iter().take(k).collect();
    let hits = found.iter().take(k).collect::<HashSet<_>>().intersection(&truth).count();
    (!truth.is_empty()).then(|| hits as f64 / truth.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repeated_hits_count_once() {
        assert!((recall_at_k(&[vec![1, 1, 1]], &[vec![1, 2]], 3) - 0.5).abs() < 1e-12);
    }

    #[test]
    fn empty_truth_does_not_count() {
        assert!((recall_at_k(&[vec![1], vec![]], &[vec![], vec![2]], 1)).abs() < 1e-12);
        assert!((recall_at_k::<u32>(&[], &[], 5) - 1.0).abs() < 1e-12);
    }

    #[test]
    fn only_the_first_k_count() {
        assert!(recall_at_k(&[vec![9, 1]], &[vec![1, 9]], 1).abs() < 1e-12);
    }
}
