//! How content users say they are.

use super::{Mean, wilson};
use serde::Serialize;

/// Bars that a histogram has at most.
const BARS: usize = 10;

/// What users said, as it comes: for, against, and ratings.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Feedback {
    positive: u64,
    negative: u64,
    ratings: Vec<f64>,
}

/// How content users say they are.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Satisfaction {
    /// How often something was said for what users got.
    pub positive: u64,
    /// How often against.
    pub negative: u64,
    /// The share that spoke for it, 0 to 1; none where nothing was said.
    pub share_positive: Option<f64>,
    /// The 95 % interval of that share ([`wilson`]). It takes each word for one of its own: where few users say much, it is too narrow.
    pub interval: Option<(f64, f64)>,
    /// The mean of ratings.
    pub rating: Option<Mean>,
}

/// Ratings within two bounds.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Bar {
    /// The least that counts here.
    pub from: f64,
    /// What counts here is less than this; in the last bar, and where it is the same as `from`, it may be as much.
    pub to: f64,
    /// How many ratings.
    pub count: usize,
}

impl Feedback {
    /// Something was said for it, or against.
    pub fn say(&mut self, is_positive: bool) {
        *if is_positive { &mut self.positive } else { &mut self.negative } += 1;
    }

    /// It was rated. What is no finite number is left aside.
    pub fn rate(&mut self, rating: f64) {
        if rating.is_finite() {
            // Adding 0 makes −0 the same rating as 0.
            self.ratings.push(rating + 0.0);
        }
    }

    /// How many words and ratings there are.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.positive + self.negative + self.ratings.len() as u64
    }

    /// Whether nothing was said.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// What it says.
    ///
    /// ```
    /// let mut feedback = kindred::eval::Feedback::default();
    /// [true, true, false, true].into_iter().for_each(|is_positive| feedback.say(is_positive));
    /// [4.0, 5.0].into_iter().for_each(|stars| feedback.rate(stars));
    /// let satisfaction = feedback.satisfaction();
    /// assert_eq!((satisfaction.positive, satisfaction.share_positive), (3, Some(0.75)));
    /// let (low, high) = satisfaction.interval.unwrap();
    /// assert!(low < 0.75 && 0.75 < high);
    /// assert_eq!(satisfaction.rating.unwrap().mean, 4.5);
    /// ```
    #[must_use]
    pub fn satisfaction(&self) -> Satisfaction {
        let all = self.positive + self.negative;
        Satisfaction {
            positive: self.positive,
            negative: self.negative,
            share_positive: (all > 0).then(|| self.positive as f64 / all as f64),
            interval: wilson(self.positive, all),
            rating: Mean::of(&self.ratings),
        }
    }

    /// How often ratings are as high as what: a bar for each value, where there are at most ten of them; else ten of equal width.
    ///
    /// ```
    /// let mut feedback = kindred::eval::Feedback::default();
    /// [5.0, 4.0, 5.0].into_iter().for_each(|stars| feedback.rate(stars));
    /// let bars: Vec<_> = feedback.histogram().iter().map(|bar| (bar.from, bar.count)).collect();
    /// assert_eq!(bars, [(4.0, 1), (5.0, 2)]);
    /// ```
    #[must_use]
    pub fn histogram(&self) -> Vec<Bar> {
        let mut sorted = self.ratings.clone();
        sorted.sort_unstable_by(f64::total_cmp);
        let values: Vec<Bar> = sorted
            .chunk_by(|a, b| a.total_cmp(b).is_eq())
            .map(|of| Bar { from: of[0], to: of[0], count: of.len() })
            .collect();
        let (Some(first), Some(last)) = (sorted.first(), sorted.last()) else { return values };
        if values.len() <= BARS {
            return values;
        }
        // By shares of both ends: their difference might be more than there are numbers for.
        let bound = |bar: usize| {
            let share = bar as f64 / BARS as f64;
            first * (1.0 - share) + last * share
        };
        let below = |bar: usize| {
            if bar == BARS { sorted.len() } else { sorted.partition_point(|rating| *rating < bound(bar)) }
        };
        (0..BARS)
            .map(|bar| Bar { from: bound(bar), to: bound(bar + 1), count: below(bar + 1) - below(bar) })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn who_says_nothing_is_neither_content_nor_not() {
        let mut feedback = Feedback::default();
        feedback.rate(f64::NAN);
        assert!(feedback.is_empty() && feedback.histogram().is_empty());
        let satisfaction = feedback.satisfaction();
        assert_eq!(
            (satisfaction.share_positive, satisfaction.interval, satisfaction.rating),
            (None, None, None)
        );
    }

    #[test]
    fn zero_is_one_rating_whatever_its_sign() {
        let mut feedback = Feedback::default();
        [0.0, -0.0].into_iter().for_each(|rating| feedback.rate(rating));
        assert_eq!(feedback.histogram(), [Bar { from: 0.0, to: 0.0, count: 2 }]);
    }

    proptest! {
        #[test]
        fn each_rating_is_in_one_bar(ratings in prop::collection::vec(-9.0_f64..9.0, 0..60), few in any::<bool>()) {
            let mut feedback = Feedback::default();
            let ratings: Vec<f64> = ratings.iter().map(|rating| if few { rating.trunc() / 2.0 } else { *rating }).collect();
            ratings.iter().for_each(|rating| feedback.rate(*rating));
            let bars = feedback.histogram();
            prop_assert_eq!(bars.iter().map(|bar| bar.count).sum::<usize>(), ratings.len());
            for (place, bar) in bars.iter().enumerate() {
                let is_last = place + 1 == bars.len();
                let inside = |rating: &&f64| {
                    **rating >= bar.from && (**rating < bar.to || is_last || (bar.from - bar.to).abs() < 1e-12 && **rating <= bar.to)
                };
                prop_assert_eq!(ratings.iter().filter(inside).count(), bar.count);
            }
        }
    }
}
