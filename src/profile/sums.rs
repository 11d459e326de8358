//! A user's sums: one for each half-life among the kinds of acts.

use super::decayed_sum::{DecayedSum, WholeSum};
use crate::model::Time;
use bincode::de::read::Reader;
use bincode::error::{DecodeError, EncodeError};

/// Begins stored sums. Those of stores up to format 3 begin with the number of half-lives, which no encoded number
/// begins like this.
const TAG: u8 = 0xFF;

/// A user's sums, one for each half-life among the kinds of acts.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Sums {
    classes: Vec<DecayedSum>,
}

impl Sums {
    /// Values that it holds in memory and on disk.
    pub(crate) fn held(&self) -> usize {
        self.classes.iter().map(DecayedSum::held).sum()
    }

    /// Whether all sums are of this length.
    pub(crate) fn fits(&self, len: usize) -> bool {
        self.classes.iter().all(|class| class.len() == len)
    }

    /// The sum of a half-life, made on first use, its landmark moved on to reach `time`.
    pub(crate) fn class(&mut self, half_life_days: f32, time: Time, len: usize) -> &mut DecayedSum {
        let same = |class: &DecayedSum| class.has_half_life(half_life_days);
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
        let len = self.classes.iter().map(DecayedSum::len).max().unwrap_or(0);
        let mut total = vec![0.0; len];
        let mass = self.classes.iter().map(|class| class.add_to(&mut total, now)).sum();
        (total, mass)
    }
}

impl bincode::Encode for Sums {
    fn encode<E: bincode::enc::Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        TAG.encode(encoder)?;
        self.classes.encode(encoder)
    }
}

impl bincode::Decode<()> for Sums {
    fn decode<D: bincode::de::Decoder<Context = ()>>(decoder: &mut D) -> Result<Self, DecodeError> {
        // Always from memory, which can be peeked into.
        if decoder.reader().peek_read(1).is_some_and(|first| first == [TAG]) {
            u8::decode(decoder)?;
            return Ok(Self { classes: Vec::decode(decoder)? });
        }
        let classes = Vec::<WholeSum>::decode(decoder)?;
        Ok(Self { classes: classes.into_iter().map(DecayedSum::from).collect() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::codec;
    use proptest::prelude::*;

    fn day(n: i64) -> Time {
        Time::from_secs(n * 86_400).unwrap()
    }

    #[test]
    fn an_act_counts_half_after_its_half_life() {
        let mut sums = Sums::default();
        let class = sums.class(10.0, day(0), 1);
        let weight = class.weight_at(day(0)) as f32;
        class.part_mut(0..1)[0] += weight;
        assert!((sums.total(day(0)).0[0] - 1.0).abs() < 1e-6);
        assert!((sums.total(day(10)).0[0] - 0.5).abs() < 1e-6);
    }

    #[test]
    fn an_infinite_half_life_never_fades() {
        let mut sums = Sums::default();
        sums.class(f32::INFINITY, day(0), 1).part_mut(0..1)[0] += 3.0;
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
                    class.part_mut(0..1)[0] += weight;
                }
                let total = sums.total(times[2]).0[0];
                let least = if half_life > 1e20 { 2.99 } else { 0.99 };
                assert!((least..3.01).contains(&total), "{half_life} {order:?} {total}");
            }
        }
    }

    #[test]
    fn sums_of_older_stores_are_read() {
        let mut sums = Sums::default();
        sums.class(1.0, day(3), 4).part_mut(1..3).copy_from_slice(&[0.5, 2.0]);
        assert_eq!(codec::decode::<Sums>("sums", &codec::encode(&sums).unwrap()).unwrap(), sums);
        // By hand: one sum, of half-life 1, on day 3, without mass, of four values.
        let mut old = vec![1];
        old.extend(1_f32.to_le_bytes());
        old.extend(codec::encode(&day(3)).unwrap());
        old.extend(0_f32.to_le_bytes());
        old.push(4);
        old.extend([0.0_f32, 0.5, 2.0, 0.0].map(f32::to_le_bytes).concat());
        assert_eq!(codec::decode::<Sums>("sums", &old).unwrap(), sums);
        assert_eq!(codec::decode::<Sums>("sums", &[0]).unwrap(), Sums::default());
        assert!(codec::decode::<Sums>("sums", &[]).is_err());
    }

    proptest! {
        #[test]
        fn equals_the_sum_of_faded_acts(days in prop::collection::vec(0_i64..4000, 1..60)) {
            let mut sums = Sums::default();
            for &d in &days {
                let class = sums.class(20.0, day(d), 1);
                let weight = class.weight_at(day(d)) as f32;
                class.part_mut(0..1)[0] += weight;
            }
            let newest = *days.iter().max().unwrap();
            let expected: f64 = days.iter().map(|&d| (-((newest - d) as f64) / 20.0).exp2()).sum();
            let total = f64::from(sums.total(day(newest)).0[0]);
            prop_assert!((total - expected).abs() < 1e-5 * expected, "{total} {expected}");
        }
    }
}
