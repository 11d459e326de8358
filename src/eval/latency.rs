//! Percentiles of measured times.

use serde::Serialize;

/// The percentiles that are reported, in microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Latency {
    /// Half of the samples are at or below.
    pub p50_us: f64,
    /// 95 of 100 samples are at or below.
    pub p95_us: f64,
    /// 99 of 100 samples are at or below.
    pub p99_us: f64,
}

impl Latency {
    /// From samples in microseconds, in any order; none gives `None`.
    ///
    /// ```
    /// let samples: Vec<f64> = (1..=100).map(f64::from).collect();
    /// let latency = kindred::eval::Latency::of(samples).unwrap();
    /// assert_eq!((latency.p50_us, latency.p99_us), (50.0, 99.0));
    /// ```
    #[must_use]
    pub fn of(mut samples_us: Vec<f64>) -> Option<Self> {
        samples_us.sort_unstable_by(f64::total_cmp);
        Some(Self {
            p50_us: percentile(&samples_us, 50.0)?,
            p95_us: percentile(&samples_us, 95.0)?,
            p99_us: percentile(&samples_us, 99.0)?,
        })
    }
}

/// The nearest-rank percentile of ascending samples: the smallest that at least `percent` of 100 are at
/// or below. `None` without samples.
#[must_use]
pub fn percentile(sorted: &[f64], percent: f64) -> Option<f64> {
    let rank = (percent / 100.0 * sorted.len() as f64).ceil().max(1.0) as usize;
    sorted.get(rank.min(sorted.len()).checked_sub(1)?).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearest_rank() {
        let sorted = [10.0, 20.0, 30.0, 40.0];
        for (percent, expected) in
            [(0.0, 10.0), (25.0, 10.0), (25.1, 20.0), (50.0, 20.0), (99.0, 40.0), (100.0, 40.0)]
        {
            assert_eq!(percentile(&sorted, percent), Some(expected), "{percent}");
        }
        assert_eq!(percentile(&[], 50.0), None);
    }

    #[test]
    fn order_of_samples_does_not_matter() {
        assert_eq!(Latency::of(vec![3.0, 1.0, 2.0]), Latency::of(vec![1.0, 2.0, 3.0]));
        assert_eq!(Latency::of(Vec::new()), None);
    }
}
