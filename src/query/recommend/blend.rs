//! Signals into one score.

use super::Recommend;
use super::candidates::{Candidate, Candidates};
use crate::compute::distance::{axpy, dot, norm, normalize};
use crate::engine::{Points, Source, learned_factor};
use crate::error::{Error, ErrorKind, Result};
use crate::profile::{Block, Space, Target};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The strongest directions of factors, in which they tell what goes with what. The others tell users apart, and say little of what comes
/// next (`docs/quality.md`).
const STRONGEST: usize = 16;

/// A cosine that is no larger is what half precision leaves of none, and no signal however it is scaled.
const NOISE: f64 = 1e-3;

/// How much each signal counts, relative to the others; 0 or more, and something of the neighbors.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Blend {
    /// What the most similar users acted on.
    pub neighbors: f32,
    /// What goes with what the user acted on.
    pub together: f32,
    /// What reads like that.
    pub text: f32,
}

impl Default for Blend {
    /// As chosen on The Complete Journey (`docs/quality.md`).
    fn default() -> Self {
        Self { neighbors: 0.8, together: 0.2, text: 0.0 }
    }
}

impl Blend {
    /// The weights of neighbors, of what goes together, and of texts.
    #[must_use]
    pub const fn new(neighbors: f32, together: f32, text: f32) -> Self {
        Self { neighbors, together, text }
    }

    pub(super) fn check(&self) -> Result<()> {
        for (what, weight) in
            [("neighbors", self.neighbors), ("together", self.together), ("text", self.text)]
        {
            if !(0.0..=1e6).contains(&weight) {
                return Err(Error::invalid(format!("weight of {what}"), weight, "0 to 1,000,000"));
            }
        }
        if self.neighbors + self.together + self.text <= 0.0 {
            return Err(Error::invalid("weights of the blend", "all 0", "one of them is more than 0"));
        }
        Ok(())
    }
}

/// Candidates with their scores.
pub(super) struct Blended {
    pub things: Vec<Blendable>,
    /// What each signal's values are multiplied with: its weight over its largest value.
    scales: [f32; 3],
}

/// A candidate with what each signal says of it.
pub(super) struct Blendable {
    pub candidate: Candidate,
    /// Of neighbors, of what goes together and of texts, before they are scaled.
    values: [f32; 3],
    pub marks: Marks,
}

