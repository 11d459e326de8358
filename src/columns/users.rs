//! Sets of users, most of which hold one: a value that is nobody else's takes no more than its number.

use roaring::RoaringBitmap;
use std::sync::Arc;

/// Numbers of users, at least one, unless it is about to go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Users {
    One(u32),
    Many(Arc<RoaringBitmap>),
}

impl Users {
    pub(super) fn insert(&mut self, user: u32) {
        match self {
            Self::One(other) if *other == user => {}
            Self::One(other) => *self = Self::Many(Arc::new([*other, user].into_iter().collect())),
            Self::Many(users) => drop(Arc::make_mut(users).insert(user)),
        }
    }

    /// Takes one out; returns whether others are left.
    pub(super) fn remove(&mut self, user: u32) -> bool {
        match self {
            Self::One(other) => *other != user,
            Self::Many(users) => {
                Arc::make_mut(users).remove(user);
                match (users.len(), users.min()) {
                    (1, Some(other)) => *self = Self::One(other),
                    (0, _) => return false,
                    _ => {}
                }
                true
            }
        }
    }

    /// How many they are.
    pub(crate) fn len(&self) -> u64 {
        match self {
            Self::One(_) => 1,
            Self::Many(users) => users.len(),
        }
    }

    /// How many of them are among others.
    pub(crate) fn len_in(&self, others: &RoaringBitmap) -> u64 {
        match self {
            Self::One(user) => u64::from(others.contains(*user)),
            Self::Many(users) => users.intersection_len(others),
        }
    }

    /// As a set of its own, shared where it can be.
    pub(crate) fn to_set(&self) -> Arc<RoaringBitmap> {
        match self {
            Self::One(user) => Arc::new([*user].into_iter().collect()),
            Self::Many(users) => Arc::clone(users),
        }
    }
}
