//! What a user acted on, thing by thing: items of one text, an item without one, or a text of the user's own.

use crate::engine::{Points, Published, Reader, Share, contributions_of};
use crate::error::{Error, Result, known};
use crate::model::Time;
use crate::profile::{Contribution, Point, Target};
use crate::storage::View;
use hashbrown::HashMap;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What weighs a smaller share of all is faded: it is no taste of now.
const LEAST: f64 = 1e-6;

/// What is clustered.
pub(super) struct Thing {
    /// The group, the item without one, or the text.
    pub own: Acted,
    /// The items of the group that the user acted on.
    pub items: Vec<Acted>,
    /// The item that weighs most.
    pub item: Option<Named>,
}

/// An item for people.
pub(super) struct Named {
    pub id: String,
    pub category: Option<String>,
    weight: f32,
}

/// What the user did with one target.
pub(super) struct Acted {
    pub target: Target,
    /// What it weighs in the profile.
    pub weight: f32,
    pub point: Arc<Point>,
    /// The acts, by kind.
    pub by_kind: Vec<(u8, Contribution)>,
    /// All of them.
    pub acts: Contribution,
}

impl Thing {
    fn new(own: Acted, item: Option<Named>) -> Self {
        Self { own, items: Vec::new(), item }
    }

    /// Items come in the order of their numbers: of those that weigh as much, the first one counts.
    fn add(&mut self, acted: Acted, item: Named) {
        if self.item.as_ref().is_none_or(|heaviest| heaviest.weight < item.weight) {
            self.item = Some(item);
        }
        self.items.push(acted);
    }

    /// Both what it is and the items of it.
    pub(super) fn parts(&self) -> impl Iterator<Item = &Acted> {
        std::iter::once(&self.own).chain(&self.items)
    }
}

/// The things of acts, in the order of targets, as of an instant: those first that weigh most.
pub(super) fn things(
    view: &View<Published>,
    points: &mut Points,
    (acts, newest): (&[Share], Time),
    category: &str,
    lost: &mut Option<Error>,
) -> Result<Vec<Thing>> {
    let (mut groups, mut items, mut others) = (BTreeMap::new(), Vec::new(), Vec::new());
    for acts in acts.chunk_by(|a, b| a.0 == b.0) {
        let Some(acted) = known(weighed(view, points, acts, newest), lost)?.flatten() else { continue };
        match acted.target {
            Target::Group(group) => drop(groups.insert(group, Thing::new(acted, None))),
            Target::Item(item) => items.push((item, acted)),
            Target::Text(_) => others.push(Thing::new(acted, None)),
        }
    }
    for (no, acted) in items {
        let Some(item) = known(view.item(no), lost)?.flatten() else { continue };
        let category = item.attributes.get(category).map(ToString::to_string);
        let named = Named { id: item.id, category, weight: acted.weight };
        match item.group.map(|group| groups.get_mut(&group)) {
            Some(Some(thing)) => thing.add(acted, named),
            // All in all, acts on the group count against it.
            Some(None) => {}
            None => others.push(Thing::new(acted, Some(named))),
        }
    }
    let mut all: Vec<Thing> = groups.into_values().chain(others).collect();
    let least = LEAST * all.iter().map(|thing| f64::from(thing.own.weight)).sum::<f64>();
    all.retain(|thing| f64::from(thing.own.weight) >= least);
    all.sort_by(|a, b| b.own.weight.total_cmp(&a.own.weight).then(a.own.target.cmp(&b.own.target)));
    Ok(all)
}

/// What users did, all together, in the order of targets; texts of their own apart, which hardly two of them have in common.
pub(super) fn pooled(
    view: &View<Published>,
    users: &RoaringBitmap,
    lost: &mut Option<Error>,
) -> Result<Vec<Share>> {
    let mut pooled: HashMap<(Target, u8), Contribution> = HashMap::new();
    for user in users {
        for (target, kind, acts) in known(contributions_of(view, user), lost)?.unwrap_or_default() {
            if !matches!(target, Target::Text(_)) {
                pooled.entry((target, kind)).and_modify(|all| *all = all.and(acts)).or_insert(acts);
            }
        }
    }
    let mut pooled: Vec<Share> =
        pooled.into_iter().map(|((target, kind), acts)| (target, kind, acts)).collect();
    pooled.sort_unstable_by_key(|&(target, kind, _)| (target, kind));
    Ok(pooled)
}

/// Acts on one target with what they weigh, unless all in all they count nothing or against it.
fn weighed(view: &View<Published>, points: &mut Points, of: &[Share], newest: Time) -> Result<Option<Acted>> {
    let by_kind: Vec<(u8, Contribution)> = of.iter().map(|&(_, kind, acts)| (kind, acts)).collect();
    let acts = by_kind.iter().map(|&(_, acts)| acts).reduce(Contribution::and);
    let Some((target, acts)) = of.first().map(|share| share.0).zip(acts) else { return Ok(None) };
    let point = points.get(view, target)?;
    let weight_of = |&(kind, acts): &(u8, Contribution)| {
        points.space().faded_share(acts, (target, kind), point.idf, newest)
    };
    let weight: f32 = by_kind.iter().map(weight_of).sum();
    let counts = weight > 0.0 && weight.is_finite();
    Ok(counts.then_some(Acted { target, weight, point, by_kind, acts }))
}
