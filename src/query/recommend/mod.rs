//! What next for a user: items, or categories, with the reasons.
//!
//! Three signals are blended. *Neighbors*: what the most similar users acted on. *Together*: what goes with what the user acted on,
//! by the learned factors of items and their groups. *Text*: what reads like that. Neighbors say what may be recommended at all; the
//! other two change the order among the best of these.

mod acts;
mod answer;
mod blend;
mod candidates;
mod diversity;
mod interests;
mod neighbors;
mod reasons;

pub use answer::{Recommendation, Signal, SignalScore};
pub(super) use blend::STRONGEST;

use super::similar::{Like, Similar, known_user};
use crate::engine::{Points, Published, Settings};
use crate::error::{Error, Result, known, shorten};
use crate::model::{Blend, Interval, Predicate, Time, check_id, nearest_name};
use crate::storage::View;
use crate::telemetry::{Operation, observed, tell_left_out};
use blend::Blended;
use candidates::Candidates;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most recommendations that one question may ask for, and most neighbors.
const MOST: usize = 10_000;
/// Most recommendations that are to differ: each is compared with all that might come next.
const MOST_DIFFERING: usize = 1_000;
/// Users who are asked, unless said.
const NEIGHBORS: usize = 100;
/// What neighbors acted on most goes into the blend: so many times as many as are wanted, and at least so many.
const POOL: (usize, usize) = (4, 200);

/// What is recommended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Things {
    /// Items.
    #[default]
    Items,
    /// Categories of items, by the attribute that [`crate::Fusion::category`] names. Items without one are left out.
    Categories,
}

/// A question for recommendations: set what is wanted, then [`Recommend::run`].
#[must_use = "a question does nothing until it is run"]
pub struct Recommend<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    like: Like<'a>,
    near: Similar<'a>,
    things: Things,
    limit: usize,
    neighbors: usize,
    had: BTreeSet<String>,
    again: bool,
    kinds: BTreeSet<String>,
    categories: BTreeSet<String>,
    without_categories: BTreeSet<String>,
    exclude: BTreeSet<String>,
    within: Option<Interval>,
    now: Option<Time>,
    diversity: f32,
    blend: Option<Blend>,
    explain: bool,
}

impl<'a> Recommend<'a> {
    pub(crate) fn new(view: &'a View<Published>, settings: &'a Settings, like: Like<'a>) -> Self {
        Self {
            view,
            settings,
            like,
            near: Similar::new(view, settings, like).limit(NEIGHBORS),
            things: Things::Items,
            limit: 10,
            neighbors: NEIGHBORS,
            had: BTreeSet::new(),
            again: false,
            kinds: BTreeSet::new(),
            categories: BTreeSet::new(),
            without_categories: BTreeSet::new(),
            exclude: BTreeSet::new(),
            within: None,
            now: None,
            diversity: 0.0,
            blend: None,
            explain: false,
        }
    }

    /// How many at most; 10 unless said, at most 10,000, or 1,000 of them that are to differ ([`Recommend::diversity`]). The more are wanted,
    /// the more candidates there are, over the best of which each signal's values are scaled: scores may differ with the limit.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Whether items are wanted or categories of them; items unless said.
    pub fn by(mut self, things: Things) -> Self {
        self.things = things;
        self
    }

    /// How many of the most similar users are asked what they acted on; 100 unless said, 1 to 10,000.
    pub fn neighbors(mut self, neighbors: usize) -> Self {
        self.neighbors = neighbors;
        self.near = self.near.limit(neighbors);
        self
    }

    /// Only neighbors of whom a predicate is true, as [`Similar::filter`].
    ///
    /// # Errors
    /// [`Error::Predicate`] for a text that is none.
    pub fn filter<P: TryInto<Predicate>>(mut self, predicate: P) -> Result<Self>
    where
        Error: From<P::Error>,
    {
        self.near = self.near.filter(predicate)?;
        Ok(self)
    }

    /// The instant that intervals go by, in the filter too; that of asking unless said.
    pub fn now(mut self, now: Time) -> Self {
        self.now = Some(now);
        self.near = self.near.now(now);
        self
    }

