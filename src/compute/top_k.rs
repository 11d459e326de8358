//! The k best of a stream, by a heap of at most k.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

/// Keeps the `k` highest scores pushed; of equal scores the lower ids.
///
/// ```
/// let mut best = kindred::compute::top_k::TopK::new(2);
/// for (id, score) in [(7, 0.5), (3, 0.9), (1, 0.5)] {
///     best.push(score, id);
/// }
/// assert_eq!(best.into_sorted(), [(0.9, 3), (0.5, 1)]);
/// ```
#[derive(Debug)]
pub struct TopK<I> {
    k: usize,
    /// The worst kept is on top.
    heap: BinaryHeap<Entry<I>>,
}

#[derive(Debug)]
struct Entry<I> {
    score: f32,
    id: I,
}

impl<I: Ord> Ord for Entry<I> {
    /// The greater entry is the worse one: lower score, then higher id.
    fn cmp(&self, other: &Self) -> Ordering {
        other.score.total_cmp(&self.score).then_with(|| self.id.cmp(&other.id))
    }
}

impl<I: Ord> PartialOrd for Entry<I> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<I: Ord> PartialEq for Entry<I> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl<I: Ord> Eq for Entry<I> {}

impl<I: Ord> TopK<I> {
    /// An empty selection of at most `k`.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self { k, heap: BinaryHeap::new() }
    }

    /// Offers one; it is kept while it is among the best `k`. Scores are ordered by `f32::total_cmp`.
    pub fn push(&mut self, score: f32, id: I) {
        let entry = Entry { score, id };
        if self.heap.len() < self.k {
            self.heap.push(entry);
        } else if let Some(mut worst) = self.heap.peek_mut()
            && entry < *worst
        {
            *worst = entry;
        }
    }

    /// Whether an entry of this score could still be kept: false spares the caller costlier checks.
    #[must_use]
    #[inline]
    pub fn may_keep(&self, score: f32) -> bool {
        self.heap.len() < self.k || self.heap.peek().is_some_and(|worst| score >= worst.score)
    }

    /// How many are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// The kept, best first.
    #[must_use]
    pub fn into_sorted(self) -> Vec<(f32, I)> {
        self.heap.into_sorted_vec().into_iter().map(|entry| (entry.score, entry.id)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn nothing_is_kept_of_zero() {
        let mut best = TopK::new(0);
        best.push(1.0, 1);
        assert!(best.is_empty() && !best.may_keep(9.0));
    }

    proptest! {
        #[test]
        fn equals_sorting_and_cutting(scores in proptest::collection::vec(-3i8..3, 0..60), k in 0usize..70) {
            let mut best = TopK::new(k);
            let mut all: Vec<(f32, usize)> = Vec::new();
            for (id, &score) in scores.iter().enumerate().rev() {
                let score = f32::from(score);
                let kept_before = best.len() < k || all.iter().filter(|(other, _)| *other > score).count() < k;
                prop_assert!(best.may_keep(score) || !kept_before);
                best.push(score, id);
                all.push((score, id));
            }
            all.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
            all.truncate(k);
            prop_assert_eq!(best.into_sorted(), all);
        }
    }
}
