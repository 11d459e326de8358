//! How sure figures are.

use serde::Serialize;

/// The value of a standard normal variable that 97.5 % of all lie below.
const Z: f64 = 1.959_963_984_540_054;

/// The 95 % confidence interval of a share that was seen in some of all cases, each end 0 to 1, by Wilson's score (Wilson, "Probable
/// inference, the law of succession, and statistical inference", JASA 1927): of use for few cases too, and for shares near 0 and 1.
///
/// `None` without any case, and for more than all.
///
/// ```
/// let (low, high) = kindred::eval::wilson(8, 10).unwrap();
/// assert!((low - 0.4902).abs() < 1e-4 && (high - 0.9433).abs() < 1e-4);
/// assert_eq!(kindred::eval::wilson(0, 0), None);
/// ```
#[must_use]
pub fn wilson(some: u64, all: u64) -> Option<(f64, f64)> {
    if all == 0 || some > all {
        return None;
    }
    let (share, cases, square) = (some as f64 / all as f64, all as f64, Z * Z);
    let middle = share + square / (2.0 * cases);
    let width = Z * (share * (1.0 - share) / cases + square / (4.0 * cases * cases)).sqrt();
    let whole = 1.0 + square / cases;
    // Rounding must not lead past the ends, nor past the share itself.
    let low = ((middle - width) / whole).clamp(0.0, share);
    let high = ((middle + width) / whole).clamp(share, 1.0);
    Some((low, high))
}

/// The mean of some numbers, and how sure it is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Mean {
    /// How many numbers.
    pub count: usize,
    /// Their mean.
    pub mean: f64,
    /// Its standard error: the standard deviation of the numbers, of n − 1 degrees of freedom, by the root of their count. None of fewer than two.
    pub standard_error: Option<f64>,
}

impl Mean {
    /// Of numbers; `None` for none of them.
    ///
    /// ```
    /// let mean = kindred::eval::Mean::of(&[1.0, 2.0, 3.0, 2.0]).unwrap();
    /// assert_eq!((mean.count, mean.mean), (4, 2.0));
    /// assert!((mean.standard_error.unwrap() - (2.0_f64 / 3.0 / 4.0).sqrt()).abs() < 1e-12);
    /// assert_eq!(kindred::eval::Mean::of(&[]), None);
    /// ```
    #[must_use]
    pub fn of(numbers: &[f64]) -> Option<Self> {
        let count = numbers.len();
        if count == 0 {
            return None;
        }
        let mean = numbers.iter().sum::<f64>() / count as f64;
        let squares: f64 = numbers.iter().map(|number| (number - mean).powi(2)).sum();
        let standard_error = (count > 1).then(|| (squares / (count - 1) as f64 / count as f64).sqrt());
        Some(Self { count, mean, standard_error })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_no_share_has_no_interval() {
        assert_eq!(wilson(2, 1), None);
        let (low, high) = wilson(0, 10).unwrap();
        assert!(low.abs() < 1e-12 && (high - 0.2775).abs() < 1e-4, "{low} {high}");
    }

    #[test]
    fn one_number_has_no_error() {
        assert_eq!(Mean::of(&[3.0]), Some(Mean { count: 1, mean: 3.0, standard_error: None }));
    }

    proptest! {
        /// The ends are where the test of the share itself just fails: (p − share)² = z² p (1 − p) / n.
        #[test]
        fn the_ends_are_where_the_score_test_fails(all in 1_u64..5_000, part in 0.0_f64..=1.0) {
            let some = (part * all as f64) as u64;
            let (low, high) = wilson(some, all).unwrap();
            let share = some as f64 / all as f64;
            prop_assert!(0.0 <= low && low <= share && share <= high && high <= 1.0);
            for end in [low, high] {
                let score = (end - share).powi(2) - Z * Z * end * (1.0 - end) / all as f64;
                prop_assert!(score.abs() < 1e-9, "{end} {score}");
            }
            let (other_low, other_high) = wilson(all - some, all).unwrap();
            prop_assert!((other_low - (1.0 - high)).abs() < 1e-9 && (other_high - (1.0 - low)).abs() < 1e-9);
        }
    }
}
