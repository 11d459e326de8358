//! How well a score tells two classes apart.

/// Area under the ROC curve: the chance that a random positive scores above a random negative, ties
/// counting half (the Mann–Whitney statistic; Hanley and `McNeil` 1982).
///
/// `samples` are (score, positive) in any order, scores ordered by `f64::total_cmp`. `None` where one
/// class is absent.
///
/// ```
/// let samples = [(0.9, true), (0.8, false), (0.7, true), (0.1, false)];
/// assert_eq!(kindred::eval::auc(&samples), Some(0.75));
/// ```
#[must_use]
pub fn auc(samples: &[(f64, bool)]) -> Option<f64> {
    let mut sorted = samples.to_vec();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let (mut negatives, mut positives, mut wins) = (0.0, 0.0, 0.0);
    for tied in sorted.chunk_by(|a, b| a.0.total_cmp(&b.0).is_eq()) {
        let tied_positives = tied.iter().filter(|sample| sample.1).count() as f64;
        let tied_negatives = tied.len() as f64 - tied_positives;
        wins += tied_positives * (negatives + tied_negatives / 2.0);
        positives += tied_positives;
        negatives += tied_negatives;
    }
    (positives > 0.0 && negatives > 0.0).then(|| wins / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn one_class_has_no_curve() {
        assert_eq!(auc(&[(0.5, true)]), None);
        assert_eq!(auc(&[]), None);
    }

    #[test]
    fn ties_count_half() {
        assert_eq!(auc(&[(1.0, true), (1.0, false)]), Some(0.5));
        assert_eq!(auc(&[(1.0, true), (1.0, false), (0.0, false)]), Some(0.75));
    }

    proptest! {
        #[test]
        fn equals_counting_all_pairs(samples in proptest::collection::vec((-4i8..4, any::<bool>()), 0..40)) {
            let samples: Vec<(f64, bool)> = samples.into_iter().map(|(s, p)| (f64::from(s), p)).collect();
            let (mut wins, mut pairs) = (0.0, 0.0);
            for p in samples.iter().filter(|s| s.1) {
                for n in samples.iter().filter(|s| !s.1) {
                    pairs += 1.0;
                    wins += if p.0 > n.0 { 1.0 } else if p.0 < n.0 { 0.0 } else { 0.5 };
                }
            }
            match auc(&samples) {
                Some(area) => prop_assert!((area - wins / pairs).abs() < 1e-12),
                None => prop_assert!(pairs == 0.0),
            }
        }
    }
}
