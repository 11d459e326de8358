//! What neighbors acted on, summed up, and which of it may be recommended.

use super::super::similar::Neighbors;
use super::acts::{Counting, Refused, acts};
use super::neighbors::{sample, weighed};
use super::{Recommend, Signal, Things};
use crate::engine::{Categories, Points, Reader, StoredItem};
use crate::error::{Error, Result, known, shorten};
use crate::model::nearest_name;
use hashbrown::HashMap;
use roaring::RoaringBitmap;
use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

/// All things that neighbors acted on.
pub(super) struct Candidates {
    /// What it means that they did.
    pub signal: Signal,
    /// What neighbors were compared with.
    pub query: Option<Vec<f32>>,
    /// Neighbors, with their weights, which sum to 1.
    pub neighbors: Vec<(u32, f32)>,
    pub counting: Counting,
    /// By number of the item.
    items: HashMap<u32, Acted>,
    /// By number of the category, where categories are wanted.
    categories: HashMap<u32, Acted>,
    /// Where anything is asked of categories.
    names: Option<Arc<Categories>>,
}

/// What neighbors did with a thing.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Acted {
    /// The sum of what their acts count, each times the neighbor's weight.
    pub share: f32,
    /// How many of them acted on it for good.
    pub neighbors: usize,
    /// Up to which neighbor acts were counted in, and what the last one's counted.
    neighbors_seen: usize,
    act: f32,
}

impl Acted {
    /// Counts an act of a neighbor in, given by place and weight; of several of one neighbor the one that counts most.
    fn add(&mut self, (place, weight): (usize, f32), act: f32) {
        let before = if self.neighbors_seen == place + 1 { self.act } else { 0.0 };
        if self.neighbors_seen == place + 1 && act <= before {
            return;
        }
        self.share += weight * (act - before);
        self.neighbors += usize::from(act > 0.0 && before <= 0.0);
        (self.neighbors_seen, self.act) = (place + 1, act);
    }
}

/// A thing that goes into the blend.
pub(super) struct Candidate {
    /// The item's number; of a category, that of its item which neighbors acted on most.
    pub no: u32,
    pub item: StoredItem,
    /// The number of the category, where categories are wanted.
    pub category: Option<u32>,
    pub acted: Acted,
}

impl Candidates {
    pub(super) fn gather(
        recommend: &Recommend<'_>,
        points: &mut Points,
        lost: &mut Option<Error>,
    ) -> Result<Self> {
        let Neighbors { users, query, matching } = recommend.near.neighbors(points)?;
        let (mut signal, mut neighbors) =
            (Signal::Neighbors, weighed(users, recommend.settings.source.metric()));
        if neighbors.is_empty() {
            (signal, neighbors) = (Signal::Popular, sample(recommend, matching.as_ref())?);
        }
        let mut candidates = Self {
            signal,
            query,
            neighbors: Vec::with_capacity(neighbors.len()),
            counting: Counting::of_neighbors(recommend)?,
            items: HashMap::new(),
            categories: HashMap::new(),
            names: names(recommend, lost)?,
        };
        for (user, weight) in neighbors {
            if let Some(acts) = known(acts(recommend.view, user, &candidates.counting), lost)? {
                candidates.add(recommend.things, (user, weight), &acts);
            }
        }
        candidates.scale();
        Ok(candidates)
    }

    fn add(&mut self, things: Things, neighbor: (u32, f32), acts: &[(u32, f32)]) {
        // Of a sample, whoever did nothing says nothing.
        if self.signal == Signal::Popular && acts.is_empty() {
            return;
        }
        let place = (self.neighbors.len(), neighbor.1);
        self.neighbors.push(neighbor);
        for &(item, act) in acts {
            self.items.entry(item).or_default().add(place, act);
            if let Some(category) = self.category_of(item).filter(|_| things == Things::Categories) {
                self.categories.entry(category).or_default().add(place, act);
            }
        }
    }

    /// An act on a category counts as the best of those on its items does.
    pub(super) fn acts_on_categories(&self, acts: &[(u32, f32)]) -> HashMap<u32, f32> {
        let mut best: HashMap<u32, f32> = HashMap::new();
        for &(item, act) in acts {
            if let Some(category) = self.category_of(item) {
                best.entry(category).and_modify(|best| *best = best.max(act)).or_insert(act);
            }
        }
        best
    }

    /// Has the weights of all neighbors sum to 1.
    fn scale(&mut self) {
        let sum: f64 = self.neighbors.iter().map(|(_, weight)| f64::from(*weight)).sum();
        let scale = if sum > 0.0 { sum.recip() as f32 } else { 0.0 };
        self.neighbors.iter_mut().for_each(|(_, weight)| *weight *= scale);
        let all = self.items.values_mut().chain(self.categories.values_mut());
        all.for_each(|acted| acted.share *= scale);
    }

    /// The number of an item's category, where anything is asked of categories.
    fn category_of(&self, item: u32) -> Option<u32> {
        self.names.as_ref().and_then(|names| names.of(item))
    }

    /// The name of a category.
    pub(super) fn name(&self, category: u32) -> Option<&str> {
        self.names.as_ref().map(|names| names.name(category))
    }

