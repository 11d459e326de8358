//! How much each signal of a recommendation counts, and how that is learned.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

/// Signals that a recommendation is made of.
pub(crate) const SIGNALS: usize = 4;

/// How far one feedback may move the weights: the learning rate of the exponentiated gradient.
const RATE: f64 = 0.1;
/// How far apart two scores are that are hardly ever in the wrong order: the logistic loss is of their difference over this.
const MARGIN: f64 = 0.25;
/// No weight that is learned gets smaller: it could hardly come back.
const LEAST: f64 = 0.01;

/// How much each signal counts, relative to the others; 0 or more, and one of them more than 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
#[non_exhaustive]
pub struct Blend {
    /// What the most similar users acted on.
    pub neighbors: f32,
    /// What goes with what the user acted on.
    pub together: f32,
    /// What reads like that.
    pub text: f32,
    /// What is close to one of the user's interests.
    pub interests: f32,
}

impl Default for Blend {
    /// As chosen on The Complete Journey (`docs/quality.md`).
    fn default() -> Self {
        Self::new(0.8, 0.2, 0.0)
    }
}

impl Blend {
    /// The weights of neighbors, of what goes together, and of texts; 0 of interests.
    #[must_use]
    pub const fn new(neighbors: f32, together: f32, text: f32) -> Self {
        Self { neighbors, together, text, interests: 0.0 }
    }

    /// The same with another weight of interests.
    #[must_use]
    pub const fn interests(self, interests: f32) -> Self {
        Self { interests, ..self }
    }

    /// Of neighbors, of what goes together, of texts and of interests.
    pub(crate) const fn weights(self) -> [f32; SIGNALS] {
        [self.neighbors, self.together, self.text, self.interests]
    }

    /// Weights out of their bounds are a mistake.
    pub(crate) fn check(self) -> Result<()> {
        let names = ["neighbors", "together", "text", "interests"];
        for (what, weight) in names.into_iter().zip(self.weights()) {
            if !(0.0..=1e6).contains(&weight) {
                return Err(Error::invalid(format!("weight of {what}"), weight, "0 to 1,000,000"));
            }
        }
        if self.weights().iter().sum::<f32>() <= 0.0 {
            return Err(Error::invalid("weights of the blend", "all 0", "one of them is more than 0"));
        }
        Ok(())
    }

