//! What a store should hold, said as plainly as can be: what the random histories and the fuzz target of stores compare with.

#![allow(clippy::unwrap_used, reason = "a check that cannot go on must fail")]

pub mod check;

use crate::model::{
    Attributes, Event, Item, Predicate, Record, Removal, SegmentDefinition, Text, Time, User,
};
use std::collections::{BTreeMap, BTreeSet};

/// All records of a store.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    items: BTreeMap<String, Item>,
    users: BTreeMap<String, Person>,
    erased: BTreeSet<String>,
    segments: BTreeMap<String, Predicate>,
    /// The instant that they go by.
    now: Option<Time>,
}

#[derive(Clone, Debug, Default, PartialEq)]
struct Person {
    attributes: Attributes,
    vector: Option<Vec<f32>>,
    events: Vec<Event>,
    /// Events that are counted, and kept no more.
    folded: Vec<Event>,
    /// The newest time of any that ever was.
    horizon: Option<Time>,
    texts: Vec<Text>,
}

/// Whether a record was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It was, or changed nothing.
    Yes,
    /// Its user was erased.
    Erased,
}

impl Model {
    /// Does what a record says.
    pub fn apply(&mut self, record: &Record) -> Taken {
        match record {
            Record::Item(item) => drop(self.items.insert(item.id.clone(), item.clone())),
            Record::User(user) => return self.person(&user.id, |person| person.put(user)),
            Record::Event(event) => return self.record(event),
            Record::Text(text) => return self.person(&text.user, |person| person.write(text)),
            Record::Remove(Removal::User { user }) => drop(self.users.remove(user)),
            Record::Remove(Removal::Item { item }) => self.remove_item(item),
            Record::Remove(Removal::UserAttribute { user, attribute }) => {
                self.users.get_mut(user).map(|person| person.attributes.remove(attribute));
            }
            Record::Erase(erasure) => {
                self.users.remove(&erasure.user);
                self.erased.insert(erasure.user.clone());
            }
            Record::Readmit(erasure) => drop(self.erased.remove(&erasure.user)),
            Record::Segment(SegmentDefinition { name, predicate, now }) => {
                self.segments.insert(name.clone(), predicate.clone());
                self.now = self.now.or(*now);
            }
            Record::Remove(Removal::Segment { segment }) => drop(self.segments.remove(segment)),
            // The histories hold none of these.
            Record::Store(_) | Record::Archive(_) | Record::Erased(_) => {}
        }
        Taken::Yes
    }

    fn person(&mut self, id: &str, change: impl FnOnce(&mut Person)) -> Taken {
        if !self.users.contains_key(id) && self.erased.contains(id) {
            return Taken::Erased;
        }
        change(self.users.entry(id.to_owned()).or_default());
        Taken::Yes
    }

    fn record(&mut self, event: &Event) -> Taken {
        if !self.users.contains_key(&event.user) && self.erased.contains(&event.user) {
            return Taken::Erased;
        }
        let horizon = self.users.get(&event.user).and_then(|person| person.horizon);
        if horizon.is_some_and(|horizon| event.time <= horizon) {
            return Taken::Yes;
        }
        let known = |person: &Person| person.events.iter().any(|old| old.id == event.id);
        if event.id.is_some() && self.users.values().any(known) {
            return Taken::Yes;
        }
        if let Some(item) = &event.item {
            let unknown = || Item { id: item.clone(), ..Item::default() };
            self.items.entry(item.clone()).or_insert_with(unknown);
        }
        self.person(&event.user, |person| {
            if !person.events.contains(event) {
                person.events.push(event.clone());
            }
        })
    }

    fn remove_item(&mut self, item: &str) {
        self.items.remove(item);
        for person in self.users.values_mut() {
            person.events.retain(|event| event.item.as_deref() != Some(item));
            person.folded.retain(|event| event.item.as_deref() != Some(item));
        }
    }

    /// Folds what a policy lets go that keeps so many events of each user; 0 keeps all.
    pub fn keep(&mut self, keep: u64) {
        for person in self.users.values_mut().filter(|_| keep > 0) {
            if person.events.len() as u64 > keep + (keep / 4).max(16) {
                person.events.sort_by_key(|event| event.time);
                let cutoff = person.events[person.events.len() - keep as usize].time;
                person.fold(cutoff);
            }
        }
    }

    /// What an import makes of its export: the instant that segments go by stands with their definitions.
    #[cfg(fuzzing)]
    #[must_use]
    pub fn imported(&self) -> Self {
        let now = self.now.filter(|_| !self.segments.is_empty());
        Self { now, ..self.clone() }
    }

    /// Has segments go by a later instant; returns whether they do.
    pub fn advance(&mut self, now: Time) -> bool {
        let is_later = Some(now) >= self.now;
        self.now = self.now.max(Some(now));
        is_later
    }

    /// Folds all events before an instant.
    pub fn expire(&mut self, before: Time) {
        self.users.values_mut().for_each(|person| person.fold(before));
    }

    /// All records but marks of erased users, as sorted lines.
    pub fn lines(&self) -> Vec<String> {
        let mut records: Vec<Record> = self.items.values().cloned().map(Record::Item).collect();
        for (id, person) in &self.users {
            let (attributes, vector) = (person.attributes.clone(), person.vector.clone());
            records.push(Record::User(User { id: id.clone(), attributes, vector }));
            records.extend(person.events.iter().cloned().map(Record::Event));
            records.extend(person.texts.iter().cloned().map(Record::Text));
        }
        let segment = |(name, predicate): (&String, &Predicate)| {
            let (name, predicate) = (name.clone(), predicate.clone());
            Record::Segment(SegmentDefinition { name, predicate, now: self.now })
        };
        records.extend(self.segments.iter().map(segment));
        sorted_lines(&records, self.now)
    }

    /// Of each user, the events in the profile.
    pub fn acts(&self) -> impl Iterator<Item = (&str, u64)> {
        let acts = |person: &Person| (person.events.len() + person.folded.len()) as u64;
        self.users.iter().map(move |(id, person)| (id.as_str(), acts(person)))
    }

    /// Users, items, events, texts and folded events.
    pub fn counts(&self) -> [u64; 5] {
        let sum = |count: fn(&Person) -> usize| self.users.values().map(count).sum::<usize>() as u64;
        let (events, texts) = (sum(|person| person.events.len()), sum(|person| person.texts.len()));
        let folded = sum(|person| person.folded.len());
        [self.users.len() as u64, self.items.len() as u64, events, texts, folded]
    }
}

impl Person {
    fn fold(&mut self, cutoff: Time) {
        let (old, kept): (Vec<Event>, Vec<Event>) =
            std::mem::take(&mut self.events).into_iter().partition(|event| event.time < cutoff);
        self.events = kept;
        self.horizon = self.horizon.max(old.iter().map(|event| event.time).max());
        self.folded.extend(old);
    }

    fn put(&mut self, user: &User) {
        self.attributes.extend(user.attributes.clone());
        if user.vector.is_some() {
            self.vector.clone_from(&user.vector);
        }
    }

    fn write(&mut self, text: &Text) {
        if !self.texts.contains(text) {
            self.texts.push(text.clone());
        }
    }
}

/// Records as lines of JSON, sorted, and the instant that segments go by.
fn sorted_lines(records: &[Record], now: Option<Time>) -> Vec<String> {
    let line = |record| serde_json::to_string(record).unwrap();
    let mut lines: Vec<String> = records.iter().map(line).collect();
    lines.push(format!("segments go by {now:?}"));
    lines.sort();
    lines
}
