//! What must be in a store: the plainest thing that takes records.

use crate::plan::Plan;
use kindred::model::{Attributes, Erasure, Event, Item, Record, Removal, Text, User};
use std::collections::{BTreeMap, BTreeSet};

/// Everything that a store keeps for good.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    pub users: BTreeMap<String, UserModel>,
    pub items: BTreeMap<String, Item>,
    /// Users who are kept out.
    pub erased: BTreeSet<String>,
}

/// Everything of one user; events and texts in a fixed order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct UserModel {
    pub attributes: Attributes,
    pub vector: Option<Vec<f32>>,
    pub events: Vec<Event>,
    pub texts: Vec<Text>,
}

impl Model {
    /// What is there after all of a plan's steps up to `last`.
    pub fn after(plan: Plan, last: u64) -> Self {
        let mut model = Self::default();
        for n in 1..=last {
            plan.step(n).records().into_iter().for_each(|records| model.write(records));
        }
        model
    }

    /// Takes one commit.
    pub fn write(&mut self, records: &[Record]) {
        records.iter().for_each(|record| self.apply(record));
    }

    fn apply(&mut self, record: &Record) {
        match record {
            Record::Item(item) => drop(self.items.insert(item.id.clone(), item.clone())),
            Record::User(user) => self.put_user(user),
            Record::Event(event) => self.record_event(event),
            Record::Text(text) => self.add_text(text),
            Record::Remove(Removal::User { user }) => drop(self.users.remove(user)),
            Record::Remove(Removal::Item { item }) => self.remove_item(item),
            Record::Remove(Removal::UserAttribute { user, attribute }) => {
                self.users.get_mut(user).map(|user| user.attributes.remove(attribute));
            }
            Record::Erase(Erasure { user }) => {
                self.users.remove(user);
                self.erased.insert(user.clone());
            }
            Record::Readmit(Erasure { user }) => drop(self.erased.remove(user)),
            // Held to their predicates by verifying.
            Record::Segment(_) => {}
            Record::Store(_)
            | Record::Archive(_)
            | Record::Erased(_)
            | Record::Remove(Removal::Segment { .. }) => {
                panic!("the plan holds no settings, no archives and no marks, and drops no segment")
            }
        }
    }

    fn user(&mut self, id: &str) -> &mut UserModel {
        self.users.entry(id.to_owned()).or_default()
    }

    fn put_user(&mut self, user: &User) {
        let model = self.user(&user.id);
        model.attributes.extend(user.attributes.clone());
        if user.vector.is_some() {
            model.vector.clone_from(&user.vector);
        }
    }

    /// The plan makes no event twice.
    fn record_event(&mut self, event: &Event) {
        if let Some(id) = &event.item {
            self.items.entry(id.clone()).or_insert_with(|| Item { id: id.clone(), ..Item::default() });
        }
        let events = &mut self.user(&event.user).events;
        events.push(event.clone());
        sort_events(events);
    }

    fn add_text(&mut self, text: &Text) {
        let texts = &mut self.user(&text.user).texts;
        if !texts.contains(text) {
            texts.push(text.clone());
            sort_texts(texts);
        }
    }

    fn remove_item(&mut self, id: &str) {
        self.items.remove(id);
        for user in self.users.values_mut() {
            user.events.retain(|event| event.item.as_deref() != Some(id));
        }
    }

    /// Records that make it from nothing.
    pub fn records(&self) -> Vec<Record> {
        let mut records: Vec<Record> = self.items.values().cloned().map(Record::Item).collect();
        records.extend(self.erased.iter().cloned().map(|user| Record::Erase(Erasure { user })));
        for (id, user) in &self.users {
            let UserModel { attributes, vector, events, texts } = user.clone();
            records.push(Record::User(User { id: id.clone(), attributes, vector }));
            records.extend(events.into_iter().map(Record::Event));
            records.extend(texts.into_iter().map(Record::Text));
        }
        records
    }
}

/// Where times are equal, an order that does not depend on how they are stored. No two events have the same quantity.
pub fn sort_events(events: &mut [Event]) {
    events.sort_by(|a, b| a.time.cmp(&b.time).then(a.quantity.partial_cmp(&b.quantity).unwrap()));
}

pub fn sort_texts(texts: &mut [Text]) {
    texts.sort_by(|a, b| (a.time, &a.text).cmp(&(b.time, &b.text)));
}
