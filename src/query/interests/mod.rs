//! What a user is into: several tastes, not one.
//!
//! After `PinnerSage` (Pal et al., KDD 2020): what a user acts on is clustered by Ward's method, and each cluster is told by the member in
//! its middle and by the share that it has in the profile. Here a cluster is also a profile of its own, fused as the user's is, of the acts
//! on its members alone: so users, too, can be found by it.

mod cluster;
mod describe;
mod places;
mod things;

use super::explain::Own;
use super::similar::known_user;
use crate::compute::distance::dot;
use crate::engine::{Points, Published, Reader, Settings, Share, Source, contributions_of};
use crate::error::{Error, Result};
use crate::model::{Attributes, Time};
use crate::profile::{Parts, Target, user_query};
use crate::storage::View;
use crate::telemetry::{Operation, observed, tell_left_out};
use cluster::Cluster;
use places::Places;
use roaring::RoaringBitmap;
use serde::Serialize;
use std::sync::Arc;
use things::Thing;

/// Most interests of a user.
pub(super) const MOST: usize = 8;
/// Most members that an interest shows.
const MOST_SHOWN: usize = 100;

/// A taste of a user's.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Interest {
    /// The category that at least half of it is of; without one, the text, or the item, in its middle.
    pub name: String,
    /// The share that it has of all that the user's acts and texts weigh in the profile, up to 1. What is left is of smaller tastes, or of none.
    pub share: f32,
    /// Number of acts and texts.
    pub acts: u64,
    /// Time of the last.
    pub last: Time,
    /// How many texts of items, items without a text, and texts of the user's own it is made of.
    pub size: usize,
    /// What stands for it: what is in its middle, then what weighs most.
    pub members: Vec<Member>,
    /// The embedding that a user would have who did nothing but this, as a query: unit length, the store's dimension.
    #[serde(skip)]
    pub vector: Vec<f32>,
}

/// What an interest is made of: items of one text, an item without one, or a text that the user wrote.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Member {
    /// The item; of several of one text, the one that weighs most with the user. None for a text of the user's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub item: Option<String>,
    /// The start of the text. None for an item without one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How often the user acted on it.
    pub count: u32,
    /// When last.
    pub last: Time,
    /// Its share of the interest.
    pub share: f32,
}

/// A question for a user's interests: set what is wanted, then [`Interests::run`].
#[must_use = "a question does nothing until it is run"]
pub struct Interests<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    user: &'a str,
    limit: usize,
    shown: usize,
}

impl<'a> Interests<'a> {
    pub(crate) fn new(view: &'a View<Published>, settings: &'a Settings, user: &'a str) -> Self {
        Self { view, settings, user, limit: MOST, shown: 5 }
    }

    /// How many at most, those with the largest shares; 8 unless said, 1 to 8.
    pub fn limit(mut self, limit: usize) -> Self {
        self.limit = limit;
        self
    }

    /// How many members of each are shown at most; 5 unless said, at most 100.
    pub fn members(mut self, members: usize) -> Self {
        self.shown = members;
        self
    }

    /// Asks. Those with the largest shares come first; none of whoever did nothing that counts for something. What is damaged is left
    /// out, with a warning in the log: [`crate::Store::verify`] names it.
    ///
    /// # Errors
    /// [`Error::Unknown`] for a user that is not there; [`Error::NoEncoder`] in a store of the host's own vectors, which say nothing of
    /// what they are made of; [`Error::Invalid`] for a number out of its range.
    pub fn run(&self) -> Result<Vec<Interest>> {
        observed(Operation::Query, || self.run_unobserved())
    }

    fn run_unobserved(&self) -> Result<Vec<Interest>> {
        if self.limit == 0 || self.limit > MOST {
            return Err(Error::invalid("limit", self.limit, format!("1 to {MOST}")));
        }
        if self.shown > MOST_SHOWN {
            return Err(Error::invalid("number of members", self.shown, format!("at most {MOST_SHOWN}")));
        }
        let no = known_user(self.view, self.user)?;
        let mut points = Points::new(Arc::clone(&self.view.attachment().space));
        let found = Found::of(self.view, self.settings, &mut points, (no, self.limit))?;
        (0..found.len()).map(|at| describe::interest(self.view, &found, at, self.shown)).collect()
    }
}

