//! One attribute: the users by value, and of which type they have it.

use super::Users;
use super::key::Key;
use crate::model::Value;
use crate::model::predicate::{Comparison, Family};
use roaring::RoaringBitmap;
use rpds::RedBlackTreeMapSync as OrdMap;
use std::borrow::Borrow;
use std::ops::Bound;
use std::sync::Arc;

/// One attribute of all users.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Column {
    /// Of all values but sets.
    values: OrdMap<Key, Users>,
    /// Of the texts in sets.
    texts: OrdMap<Arc<str>, Users>,
    /// By the type in which they have it.
    families: [Option<Users>; Family::ALL.len()],
}

impl Column {
    pub(super) fn insert(&mut self, user: u32, value: &Value) {
        match &mut self.families[value.family() as usize] {
            Some(users) => users.insert(user),
            none => *none = Some(Users::One(user)),
        }
        self.put(user, value);
    }

    pub(super) fn remove(&mut self, user: u32, value: &Value) {
        let family = &mut self.families[value.family() as usize];
        if family.as_mut().is_some_and(|users| !users.remove(user)) {
            *family = None;
        }
        self.take(user, value);
    }

    /// Another value for a user who has one.
    pub(super) fn exchange(&mut self, user: u32, before: &Value, now: &Value) {
        if before.family() == now.family() {
            self.take(user, before);
            self.put(user, now);
        } else {
            self.remove(user, before);
            self.insert(user, now);
        }
    }

    fn put(&mut self, user: u32, value: &Value) {
        let Value::Set(texts) = value else {
            return put(&mut self.values, &Key::Of(value.clone()), || Key::Of(value.clone()), user);
        };
        for text in texts {
            put(&mut self.texts, text.as_str(), || text.as_str().into(), user);
        }
    }

    fn take(&mut self, user: u32, value: &Value) {
        match value {
            Value::Set(texts) => texts.iter().for_each(|text| take(&mut self.texts, text.as_str(), user)),
            value => take(&mut self.values, &Key::Of(value.clone()), user),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.families.iter().all(Option::is_none)
    }

    /// Users who have it in a type.
    pub(crate) fn of(&self, family: Family) -> Option<&Users> {
        self.families[family as usize].as_ref()
    }

    /// Users who have it at all.
    pub(crate) fn present(&self) -> Arc<RoaringBitmap> {
        union(self.families.iter().flatten())
    }

    /// Different values of a type, texts in sets counted each. No less than there are.
    pub(crate) fn distinct(&self, family: Family) -> usize {
        if family == Family::Set { self.texts.size() } else { self.values.size() }
    }

    /// The values of a type in their order, each with the users who have it. None of sets: their texts are [`Column::texts`].
    pub(crate) fn values(&self, family: Family) -> impl Iterator<Item = (&Value, &Users)> {
        let all = self.values.range(Key::Before(family)..Key::After(family));
        all.filter_map(|(key, users)| match key {
            Key::Of(value) => Some((value, users)),
            Key::Before(_) | Key::After(_) => None,
        })
    }

    /// The texts in sets in their order, each with the users whose set has it.
    pub(crate) fn texts(&self) -> impl Iterator<Item = (&str, &Users)> {
        self.texts.iter().map(|(text, users)| (&**text, users))
    }

    /// Users whose value is just this one.
    pub(crate) fn equal(&self, value: &Value) -> Option<&Users> {
        self.values.get(&Key::Of(value.clone()))
    }

    /// Users whose set has a text.
    pub(crate) fn having(&self, text: &str) -> Option<&Users> {
        self.texts.get(text)
    }

    /// Users whose value, of the type of the one given, stands to it so.
    pub(crate) fn compared(&self, comparison: Comparison, value: &Value) -> Arc<RoaringBitmap> {
        match comparison {
            Comparison::Equal => self.equal(value).map(Users::to_set).unwrap_or_default(),
            Comparison::NotEqual => {
                let all = self.of(value.family()).map(Users::to_set).unwrap_or_default();
                match self.equal(value) {
                    Some(equal) => Arc::new(&*all - &*equal.to_set()),
                    None => all,
                }
            }
            _ => union(self.values.range(range(comparison, value)).map(|(_, users)| users)),
        }
    }

    /// How many values [`Column::compared`] goes through, counted up to `most`.
    pub(crate) fn values_compared(&self, comparison: Comparison, value: &Value, most: usize) -> usize {
        match comparison {
            Comparison::Equal | Comparison::NotEqual => 1,
            _ => self.values.range(range(comparison, value)).take(most).count(),
        }
    }

    /// Users whose text is one of which this holds, which is asked once for each text that there is.
    pub(crate) fn texts_where(&self, mut holds: impl FnMut(&str) -> bool) -> Arc<RoaringBitmap> {
        let (least, most) = (Key::Before(Family::Text), Key::After(Family::Text));
        let texts = self.values.range(least..most);
        let meant = texts.filter(|(key, _)| matches!(key, Key::Of(Value::Text(text)) if holds(text)));
        union(meant.map(|(_, users)| users))
    }

    /// Users whose value is among some.
    pub(crate) fn among(&self, values: &[Value]) -> Arc<RoaringBitmap> {
        union(values.iter().filter_map(|value| self.equal(value)))
    }
}

/// The values that stand so to one of their type, which is not equal.
fn range(comparison: Comparison, value: &Value) -> (Bound<Key>, Bound<Key>) {
    let (family, at) = (value.family(), Key::Of(value.clone()));
    let least = Bound::Excluded(Key::Before(family));
    let most = Bound::Excluded(Key::After(family));
    match comparison {
        Comparison::Less => (least, Bound::Excluded(at)),
        Comparison::LessOrEqual => (least, Bound::Included(at)),
        Comparison::Greater => (Bound::Excluded(at), most),
        Comparison::GreaterOrEqual => (Bound::Included(at), most),
        Comparison::Equal | Comparison::NotEqual => (least, most),
    }
}

fn put<Q, K>(map: &mut OrdMap<K, Users>, key: &Q, owned: impl FnOnce() -> K, user: u32)
where
    K: Ord + Clone + Borrow<Q>,
    Q: Ord + ?Sized,
{
    match map.get_mut(key) {
        Some(users) => users.insert(user),
        None => map.insert_mut(owned(), Users::One(user)),
    }
}

fn take<Q, K>(map: &mut OrdMap<K, Users>, key: &Q, user: u32)
where
    K: Ord + Clone + Borrow<Q>,
    Q: Ord + ?Sized,
{
    if map.get_mut(key).is_some_and(|users| !users.remove(user)) {
        map.remove_mut(key);
    }
}

/// All users of some sets. Those alone with a value come in no order, which a bitmap takes in only slowly: they are sorted first.
fn union<'a>(sets: impl Iterator<Item = &'a Users>) -> Arc<RoaringBitmap> {
    let (mut single, mut many) = (Vec::new(), Vec::new());
    for users in sets {
        match users {
            Users::One(user) => single.push(*user),
            Users::Many(users) => many.push(users),
        }
    }
    if let ([], [one]) = (&single[..], &many[..]) {
        return Arc::clone(one);
    }
    single.sort_unstable();
    let mut all: RoaringBitmap = single.into_iter().collect();
    for users in many {
        all |= &**users;
    }
    Arc::new(all)
}