    /// The weights after a list was shown, each thing with what the signals said of it and the reward that it got, in the order of the list. Where
    /// a thing got more than one above it, the weights of the signals grow that would have had it above, the more the wronger the order was: one step
    /// of the exponentiated gradient (Kivinen and Warmuth, Information and Computation 1997) of the logistic loss of such pairs. Pairs in the right order say
    /// nothing: what stands above is looked at first (Joachims, KDD 2002, section 3). The new weights sum to 1; what is 0 stays 0, and so does what says nothing
    /// of any of these things.
    pub(crate) fn learned(self, shown: &[([f32; SIGNALS], f32)]) -> Self {
        let sum: f64 = self.weights().iter().map(|&weight| f64::from(weight)).sum();
        let weights = self.weights().map(|weight| f64::from(weight) / sum);
        let (mut gradient, mut pairs) = ([0.0; SIGNALS], 0.0);
        for (place, (low, reward)) in shown.iter().enumerate() {
            for (high, _) in shown[..place].iter().filter(|(_, above)| above < reward) {
                let differ: [f64; SIGNALS] =
                    std::array::from_fn(|at| f64::from(low[at]) - f64::from(high[at]));
                let margin: f64 = differ.iter().zip(weights).map(|(differ, weight)| differ * weight).sum();
                let wrong = (1.0 + (margin / MARGIN).exp()).recip() / MARGIN;
                gradient.iter_mut().zip(differ).for_each(|(sum, differ)| *sum += wrong * differ);
                pairs += 1.0;
            }
        }
        // A signal that says nothing of any of these could not have known better, and is not to gain or lose by it.
        let speaks = |at: &usize| weights[*at] > 0.0 && shown.iter().any(|(values, _)| values[*at] != 0.0);
        let speaking: Vec<usize> = (0..SIGNALS).filter(speaks).collect();
        if pairs == 0.0 || speaking.len() < 2 {
            return self;
        }
        let step = |&at: &usize| (weights[at] * (RATE * gradient[at] / pairs).exp()).max(LEAST);
        let (before, after): (f64, f64) =
            (speaking.iter().map(|&at| weights[at]).sum(), speaking.iter().map(step).sum());
        let mut moved = weights;
        speaking.iter().for_each(|at| moved[*at] = step(at) * before / after);
        let [neighbors, together, text, interests] = moved.map(|weight| weight as f32);
        Self { neighbors, together, text, interests }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values() -> impl Strategy<Value = [f32; SIGNALS]> {
        prop::array::uniform4(-1.0_f32..=1.0)
    }

    /// The mean logistic loss of the pairs in the wrong order.
    fn loss(blend: Blend, shown: &[([f32; SIGNALS], f32)]) -> f64 {
        let sum: f32 = blend.weights().iter().sum();
        let score = |values: &[f32; SIGNALS]| {
            values.iter().zip(blend.weights()).map(|(x, w)| f64::from(x * w / sum)).sum::<f64>()
        };
        let mut losses = Vec::new();
        for (place, (low, reward)) in shown.iter().enumerate() {
            for (high, above) in &shown[..place] {
                if above < reward {
                    losses.push((-(score(low) - score(high)) / MARGIN).exp().ln_1p());
                }
            }
        }
        losses.iter().sum::<f64>() / losses.len().max(1) as f64
    }

    proptest! {
        #[test]
        fn a_step_goes_towards_the_order_that_was_taken(
            shown in prop::collection::vec((values(), prop::sample::select(vec![-1.0_f32, 0.0, 0.5, 1.0])), 0..12),
            weights in prop::array::uniform4(0.05_f32..1.0),
        ) {
            let [neighbors, together, text, interests] = weights;
            let blend = Blend { neighbors, together, text, interests };
            let learned = blend.learned(&shown);
            if learned != blend {
                let weights = learned.weights();
                prop_assert!((weights.iter().sum::<f32>() - 1.0).abs() < 1e-5);
                prop_assert!(weights.iter().all(|&weight| weight >= 0.009), "{weights:?}");
                prop_assert!(loss(learned, &shown) <= loss(blend, &shown) + 1e-5);
                learned.check().unwrap();
            }
        }
    }

    #[test]
    fn the_signal_that_knew_better_grows() {
        let blend = Blend::default();
        // Neighbors had the first above, what goes together the second, which was taken.
        let shown = [([1.0, 0.1, 0.0, 0.0], 0.0), ([0.5, 1.0, 0.0, 0.0], 1.0)];
        let learned = blend.learned(&shown);
        assert!(learned.together > blend.together && learned.neighbors < blend.neighbors, "{learned:?}");
        assert_eq!((learned.text, learned.interests), (0.0, 0.0));
        let mut again = learned;
        for _ in 0..200 {
            again = again.learned(&shown);
        }
        assert!(again.together > 0.5 && again.neighbors >= 0.009, "{again:?}");
        // In the right order already, or all alike: nothing is to be learned.
        assert_eq!(blend.learned(&[shown[1], shown[0]]), blend);
        assert_eq!(blend.learned(&[(shown[0].0, 1.0), (shown[1].0, 1.0)]), blend);
        assert_eq!(blend.learned(&[]), blend);
        // Where one signal alone says something of the list, as for somebody of whom nothing is known, none could have known better.
        let alone = [([1.0, 0.0, 0.0, 0.0], 0.0), ([0.5, 0.0, 0.0, 0.0], 1.0)];
        assert_eq!(blend.learned(&alone), blend);
        let three = Blend::new(0.5, 0.3, 0.2).learned(&shown);
        assert!((three.text - 0.2).abs() < 1e-6 && three.together > 0.3, "{three:?}");
    }
}
