//! Signals into one score.

use super::Recommend;
use super::candidates::{Candidate, Candidates};
use super::interests::Interests;
use crate::compute::distance::{axpy, dot, norm, normalize};
use crate::engine::{Points, Published, Source, learned_factor};
use crate::error::{Error, Result, known};
use crate::model::{Blend, SIGNALS};
use crate::profile::{Block, Space, Target};
use crate::storage::View;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The strongest directions of factors, in which they tell what goes with what. The others tell users apart, and say little of what comes
/// next (`docs/quality.md`).
pub(in crate::query) const STRONGEST: usize = 16;

/// A thing is told to be close to an interest from this cosine on.
const CLOSE: f32 = 0.5;

/// A cosine that is no larger is what half precision leaves of none, and no signal however it is scaled.
const NOISE: f64 = 1e-3;

/// The interest of the user's that a thing is closest to.
pub(super) struct Closest {
    pub name: String,
    /// Whether that is so close that it is told.
    pub is_close: bool,
}

/// Candidates with their scores.
pub(super) struct Blended {
    pub things: Vec<Blendable>,
    interests: Option<Interests>,
    /// The largest value of each signal.
    largest: [f64; SIGNALS],
    /// What each signal's values are multiplied with: its weight over its largest value.
    scales: [f64; SIGNALS],
}

/// A candidate with what each signal says of it.
pub(super) struct Blendable {
    pub candidate: Candidate,
    /// Of each signal, before it is scaled.
    values: [f32; SIGNALS],
    pub marks: Marks,
    /// The interest of the user's that it is closest to, and how close, where that counts.
    interest: Option<(usize, f32)>,
}

impl Blended {
    pub(super) fn new(
        recommend: &Recommend<'_>,
        points: &mut Points,
        candidates: &Candidates,
        best: Vec<Candidate>,
        lost: &mut Option<Error>,
    ) -> Result<Self> {
        let space = Arc::clone(points.space());
        let embeds = matches!(recommend.settings.source, Source::Encoder { .. });
        let units = candidates.query.as_ref().filter(|_| embeds).map(|query| units(&space, query));
        let interests = recommend.interests(points)?;
        let counts = recommend.weights().interests > 0.0;
        let mut things = Vec::with_capacity(best.len());
        for candidate in best {
            let Some(marks) = known(Marks::of(recommend, points, &candidate), lost)? else { continue };
            let interests = interests.as_ref().filter(|_| counts);
            let close = interests.map(|interests| interests.closest(recommend.view, points, &candidate));
            let interest = close.map(|close| known(close, lost)).transpose()?.flatten().flatten();
            let (together, text) = units.as_ref().map_or((0.0, 0.0), |units| marks.values(units));
            let values = [candidate.acted.share, together, text, interest.map_or(0.0, |(_, cosine)| cosine)];
            things.push(Blendable { candidate, values, marks, interest });
        }
        let largest = largest(&things);
        Ok(Self { scales: scales(recommend.weights(), largest), largest, interests, things })
    }

    /// The interest that a thing is closest to; where interests count or reasons are asked for.
    pub(super) fn closest(
        &self,
        view: &View<Published>,
        points: &mut Points,
        at: usize,
    ) -> Result<Option<Closest>> {
        let Some(interests) = &self.interests else { return Ok(None) };
        let thing = &self.things[at];
        let close = match thing.interest {
            None => interests.closest(view, points, &thing.candidate)?,
            close => close,
        };
        let named = |(interest, cosine)| {
            let name = interests.name(view, interest)?;
            Ok(Closest { name, is_close: cosine >= CLOSE })
        };
        close.map(named).transpose()
    }

    /// What a neighbor's weight, times what the act counts, adds to a score.
    pub(super) const fn neighbor_scale(&self) -> f64 {
        self.scales[0]
    }

    /// What each signal adds to the score of a thing.
    pub(super) fn parts(&self, at: usize) -> [f32; SIGNALS] {
        let scaled = |(value, scale): (f32, f64)| (f64::from(value) * scale) as f32;
        let mut parts = self.things[at].values;
        parts.iter_mut().zip(self.scales).for_each(|(value, scale)| *value = scaled((*value, scale)));
        parts
    }

    /// What each signal says of a thing, over the largest that it says of any: −1 to 1.
    pub(super) fn says(&self, at: usize) -> [f32; SIGNALS] {
        let mut says = self.things[at].values;
        let over = |(value, largest): (&mut f32, f64)| {
            *value = if largest > 0.0 { (f64::from(*value) / largest) as f32 } else { 0.0 };
        };
        says.iter_mut().zip(self.largest).for_each(over);
        says
    }

    pub(super) fn score(&self, at: usize) -> f32 {
        // Folded from 0: the sum of nothing is −0.
        self.parts(at).iter().fold(0.0, |sum, part| sum + part)
    }

    /// The vector whose inner product with the embedding of who is asked for is what goes together and the text add to the score.
    pub(super) fn probe(&self, space: &Space, at: usize) -> Vec<f32> {
        let mut probe = vec![0.0; space.layout.dim()];
        let Blendable { marks: Marks { factor, text }, values: [_, together, like, _], .. } =
            &self.things[at];
        let mut put = |block: Block, vector: &[f32], scale: f64| {
            // A block of an embedding is as long as the root of its weight.
            let scale = (scale / f64::from(space.layout.weight(block)).sqrt()) as f32;
            if scale.is_finite() {
                axpy(&mut probe[space.layout.range(block)], scale, vector);
            }
        };
        // What counts as no signal is none here, either.
        if let Some(factor) = factor.as_ref().filter(|_| *together != 0.0) {
            put(factor.block, &factor.strongest, self.scales[1]);
        }
        if let Some(text) = text.as_ref().filter(|_| *like != 0.0) {
            put(Block::Text, text, self.scales[2]);
        }
        probe
    }
}

/// The largest value of each signal, whatever its sign.
fn largest(things: &[Blendable]) -> [f64; SIGNALS] {
    std::array::from_fn(|signal| {
        things.iter().map(|thing| f64::from(thing.values[signal].abs())).fold(0.0, f64::max)
    })
}

/// Weights that sum to 1, each over the largest value of its signal.
fn scales(blend: Blend, largest: [f64; SIGNALS]) -> [f64; SIGNALS] {
    let weights = blend.weights().map(f64::from);
    let sum: f64 = weights.iter().sum();
    let scale = |signal: usize| weights[signal] / sum / largest[signal];
    std::array::from_fn(|signal| if largest[signal] > 0.0 { scale(signal) } else { 0.0 })
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
        let text_matters = recommend.weights().text > 0.0 || recommend.diversity > 0.0;
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

    /// Where it lies among others: the text, where there is one, else the strongest directions of the factor.
    pub(super) fn direction(&self) -> Option<(Block, Vec<f32>)> {
        let (block, values) = match (&self.text, &self.factor) {
            (Some(text), _) => (Block::Text, &**text),
            (None, Some(factor)) => (factor.block, &*factor.strongest),
            (None, None) => return None,
        };
        let mut unit = values.to_vec();
        normalize(&mut unit);
        Some((block, unit))
    }
}

impl Factor {
    fn of(block: Block, factor: &[f32], idf: f32) -> Self {
        Self { block, strongest: factor.iter().take(STRONGEST).map(|value| value / idf).collect() }
    }
}
