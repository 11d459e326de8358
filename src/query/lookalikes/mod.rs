//! Who is like the users of a seed, together, without being one of them.

mod score;
mod seed;

pub use seed::Seed;

use super::explain::explain_scored;
use super::filter::matching;
use super::similar::{Hit, MAX_LIMIT, Named, named};
use crate::engine::{Points, Published, Reader, Settings, Source};
use crate::error::{Error, Result, known};
use crate::index::SearchOptions;
use crate::model::{Predicate, Time};
use crate::storage::View;
use crate::telemetry::{Operation, observed, tell_left_out};
use roaring::RoaringBitmap;
use score::{Score, Sides, Told};
use seed::Whom;
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// How it is told who is like the users of a seed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LookalikeMethod {
    /// Who is closest to the mean of the seed's vectors. The score is that of [`crate::model::Metric`] between the two; in a store with an
    /// encoder, the cosine, −1 to 1.
    Centroid,
    /// Whom a logistic regression, which learns on the spot what tells the seed from a sample of the others, takes for one of the seed. The
    /// score is the natural logarithm of the odds that a user is, if these were as many as the others: above 0 it is more likely than not.
    #[default]
    Classifier,
    /// Who is closest to any of the seed's interests: what its users are into together, up to eight tastes, as [`crate::Snapshot::interests`] tells
    /// them of one user. The score is the weighted mean of the blocks' cosines with the closest, −1 to 1. Stores of the host's own vectors cannot tell.
    Interests,
}

/// Users who are like those of a seed, as [`Lookalikes::run`] finds them; shown as JSON.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FoundLookalikes {
    /// How it was told.
    pub method: LookalikeMethod,
    /// Users of the seed.
    pub seed: u64,
    /// Of these, users without a vector, who say nothing.
    pub without_vector: u64,
    /// Users outside the seed, who are most like it first; scores as [`LookalikeMethod`] says.
    pub users: Vec<Hit>,
}

/// A question for users who are like those of a seed: set what is wanted, then [`Lookalikes::run`].
#[must_use = "a question does nothing until it is run"]
pub struct Lookalikes<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    whom: Whom<'a>,
    method: LookalikeMethod,
    limit: usize,
    exclude: BTreeSet<String>,
    filter: Option<Predicate>,
    now: Option<Time>,
    sample: usize,
    seed: u64,
    ef_search: usize,
    exact: bool,
    explain: bool,
}

impl<'a> Lookalikes<'a> {
    /// The users of either side that the classifier learns from at most, unless said.
    pub const SAMPLE: usize = 10_000;

    pub(crate) fn new(view: &'a View<Published>, settings: &'a Settings, seed: Seed<'a>) -> Self {
        Self::of(view, settings, Whom::Seed(seed))
    }

    pub(in crate::query) fn of_matching(
        view: &'a View<Published>,
        settings: &'a Settings,
        (predicate, now): (Predicate, Time),
    ) -> Self {
        Self::of(view, settings, Whom::Matching(predicate, now))
    }

    fn of(view: &'a View<Published>, settings: &'a Settings, whom: Whom<'a>) -> Self {
        Self {
            view,
            settings,
            whom,
            method: LookalikeMethod::default(),
            limit: 20,
            exclude: BTreeSet::new(),
            filter: None,
            now: None,
            sample: Self::SAMPLE,
            seed: 0,
            ef_search: SearchOptions::EF,
            exact: false,
            explain: false,
        }
    }

    /// How it is told who is alike; [`LookalikeMethod::default`] unless said.
    pub fn method(mut self, method: LookalikeMethod) -> Self {
        self.method = method;
        self
    }

    /// How many users at most; 20 unless said, at most 100,000.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Leaves these users out, such as those who were written to already. Users of the seed are left out anyway.
    pub fn exclude<I: Into<String>>(mut self, users: impl IntoIterator<Item = I>) -> Self {
        self.exclude.extend(users.into_iter().map(Into::into));
        self
    }

    /// Only users of whom a predicate is true, as [`super::Similar::filter`]. It says who is found, not what is learned.
    ///
    /// # Errors
    /// [`Error::Predicate`] for a text that is none.
    pub fn filter<P: TryInto<Predicate>>(mut self, predicate: P) -> Result<Self>
    where
        Error: From<P::Error>,
    {
        self.filter = Some(Predicate::both(self.filter, predicate.try_into()?));
        Ok(self)
    }

    /// The instant that `now()` and intervals in the filter go by; that of asking unless said.
    pub fn now(mut self, now: Time) -> Self {
        self.now = Some(now);
        self
    }