    /// The things that may be recommended, those first that neighbors acted on most.
    pub(super) fn best(
        &self,
        recommend: &Recommend<'_>,
        most: usize,
        lost: &mut Option<Error>,
    ) -> Result<Vec<Candidate>> {
        let gate = Gate::new(recommend, self)?;
        let things = match recommend.things {
            Things::Items => self.best_items(&gate, most),
            Things::Categories => self.best_categories(&gate, most),
        };
        let mut best = Vec::with_capacity(things.len());
        for (no, category, acted) in things {
            let item = known(recommend.view.item(no), lost)?.flatten();
            best.extend(item.map(|item| Candidate { no, item, category, acted }));
        }
        Ok(best)
    }

    fn best_items(&self, gate: &Gate<'_>, most: usize) -> Vec<Thing> {
        let items = good(&self.items);
        let allowed = items.filter(|&(item, _)| gate.allows(item) && !gate.refused.had.contains(item));
        ranked(allowed.map(|(item, acted)| (item, None, acted)), most)
    }

    fn best_categories(&self, gate: &Gate<'_>, most: usize) -> Vec<Thing> {
        let mut examples: HashMap<u32, (u32, Acted)> = HashMap::new();
        for (item, acted) in good(&self.items) {
            if let Some(category) = self.category_of(item).filter(|_| gate.allows(item)) {
                let example = examples.entry(category).or_insert((item, acted));
                *example = better(*example, (item, acted));
            }
        }
        let mut refused = gate.refused.dismissed(|item| self.category_of(item));
        refused.extend(gate.refused.had.iter().filter_map(|item| self.category_of(item)));
        let categories = good(&self.categories).filter(|&(category, _)| !refused.contains(category));
        let with_example = |(category, acted)| Some((examples.get(&category)?.0, Some(category), acted));
        ranked(categories.filter_map(with_example), most)
    }
}

/// An item, the category it stands for, and what neighbors did with the one or the other.
type Thing = (u32, Option<u32>, Acted);

/// Which items may be recommended, or stand for their category.
struct Gate<'a> {
    candidates: &'a Candidates,
    recommend: &'a Recommend<'a>,
    refused: Refused,
    dismissed: RoaringBitmap,
    excluded: RoaringBitmap,
}

impl<'a> Gate<'a> {
    fn new(recommend: &'a Recommend<'a>, candidates: &'a Candidates) -> Result<Self> {
        let mut excluded = RoaringBitmap::new();
        for item in &recommend.exclude {
            excluded.extend(recommend.view.item_no(item)?);
        }
        let refused = Refused::of(recommend, recommend.user()?)?;
        let dismissed = refused.dismissed(Some);
        Ok(Self { candidates, recommend, refused, dismissed, excluded })
    }

    fn allows(&self, item: u32) -> bool {
        let Recommend { categories, without_categories, .. } = self.recommend;
        let is_in = |names: &BTreeSet<String>| {
            let category =
                self.candidates.category_of(item).and_then(|category| self.candidates.name(category));
            category.is_some_and(|name| names.contains(name))
        };
        !self.excluded.contains(item)
            && !self.dismissed.contains(item)
            && (categories.is_empty() || is_in(categories))
            && !is_in(without_categories)
    }
}

/// The categories of items, where anything is asked of them.
fn names(recommend: &Recommend<'_>, lost: &mut Option<Error>) -> Result<Option<Arc<Categories>>> {
    let Recommend { things, categories, without_categories, view, settings, .. } = recommend;
    if *things == Things::Items && categories.is_empty() && without_categories.is_empty() {
        return Ok(None);
    }
    let (names, damage) = view.attachment().categories.get(view, &settings.fusion.category)?;
    for category in categories.iter().chain(without_categories) {
        // While the category of an item is not known it might be this one.
        if names.number(category).is_none() && damage.is_none() {
            let nearest = nearest_name(category, names.names());
            return Err(Error::Unknown { what: "category of items", name: shorten(category), nearest });
        }
    }
    *lost = damage.or(lost.take());
    Ok(Some(names))
}

/// Things with something for them.
fn good(things: &HashMap<u32, Acted>) -> impl Iterator<Item = (u32, Acted)> {
    things.iter().filter(|(_, acted)| acted.share > 0.0).map(|(&thing, &acted)| (thing, acted))
}

/// Those with the largest shares, largest first.
fn ranked(things: impl Iterator<Item = Thing>, most: usize) -> Vec<Thing> {
    let by_share = |a: &Thing, b: &Thing| order(&(a.0, a.2), &(b.0, b.2));
    let mut ranked: Vec<Thing> = things.collect();
    if most < ranked.len() {
        ranked.select_nth_unstable_by(most, by_share);
        ranked.truncate(most);
    }
    ranked.sort_unstable_by(by_share);
    ranked
}

/// The larger share first, of equal ones the lower number of the item.
fn order(a: &(u32, Acted), b: &(u32, Acted)) -> Ordering {
    b.1.share.total_cmp(&a.1.share).then(a.0.cmp(&b.0))
}

fn better(a: (u32, Acted), b: (u32, Acted)) -> (u32, Acted) {
    if order(&a, &b).is_le() { a } else { b }
}
