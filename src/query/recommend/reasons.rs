//! Why things are recommended: each score as a sum of what neighbors did and what the user did.

use super::super::explain::{Explanation, Part, PartOf, explain_own, words as own_words};
use super::super::similar::{Like, user_id};
use super::acts::acts;
use super::blend::{Blended, Closest};
use super::candidates::Candidates;
use super::{Recommend, Signal};
use crate::engine::{Points, Source};
use crate::error::{Error, Result, known};
use hashbrown::HashMap;

/// Neighbors who are named.
const NAMED_NEIGHBORS: usize = 3;

/// The explanations of the things at these places. What is damaged has no part of its own.
pub(super) fn explain(
    recommend: &Recommend<'_>,
    points: &mut Points,
    (candidates, blended): (&Candidates, &Blended),
    chosen: &[(usize, Option<Closest>)],
    lost: &mut Option<Error>,
) -> Result<Vec<Explanation>> {
    let places: Vec<usize> = chosen.iter().map(|(at, _)| *at).collect();
    let mut by_neighbors = by_neighbors(recommend, (candidates, blended), &places, lost)?;
    let mut explain = |at: usize, closest: Option<&Closest>| {
        let users = by_neighbors.remove(&at).unwrap_or_default();
        let [_, together, text, interest] = blended.parts(at);
        let mut own = own_parts(recommend, points, blended, at)?;
        let close = closest.filter(|closest| closest.is_close).map(|closest| &*closest.name);
        let words = in_words((candidates, blended), at, &own, close);
        let mut parts = neighbor_parts(recommend, blended, at, users, lost)?;
        let named: f32 = own.iter().map(|part| part.score).sum();
        parts.append(&mut own);
        let adding =
            closest.filter(|_| interest != 0.0).map(|closest| PartOf::Interest(closest.name.clone()));
        let unnamed = if adding.is_some() { 0.0 } else { interest };
        parts.extend(adding.map(|of| part(of, interest)));
        parts.push(part(PartOf::Rest, together + text - named + unnamed));
        Ok(Explanation { parts, words })
    };
    chosen.iter().map(|(at, closest)| explain(*at, closest.as_ref())).collect()
}

/// "82 of 100 most similar users acted on it +0.812; close to the interest "baby food"; goes with FLUID MILK (24 times) +0.005; …".
fn in_words(
    (candidates, blended): (&Candidates, &Blended),
    at: usize,
    own: &[Part],
    interest: Option<&str>,
) -> String {
    let (acted, asked) = (blended.things[at].candidate.acted.neighbors, candidates.neighbors.len());
    let who = match candidates.signal {
        Signal::Popular => "users of a sample",
        _ => "most similar users",
    };
    let [neighbors, .., close] = blended.parts(at);
    let mut words = vec![format!("{acted} of {asked} {who} acted on it {neighbors:+.3}")];
    if let Some(name) = interest {
        let score = if close == 0.0 { String::new() } else { format!(" {close:+.3}") };
        words.push(format!("close to the interest \u{201c}{name}\u{201d}{score}"));
    }
    if !own.is_empty() {
        words.push(format!("goes with {}", own_words(own)));
    }
    words.join("; ")
}

/// The neighbors that add most by name, and the others together.
fn neighbor_parts(
    recommend: &Recommend<'_>,
    blended: &Blended,
    at: usize,
    mut users: Vec<(u32, f32)>,
    lost: &mut Option<Error>,
) -> Result<Vec<Part>> {
    users.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    let mut parts = Vec::with_capacity(NAMED_NEIGHBORS + 1);
    for &(user, score) in users.iter().filter(|(_, score)| *score > 0.0) {
        if parts.len() == NAMED_NEIGHBORS {
            break;
        }
        let id = known(user_id(recommend.view, user), lost)?;
        parts.extend(id.map(|id| part(PartOf::User(id), score)));
    }
    let named: f32 = parts.iter().map(|part| part.score).sum();
    if users.len() > parts.len() {
        parts.push(part(PartOf::Users(users.len() - parts.len()), blended.parts(at)[0] - named));
    }
    Ok(parts)
}

fn part(of: PartOf, score: f32) -> Part {
    Part { of, score, shared: false, counts: [0, 0] }
}

/// For each place the neighbors who acted on the thing, with what each adds to the score.
fn by_neighbors(
    recommend: &Recommend<'_>,
    (candidates, blended): (&Candidates, &Blended),
    chosen: &[usize],
    lost: &mut Option<Error>,
) -> Result<HashMap<usize, Vec<(u32, f32)>>> {
    let mut found: HashMap<usize, Vec<(u32, f32)>> = HashMap::new();
    for &(user, weight) in &candidates.neighbors {
        let Some(acts) = known(acts(recommend.view, user, &candidates.counting), lost)? else { continue };
        let on_items: HashMap<u32, f32> = acts.iter().copied().collect();
        let on_categories = candidates.acts_on_categories(&acts);
        for &at in chosen {
            let candidate = &blended.things[at].candidate;
            let act = match candidate.category {
                Some(category) => on_categories.get(&category),
                None => on_items.get(&candidate.no),
            };
            if let Some(act) = act {
                let part = f64::from(weight * act) * blended.neighbor_scale();
                found.entry(at).or_default().push((user, part as f32));
            }
        }
    }
    Ok(found)
}

/// What the user did that it goes together with, and whose texts it is like.
fn own_parts(
    recommend: &Recommend<'_>,
    points: &mut Points,
    blended: &Blended,
    at: usize,
) -> Result<Vec<Part>> {
    let [_, together, text, _] = blended.parts(at);
    if together == 0.0 && text == 0.0 {
        return Ok(Vec::new());
    }
    let user = match recommend.like {
        Like::User(_) => recommend.user()?,
        Like::Text(sentence) => {
            let said = PartOf::Text(sentence.chars().take(60).collect());
            return Ok(vec![part(said, together + text)]);
        }
        Like::Vector(_) => None,
    };
    let Some(user) = user.filter(|_| matches!(recommend.settings.source, Source::Encoder { .. })) else {
        return Ok(Vec::new());
    };
    let probe = blended.probe(points.space(), at);
    let explained = explain_own(recommend.view, points, user, (&probe, together + text))?;
    Ok(explained.parts.into_iter().filter(|part| part.of != PartOf::Rest).collect())
}
