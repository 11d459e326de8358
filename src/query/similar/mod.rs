//! Who is like this user, this sentence or this vector.

mod sought;

use super::explain::{Explanation, explain_interest, explain_text, explain_user};
use crate::engine::predicate::stored_user;
use crate::engine::{Points, Published, Reader, Settings, embedding};
use crate::error::{Error, Result, known};
use crate::index::{Neighbor, SearchOptions};
use crate::model::{Predicate, Time};
use crate::storage::View;
use crate::telemetry::{Operation, QUERY_SECONDS, Stopwatch, observed, tell_left_out};
use roaring::RoaringBitmap;
use serde::Serialize;
use sought::{Asked, PartOfUser, Question, Sought};
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most hits one query may ask for.
pub(super) const MAX_LIMIT: usize = 100_000;

/// What users are compared with.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Like<'a> {
    /// A user of the store.
    User(&'a str),
    /// A sentence, in any language the encoder knows.
    Text(&'a str),
    /// A vector of the store's own dimension.
    Vector(&'a [f32]),
}

impl<'a> Like<'a> {
    /// Users like this user.
    #[must_use]
    pub const fn user(id: &'a str) -> Self {
        Self::User(id)
    }

    /// Users whom this sentence describes.
    #[must_use]
    pub const fn text(text: &'a str) -> Self {
        Self::Text(text)
    }

    /// Users whose vectors are close to this one.
    #[must_use]
    pub const fn vector(vector: &'a [f32]) -> Self {
        Self::Vector(vector)
    }
}

impl<'a> From<&'a str> for Like<'a> {
    fn from(user: &'a str) -> Self {
        Self::User(user)
    }
}

impl<'a> From<&'a String> for Like<'a> {
    fn from(user: &'a String) -> Self {
        Self::User(user)
    }
}

impl<'a> From<&'a [f32]> for Like<'a> {
    fn from(vector: &'a [f32]) -> Self {
        Self::Vector(vector)
    }
}

/// A user that was found.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Hit {
    /// The user's id.
    pub user: String,
    /// Larger is closer. In a store with an encoder, the weighted mean of the blocks' cosines, −1 to 1;
    /// for a sentence, the cosine in the text block; for vectors as [`crate::model::Metric`] says. Of lookalikes as
    /// [`super::LookalikeMethod`] says.
    pub score: f32,
    /// The interest of the asking user that the score is of, where interests were asked for, by its name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub interest: Option<String>,
    /// Why, if it was asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Explanation>,
}

/// A query for similar users: set what is wanted, then [`Similar::run`].
#[must_use = "a query does nothing until it is run"]
pub struct Similar<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    like: Like<'a>,
    part: PartOfUser,
    limit: usize,
    exclude: BTreeSet<String>,
    filter: Option<Predicate>,
    now: Option<Time>,
    min_score: Option<f32>,
    ef_search: usize,
    exact: bool,
    explain: bool,
}

impl<'a> Similar<'a> {
    pub(crate) fn new(view: &'a View<Published>, settings: &'a Settings, like: Like<'a>) -> Self {
        Self {
            view,
            settings,
            like,
            part: PartOfUser::Whole,
            limit: 10,
            exclude: BTreeSet::new(),
            filter: None,
            now: None,
            min_score: None,
            ef_search: SearchOptions::EF,
            exact: false,
            explain: false,
        }
    }

    /// Users like one of the user's interests alone, by its place among those that [`crate::Snapshot::interests`] tells: 0 is the one with
    /// the largest share. Nobody where there are fewer.
    pub fn interest(mut self, place: usize) -> Self {
        self.part = PartOfUser::Interest(place);
        self
    }

    /// Users who are like any of the user's interests: the score is that of the closest one, which the hit names. Who is like the user as a
    /// whole comes first without it; with it, who shares one taste to the full.
    ///
    /// ```
    /// # use kindred::{Store, model::{Event, Item}};
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = Store::open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (id, text) in [("p1", "fresh salmon"), ("p2", "salted herring"), ("p3", "garden hose"), ("p4", "garden spade")] {
    ///         tx.put_item(Item { id: id.into(), text: Some(text.into()), ..Item::default() })?;
    ///     }
    ///     for (user, items) in [("ann", vec!["p1", "p2", "p3", "p4"]), ("bob", vec!["p3", "p4"]), ("cem", vec!["p1"])] {
    ///         for item in items {
    ///             tx.record(Event::new(user, "purchase", "2026-01-01".parse()?).item(item))?;
    ///         }
    ///     }
    ///     Ok(())
    /// })?;
    /// let hits = store.snapshot().similar("ann").by_interests().run()?;
    /// assert_eq!((&*hits[0].user, hits[0].interest.as_deref()), ("bob", Some("garden hose")));
    /// assert!(hits[0].score > 0.99);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn by_interests(mut self) -> Self {
        self.part = PartOfUser::AnyInterest;
        self
    }

