//! Decayed sums of vectors that cost the same to update however much they hold.
//!
//! All acts of one half-life fade by one common factor, so a sum is kept relative to a *landmark*: an act
//! at time t adds `2^((t − landmark) / half-life)` of its vector, and nothing else has to move (forward
//! decay: Cormode et al., "Forward Decay", ICDE 2009). The landmark moves on to the newest act before
//! numbers grow too large.

use crate::model::Time;
use bincode::error::DecodeError;
use std::ops::Range;

const MICROS_PER_DAY: f64 = 86_400e6;
/// Move the landmark when the newest act lies this many half-lives beyond it.
const LANDMARK_REACH: f64 = 32.0;

/// The decayed sum of the vectors of all kinds of acts that share a half-life.
#[derive(Clone, Debug, PartialEq, bincode::Encode)]
pub(crate) struct DecayedSum {
    half_life_days: f32,
    landmark: Time,
    /// Sum of what was added regardless of sign: what the rounding of `values` is measured by.
    mass: f32,
    /// Dimensions of the whole sum.
    len: u32,
    /// Where `values` begin in it. Before and behind them nothing was added: before the first fit a sum has no
    /// factors, and without texts it is nothing but zeros, which are not worth 3 kB in each write.
    start: u32,
    values: Vec<f32>,
}

impl DecayedSum {
    pub(super) fn new(half_life_days: f32, landmark: Time, len: usize) -> Self {
        Self { half_life_days, landmark, mass: 0.0, len: len as u32, start: 0, values: Vec::new() }
    }

    /// Dimensions of the sum.
    pub(super) fn len(&self) -> usize {
        self.len as usize
    }

    /// Dimensions that anything was added to, and those between them.
    pub(super) fn held(&self) -> usize {
        self.values.len()
    }

    /// Whether it is of acts with this half-life.
    pub(super) fn has_half_life(&self, days: f32) -> bool {
        self.half_life_days.to_bits() == days.to_bits()
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
    pub(super) fn advance(&mut self, time: Time) {
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

    /// Some dimensions of the sum, to be added to.
    pub(crate) fn part_mut(&mut self, part: Range<usize>) -> &mut [f32] {
        let kept = self.kept();
        if part.start < kept.start || kept.end < part.end {
            let wider = if kept.is_empty() {
                part.clone()
            } else {
                part.start.min(kept.start)..part.end.max(kept.end)
            };
            let mut values = vec![0.0; wider.len()];
            if !kept.is_empty() {
                values[kept.start - wider.start..][..kept.len()].copy_from_slice(&self.values);
            }
            (self.start, self.values) = (wider.start as u32, values);
        }
        let start = self.start as usize;
        &mut self.values[part.start - start..part.end - start]
    }

    /// The dimensions that `values` hold.
    fn kept(&self) -> Range<usize> {
        let start = self.start as usize;
        start..start + self.values.len()
    }

    /// Adds the sum as of `now` to `total`, which is at least as long; returns its mass.
    pub(super) fn add_to(&self, total: &mut [f32], now: Time) -> f32 {
        let weight = self.half_lives(now).min(1000.0).exp2().recip() as f32;
        for (sum, value) in total[self.kept()].iter_mut().zip(&self.values) {
            *sum += weight * value;
        }
        weight * self.mass
    }
}

impl bincode::Decode<()> for DecayedSum {
    fn decode<D: bincode::de::Decoder<Context = ()>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let (half_life_days, landmark, mass) = bincode::Decode::decode(decoder)?;
        let (len, start, values): (u32, u32, Vec<f32>) = bincode::Decode::decode(decoder)?;
        let room = (len as usize).checked_sub(start as usize);
        if room.is_none_or(|room| values.len() > room) {
            return Err(DecodeError::Other("a sum holds more dimensions than it has"));
        }
        Ok(Self { half_life_days, landmark, mass, len, start, values })
    }
}

/// A sum as stores up to format 3 have it, whose values are all there.
#[derive(bincode::Decode)]
pub(super) struct WholeSum {
    half_life_days: f32,
    landmark: Time,
    mass: f32,
    values: Vec<f32>,
}

impl From<WholeSum> for DecayedSum {
    fn from(WholeSum { half_life_days, landmark, mass, mut values }: WholeSum) -> Self {
        let len = values.len() as u32;
        let end = values.iter().rposition(|&value| value != 0.0).map_or(0, |last| last + 1);
        values.truncate(end);
        let start = values.iter().position(|&value| value != 0.0).unwrap_or(0);
        values.drain(..start);
        Self { half_life_days, landmark, mass, len, start: start as u32, values }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::storage::codec;
    use proptest::prelude::*;

    fn day_0() -> Time {
        Time::default()
    }

    fn whole(sum: &DecayedSum) -> WholeSum {
        let mut values = vec![0.0; sum.len()];
        values[sum.kept()].copy_from_slice(&sum.values);
        WholeSum { half_life_days: sum.half_life_days, landmark: sum.landmark, mass: sum.mass, values }
    }

    proptest! {
        #[test]
        fn parts_added_in_any_order_make_the_whole(
            parts in prop::collection::vec((0_usize..12, 0_usize..12, 1_u8..9), 0..8),
        ) {
            let mut sum = DecayedSum::new(1.0, day_0(), 12);
            let mut expected = vec![0.0; 12];
            for &(a, b, add) in &parts {
                let part = a.min(b)..a.max(b) + 1;
                sum.part_mut(part.clone()).iter_mut().for_each(|value| *value += f32::from(add));
                expected[part].iter_mut().for_each(|value| *value += f32::from(add));
            }
            let mut total = vec![0.0; 12];
            sum.add_to(&mut total, day_0());
            prop_assert_eq!(&total, &expected);
            let stored: DecayedSum = codec::decode("sum", &codec::encode(&sum).unwrap()).unwrap();
            prop_assert_eq!(&stored, &sum);
            let mut from_whole = vec![0.0; 12];
            DecayedSum::from(whole(&sum)).add_to(&mut from_whole, day_0());
            prop_assert_eq!(from_whole, expected);
        }
    }

    #[test]
    fn a_sum_of_nothing_takes_few_bytes_however_many_dimensions_it_has() {
        let sum = DecayedSum::new(1.0, day_0(), 800);
        assert!(codec::encode(&sum).unwrap().len() < 24);
        assert_eq!(DecayedSum::from(whole(&sum)), sum);
    }

    #[test]
    fn where_a_sum_of_nothing_starts_does_not_matter() {
        let empty = DecayedSum { start: 7, ..DecayedSum::new(1.0, day_0(), 9) };
        let mut sum: DecayedSum = codec::decode("sum", &codec::encode(&empty).unwrap()).unwrap();
        sum.part_mut(0..3).fill(1.0);
        assert_eq!(sum.kept(), 0..3);
    }

    #[test]
    fn more_values_than_dimensions_are_damage() {
        let mut sum = DecayedSum::new(1.0, day_0(), 3);
        sum.part_mut(1..3).fill(1.0);
        for (len, start) in [(2, 1), (3, 2), (3, 4), (u32::MAX, u32::MAX)] {
            let wrong = DecayedSum { len, start, ..sum.clone() };
            assert!(
                codec::decode::<DecayedSum>("sum", &codec::encode(&wrong).unwrap()).is_err(),
                "{len} {start}"
            );
        }
    }
}