    /// Only these kinds of acts of neighbors count, each as much as any other; unless said all kinds do, each by its weight.
    pub fn kinds<I: Into<String>>(mut self, kinds: impl IntoIterator<Item = I>) -> Self {
        self.kinds.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// Which kinds of the user's acts mean that the thing was had already and is not to be recommended; all unless said.
    pub fn had<I: Into<String>>(mut self, kinds: impl IntoIterator<Item = I>) -> Self {
        self.had.extend(kinds.into_iter().map(Into::into));
        self
    }

    /// Recommends also what the user acted on before: for what is bought again and again. What was dismissed, and not taken
    /// up since by an act that counts for it, is left out all the same.
    pub fn again(mut self, again: bool) -> Self {
        self.again = again;
        self
    }

    /// Only items of these categories, and only these categories.
    pub fn categories<I: Into<String>>(mut self, categories: impl IntoIterator<Item = I>) -> Self {
        self.categories.extend(categories.into_iter().map(Into::into));
        self
    }

    /// No items of these categories, and none of these categories.
    pub fn without_categories<I: Into<String>>(mut self, categories: impl IntoIterator<Item = I>) -> Self {
        self.without_categories.extend(categories.into_iter().map(Into::into));
        self
    }

    /// Leaves these items out, such as those that are shown already. One that the store does not know is no mistake.
    pub fn exclude<I: Into<String>>(mut self, items: impl IntoIterator<Item = I>) -> Self {
        self.exclude.extend(items.into_iter().map(Into::into));
        self
    }

    /// Only what neighbors last acted on within this time before now, and not later: only their last acts on it are looked at.
    pub fn within(mut self, interval: Interval) -> Self {
        self.within = Some(interval);
        self
    }

    /// How much what is recommended should differ among itself, 0 (unless said: only the score counts) to 1 (only that counts): maximal marginal
    /// relevance (Carbonell and Goldstein, SIGIR 1998), with the cosine of texts, where there are none of factors.
    pub fn diversity(mut self, diversity: f32) -> Self {
        self.diversity = diversity;
        self
    }

    /// How much each signal counts; unless said as [`crate::Store::feedback`] taught, and before that as by default.
    pub fn blend(mut self, blend: Blend) -> Self {
        self.blend = Some(blend);
        self
    }

    /// How many candidates the graph search for neighbors keeps, as [`Similar::ef_search`].
    pub fn ef_search(mut self, ef: usize) -> Self {
        self.near = self.near.ef_search(ef);
        self
    }

    /// Compares with every user, in full precision, to find neighbors.
    pub fn exact(mut self, exact: bool) -> Self {
        self.near = self.near.exact(exact);
        self
    }

    /// Says for each recommendation what makes its score.
    pub fn explain(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }

    /// Asks. The best come first, ties in the order in which items were first seen. Where nobody is like the user, since nothing
    /// is known of them yet, what a sample of all users acted on is recommended ([`Signal::Popular`]). A user or an item whose record
    /// is damaged is left out, with a warning in the log: [`crate::Store::verify`] names it.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a user or a kind of event that is not there; [`Error::Invalid`] for a limit, a number of neighbors, a
    /// diversity or a weight beyond its bounds; and as [`Similar::run`].
    pub fn run(&self) -> Result<Vec<Recommendation>> {
        observed(Operation::Query, || self.run_unobserved())
    }

    fn run_unobserved(&self) -> Result<Vec<Recommendation>> {
        self.check()?;
        let mut points = Points::new(Arc::clone(&self.view.attachment().space));
        let mut lost = None;
        let candidates = Candidates::gather(self, &mut points, &mut lost)?;
        let pool = self.limit.saturating_mul(POOL.0).max(POOL.1);
        let best = candidates.best(self, pool, &mut lost)?;
        let blended = Blended::new(self, &mut points, &candidates, best, &mut lost)?;
        let chosen = diversity::choose(&blended, self.limit, self.diversity);
        let (mut answer, mut closest) = (Vec::with_capacity(chosen.len()), Vec::with_capacity(chosen.len()));
        for &at in &chosen {
            let close = known(blended.closest(self.view, &mut points, at), &mut lost)?.flatten();
            answer.push(answer::of(self, (&candidates, &blended), at, close.as_ref()));
            closest.push((at, close));
        }
        if self.explain {
            let explained =
                reasons::explain(self, &mut points, (&candidates, &blended), &closest, &mut lost)?;
            let explained = answer.iter_mut().zip(explained);
            explained.for_each(|(answer, explanation)| answer.explanation = Some(explanation));
        }
        tell_left_out(lost.as_ref());
        Ok(answer)
    }

    fn check(&self) -> Result<()> {
        if self.limit > MOST {
            return Err(Error::invalid("limit", self.limit, format!("at most {MOST}")));
        }
        if self.neighbors == 0 || self.neighbors > MOST {
            return Err(Error::invalid("number of neighbors", self.neighbors, format!("1 to {MOST}")));
        }
        if !(0.0..=1.0).contains(&self.diversity) {
            return Err(Error::invalid("diversity", self.diversity, "0 to 1"));
        }
        if self.diversity > 0.0 && self.limit > MOST_DIFFERING {
            return Err(Error::invalid(
                "limit",
                self.limit,
                format!("at most {MOST_DIFFERING} with diversity"),
            ));
        }
        self.weights().check()?;
        self.kinds.iter().chain(&self.had).try_for_each(|kind| self.check_kind(kind))?;
        self.exclude.iter().try_for_each(|item| check_id("item id", item))
    }

    fn check_kind(&self, name: &str) -> Result<()> {
        let kinds = &self.settings.kinds;
        if kinds.find(name).is_some() {
            return Ok(());
        }
        let nearest = nearest_name(name, kinds.iter().map(|kind| &*kind.name));
        Err(Error::Unknown { what: "event kind", name: shorten(name), nearest })
    }

    /// How much each signal counts.
    fn weights(&self) -> Blend {
        self.blend.or(self.view.attachment().blend).unwrap_or_default()
    }

    /// The user who is asked for.
    fn user(&self) -> Result<Option<u32>> {
        match self.like {
            Like::User(id) => known_user(self.view, id).map(Some),
            Like::Text(_) | Like::Vector(_) => Ok(None),
        }
    }
}
