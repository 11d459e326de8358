//! What is recommended, and how its score is made up.

use super::super::explain::Explanation;
use super::Recommend;
use super::blend::Blended;
use super::candidates::Candidates;
use serde::Serialize;

/// Where a score comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
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
}

/// What a signal adds to a score.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct SignalScore {
    /// The signal.
    pub signal: Signal,
    /// What it adds; may be negative.
    pub score: f32,
}

/// An item, or a category, that is recommended.
#[derive(Clone, Debug, PartialEq, Serialize)]
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
    candidates: &Candidates<'_>,
    blended: &Blended,
    at: usize,
) -> Recommendation {
    let candidate = &blended.things[at].candidate;
    let own = candidate.item.attributes.get(&recommend.settings.fusion.category);
    let category = candidate.category.and_then(|category| candidates.name(category).map(ToOwned::to_owned));
    let signals = [candidates.signal, Signal::Together, Signal::Text];
    let signals: Vec<SignalScore> = signals
        .into_iter()
        .zip(blended.parts(at))
        .filter(|(_, score)| *score != 0.0)
        .map(|(signal, score)| SignalScore { signal, score })
        .collect();
    Recommendation {
        item: candidate.item.id.clone(),
        text: candidate.item.text.clone(),
        category: category.or_else(|| own.map(ToString::to_string)),
        score: signals.iter().map(|signal| signal.score).sum(),
        signals,
        neighbors: candidate.acted.neighbors,
        asked: candidates.neighbors.len(),
        explanation: None,
    }
}
