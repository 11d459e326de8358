//! Why a user was found: the score as a sum of parts.
//!
//! The score is a weighted sum of cosines, and each block of the asking side is itself a sum of what its
//! items, groups, texts and attributes added. So the score is, exactly, a sum with one part for each of
//! those: the share of the one side times the whole of the other. What both sides acted on comes first.

use super::similar::embedding_of;
use crate::engine::{
    Points, Published, Reader, Share, StoredEvent, StoredItem, contributions_of, text_hash, text_number,
};
use crate::error::{Error, Result, known};
use crate::model::{Attributes, Time};
use crate::profile::{Block, Target, attribute_vector};
use crate::storage::{View, codec, keys};
use crate::telemetry::tell_left_out;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Parts that are named; the others are summed up.
const NAMED: usize = 8;

/// What arithmetic in `f32` may make of a part that is zero: an inner product of unit vectors of some hundred dimensions
/// is off by some 1e-7. A part of this size is no reason.
const NOISE: f32 = 1e-6;

/// What a part of a score comes from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum PartOf {
    /// An item, by its id.
    Item(String),
    /// The items of one text, by that text.
    Group(String),
    /// A text that the user wrote, shortened; empty where its words went with a folded event.
    Text(String),
    /// A declared attribute.
    Attribute(String),
    /// An interest of the user's, by its name.
    Interest(String),
    /// A user who is like the one asked for, by their id.
    User(String),
    /// So many more of these.
    Users(usize),
    /// All that is not named, summed up.
    Rest,
}

/// One part of a score.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// What it comes from.
    pub of: PartOf,
    /// What it adds to the score; may be negative.
    pub score: f32,
    /// Whether both users acted on it or, for an attribute, both have this value.
    pub shared: bool,
    /// How often the asking user and the found user acted on it. A sentence never acted.
    pub counts: [u32; 2],
}

/// Why a user was found, or a thing is recommended. The parts' scores sum to the score.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Explanation {
    /// The parts: shared ones first, larger ones first, the rest last.
    pub parts: Vec<Part>,
    /// The same in words.
    pub words: String,
}

/// Parts before they have names.
#[derive(Default)]
struct Parts {
    of: BTreeMap<Key, f32>,
    /// Why some of them are missing: what they come from is damaged.
    lost: Option<Error>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Key {
    Target(Target),
    Sentence,
    Attribute(usize),
}

/// Acts by target, over all kinds.
type Acts = BTreeMap<Target, u32>;

/// Why `b` was found for `a`, with this score.
pub(super) fn explain_user(
    view: &View<Published>,
    points: &mut Points,
    (a, b): (u32, u32),
    score: f32,
) -> Result<Explanation> {
    let own = Own::of_user(view, points, a)?;
    let Some(embedding) = embedding_of(view, points, a)? else { return Ok(Explanation::default()) };
    explain_interest(view, points, (&own, &embedding), (b, score))
}

/// Why `b` was found, with this score, for an embedding that was fused of `own`.
pub(super) fn explain_interest(
    view: &View<Published>,
    points: &mut Points,
    (own, embedding): (&Own, &[f32]),
    (b, score): (u32, f32),
) -> Result<Explanation> {
    let Some(other) = embedding_of(view, points, b)? else { return Ok(Explanation::default()) };
    let scale = points.space().present_weight(embedding).recip();
    let parts = own.decompose(view, points, &other, scale)?;
    describe(view, parts, &Sides::of_users(view, own.user, b)?, score)
}

/// Why `b` was found, with this score, for a sentence of this vector.
pub(super) fn explain_text(
    view: &View<Published>,
    points: &mut Points,
    sentence: &[f32],
    (b, score): (u32, f32),
) -> Result<Explanation> {
    let space = Arc::clone(points.space());
    let scale = space.layout.weight(Block::Text).sqrt().recip();
    let own = Own::of_user(view, points, b)?;
    let parts = own.decompose(view, points, &space.text_query(sentence), scale)?;
    describe(view, parts, &Sides::of_one(view, b, Side::Found)?, score)
}

/// What of a user's own makes the inner product of their embedding with another vector, which is `score`.
pub(super) fn explain_own(
    view: &View<Published>,
    points: &mut Points,
    user: u32,
    (other, score): (&[f32], f32),
) -> Result<Explanation> {
    let parts = Own::of_user(view, points, user)?.decompose(view, points, other, 1.0)?;
    describe(view, parts, &Sides::of_one(view, user, Side::Asking)?, score)
}

/// What of a found user's own makes the inner product of their embedding with weights; what comes on top of it is counted in with the rest. Both
/// together are the score.
pub(super) fn explain_scored(
    view: &View<Published>,
    points: &mut Points,
    (weights, more): (&[f32], f32),
    (user, score): (u32, f32),
) -> Result<Explanation> {
    let parts = Own::of_user(view, points, user)?.decompose(view, points, weights, 1.0)?;
    let sides = Sides::of_one(view, user, Side::Found)?;
    let Explanation { mut parts, .. } = describe(view, parts, &sides, score - more)?;
    if let Some(rest) = parts.last_mut() {
        rest.score += more;
    }
    let words = words(&parts);
    Ok(Explanation { parts, words })
}

/// All that an embedding was fused of.
pub(super) struct Own {
    user: u32,
    acts: Vec<Share>,
    /// When the user last did anything.
    newest: Option<Time>,
    /// What the acts sum up to.
    total: Vec<f32>,
    sentence: Option<Arc<[f32]>>,
    attributes: Attributes,
}

impl Own {
    /// Of a user's own embedding.
    fn of_user(view: &View<Published>, points: &mut Points, user: u32) -> Result<Self> {
        let space = Arc::clone(points.space());
        let state = view.state(user)?;
        let sums = view.sums(&space, user)?;
        let newest = state.figures.newest;
        Ok(Self {
            user,
            acts: contributions_of(view, user)?,
            newest,
            total: newest.map(|newest| space.total(&sums, newest)).unwrap_or_default(),
            sentence: state.sentence.map(|hash| points.text(view, hash)).transpose()?.flatten(),
            attributes: attributes(view, user)?,
        })
    }

