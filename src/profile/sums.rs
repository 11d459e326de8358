//! Decayed sums of vectors that cost the same to update however much they hold.
//!
//! All acts of one half-life fade by one common factor, so a sum is kept relative to a *landmark*: an act
//! at time t adds `2^((t − landmark) / half-life)` of its vector, and nothing else has to move (forward
//! decay: Cormode et al., "Forward Decay", ICDE 2009). The landmark moves on to the newest act before
//! numbers grow too large.

use crate::model::Time;

const MICROS_PER_DAY: f64 = 86_400e6;
/// Move the landmark when the newest act lies this many half-lives beyond it.
const LANDMARK_REACH: f64 = 32.0;

/// The decayed sum of the vectors of all kinds of acts that share a half-life.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct DecayedSum {
    half_life_days: f32,
    landmark: Time,
    /// Sum of what was added regardless of sign: what the rounding of `values` is measured by.
    mass: f32,
    values: Vec<f32>,
}

impl DecayedSum {
    pub(crate) fn new(half_life_days: f32, landmark: Time, len: usize) -> Self {
        Self { half_life_days, landmark, mass: 0.0, values: vec![0.0; len] }
    }

    /// How many half-lives `time` lies after the landmark.
    fn half_lives(&self, time: Time) -> f64 {
        if self.half_life_days.is_infinite() {
            return 0.0;
        }
        time.secs_since(self.landmark) * 1e6 / (f64::from(self.half_life_days) * MICROS_PER_DAY)
    }

    /// What an act at `time` weighs relative to the landmark.
    pub(crate) fn weight_at(&self, time: Time) -> f64 {
        self.half_lives(time).exp2()
    }

    /// Moves the landmark on, if `time` lies far beyond it.
    pub(crate) fn advance(&mut self, time: Time) {
        let ahead = self.half_lives(time);
        if ahead <= LANDMARK_REACH {
            return;
        }
        // To the very time, not by whole half-lives: rounding those to microseconds would leave the
        // landmark many half-lives short of it where they are short.
        self.landmark = time;
        let factor = (-ahead).exp2() as f32;
        self.mass *= factor;
        self.values.iter_mut().for_each(|value| *value *= factor);
    }

    /// Makes room in the mass for a vector of about unit length times `change`.
    pub(crate) fn count(&mut self, change: f32) {
        self.mass += change.abs();
    }

    /// The whole sum, to be added to.
    pub(crate) fn values_mut(&mut self) -> &mut [f32] {
        &mut self.values
    }
}

/// A user's sums, one for each half-life among the kinds of acts.
#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Sums {
    classes: Vec<DecayedSum>,
}

impl Sums {
    /// Whether all sums are of this length.
    pub(crate) fn fits(&self, len: usize) -> bool {
        self.classes.iter().all(|class| class.values.len() == len)
    }

    /// The sum of a half-life, made on first use, its landmark moved on to reach `time`.
    pub(crate) fn class(&mut self, half_life_days: f32, time: Time, len: usize) -> &mut DecayedSum {
        let same = |class: &DecayedSum| class.half_life_days.to_bits() == half_life_days.to_bits();
        let position = self.classes.iter().position(same).unwrap_or_else(|| {
            self.classes.push(DecayedSum::new(half_life_days, time, len));
            self.classes.len() - 1
        });
        let class = &mut self.classes[position];
        class.advance(time);
        class
    }

    /// All classes together, as of `now`, and their mass. Empty where nothing was ever added.
    pub(crate) fn total(&self, now: Time) -> (Vec<f32>, f32) {
        let len = self.classes.iter().map(|class| class.values.len()).max().unwrap_or(0);
        let mut total = vec![0.0; len];
        let mut mass = 0.0;
        for class in &self.classes {
            let weight = class.half_lives(now).min(1000.0).exp2().recip() as f32;
            mass += weight * class.mass;
            for (sum, value) in total.iter_mut().zip(&class.values) {
                *sum += weight * value;
            }
        }
        (total, mass)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn day(n: i64) -> Time {
        Time::from_secs(n * 86_400).unwrap()
    }

    #[test]
    fn an_act_counts_half_after_its_half_life() {
        let mut sums = Sums::default();
        let class = sums.class(10.0, day(0), 1);
        let weight = class.weight_at(day(0)) as f32;
        class.values_mut()[0] += weight;
        assert!((sums.total(day(0)).0[0] - 1.0).abs() < 1e-6);
        assert!((sums.total(day(10)).0[0] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn an_infinite_half_life_never_fades() {
        let mut sums = Sums::default();
        sums.class(f32::INFINITY, day(0), 1).values_mut()[0] += 3.0;
        assert_eq!(sums.total(day(100_000)).0, [3.0]);
    }

    #[test]
    fn any_half_life_over_all_of_time_stays_finite() {
        let times = ["0001-01-01", "2020-02-02", "9999-12-30"].map(|t| t.parse::<Time>().unwrap());
        for half_life in [f32::from_bits(1), 1e-30, 1e-9, 1.0, 1e30, f32::MAX, f32::INFINITY] {
            for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0]] {
                let mut sums = Sums::default();
                for i in order {
                    let class = sums.class(half_life, times[i], 1);
                    let weight = class.weight_at(times[i]) as f32;
                    class.values_mut()[0] += weight;
                }
                let total = sums.total(times[2]).0[0];
                let least = if half_life > 1e20 { 2.99 } else { 0.99 };
                assert!((least..3.01).contains(&total), "{half_life} {order:?} {total}");
            }
        }
    }

    proptest! {
        #[test]
        fn equals_the_sum_of_faded_acts(days in prop::collection::vec(0_i64..4000, 1..60)) {
            let mut sums = Sums::default();
            for &d in &days {
                let class = sums.class(20.0, day(d), 1);
                let weight = class.weight_at(day(d)) as f32;
                class.values_mut()[0] += weight;
            }
            let newest = *days.iter().max().unwrap();
            let expected: f64 = days.iter().map(|&d| (-((newest - d) as f64) / 20.0).exp2()).sum();
            let total = f64::from(sums.total(day(newest)).0[0]);
            prop_assert!((total - expected).abs() < 1e-5 * expected, "{total} {expected}");
        }
    }
}
