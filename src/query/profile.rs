//! All that is kept of a user at one moment.

use super::segments::segments_of;
use super::similar::{embedding_of, known_user};
use crate::engine::{Points, Published, Reader, Settings, Source, StoredItem, contributions_of};
use crate::error::Result;
use crate::model::{Attributes, Time};
use crate::profile::{Contribution, Target};
use crate::storage::{View, keys};
use serde::Serialize;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Items and categories that a profile shows.
const SHOWN: usize = 10;

/// A user's acts of one kind: recency, frequency and value.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct KindSummary {
    /// The kind's name.
    pub kind: String,
    /// Number of acts.
    pub count: u64,
    /// Sum of their values.
    pub value: f64,
    /// Sum of their quantities; an act without one counts 1.
    pub quantity: f64,
    /// Time of the first.
    pub first: Time,
    /// Time of the last.
    pub last: Time,
}

/// An item that a user acted on.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Acted {
    /// The item's id.
    pub name: String,
    /// The item's text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// How often, over all kinds.
    pub count: u32,
    /// When last.
    pub last: Time,
}

/// All that is kept of a user, as of one snapshot.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Profile {
    /// The user's id.
    pub user: String,
    /// Declared facts.
    pub attributes: Attributes,
    /// Number of events.
    pub events: u64,
    /// Number of texts.
    pub texts: u64,
    /// Time of the newest event or text.
    pub newest: Option<Time>,
    /// Recency, frequency and value by kind, in the order of the store's kinds.
    pub kinds: Vec<KindSummary>,
    /// Hours of the day (UTC) with the most events, most first.
    pub active_hours: Vec<u8>,
    /// Categories acted on most, most first, with their numbers of acts. The item attribute that names
    /// them is an option of the store ([`crate::Fusion::category`]).
    pub top_categories: Vec<(String, u64)>,
    /// Items acted on most, most first.
    pub top_items: Vec<Acted>,
    /// The segments that the user is in, in the order in which they were first defined.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub segments: Vec<String>,
    /// The embedding, or the host's own vector; none before anything is known.
    pub embedding: Option<Vec<f32>>,
}

pub(crate) fn profile(view: &View<Published>, settings: &Settings, id: &str) -> Result<Profile> {
    let no = known_user(view, id)?;
    let attributes = view.user(no)?.map(|user| user.attributes).unwrap_or_default();
    let state = view.state(no)?;
    let kinds: Vec<KindSummary> = state
        .figures
        .kinds
        .iter()
        .map(|f| KindSummary {
            kind: settings.kinds.get(f.kind).map_or_else(String::new, |kind| kind.name.clone()),
            count: f.count,
            value: f.value,
            quantity: f.quantity,
            first: f.first,
            last: f.last,
        })
        .collect();
    let (top_items, top_categories) = acted(view, &settings.fusion.category, no)?;
    let embedding = match settings.source {
        Source::Vectors { .. } => view.read("vector", &keys::vector(no))?,
        Source::Encoder { .. } => {
            let mut points = Points::new(Arc::clone(&view.attachment().space));
            embedding_of(view, &mut points, no)?
        }
    };
    Ok(Profile {
        user: id.to_owned(),
        attributes,
        events: kinds.iter().map(|kind| kind.count).sum(),
        texts: state.texts,
        newest: state.figures.newest,
        active_hours: state.figures.active_hours(3),
        kinds,
        top_categories,
        top_items,
        segments: segments_of(view, no)?,
        embedding,
    })
}

/// Categories with their numbers of acts.
type Categories = Vec<(String, u64)>;

/// The items and the categories that a user acted on most.
fn acted(view: &View<Published>, category: &str, no: u32) -> Result<(Vec<Acted>, Categories)> {
    let mut items: BTreeMap<u32, Contribution> = BTreeMap::new();
    for (target, _, add) in contributions_of(view, no)? {
        if let Target::Item(item) = target {
            items.entry(item).and_modify(|sum| *sum = sum.and(add)).or_insert(add);
        }
    }
    let mut acted = Vec::with_capacity(items.len());
    let mut categories: BTreeMap<String, u64> = BTreeMap::new();
    for (no, sum) in items {
        let StoredItem { id, text, attributes, .. } = view.item(no)?.unwrap_or_default();
        if let Some(category) = attributes.get(category) {
            *categories.entry(category.to_string()).or_default() += u64::from(sum.count);
        }
        acted.push(Acted { name: id, text, count: sum.count, last: sum.last });
    }
    acted.sort_by(|a, b| (b.count, b.last).cmp(&(a.count, a.last)).then(a.name.cmp(&b.name)));
    acted.truncate(SHOWN);
    let mut categories: Vec<(String, u64)> = categories.into_iter().collect();
    categories.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    categories.truncate(SHOWN);
    Ok((acted, categories))
}