    /// Of an embedding that is made of acts alone, which sum up to `total`.
    pub(super) const fn of_acts(user: u32, acts: Vec<Share>, newest: Option<Time>, total: Vec<f32>) -> Self {
        Self { user, acts, newest, total, sentence: None, attributes: Attributes::new() }
    }

    /// `scale` times the inner product of the embedding with another vector, part by part.
    fn decompose(
        &self,
        view: &View<Published>,
        points: &mut Points,
        other: &[f32],
        scale: f32,
    ) -> Result<Parts> {
        let space = Arc::clone(points.space());
        let scales = space.part_scales(&self.total, self.sentence.as_deref(), &self.attributes);
        let mut parts = Parts::default();
        for &(target, kind, contribution) in &self.acts {
            let Some(newest) = self.newest else { break };
            let Some(point) = known(points.get(view, target), &mut parts.lost)? else { continue };
            let share = space.faded_share(contribution, (target, kind), point.idf, newest);
            let part: f32 = point
                .blocks(target)
                .map(|(block, vector)| scales.of(block) * share * space.block_dot(block, vector, other))
                .sum();
            *parts.of.entry(Key::Target(target)).or_default() += scale * part;
        }
        if let Some(sentence) = &self.sentence {
            let part = scales.sentence * space.block_dot(Block::Text, sentence, other);
            parts.of.insert(Key::Sentence, scale * part);
        }
        for (position, (name, value)) in self.attributes.iter().enumerate() {
            let vector = attribute_vector(&space.learned.scales, name, value);
            let part = scales.of(Block::Attributes) * space.block_dot(Block::Attributes, &vector, other);
            parts.of.insert(Key::Attribute(position), scale * part);
        }
        Ok(parts)
    }
}

/// What the two sides did and are. Parts are those of `named`: the asking user, or the one found for a
/// sentence.
struct Sides {
    named: u32,
    attributes: Attributes,
    other_attributes: Attributes,
    acts: [Acts; 2],
}

/// On which side a user stands whom nobody is compared with.
#[derive(Clone, Copy)]
enum Side {
    Asking,
    Found,
}

impl Sides {
    fn of_users(view: &View<Published>, a: u32, b: u32) -> Result<Self> {
        Ok(Self {
            named: a,
            attributes: attributes(view, a)?,
            other_attributes: attributes(view, b)?,
            acts: [acts(view, a)?, acts(view, b)?],
        })
    }

    /// Of a user whom nobody is compared with.
    fn of_one(view: &View<Published>, user: u32, side: Side) -> Result<Self> {
        let acts = acts(view, user)?;
        Ok(Self {
            named: user,
            attributes: attributes(view, user)?,
            other_attributes: Attributes::new(),
            acts: match side {
                Side::Asking => [acts, Acts::new()],
                Side::Found => [Acts::new(), acts],
            },
        })
    }

    fn counts(&self, key: Key) -> [u32; 2] {
        match key {
            Key::Target(target) => {
                [0, 1].map(|side: usize| self.acts[side].get(&target).copied().unwrap_or(0))
            }
            Key::Sentence | Key::Attribute(_) => [0, 0],
        }
    }