impl Blended {
    pub(super) fn new(
        recommend: &Recommend<'_>,
        points: &mut Points,
        candidates: &Candidates<'_>,
        best: Vec<Candidate>,
        lost: &mut Option<Error>,
    ) -> Result<Self> {
        let space = Arc::clone(points.space());
        let embeds = matches!(recommend.settings.source, Source::Encoder { .. });
        let units = candidates.query.as_ref().filter(|_| embeds).map(|query| units(&space, query));
        let mut things = Vec::with_capacity(best.len());
        for candidate in best {
            let marks = match Marks::of(recommend, points, &candidate) {
                Ok(marks) => marks,
                Err(error) if error.kind() == ErrorKind::Damage => {
                    *lost = Some(error);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let (together, text) = units.as_ref().map_or((0.0, 0.0), |units| marks.values(units));
            things.push(Blendable { values: [candidate.acted.share, together, text], marks, candidate });
        }
        Ok(Self { scales: scales(recommend.blend, &things), things })
    }

    /// What a neighbor's weight, times what the act counts, adds to a score.
    pub(super) const fn neighbor_scale(&self) -> f32 {
        self.scales[0]
    }

    /// What each signal adds to the score of a thing.
    pub(super) fn parts(&self, at: usize) -> [f32; 3] {
        let mut parts = self.things[at].values;
        parts.iter_mut().zip(self.scales).for_each(|(value, scale)| *value *= scale);
        parts
    }

    pub(super) fn score(&self, at: usize) -> f32 {
        self.parts(at).iter().sum()
    }

    /// The vector whose inner product with the embedding of who is asked for is what goes together and the text add to the score.
    pub(super) fn probe(&self, space: &Space, at: usize) -> Vec<f32> {
        let mut probe = vec![0.0; space.layout.dim()];
        let Marks { factor, text } = &self.things[at].marks;
        let mut put = |block: Block, vector: &[f32], scale: f32| {
            // A block of an embedding is as long as the root of its weight.
            let scale = scale / space.layout.weight(block).sqrt();
            if scale.is_finite() {
                axpy(&mut probe[space.layout.range(block)], scale, vector);
            }
        };
        if let Some(factor) = factor {
            put(factor.block, &factor.strongest, self.scales[1]);
        }
        if let Some(text) = text {
            put(Block::Text, text, self.scales[2]);
        }
        probe
    }
}

/// Weights that sum to 1, each over the largest value of its signal.
fn scales(blend: Blend, things: &[Blendable]) -> [f32; 3] {
    let weights = [blend.neighbors, blend.together, blend.text];
    let sum: f32 = weights.iter().sum();
    std::array::from_fn(|signal| {
        let largest = things.iter().map(|thing| thing.values[signal].abs()).fold(0.0, f32::max);
        if largest > 0.0 { weights[signal] / sum / largest } else { 0.0 }
    })
}

/// The blocks of a query, each at unit length.
fn units(space: &Space, query: &[f32]) -> BTreeMap<Block, Vec<f32>> {
    let unit = |block| {
        let mut values = query[space.layout.range(block)].to_vec();
        normalize(&mut values);
        (block, values)
    };
    [Block::Text, Block::Items, Block::Groups].map(unit).into()
}

/// What is learned of a thing.
pub(super) struct Marks {
    pub factor: Option<Factor>,
    /// In the text block.
    pub text: Option<Arc<[f32]>>,
}

/// A factor, of which only the strongest directions count.
pub(super) struct Factor {
    block: Block,
    /// Over the rarity, which is in a user's sums already: what is common is to come up as often as it is done.
    strongest: Vec<f32>,
}

impl Marks {
    /// Those of the item's group, which knows more than the item, as far as there is one; the text only if it matters, since it takes long.
    fn of(recommend: &Recommend<'_>, points: &mut Points, candidate: &Candidate) -> Result<Self> {
        let (view, group) = (recommend.view, candidate.item.group);
        let version = points.space().learned.version;
        let factor = |block, target| -> Result<Option<Factor>> {
            let learned = learned_factor(view, version, target)?;
            Ok(learned.map(|(factor, idf)| Factor::of(block, &factor, idf)))
        };
        let of_group = group.map(|group| factor(Block::Groups, Target::Group(group))).transpose()?.flatten();
        let factor = match of_group {
            Some(factor) => Some(factor),
            None => factor(Block::Items, Target::Item(candidate.no))?,
        };
        let text_matters = recommend.blend.text > 0.0 || recommend.diversity > 0.0;
        let group = group.filter(|_| text_matters);
        let text = group.map(|group| points.get(view, Target::Group(group))).transpose()?;
        Ok(Self { factor, text: text.and_then(|point| point.text.clone()) })
    }

    /// How well it goes together with, and reads like, what a query is made of.
    fn values(&self, units: &BTreeMap<Block, Vec<f32>>) -> (f32, f32) {
        let dot_with = |block: Block, vector: &[f32]| {
            let dot = units.get(&block).map_or(0.0, |unit| dot(unit, vector));
            if f64::from(dot.abs()) > NOISE * norm(vector) { dot } else { 0.0 }
        };
        let together = self.factor.as_ref().map_or(0.0, |factor| dot_with(factor.block, &factor.strongest));
        let text = self.text.as_ref().map_or(0.0, |text| dot_with(Block::Text, text));
        (together, text)
    }

    /// How alike two things are, −1 to 1; 0 where it cannot be told.
    pub(super) fn cosine(&self, other: &Self) -> f32 {
        match (&self.text, &other.text, &self.factor, &other.factor) {
            (Some(a), Some(b), ..) => cosine(a, b),
            (_, _, Some(a), Some(b)) if a.block == b.block => cosine(&a.strongest, &b.strongest),
            _ => 0.0,
        }
    }
}

impl Factor {
    fn of(block: Block, factor: &[f32], idf: f32) -> Self {
        Self { block, strongest: factor.iter().take(STRONGEST).map(|value| value / idf).collect() }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let lengths = norm(a) * norm(b);
    if lengths > 0.0 { (f64::from(dot(a, b)) / lengths) as f32 } else { 0.0 }
}