    /// How many users of the seed, and how many others, the classifier learns from at most, 1 to 100,000; 10,000 unless said. Where there
    /// are more, they are drawn. Time and memory go by it.
    pub fn sample(mut self, users: usize) -> Self {
        self.sample = users;
        self
    }

    /// What chance goes by where users are drawn; 0 unless said.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many candidates the graph search keeps, as [`super::Similar::ef_search`].
    pub fn ef_search(mut self, ef: usize) -> Self {
        self.ef_search = ef;
        self
    }

    /// Compares with every user, in full precision.
    pub fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }

    /// Says for each user what of their own makes the score. Stores of the host's own vectors cannot tell.
    pub fn explain(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }

    /// Asks. Who is most like the seed comes first, ties in the order in which users were first seen; they are as many as `limit`, or all
    /// others that match. A user whose record is damaged is left out, with a warning in the log: [`crate::Store::verify`] names it.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a segment or a user of the seed that is not there; [`Error::Invalid`] for a seed of nobody, or of nobody with a
    /// vector, for a limit or a sample beyond its bounds, and for a centroid of vectors that cancel out; for predicates as
    /// [`super::Selection::run`].
    pub fn run(&self) -> Result<FoundLookalikes> {
        observed(Operation::Query, || self.run_unobserved())
    }

    fn run_unobserved(&self) -> Result<FoundLookalikes> {
        self.check()?;
        let seed = self.whom.users(self.view, self.settings)?;
        if seed.is_empty() {
            return Err(Error::invalid("seed", "nobody", "one user at least"));
        }
        let within = self.within(&seed)?;
        let index = &self.view.attachment().index;
        let sides = Sides::new(index, &seed, self.method);
        if sides.seed.is_empty() {
            let found = format!("{} users without a vector", seed.len());
            return Err(Error::invalid("seed", found, "somebody of whom something is known"));
        }
        let without_vector = seed.len() - sides.seed.len() as u64;
        let found =
            FoundLookalikes { method: self.method, seed: seed.len(), without_vector, users: Vec::new() };
        let Some(score) = Score::new(self, &sides)? else { return Ok(found) };
        let mut left_out = seed;
        for id in &self.exclude {
            left_out.extend(self.view.user_no(id)?);
        }
        let rows = within.map(|within| index.row_set(within - &left_out));
        let is_left_out = |label: u32| left_out.contains(label);
        let options = SearchOptions {
            k: self.limit,
            ef: self.ef_search,
            exact: self.exact,
            exclude: rows.is_none().then_some(&is_left_out as &(dyn Fn(u32) -> bool + Sync)),
            within: rows.as_ref(),
            min_score: None,
            exact_scores: true,
        };
        let search = |k| score.best(index, &SearchOptions { k, ..options });
        let users = named(self.view, self.limit, search)?;
        Ok(FoundLookalikes { users: self.explained(&score, users)?, ..found })
    }

    fn check(&self) -> Result<()> {
        if self.limit > MAX_LIMIT {
            return Err(Error::invalid("limit", self.limit, format!("at most {MAX_LIMIT}")));
        }
        if self.sample == 0 || self.sample > MAX_LIMIT {
            return Err(Error::invalid("sample", self.sample, format!("1 to {MAX_LIMIT}")));
        }
        Ok(())
    }

    /// Whom the filter lets through.
    fn within(&self, seed: &RoaringBitmap) -> Result<Option<RoaringBitmap>> {
        let Some(filter) = &self.filter else { return Ok(None) };
        let found = matching(self.view, self.settings, filter, self.now.unwrap_or_else(Time::now))?;
        Ok(Some(found - seed))
    }

    fn explained(&self, score: &Score, users: Vec<Named>) -> Result<Vec<Hit>> {
        let tells = self.explain && matches!(self.settings.source, Source::Encoder { .. });
        let (mut points, mut lost) = (Points::new(Arc::clone(&self.view.attachment().space)), None);
        let mut hit = |Named { no, user, score: closeness, by }: Named| {
            let Told { weights, more, interest } = score.told(by);
            let mut explain = || explain_scored(self.view, &mut points, (weights, more), (no, closeness));
            let explanation = tells.then(|| known(explain(), &mut lost)).transpose()?.flatten();
            Ok(Hit { user, score: closeness, interest: interest.map(ToOwned::to_owned), explanation })
        };
        let hits = users.into_iter().map(&mut hit).collect();
        tell_left_out(lost.as_ref());
        hits
    }
}