    fn is_shared(&self, key: Key) -> bool {
        match key {
            Key::Target(_) => self.counts(key).iter().all(|&count| count > 0),
            Key::Sentence => false,
            Key::Attribute(position) => {
                let attribute = self.attributes.iter().nth(position);
                attribute.is_some_and(|(name, value)| self.other_attributes.get(name) == Some(value))
            }
        }
    }
}

fn attributes(view: &View<Published>, user: u32) -> Result<Attributes> {
    Ok(view.user(user)?.map(|user| user.attributes).unwrap_or_default())
}

fn acts(view: &View<Published>, user: u32) -> Result<Acts> {
    let mut acts = Acts::new();
    for (target, _, contribution) in contributions_of(view, user)? {
        *acts.entry(target).or_default() += contribution.count;
    }
    Ok(acts)
}

/// Names the strongest parts and sums up the others, so that all of them sum to the score. What is damaged is in the rest.
fn describe(view: &View<Published>, parts: Parts, sides: &Sides, score: f32) -> Result<Explanation> {
    let Parts { of, mut lost } = parts;
    let mut ranked: Vec<(Key, f32, bool)> =
        of.into_iter().map(|(key, score)| (key, score, sides.is_shared(key))).collect();
    ranked.sort_by(|a, b| b.2.cmp(&a.2).then(b.1.total_cmp(&a.1)).then(a.0.cmp(&b.0)));
    let mut named = Vec::new();
    let mut rest = 0.0;
    for (key, part, shared) in ranked {
        let wanted = part > NOISE && named.len() < NAMED;
        match wanted.then(|| name(view, sides, key)).map(|name| known(name, &mut lost)).transpose()?.flatten()
        {
            Some(of) => named.push(Part { of, score: part, shared, counts: sides.counts(key) }),
            None => rest += part,
        }
    }
    if lost.is_some() {
        // A part whose size is not known: it is what is missing.
        rest = score - named.iter().map(|part| part.score).sum::<f32>();
        tell_left_out(lost.as_ref());
    }
    named.push(Part { of: PartOf::Rest, score: rest, shared: false, counts: [0, 0] });
    let words = words(&named);
    Ok(Explanation { parts: named, words })
}

fn name(view: &View<Published>, sides: &Sides, key: Key) -> Result<PartOf> {
    let target = match key {
        Key::Target(target) => target,
        Key::Sentence => return Ok(PartOf::Attribute("declared attributes, as a sentence".to_owned())),
        Key::Attribute(position) => {
            return Ok(PartOf::Attribute(sides.attributes.keys().nth(position).cloned().unwrap_or_default()));
        }
    };
    Ok(match target {
        Target::Item(no) => {
            let StoredItem { id, text, .. } = view.item(no)?.unwrap_or_default();
            PartOf::Item(text.map_or(id.clone(), |text| format!("{id} ({text})")))
        }
        Target::Group(no) => PartOf::Group(view.group(no)?.unwrap_or_default().name),
        Target::Text(number) => PartOf::Text(own_text(view, sides.named, number)?),
    })
}

/// The start of a text that a user wrote, by itself or with an event.
pub(super) fn own_text(view: &View<Published>, user: u32, number: u64) -> Result<String> {
    let mut found = None;
    let mut look = |text: String| {
        if text_number(text_hash(&text)) == number {
            found = Some(text.chars().take(60).collect());
        }
        if found.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    };
    view.scan(&keys::texts_of(user), |_, value| Ok(look(codec::decode("text", value)?)))?;
    view.scan(&keys::events_of(user), |_, value| {
        let event: StoredEvent = codec::decode("event", value)?;
        Ok(event.text.map_or(ControlFlow::Continue(()), &mut look))
    })?;
    Ok(found.unwrap_or_default())
}

/// "both FLUID MILK (12 and 9 times) +0.031; …".
pub(super) fn words(parts: &[Part]) -> String {
    let phrases: Vec<String> = parts
        .iter()
        .map(|Part { of, score, shared, counts }| {
            let name = match of {
                PartOf::Item(name) | PartOf::Group(name) | PartOf::Attribute(name) => name.clone(),
                PartOf::Interest(name) => format!("the interest \u{201c}{name}\u{201d}"),
                PartOf::User(id) => format!("user {id}"),
                PartOf::Users(more) => format!("{more} more users"),
                PartOf::Text(text) if text.is_empty() => "a text of a folded event".to_owned(),
                PartOf::Text(text) => format!("the text \u{201c}{text}\u{201d}"),
                PartOf::Rest => "all else".to_owned(),
            };
            match (shared, counts) {
                (true, [0, 0]) => format!("both {name} {score:+.3}"),
                (true, [own, other]) => format!("both {name} ({own} and {other} times) {score:+.3}"),
                (false, [0, 0]) => format!("{name} {score:+.3}"),
                (false, [own, other]) => format!("{name} ({} times) {score:+.3}", own.max(other)),
            }
        })
        .collect();
    phrases.join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::{Engine, Request};

    /// Two equal stores, one of which had folded events, named different parts (a random history, 27 November 2026).
    #[test]
    fn a_part_that_is_zero_but_for_rounding_is_no_reason() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), &Request { dim: Some(2), ..Request::default() }).unwrap();
        let (view, acts) = (engine.view(), [Acts::new(), Acts::new()]);
        let nobody =
            Sides { named: 0, attributes: Attributes::new(), other_attributes: Attributes::new(), acts };
        let parts = |score| {
            let parts = Parts { of: [(Key::Sentence, score)].into(), lost: None };
            describe(&view, parts, &nobody, score).unwrap().parts
        };
        assert_eq!(parts(0.1).len(), 2);
        let nothing = parts(7.300_030_6e-10);
        assert_eq!(nothing.len(), 1);
        assert_eq!((&nothing[0].of, nothing[0].score), (&PartOf::Rest, 7.300_030_6e-10));
    }
}
