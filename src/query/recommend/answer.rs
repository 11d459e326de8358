//! What is recommended, and how its score is made up.

use super::super::explain::Explanation;
use super::Recommend;
use super::blend::{Blended, Closest};
use super::candidates::Candidates;
use crate::model::SIGNALS;
use serde::{Deserialize, Serialize};

/// Where a score comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Signal {
    /// The most similar users acted on it.
    Neighbors,
    /// A sample of all users acted on it: stands for neighbors where nobody is alike.
    Popular,
    /// It goes with what the user acted on.
    Together,
    /// Its text is like those of what the user acted on and wrote.
    Text,
    /// It is close to one of the user's interests.
    Interests,
}

/// What a signal adds to a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct SignalScore {
    /// The signal.
    pub signal: Signal,
    /// What it adds; may be negative.
    pub score: f32,
    /// What it says of the thing, over the largest that it says of any that might have been recommended: −1 to 1. Its weight times this
    /// is what it adds.
    pub value: f32,
}

/// An item, or a category, that is recommended.
///
/// Written as JSON it can be kept for [`crate::Store::feedback`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Recommendation {
    /// The item's id; of a category, that of its item which the neighbors acted on most.
    pub item: String,
    /// The item's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The item's category; where categories were asked for, the one that is recommended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// Larger is better, at most 1 where all weights of [`super::Blend`] are positive: the sum of `signals`.
    pub score: f32,
    /// What the score is made of.
    pub signals: Vec<SignalScore>,
    /// The user's interest that it is close to, by its name, if there is one: told where interests count, or reasons are asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interest: Option<String>,
    /// How many of the neighbors acted on it.
    pub neighbors: usize,
    /// How many neighbors were asked.
    pub asked: usize,
    /// Why, if it was asked for: the parts are neighbors who acted on it, and what the user did; they sum to the score.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// A thing with its score, not yet explained.
pub(super) fn of(
    recommend: &Recommend<'_>,
    (candidates, blended): (&Candidates, &Blended),
    at: usize,
    closest: Option<&Closest>,
) -> Recommendation {
    let candidate = &blended.things[at].candidate;
    let own = candidate.item.attributes.get(&recommend.settings.fusion.category);
    let category = candidate.category.and_then(|category| candidates.name(category).map(ToOwned::to_owned));
    let signals = [candidates.signal, Signal::Together, Signal::Text, Signal::Interests];
    let signals: Vec<SignalScore> = signals
        .into_iter()
        .zip(blended.parts(at).into_iter().zip(blended.says(at)))
        .filter(|(_, (score, _))| *score != 0.0)
        .map(|(signal, (score, value))| SignalScore { signal, score, value })
        .collect();
    Recommendation {
        interest: closest.filter(|closest| closest.is_close).map(|closest| closest.name.clone()),
        item: candidate.item.id.clone(),
        text: candidate.item.text.clone(),
        category: category.or_else(|| own.map(ToString::to_string)),
        score: blended.score(at),
        signals,
        neighbors: candidate.acted.neighbors,
        asked: candidates.neighbors.len(),
        explanation: None,
    }
}

impl Recommendation {
    /// What each signal said of it, in the order of the weights of [`crate::model::Blend`].
    pub(crate) fn says(&self) -> [f32; SIGNALS] {
        let mut says = [0.0; SIGNALS];
        for SignalScore { signal, value, .. } in &self.signals {
            let place = match signal {
                Signal::Neighbors => 0,
                // What a sample did is no word of those who are alike.
                Signal::Popular => continue,
                Signal::Together => 1,
                Signal::Text => 2,
                Signal::Interests => 3,
            };
            says[place] = *value;
        }
        says
    }
}
