//! Who has what: for each attribute the users by value, in the order of the values. Exact, derived, in memory; a copy shares all
//! that is not changed. Not for what users did, nor for how predicates are read.

mod column;
mod key;
#[cfg(test)]
mod tests;
mod users;

pub(crate) use column::Column;
pub(crate) use users::Users;

use crate::model::{Attributes, Value};
use roaring::RoaringBitmap;
use rpds::RedBlackTreeMapSync as OrdMap;
use std::sync::Arc;

/// The attributes of all users, turned around.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Columns {
    /// All users whose attributes are in it.
    all: Arc<RoaringBitmap>,
    /// Users whose attributes could not be read.
    unread: Arc<RoaringBitmap>,
    by_name: OrdMap<Arc<str>, Column>,
}

impl Columns {
    /// A user's attributes are no longer the ones before, but these; none where there is no such user.
    pub(crate) fn replace(&mut self, user: u32, before: Option<&Attributes>, now: Option<&Attributes>) {
        let nothing = Attributes::new();
        // Of whom nothing could be read, nothing is in it.
        let before = before.filter(|_| !self.unread.contains(user));
        if self.unread.contains(user) {
            Arc::make_mut(&mut self.unread).remove(user);
        }
        match (before.is_some(), now.is_some()) {
            (false, true) => drop(Arc::make_mut(&mut self.all).insert(user)),
            (true, false) => drop(Arc::make_mut(&mut self.all).remove(user)),
            _ => {}
        }
        let (before, now) = (before.unwrap_or(&nothing), now.unwrap_or(&nothing));
        for (name, value) in before {
            match (now.get(name), self.by_name.get_mut(name.as_str())) {
                (Some(other), Some(column)) if other != value => column.exchange(user, value, other),
                (None, _) => self.remove(user, name, value),
                _ => {}
            }
        }
        for (name, value) in now.iter().filter(|(name, _)| !before.contains_key(*name)) {
            self.insert(user, name, value);
        }
    }

    fn insert(&mut self, user: u32, name: &str, value: &Value) {
        if let Some(column) = self.by_name.get_mut(name) {
            return column.insert(user, value);
        }
        let mut column = Column::default();
        column.insert(user, value);
        self.by_name.insert_mut(name.into(), column);
    }

    fn remove(&mut self, user: u32, name: &str, value: &Value) {
        let Some(column) = self.by_name.get_mut(name) else { return };
        column.remove(user, value);
        if column.is_empty() {
            self.by_name.remove_mut(name);
        }
    }

    /// Notes that a user's attributes cannot be read.
    pub(crate) fn note_unread(&mut self, user: u32) {
        Arc::make_mut(&mut self.unread).insert(user);
    }

    /// All users whose attributes are in it.
    pub(crate) fn all(&self) -> &Arc<RoaringBitmap> {
        &self.all
    }

    /// Users whose attributes could not be read when it was made, and who are in nothing else.
    pub(crate) fn unread(&self) -> &RoaringBitmap {
        &self.unread
    }

    /// The attribute of that name, if any user has it.
    pub(crate) fn get(&self, name: &str) -> Option<&Column> {
        self.by_name.get(name)
    }

    /// The names of all attributes, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }
}
