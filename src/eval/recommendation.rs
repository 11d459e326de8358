//! How good a list of recommendations is, held against what was done later.

use serde::Serialize;

/// Quality of lists of recommendations, each figure 0 to 1, the mean over users.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ListQuality {
    /// Share of what was done later that is in the list.
    pub recall: f64,
    /// The same, of as much as the list has room for.
    pub capped_recall: f64,
    /// Share of the list's places that hold what was done later.
    pub precision: f64,
    /// Normalised discounted cumulative gain: hits count less the later they stand, relative to the best list there could be
    /// (Järvelin and Kekäläinen, "Cumulated gain-based evaluation", TOIS 2002; gains of 0 and 1, logarithm to base 2).
    pub ndcg: f64,
}

impl ListQuality {
    /// Of one list: for each of its places whether it is a hit, the number of hits that there could be, and how long the
    /// list could be. `None` without any hit to be had, or any place.
    ///
    /// ```
    /// let quality = kindred::eval::ListQuality::of(&[true, false, true], 4, 3).unwrap();
    /// assert_eq!((quality.recall, quality.capped_recall), (0.5, 2.0 / 3.0));
    /// assert!((quality.ndcg - 1.5 / (1.0 + 1.0 / 3_f64.log2() + 0.5)).abs() < 1e-12);
    /// ```
    #[must_use]
    pub fn of(hits: &[bool], relevant: usize, places: usize) -> Option<Self> {
        if relevant == 0 || places == 0 {
            return None;
        }
        let discount = |place: usize| ((place + 2) as f64).log2().recip();
        let hits = || hits.iter().take(places).enumerate().filter(|(_, hit)| **hit).map(|(place, _)| place);
        let (found, best) = (hits().count() as f64, relevant.min(places));
        let ideal: f64 = (0..best).map(discount).sum();
        Some(Self {
            recall: found / relevant as f64,
            capped_recall: found / best as f64,
            precision: found / places as f64,
            // Summed from 0, for the sum of nothing is −0.
            ndcg: hits().map(discount).fold(0.0, |sum, gain| sum + gain) / ideal,
        })
    }

    /// The mean of several; zeros for none.
    #[must_use]
    pub fn mean(of: &[Self]) -> Self {
        let share = |figure: fn(&Self) -> f64| of.iter().map(figure).sum::<f64>() / of.len().max(1) as f64;
        Self {
            recall: share(|quality| quality.recall),
            capped_recall: share(|quality| quality.capped_recall),
            precision: share(|quality| quality.precision),
            ndcg: share(|quality| quality.ndcg),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_best_list_has_all_the_gain() {
        let best = ListQuality::of(&[true, true, false], 2, 3).unwrap();
        assert_eq!((best.recall, best.capped_recall, best.ndcg), (1.0, 1.0, 1.0));
        let full = ListQuality::of(&[true, true], 9, 2).unwrap();
        assert_eq!((full.capped_recall, full.precision, full.ndcg), (1.0, 1.0, 1.0));
        assert_eq!(ListQuality::of(&[true], 0, 1), None);
        assert_eq!(ListQuality::of(&[], 1, 0), None);
        assert_eq!(ListQuality::mean(&[]), ListQuality::default());
    }

    proptest! {
        #[test]
        fn figures_lie_between_none_and_all(
            hits in prop::collection::vec(any::<bool>(), 0..30),
            more in 0_usize..10,
            places in 1_usize..30,
        ) {
            let hits = &hits[..hits.len().min(places)];
            let relevant = hits.iter().filter(|hit| **hit).count() + more;
            if let Some(quality) = ListQuality::of(hits, relevant, places) {
                for figure in [quality.recall, quality.capped_recall, quality.precision, quality.ndcg] {
                    prop_assert!((0.0..=1.0 + 1e-12).contains(&figure), "{quality:?}");
                }
                prop_assert!(quality.recall <= quality.capped_recall);
                // A hit further to the front is never worse.
                if let Some(place) = hits.windows(2).position(|pair| pair == [false, true]) {
                    let mut better = hits.to_vec();
                    better.swap(place, place + 1);
                    prop_assert!(ListQuality::of(&better, relevant, places).unwrap().ndcg > quality.ndcg);
                }
            }
        }
    }
}
