//! What a user is compared with, and how the best are found.

use super::super::interests::Found as Interests;
use super::super::similar::Found;
use super::{LookalikeMethod, Lookalikes};
use crate::compute::SplitMix;
use crate::compute::distance::{dot, norm, normalize, scale};
use crate::compute::top_k::TopK;
use crate::engine::{Points, Source};
use crate::error::{Error, Result};
use crate::index::{IndexView, Neighbor, SearchOptions};
use crate::learn::{Rows, logistic};
use crate::model::Metric;
use roaring::RoaringBitmap;
use std::sync::Arc;

/// The penalty of the classifier's weights (`docs/quality.md` has figures for others).
const PENALTY: f64 = 1e-2;

/// Who has a vector, in the order of their numbers.
pub(super) struct Sides<'a> {
    pub seed: Vec<(u32, &'a [f32])>,
    /// Outside the seed; only for who learns of them.
    others: Vec<(u32, &'a [f32])>,
    /// Whether there is anybody outside the seed.
    has_others: bool,
}

impl<'a> Sides<'a> {
    pub(super) fn new(index: &'a IndexView, seed: &RoaringBitmap, method: LookalikeMethod) -> Self {
        let learns = method == LookalikeMethod::Classifier;
        let wanted = index.vectors().filter(|(label, _)| learns || seed.contains(*label));
        let (mut seed, mut others): (Vec<_>, Vec<_>) = wanted.partition(|(label, _)| seed.contains(*label));
        seed.sort_unstable_by_key(|(label, _)| *label);
        others.sort_unstable_by_key(|(label, _)| *label);
        Self { has_others: index.len() > seed.len(), seed, others }
    }
}

/// What makes a score of a user's vector.
pub(super) enum Score {
    /// How close it is to another, as the index measures it.
    Near(Vec<f32>),
    /// Its inner product with weights, and something more.
    Linear { weights: Vec<f32>, bias: f32, metric: Metric },
    /// How close it is to the closest of several, by their names, each over its length.
    Nearest(Vec<(String, Vec<f32>)>),
}

/// What makes the score of one user: an inner product, and something more; and what it is called.
pub(super) struct Told<'s> {
    pub weights: &'s [f32],
    pub more: f32,
    pub interest: Option<&'s str>,
}

impl Score {
    /// None where there is nobody outside the seed to be scored.
    pub(super) fn new(asked: &Lookalikes<'_>, sides: &Sides<'_>) -> Result<Option<Self>> {
        let source = &asked.settings.source;
        let (metric, dim) = (source.metric(), source.dim(&asked.view.attachment().space));
        // What fills an embedding up to unit length says nothing of the user.
        let slack = usize::from(matches!(source, Source::Encoder { .. }));
        if !sides.has_others {
            return Ok(None);
        }
        match asked.method {
            LookalikeMethod::Centroid => centroid(&sides.seed, (dim, slack), metric).map(Some),
            LookalikeMethod::Classifier => Ok(classifier(asked, sides, (dim, slack), metric)),
            LookalikeMethod::Interests => interests(asked, sides),
        }
    }

    /// What makes the score of whoever the search at a place found.
    pub(super) fn told(&self, by: usize) -> Told<'_> {
        let (weights, more, interest): (&[f32], _, _) = match self {
            Self::Near(vector) => (vector, 0.0, None),
            Self::Linear { weights, bias, .. } => (weights, *bias, None),
            Self::Nearest(queries) => match queries.get(by) {
                Some((name, weights)) => (weights, 0.0, Some(&**name)),
                None => (&[], 0.0, None),
            },
        };
        Told { weights, more, interest }
    }

    /// The best, by one search, or by one for each of several.
    pub(super) fn best(&self, index: &IndexView, options: &SearchOptions<'_>) -> Result<Found> {
        let one = |found| Found::of_searches(std::iter::once(found), options.k);
        match self {
            Self::Near(vector) => one(index.search(vector, options)),
            Self::Linear { weights, bias, metric } => one(linear(index, (weights, *bias), *metric, options)),
            Self::Nearest(queries) => {
                let search = |(_, query): &(String, Vec<f32>)| {
                    let length = norm(query) as f32;
                    let mut found = index.search(query, options)?;
                    found.iter_mut().for_each(|neighbor| neighbor.score *= length);
                    Ok(found)
                };
                Found::of_searches(queries.iter().map(search), options.k)
            }
        }
    }
}

