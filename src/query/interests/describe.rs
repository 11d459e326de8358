//! Interests for people: what they are called, and what stands for them.

use super::super::explain::own_text;
use super::things::Thing;
use super::{Found, Interest, Member};
use crate::engine::{Published, Reader};
use crate::error::{Result, known};
use crate::profile::{Target, user_query};
use crate::storage::View;
use crate::telemetry::tell_left_out;
use std::collections::BTreeMap;

/// A category is what an interest is called by where so much of it is of it.
const MOSTLY: f32 = 0.5;

/// The interest at a place, with so many of its members.
pub(super) fn interest(view: &View<Published>, found: &Found, at: usize, shown: usize) -> Result<Interest> {
    let cluster = &found.clusters[at];
    let middle = &found.things[cluster.medoid];
    let things = || cluster.members.iter().map(|&member| &found.things[member]);
    let others = cluster.members.iter().filter(|&&member| member != cluster.medoid);
    let members = std::iter::once(&cluster.medoid).chain(others).take(shown);
    let weight: f32 = things().map(|thing| thing.own.weight).sum();
    let member = |&member: &usize| self::member(view, found.user, &found.things[member], weight);
    Ok(Interest {
        name: name(view, found, at)?,
        share: cluster.share,
        acts: things().map(|thing| u64::from(thing.own.acts.count)).sum(),
        last: things().map(|thing| thing.own.acts.last).fold(middle.own.acts.last, Ord::max),
        size: cluster.members.len(),
        members: members.map(member).collect::<Result<_>>()?,
        vector: user_query(&found.embeddings[at]),
    })
}

/// What the interest at a place is called.
pub(super) fn name(view: &View<Published>, found: &Found, at: usize) -> Result<String> {
    let cluster = &found.clusters[at];
    let (mut weights, mut all) = (BTreeMap::<&str, f32>::new(), 0.0);
    for &member in &cluster.members {
        let thing = &found.things[member];
        all += thing.own.weight;
        if let Some(category) = thing.item.as_ref().and_then(|item| item.category.as_deref()) {
            *weights.entry(category).or_default() += thing.own.weight;
        }
    }
    let largest = weights.into_iter().max_by(|a, b| a.1.total_cmp(&b.1).then(b.0.cmp(a.0)));
    if let Some((category, _)) = largest.filter(|(_, weight)| *weight >= MOSTLY * all) {
        return Ok(category.to_owned());
    }
    let medoid = member(view, found.user, &found.things[cluster.medoid], all)?;
    Ok(medoid.text.or(medoid.item).unwrap_or_default())
}

/// A thing that weighs a share of `all`.
fn member(view: &View<Published>, user: Option<u32>, thing: &Thing, all: f32) -> Result<Member> {
    let text = match thing.own.target {
        Target::Group(group) => view.group(group).map(|group| group.map(|group| group.name)),
        Target::Item(_) => Ok(None),
        Target::Text(number) => user.map(|user| own_text(view, user, number)).transpose(),
    };
    let mut lost = None;
    let text = known(text, &mut lost)?.flatten();
    tell_left_out(lost.as_ref());
    Ok(Member {
        item: thing.item.as_ref().map(|item| item.id.clone()),
        text,
        count: thing.own.acts.count,
        last: thing.own.acts.last,
        share: thing.own.weight / all,
    })
}
