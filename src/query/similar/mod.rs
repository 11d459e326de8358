//! Who is like this user, this sentence or this vector.

use super::explain::{Explanation, explain_text, explain_user};
use super::filter::answer;
use crate::engine::predicate::stored_user;
use crate::engine::{
    Points, Published, Reader, Settings, Source, check_direction, check_text, check_vector, embedding,
    encode_rows,
};
use crate::error::{Error, ErrorKind, Result};
use crate::index::{Neighbor, RowSet, SearchOptions};
use crate::model::{Predicate, Time};
use crate::profile::{Block, user_query};
use crate::storage::{View, keys};
use crate::telemetry::{Operation, QUERY_SECONDS, Stopwatch, failed, observed, redacted};
use serde::Serialize;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Most hits one query may ask for.
const MAX_LIMIT: usize = 100_000;

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
    /// for a sentence, the cosine in the text block; for vectors as [`crate::model::Metric`] says.
    pub score: f32,
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
        let predicate = predicate.try_into()?;
        self.filter = Some(match self.filter {
            Some(before) => before & predicate,
            None => predicate,
        });
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

    /// Says for each hit what makes its score.
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
        let Some(sought) = self.sought(&mut points)? else { return Ok(Vec::new()) };
        let found = self.named(&sought)?.into_iter();
        let hit =
            |(no, user, score)| Ok(Hit { user, score, explanation: self.why(&mut points, &sought, no)? });
        found.map(hit).collect()
    }

    /// The users that [`Similar::run`] would name, damaged ones among them, by their numbers; nothing, where nobody can be alike.
    pub(super) fn neighbors(&self, points: &mut Points) -> Result<Option<Neighbors>> {
        self.check()?;
        let Some(sought) = self.sought(points)? else { return Ok(None) };
        let found = self.search(&sought, self.limit)?;
        let users = found.into_iter().map(|neighbor| (neighbor.label, neighbor.score / sought.norm));
        Ok(Some(Neighbors { users: users.collect(), query: sought.query }))
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

    /// What the index is to be asked for; nothing, where nobody can be alike.
    fn sought(&self, points: &mut Points) -> Result<Option<Sought>> {
        // Also where nobody can be alike, so that a mistake in it is always told.
        let within = self.within()?;
        match self.like {
            Like::User(id) => self.like_user(points, id, within),
            Like::Text(text) => self.like_text(text, within).map(Some),
            Like::Vector(vector) => self.like_vector(vector, within).map(Some),
        }
    }

    fn like_user(&self, points: &mut Points, id: &str, within: Option<RowSet>) -> Result<Option<Sought>> {
        let no = known_user(self.view, id)?;
        if matches!(self.settings.source, Source::Vectors { .. }) {
            let vector: Option<Vec<f32>> = self.view.read("vector", &keys::vector(no))?;
            let asked = Asked::Nobodys(Some(no));
            return Ok(vector.map(|query| Sought { query, asked, norm: 1.0, within }));
        }
        let Some(own) = embedding_of(self.view, points, no)? else { return Ok(None) };
        let norm = self.view.attachment().space.present_weight(&own).sqrt();
        Ok(Some(Sought { query: user_query(&own), asked: Asked::User(no), norm, within }))
    }

    fn like_text(&self, text: &str, within: Option<RowSet>) -> Result<Sought> {
        let published = self.view.attachment();
        let Some(encoder) = &published.encoder else { return Err(Error::NoEncoder { what: "a sentence" }) };
        check_text("text", Some(text))?;
        if text.trim().is_empty() {
            return Err(Error::invalid("text", "empty", "describe the users in a few words"));
        }
        let raw = encode_rows(encoder.as_ref(), &[text], &|_| {})?.concat();
        let vector = published.space.sentence_vector(&raw);
        if vector.iter().all(|&x| x == 0.0) {
            return Err(Error::invalid(
                "text",
                format!("{text:?}"),
                "the encoder finds nothing in it: use other words",
            ));
        }
        let query = published.space.text_query(&vector);
        let norm = published.space.layout.weight(Block::Text).sqrt();
        if norm == 0.0 {
            return Err(Error::invalid(
                "text",
                format!("{text:?}"),
                "this store gives texts no weight (text_weight 0)",
            ));
        }
        Ok(Sought { query, asked: Asked::Sentence(vector), norm, within })
    }

    fn like_vector(&self, vector: &[f32], within: Option<RowSet>) -> Result<Sought> {
        let source = &self.settings.source;
        check_vector("the vector asked for", vector, source.dim(&self.view.attachment().space))?;
        check_direction("the vector asked for", vector, source.metric())?;
        Ok(Sought { query: vector.to_vec(), asked: Asked::Nobodys(None), norm: 1.0, within })
    }

    /// Why a user was found, if that is wanted and can be told.
    fn why(&self, points: &mut Points, sought: &Sought, hit: u32) -> Result<Option<Explanation>> {
        if !self.explain {
            return Ok(None);
        }
        match &sought.asked {
            Asked::User(no) => explain_user(self.view, points, *no, hit).map(Some),
            Asked::Sentence(vector) => explain_text(self.view, points, vector, hit).map(Some),
            Asked::Nobodys(_) => Ok(None),
        }
    }

    /// Whom the index finds: numbers, ids and scores. In the place of those who cannot be named for a damaged record come the next.
    fn named(&self, sought: &Sought) -> Result<Vec<(u32, String, f32)>> {
        let mut wanted = self.limit;
        loop {
            let found = self.search(sought, wanted)?;
            let are_all = found.len() < wanted;
            let (mut named, mut lost) = (Vec::with_capacity(found.len()), None);
            for neighbor in found {
                match user_id(self.view, neighbor.label) {
                    Ok(id) => named.push((neighbor.label, id, neighbor.score / sought.norm)),
                    Err(error) if error.kind() == ErrorKind::Damage => lost = Some(error),
                    Err(error) => return Err(error),
                }
            }
            named.truncate(self.limit);
            if named.len() == self.limit || are_all {
                tell_left_out(lost.as_ref());
                return Ok(named);
            }
            wanted = wanted.saturating_mul(2);
        }
    }

    /// Whom the filter lets through.
    fn within(&self) -> Result<Option<RowSet>> {
        let Some(filter) = &self.filter else { return Ok(None) };
        // Looked for first: a filter reads every user.
        if let Like::User(id) = self.like {
            known_user(self.view, id)?;
        }
        let now = self.now.unwrap_or_else(Time::now);
        let matching = answer(self.view, self.settings, filter, now)?.matching;
        Ok(Some(self.view.attachment().index.row_set(matching)))
    }

    fn search(&self, sought: &Sought, limit: usize) -> Result<Vec<Neighbor>> {
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
            within: sought.within.as_ref(),
            min_score: self.min_score.map(|score| score * sought.norm),
            exact_scores: true,
        };
        self.view.attachment().index.search(&sought.query, &options)
    }
}