    /// How many users at most; 10 unless said, at most 100,000.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// Leaves these users out. A user that is asked about is left out anyway.
    pub fn exclude<I: Into<String>>(mut self, users: impl IntoIterator<Item = I>) -> Self {
        self.exclude.extend(users.into_iter().map(Into::into));
        self
    }

    /// Only users of whom a predicate is true: one that was built, or the WHERE clause of SQL. A second one holds beside the first.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// use kindred::{Store, model::attribute};
    /// let store = Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| {
    ///     for (user, country, vector) in [("ann", "DE", [1.0, 0.0]), ("bob", "AT", [0.9, 0.1]), ("cem", "DE", [0.5, 0.5])] {
    ///         tx.put_user(user, [("country", country.into())])?;
    ///         tx.put_vector(user, vector.to_vec())?;
    ///     }
    ///     Ok(())
    /// })?;
    /// let hits = store.snapshot().similar("ann").filter(attribute("country").eq("DE"))?.run()?;
    /// assert_eq!(hits[0].user, "cem");
    /// # Ok::<(), kindred::Error>(())
    /// ```
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

    /// Only users with at least this score.
    pub fn min_score(mut self, score: f32) -> Self {
        self.min_score = Some(score);
        self
    }

    /// How many candidates the graph search keeps: more finds more of the true neighbours and takes
    /// longer.
    pub fn ef_search(mut self, ef: usize) -> Self {
        self.ef_search = ef;
        self
    }

    /// Compares with every user, in full precision.
    pub fn exact(mut self, exact: bool) -> Self {
        self.exact = exact;
        self
    }

    /// Says for each hit what makes its score; not of a hit whose own values are damaged.
    pub fn explain(mut self, explain: bool) -> Self {
        self.explain = explain;
        self
    }

    /// Asks. The hits come closest first, ties by the order in which users were first seen; they are as
    /// many as `limit`, or all that match. A user whose record is damaged or missing is left out, with a warning in the log:
    /// [`crate::Store::verify`] names it.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a user that is not there, [`Error::NoEncoder`] or
    /// [`Error::OwnEmbeddings`] for the wrong kind of question, [`Error::Dimension`] and
    /// [`Error::NotFinite`] for a bad vector, [`Error::Invalid`] for a limit beyond the bound; for a filter as
    /// [`super::Selection::run`].
    pub fn run(&self) -> Result<Vec<Hit>> {
        let watch = Stopwatch::start();
        let hits = observed(Operation::Query, || self.run_unobserved());
        let like = match self.like {
            Like::User(_) => "user",
            Like::Text(_) => "text",
            Like::Vector(_) => "vector",
        };
        let search = if self.exact { "exact" } else { "index" };
        watch.stop(QUERY_SECONDS, &[("like", like), ("search", search)]);
        hits
    }

    fn run_unobserved(&self) -> Result<Vec<Hit>> {
        self.check()?;
        let mut points = Points::new(Arc::clone(&self.view.attachment().space));
        let question = self.question(&mut points)?;
        let found = named(self.view, self.limit, |wanted| self.best(&question, wanted))?.into_iter();
        let hit = |Named { no, user, score, by }: Named| {
            let sought = &question.sought[by];
            let (interest, explanation) =
                (sought.asked.interest(), self.why(&mut points, sought, (no, score))?);
            Ok(Hit { user, score, interest, explanation })
        };
        found.map(hit).collect()
    }

    /// The users that [`Similar::run`] would name, damaged ones among them, by their numbers.
    pub(super) fn neighbors(&self, points: &mut Points) -> Result<Neighbors> {
        self.check()?;
        let mut question = self.question(points)?;
        let Some(sought) = question.sought.pop() else {
            return Ok(Neighbors { users: Vec::new(), query: None, matching: question.matching });
        };
        let found = self.search(&question, &sought, self.limit)?;
        let users = found.into_iter().map(|neighbor| (neighbor.label, neighbor.score / sought.norm));
        Ok(Neighbors { users: users.collect(), query: Some(sought.query), matching: question.matching })
    }

    /// What the index is asked for, and what its scores are to be divided by; nothing, where nobody can be alike.
    pub(super) fn query(&self) -> Result<Option<(Vec<f32>, f32)>> {
        let mut points = Points::new(Arc::clone(&self.view.attachment().space));
        Ok(self.question(&mut points)?.sought.pop().map(|sought| (sought.query, sought.norm)))
    }

    fn check(&self) -> Result<()> {
        if self.limit > MAX_LIMIT {
            return Err(Error::invalid("limit", self.limit, format!("at most {MAX_LIMIT}")));
        }
        if self.min_score.is_some_and(f32::is_nan) {
            return Err(Error::invalid("min_score", "NaN", "it is a number"));
        }
        Ok(())
    }