/// The host's own vectors do not tell what they are made of.
fn check(settings: &Settings) -> Result<()> {
    match settings.source {
        Source::Vectors { .. } => Err(Error::NoEncoder { what: "an interest" }),
        Source::Encoder { .. } => Ok(()),
    }
}

/// Interests before they have names.
pub(super) struct Found {
    /// Whose; none of users together.
    user: Option<u32>,
    /// When the user last did anything.
    newest: Option<Time>,
    things: Vec<Thing>,
    clusters: Vec<Cluster>,
    /// The embedding of each cluster.
    embeddings: Vec<Vec<f32>>,
}

impl Found {
    /// At most so many of a user.
    pub(super) fn of(
        view: &View<Published>,
        settings: &Settings,
        points: &mut Points,
        (user, most): (u32, usize),
    ) -> Result<Self> {
        check(settings)?;
        let newest = view.state(user)?.figures.newest;
        let acts = contributions_of(view, user)?;
        Self::of_acts(view, settings, points, (Some(user), &acts, newest), (most, None))
    }

    /// Those that users have together: of what they did, as if one had done it all.
    pub(super) fn of_users(
        view: &View<Published>,
        settings: &Settings,
        points: &mut Points,
        users: &RoaringBitmap,
    ) -> Result<Self> {
        check(settings)?;
        let mut lost = None;
        let acts = things::pooled(view, users, &mut lost)?;
        let newest = acts.iter().map(|(_, _, acts)| acts.last).max();
        Self::of_acts(view, settings, points, (None, &acts, newest), (MOST, lost))
    }

    fn of_acts(
        view: &View<Published>,
        settings: &Settings,
        points: &mut Points,
        (user, acts, newest): (Option<u32>, &[Share], Option<Time>),
        (most, mut lost): (usize, Option<Error>),
    ) -> Result<Self> {
        let category = &settings.fusion.category;
        let things = match newest {
            Some(newest) => things::things(view, points, (acts, newest), category, &mut lost)?,
            None => Vec::new(),
        };
        let places = Places::of(view, points, &things, &mut lost)?;
        tell_left_out(lost.as_ref());
        let space = points.space();
        let clusters = cluster::clusters(space, &things, &places, most);
        let embed = |cluster: &Cluster| {
            let parts = Parts { total: &cluster.total, sentence: None, attributes: &Attributes::new() };
            space.embed(&parts).unwrap_or_else(|| vec![0.0; space.layout.dim()])
        };
        let embeddings = clusters.iter().map(embed).collect();
        Ok(Self { user, newest, things, clusters, embeddings })
    }

    /// An interest as a query, and what its scores are to be divided by. None where it is of weights that are all 0, and like nobody.
    pub(super) fn query(&self, points: &Points, at: usize) -> Option<(Vec<f32>, f32)> {
        let embedding = &self.embeddings[at];
        let norm = points.space().present_weight(embedding).sqrt();
        (norm > 0.0).then(|| (user_query(embedding), norm))
    }

    pub(super) fn len(&self) -> usize {
        self.clusters.len()
    }

    /// The embedding of an interest.
    pub(super) fn embedding(&self, at: usize) -> &[f32] {
        &self.embeddings[at]
    }

    /// What an interest of a user's is made of.
    pub(super) fn own(&self, user: u32, at: usize) -> Own {
        let parts = self.clusters[at].members.iter().flat_map(|&member| self.things[member].parts());
        let contributions =
            parts.flat_map(|acted| acted.by_kind.iter().map(|&(kind, acts)| (acted.target, kind, acts)));
        Own::of_acts(user, contributions.collect(), self.newest, self.clusters[at].total.clone())
    }

    /// Which is the closest to a target, and the cosine with its middle. None where the target lies nowhere, or there are no interests.
    pub(super) fn closest(
        &self,
        view: &View<Published>,
        points: &mut Points,
        target: Target,
    ) -> Result<Option<(usize, f32)>> {
        let point = points.get(view, target)?;
        let meaning = points.meaning(view, target)?;
        let place = places::place(points.space(), (target, &point), meaning.as_deref());
        let cosines = self.clusters.iter().map(|cluster| dot(&cluster.centre, &place)).enumerate();
        Ok(cosines.max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(&a.0))).filter(|(_, cosine)| *cosine > 0.0))
    }

    /// What an interest is called.
    pub(super) fn name(&self, view: &View<Published>, at: usize) -> Result<String> {
        describe::name(view, self, at)
    }
}