/// Users who are alike, with their scores, closest first.
pub(super) struct Neighbors {
    pub users: Vec<(u32, f32)>,
    /// What they were compared with.
    pub query: Vec<f32>,
}

/// What the index is asked for.
struct Sought {
    query: Vec<f32>,
    asked: Asked,
    /// What the index's scores are to be divided by.
    norm: f32,
    /// Whom the filter lets through.
    within: Option<RowSet>,
}

/// What a query was made of.
enum Asked {
    /// A user's embedding.
    User(u32),
    /// A sentence, by its vector in the text block.
    Sentence(Vec<f32>),
    /// A vector of the host's own, perhaps a user's: nothing is known of what it is made of.
    Nobodys(Option<u32>),
}

impl Asked {
    /// The user who is asked about, who is no hit.
    const fn user(&self) -> Option<u32> {
        match self {
            Self::User(no) => Some(*no),
            Self::Nobodys(user) => *user,
            Self::Sentence(_) => None,
        }
    }
}

/// The id of a user that was found.
pub(super) fn user_id(view: &View<Published>, no: u32) -> Result<String> {
    stored_user(view, no).map(|user| user.id)
}

/// Tells that users are left out of an answer, since values of theirs are damaged.
pub(super) fn tell_left_out(lost: Option<&Error>) {
    if let Some(error) = lost {
        failed(Operation::Query.name(), error);
        tracing::warn!(error = %redacted(error), "users whose values are damaged are left out of an answer");
    }
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