    /// Why a user was found, if that is wanted and can be told.
    fn why(&self, points: &mut Points, sought: &Sought, hit: (u32, f32)) -> Result<Option<Explanation>> {
        if !self.explain {
            return Ok(None);
        }
        let explained = match &sought.asked {
            Asked::User(no) => explain_user(self.view, points, (*no, hit.0), hit.1),
            Asked::Interest { own, embedding, .. } => {
                explain_interest(self.view, points, (own, embedding), hit)
            }
            Asked::Sentence(vector) => explain_text(self.view, points, vector, hit),
            Asked::Nobodys(_) => return Ok(None),
        };
        let mut lost = None;
        let explained = known(explained, &mut lost)?;
        tell_left_out(lost.as_ref());
        Ok(explained)
    }

    /// The best by what of the question they are closest to.
    fn best(&self, question: &Question, wanted: usize) -> Result<Found> {
        let search = |sought: &Sought| {
            let mut found = self.search(question, sought, wanted)?;
            found.iter_mut().for_each(|neighbor| neighbor.score /= sought.norm);
            Ok(found)
        };
        Found::of_searches(question.sought.iter().map(search), wanted)
    }

    fn search(&self, question: &Question, sought: &Sought, limit: usize) -> Result<Vec<Neighbor>> {
        let mut excluded: BTreeSet<u32> = sought.asked.user().into_iter().collect();
        for id in &self.exclude {
            excluded.extend(self.view.user_no(id)?);
        }
        let is_excluded = |label: u32| excluded.contains(&label);
        let options = SearchOptions {
            k: limit,
            ef: self.ef_search,
            exact: self.exact,
            exclude: if excluded.is_empty() { None } else { Some(&is_excluded) },
            within: question.within.as_ref(),
            min_score: self.min_score.map(|score| score * sought.norm),
            exact_scores: true,
        };
        self.view.attachment().index.search(&sought.query, &options)
    }
}

/// Whom searches found: by their numbers, with the score and the place of the search that they are closest by.
pub(super) struct Found {
    best: Vec<(u32, (f32, usize))>,
    /// Whether they would find no more.
    are_all: bool,
}

impl Found {
    /// The best of what several searches for so many each found. Who is among the best of all is among the best of the one that they are
    /// closest by.
    pub(super) fn of_searches(
        searches: impl ExactSizeIterator<Item = Result<Vec<Neighbor>>>,
        wanted: usize,
    ) -> Result<Self> {
        let (mut best, mut are_all, several) = (Vec::new(), true, searches.len() > 1);
        for (by, found) in searches.enumerate() {
            let found = found?;
            are_all &= found.len() < wanted;
            best.extend(found.into_iter().map(|neighbor| (neighbor.label, (neighbor.score, by))));
        }
        if several {
            best.sort_by(|(a, (x, by)), (b, (y, other))| a.cmp(b).then(y.total_cmp(x)).then(by.cmp(other)));
            best.dedup_by_key(|found| found.0);
            best.sort_by(|(a, (x, _)), (b, (y, _))| y.total_cmp(x).then(a.cmp(b)));
            best.truncate(wanted);
        }
        Ok(Self { best, are_all })
    }
}

/// A user that was found, by the search at a place.
pub(super) struct Named {
    pub no: u32,
    pub user: String,
    pub score: f32,
    pub by: usize,
}

/// At most so many users of those that a search finds, with their ids. In the place of those who cannot be named for a damaged record come the next.
pub(super) fn named(
    view: &View<Published>,
    limit: usize,
    search: impl Fn(usize) -> Result<Found>,
) -> Result<Vec<Named>> {
    let mut wanted = limit;
    loop {
        let Found { best, are_all } = search(wanted)?;
        let (mut named, mut lost) = (Vec::with_capacity(best.len()), None);
        for (no, (score, by)) in best {
            let id = known(user_id(view, no), &mut lost)?;
            named.extend(id.map(|user| Named { no, user, score, by }));
        }
        named.truncate(limit);
        if named.len() == limit || are_all {
            tell_left_out(lost.as_ref());
            return Ok(named);
        }
        wanted = wanted.saturating_mul(2);
    }
}

/// Users who are alike, with their scores, closest first.
pub(super) struct Neighbors {
    pub users: Vec<(u32, f32)>,
    /// What they were compared with; nothing, where nobody can be alike.
    pub query: Option<Vec<f32>>,
    /// Of whom the filter is true.
    pub matching: Option<RoaringBitmap>,
}

/// The id of a user that was found.
pub(super) fn user_id(view: &View<Published>, no: u32) -> Result<String> {
    stored_user(view, no).map(|user| user.id)
}

/// The number of a user that must be there.
pub(crate) fn known_user(view: &View<Published>, id: &str) -> Result<u32> {
    crate::model::check_id("user id", id)?;
    view.user_no(id)?.ok_or_else(|| Error::Unknown { what: "user", name: id.to_owned(), nearest: None })
}

/// A user's embedding in a store with an encoder.
pub(super) fn embedding_of(view: &View<Published>, points: &mut Points, no: u32) -> Result<Option<Vec<f32>>> {
    let space = &view.attachment().space;
    let sums = view.sums(space, no)?;
    embedding(view, space, points, no, &view.state(no)?, &sums)
}
