//! What a store should hold, said as plainly as can be.

use kindred::Snapshot;
use kindred::ingest::write_record;
use kindred::model::{Attributes, Event, Item, Record, Removal, Text, User};
use std::collections::{BTreeMap, BTreeSet};

pub const DIM: usize = 3;
const LIMIT: usize = 3;

/// All records of a store.
#[derive(Clone, Default)]
pub struct Model {
    items: BTreeMap<String, Item>,
    users: BTreeMap<String, Person>,
    erased: BTreeSet<String>,
}

#[derive(Clone, Default)]
struct Person {
    attributes: Attributes,
    vector: Option<Vec<f32>>,
    events: Vec<Event>,
    texts: Vec<Text>,
}

/// Never all zeros, which cosine refuses; many are equal.
pub fn vector(seed: u8) -> Vec<f32> {
    vec![f32::from(seed % 7) - 3.0, f32::from(seed / 7 % 7) - 3.0, f32::from(seed / 49) + 0.5]
}

impl Model {
    /// Whether the record is taken: its user was not erased.
    pub fn apply(&mut self, record: &Record) -> bool {
        match record {
            Record::Item(item) => drop(self.items.insert(item.id.clone(), item.clone())),
            Record::User(user) => return self.person(&user.id, |person| person.put(user)),
            Record::Event(event) => return self.record(event),
            Record::Text(text) => {
                return self.person(&text.user, |person| {
                    if !person.texts.contains(text) {
                        person.texts.push(text.clone());
                    }
                });
            }
            Record::Remove(Removal::User { user }) => drop(self.users.remove(user)),
            Record::Remove(Removal::Item { item }) => {
                self.items.remove(item);
                let others = |event: &Event| event.item.as_ref() != Some(item);
                self.users.values_mut().for_each(|person| person.events.retain(others));
            }
            Record::Remove(Removal::UserAttribute { user, attribute }) => {
                self.users.get_mut(user).map(|person| person.attributes.remove(attribute));
            }
            Record::Erase(erasure) => {
                self.users.remove(&erasure.user);
                self.erased.insert(erasure.user.clone());
            }
            Record::Readmit(erasure) => drop(self.erased.remove(&erasure.user)),
            _ => {}
        }
        true
    }

    fn person(&mut self, id: &str, change: impl FnOnce(&mut Person)) -> bool {
        if !self.users.contains_key(id) && self.erased.contains(id) {
            return false;
        }
        change(self.users.entry(id.to_owned()).or_default());
        true
    }

    fn record(&mut self, event: &Event) -> bool {
        if !self.users.contains_key(&event.user) && self.erased.contains(&event.user) {
            return false;
        }
        let known = |person: &Person| person.events.iter().any(|old| old.id == event.id);
        if event.id.is_some() && self.users.values().any(known) {
            return true;
        }
        if let Some(item) = &event.item {
            self.items.entry(item.clone()).or_insert_with(|| Item { id: item.clone(), ..Item::default() });
        }
        self.person(&event.user, |person| {
            if !person.events.contains(event) {
                person.events.push(event.clone());
            }
        })
    }

    fn lines(&self) -> Vec<Vec<u8>> {
        let mut records: Vec<Record> = self.items.values().cloned().map(Record::Item).collect();
        for (id, person) in &self.users {
            let (attributes, vector) = (person.attributes.clone(), person.vector.clone());
            records.push(Record::User(User { id: id.clone(), attributes, vector }));
            records.extend(person.events.iter().cloned().map(Record::Event));
            records.extend(person.texts.iter().cloned().map(Record::Text));
        }
        sorted(&records)
    }
}

impl Person {
    fn put(&mut self, user: &User) {
        self.attributes.extend(user.attributes.clone());
        if user.vector.is_some() {
            self.vector.clone_from(&user.vector);
        }
    }
}

fn sorted(records: &[Record]) -> Vec<Vec<u8>> {
    let line = |record| {
        let mut line = Vec::new();
        write_record(record, &mut line).expect("memory can be written");
        line
    };
    let mut lines: Vec<_> = records.iter().map(line).collect();
    lines.sort();
    lines
}

fn lines(snapshot: &Snapshot) -> kindred::Result<Vec<Vec<u8>>> {
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
    Ok(sorted(&records))
}

/// A snapshot holds what the model says, and answers as a comparison of all does.
pub fn check(snapshot: &Snapshot, model: &Model) {
    let found = lines(snapshot).expect("records that can be read");
    assert!(found == model.lines(), "the records: {}", String::from_utf8_lossy(&found.concat()));
    assert_eq!(snapshot.erased().count(), model.erased.len());
    let stats = snapshot.stats().expect("counts that can be read");
    let sum = |count: fn(&Person) -> usize| model.users.values().map(count).sum::<usize>() as u64;
    assert_eq!((stats.users, stats.items), (model.users.len() as u64, model.items.len() as u64));
    assert_eq!(
        (stats.events, stats.texts),
        (sum(|person| person.events.len()), sum(|person| person.texts.len()))
    );
    answers(snapshot, model);
}

fn answers(snapshot: &Snapshot, model: &Model) {
    let vectors: BTreeMap<&str, &[f32]> = model
        .users
        .iter()
        .filter_map(|(id, person)| Some((id.as_str(), person.vector.as_deref()?)))
        .collect();
    for (&user, vector) in &vectors {
        let others = vectors.iter().filter(|(other, _)| **other != user);
        let scores: BTreeMap<&str, f32> =
            others.map(|(&other, with)| (other, cosine(vector, with))).collect();
        let mut best: Vec<f32> = scores.values().copied().collect();
        best.sort_by(|a, b| b.total_cmp(a));
        for exact in [true, false] {
            let hits = snapshot.similar(user).limit(LIMIT).exact(exact).run().expect("a search");
            assert_eq!(hits.len(), LIMIT.min(scores.len()), "hits of {user}");
            for (hit, best) in hits.iter().zip(&best) {
                let score = scores[hit.user.as_str()];
                assert!((hit.score - score).abs() < 1e-4, "{user}: {hit:?} scores {score}");
                assert!(!exact || (hit.score - best).abs() < 1e-4, "{user}: {hit:?} is not the best, {best}");
            }
        }
    }
}

fn cosine(a: &[f32], b: &[f32]) -> f32 {
    let dot = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(x, y)| f64::from(*x) * f64::from(*y)).sum::<f64>();
    (dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()) as f32
}