/// By inner products with weights, and something more.
fn linear(
    index: &IndexView,
    (weights, bias): (&[f32], f32),
    metric: Metric,
    options: &SearchOptions<'_>,
) -> Result<Vec<Neighbor>> {
    let length = norm(weights) as f32;
    // The index orders by inner products where it compares by them, or by directions of which there is one.
    let factor = match metric {
        Metric::Cosine if length > 0.0 => length,
        Metric::InnerProduct => 1.0,
        Metric::Cosine | Metric::L2 => return Ok(scanned(index, (weights, bias), options)),
    };
    let mut found = index.search(weights, options)?;
    found.iter_mut().for_each(|neighbor| neighbor.score = factor * neighbor.score + bias);
    Ok(found)
}

/// By everybody's vector.
fn scanned(index: &IndexView, (weights, bias): (&[f32], f32), options: &SearchOptions<'_>) -> Vec<Neighbor> {
    let is_wanted = |label: u32| {
        options.within.is_none_or(|rows| rows.labels().contains(label))
            && !options.exclude.is_some_and(|exclude| exclude(label))
    };
    let mut best = TopK::new(options.k.min(index.len()));
    for (label, vector) in index.vectors().filter(|(label, _)| is_wanted(*label)) {
        best.push(dot(weights, vector) + bias, label);
    }
    best.into_sorted().into_iter().map(|(score, label)| Neighbor { label, score }).collect()
}

/// The mean of the seed's vectors.
fn centroid(seed: &[(u32, &[f32])], (dim, slack): (usize, usize), metric: Metric) -> Result<Score> {
    let mut sums = vec![0.0_f64; dim];
    for (_, vector) in seed {
        sums.iter_mut().zip(*vector).for_each(|(sum, &value)| *sum += f64::from(value));
    }
    let mut mean: Vec<f32> = sums.iter().map(|sum| (sum / seed.len() as f64) as f32).collect();
    mean[dim - slack..].fill(0.0);
    if metric == Metric::Cosine && normalize(&mut mean) == 0.0 {
        let expected = "their vectors have a direction together: ask for the classifier";
        return Err(Error::invalid("seed", "users whose vectors cancel out", expected));
    }
    Ok(Score::Near(mean))
}

/// What the seed is into, all users of it together. None where they did nothing.
fn interests(asked: &Lookalikes<'_>, sides: &Sides<'_>) -> Result<Option<Score>> {
    let (view, settings) = (asked.view, asked.settings);
    let mut points = Points::new(Arc::clone(&view.attachment().space));
    let users: RoaringBitmap = sides.seed.iter().map(|(user, _)| *user).collect();
    let found = Interests::of_users(view, settings, &mut points, &users)?;
    let mut queries = Vec::with_capacity(found.len());
    for at in 0..found.len() {
        if let Some((mut query, length)) = found.query(&points, at) {
            scale(&mut query, length.recip());
            queries.push((found.name(view, at)?, query));
        }
    }
    Ok((!queries.is_empty()).then_some(Score::Nearest(queries)))
}

/// What tells the seed from the others, learned from some of both.
fn classifier(
    asked: &Lookalikes<'_>,
    sides: &Sides<'_>,
    (dim, slack): (usize, usize),
    metric: Metric,
) -> Option<Score> {
    let (mut rows, mut is_of_seed) = (Rows::new(dim - slack, false), Vec::new());
    for (is, side) in [(false, &sides.others), (true, &sides.seed)] {
        let mut random = SplitMix::of(asked.seed, &[usize::from(is)]);
        for place in random.sample(side.len() as u32, asked.sample) {
            let (_, vector) = side[place as usize];
            rows.push(vector.get(..dim - slack).unwrap_or(vector));
            is_of_seed.push(is);
        }
    }
    let mut learned = logistic(&rows, &is_of_seed, PENALTY)?;
    learned.weights.resize(dim, 0.0);
    Some(Score::Linear { weights: learned.weights, bias: learned.bias, metric })
}
