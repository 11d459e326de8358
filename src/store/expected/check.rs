//! Does a store hold what it should, and does its index answer as its records say?

use super::{Model, Person, sorted_lines};
use crate::model::{Predicate, Record, SegmentDefinition, Tombstone, Value, attribute, texts};
use crate::store::Snapshot;
use std::collections::{BTreeMap, BTreeSet};

/// How far a score may be from the one computed here.
const TOLERANCE: f32 = 1e-4;
/// Hits that are asked for.
const LIMIT: usize = 4;

/// The records of a snapshot are the model's, and so are all counts.
pub fn records(snapshot: &Snapshot, model: &Model) {
    assert_eq!(lines(snapshot).unwrap(), model.lines(), "the records");
    let stats = snapshot.stats().unwrap();
    let counts = [stats.users, stats.items, stats.events, stats.texts, stats.events_folded];
    assert_eq!(counts, model.counts(), "the counts");
    for (user, acts) in model.acts() {
        assert_eq!(snapshot.profile(user).unwrap().events, acts, "the events in the profile of {user}");
    }
    assert!(same_marks(snapshot, model), "the marks of erased users");
}

/// Whether a snapshot may be of a model's state.
///
/// Records alone do not tell a state in which an event was never there from one in which it is folded.
pub fn holds(snapshot: &Snapshot, model: &Model) -> bool {
    let same_acts = |(user, acts)| snapshot.profile(user).unwrap().events == acts;
    lines(snapshot).unwrap() == model.lines() && same_marks(snapshot, model) && model.acts().all(same_acts)
}

/// All records of a snapshot, as sorted lines.
fn lines(snapshot: &Snapshot) -> crate::Result<Vec<String>> {
    let mut records: Vec<Record> = Vec::new();
    for item in snapshot.items() {
        records.push(Record::Item(item?));
    }
    for user in snapshot.users() {
        let user = user?;
        for event in snapshot.events(&user.id)? {
            records.push(Record::Event(event?));
        }
        for text in snapshot.texts(&user.id)? {
            records.push(Record::Text(text?));
        }
        records.push(Record::User(user));
    }
    for segment in snapshot.segments()? {
        let (name, predicate, now) = (segment.name, segment.predicate, snapshot.segments_now());
        records.push(Record::Segment(SegmentDefinition { name, predicate, now }));
    }
    Ok(sorted_lines(&records, snapshot.segments_now()))
}

fn same_marks(snapshot: &Snapshot, model: &Model) -> bool {
    let found: Vec<Tombstone> = snapshot.erased().map(Result::unwrap).collect();
    let marked = |user: &String| found.iter().any(|mark| Tombstone::of(user, mark.salt).unwrap() == *mark);
    found.len() == model.erased.len() && model.erased.iter().all(marked)
}

/// Hits of the ordinary search that may be another than the best: it walks a graph.
const MOST_MISSED: usize = 1;

/// Predicates match whom the records say, and every user's nearest are those that a comparison with all profiles of the store finds.
pub fn answers(snapshot: &Snapshot, model: &Model) {
    filters(snapshot, model);
    segments(snapshot);
    let mut vectors: BTreeMap<&str, Vec<f32>> = BTreeMap::new();
    for user in model.users.keys() {
        vectors.extend(snapshot.profile(user).unwrap().embedding.map(|vector| (user.as_str(), vector)));
    }
    let stats = snapshot.stats().unwrap();
    let known = vectors.keys();
    assert_eq!(
        stats.vectors,
        vectors.len() as u64,
        "the number of vectors, which are of {known:?}: {stats:?}"
    );
    let own = stats.encoder.is_none();
    for (&user, vector) in &vectors {
        let scores: BTreeMap<&str, f32> = vectors
            .iter()
            .filter(|(other, _)| **other != user)
            .map(|(&other, with)| (other, if own { cosine(vector, with) } else { likeness(vector, with) }))
            .collect();
        let mut best: Vec<f32> = scores.values().copied().collect();
        best.sort_by(|a, b| b.total_cmp(a));
        for exact in [true, false] {
            let hits = snapshot.similar(user).limit(LIMIT).exact(exact).run().unwrap();
            assert_eq!(hits.len(), LIMIT.min(scores.len()), "hits of {user}");
            for hit in &hits {
                let score = scores[hit.user.as_str()];
                assert!((hit.score - score).abs() < TOLERANCE, "{user}: {hit:?} scores {score}");
            }
            assert!(hits.is_sorted_by(|one, next| one.score >= next.score), "{user}: {hits:?}");
            let distinct: BTreeSet<&str> = hits.iter().map(|hit| hit.user.as_str()).collect();
            assert_eq!(distinct.len(), hits.len(), "{user}: {hits:?}");
            let missed = if exact {
                hits.iter().zip(&best).filter(|(hit, best)| (hit.score - **best).abs() >= TOLERANCE).count()
            } else {
                let least = best[..hits.len()].last().map_or(f32::MAX, |least| least - TOLERANCE);
                hits.iter().filter(|hit| hit.score < least).count().saturating_sub(MOST_MISSED)
            };
            assert_eq!(missed, 0, "{user}, exact: {exact}: {hits:?} are not the best, {best:?}");
        }
    }
}

type IsMeant<'a> = &'a dyn Fn(&Person) -> bool;

/// Predicates of the attributes that random records have match whom the model says.
fn filters(snapshot: &Snapshot, model: &Model) {
    let town = |person: &Person| person.attributes.get("town").and_then(Value::as_text).map(str::to_owned);
    let age = |person: &Person| person.attributes.get("age").and_then(Value::as_number);
    let asked: [(Predicate, IsMeant<'_>); 5] = [
        (attribute("town").eq("salmon"), &|person| town(person).as_deref() == Some("salmon")),
        (!attribute("town").like("%o%"), &|person| town(person).is_some_and(|town| !town.contains('o'))),
        (attribute("town").is_null(), &|person| town(person).is_none()),
        (attribute("age").between(20, 60), &|person| {
            age(person).is_some_and(|age| (20.0..=60.0).contains(&age))
        }),
        (attribute("age").lt(30) | texts().gt(0), &|person| {
            age(person).is_some_and(|age| age < 30.0) || !person.texts.is_empty()
        }),
    ];
    for (predicate, is_meant) in asked {
        let meant = model.users.iter().filter(|(_, person)| is_meant(person));
        let meant: BTreeSet<&str> = meant.map(|(user, _)| user.as_str()).collect();
        let found = snapshot.users_where(&predicate).unwrap().run().unwrap();
        assert_eq!(found.iter().map(String::as_str).collect::<BTreeSet<_>>(), meant, "{predicate}");
    }
}

/// In each segment are those of whom its predicate is true, which [`filters`] answers for.
fn segments(snapshot: &Snapshot) {
    for segment in snapshot.segments().unwrap() {
        let now = snapshot.segments_now().unwrap();
        let expected = snapshot.users_where(&segment.predicate).unwrap().now(now).run().unwrap();
        let members = snapshot.members(&segment.name).unwrap();
        assert_eq!(members, expected, "segment {:?}: {} at {now}", segment.name, segment.predicate);
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32
}

/// The mean of the blocks' cosines, by the weights of the blocks that the asking side has: all but the slack, the last number.
fn likeness(asking: &[f32], other: &[f32]) -> f32 {
    let asking = &asking[..asking.len() - 1];
    (dot(asking, other) / dot(asking, asking)) as f32
}

fn dot(a: &[f32], b: &[f32]) -> f64 {
    a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum()
}
