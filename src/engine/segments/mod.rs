//! Segments: named predicates, and who is in each, kept up to date by every commit.

mod define;
mod follow;
mod load;
mod routes;
mod stored;

pub(super) use follow::Touched;
pub(super) use load::{Loaded, load};
pub(crate) use stored::{Head, Part, StoredChange, StoredSegment, USERS_OF_PART};

use crate::error::{Error, Result};
use crate::model::Time;
use roaring::RoaringBitmap;
use routes::Routes;
use rpds::{RedBlackTreeMapSync as OrdMap, RedBlackTreeSetSync as OrdSet};
use std::sync::Arc;

/// Whether a user is in a segment.
pub(crate) trait Membership {
    fn has(&self, segment: u32, user: u32) -> bool;
}

/// A segment by its number.
#[derive(Debug)]
pub(crate) struct Segment {
    pub no: u32,
    pub stored: StoredSegment,
}

/// All segments of a store as of one commit. Copies share what is not changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Segments {
    by_no: OrdMap<u32, Arc<Segment>>,
    by_name: OrdMap<Arc<str>, u32>,
    members: OrdMap<u32, Arc<RoaringBitmap>>,
    /// When whom to look at again, because time goes on; and the same by user.
    due: OrdSet<(Time, u32)>,
    due_of: OrdMap<u32, Time>,
    /// Users of whom something could not be read when they were last looked at.
    unread: OrdSet<u32>,
    /// Segments of which it cannot be read who is in them.
    lost: OrdSet<u32>,
    routes: Arc<Routes>,
    pub head: Head,
}

impl Membership for Segments {
    fn has(&self, segment: u32, user: u32) -> bool {
        self.members.get(&segment).is_some_and(|members| members.contains(user))
    }
}

impl Segments {
    pub(crate) fn is_empty(&self) -> bool {
        self.by_no.is_empty()
    }

    pub(crate) fn no(&self, name: &str) -> Option<u32> {
        self.by_name.get(name).copied()
    }

    /// All names, in order.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.by_name.keys().map(|name| &**name)
    }

    pub(crate) fn get(&self, no: u32) -> Option<&Arc<Segment>> {
        self.by_no.get(&no)
    }

    /// All of them, in the order in which they were first defined.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.by_no.values()
    }

    /// All of them, each behind those that it asks for.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = &Arc<Segment>> {
        self.routes.in_order()
    }

    /// Whether there are users yet to be looked at, since an advance broke off.
    pub(crate) fn is_behind(&self) -> bool {
        self.due.first().is_some_and(|(time, _)| Some(*time) <= self.head.now)
    }

    /// Who is in a segment.
    ///
    /// # Errors
    /// [`Error::Damaged`] where that could not be read.
    pub(crate) fn members(&self, no: u32) -> Result<Arc<RoaringBitmap>> {
        if self.lost.contains(&no) {
            let place = format!("the members of segment number {no}");
            return Err(Error::damaged(place, "a part of them cannot be read"));
        }
        Ok(self.members.get(&no).cloned().unwrap_or_default())
    }

    fn insert(&mut self, segment: Segment) {
        self.by_name.insert_mut(segment.stored.name.as_str().into(), segment.no);
        if !self.members.contains_key(&segment.no) {
            self.members.insert_mut(segment.no, Arc::default());
        }
        self.by_no.insert_mut(segment.no, Arc::new(segment));
    }

    fn remove(&mut self, segment: &Segment) {
        self.by_name.remove_mut(segment.stored.name.as_str());
        self.by_no.remove_mut(&segment.no);
        self.members.remove_mut(&segment.no);
        self.lost.remove_mut(&segment.no);
    }

    /// When to look at a user again, because time goes on: before that, it changes nothing.
    pub(crate) fn due_of(&self, user: u32) -> Option<Time> {
        self.due_of.get(&user).copied()
    }

    /// Notes when to look at a user again.
    fn put_due(&mut self, user: u32, due: Option<Time>) {
        if let Some(before) = self.due_of(user) {
            self.due.remove_mut(&(before, user));
            self.due_of.remove_mut(&user);
        }
        if let Some(due) = due {
            self.due.insert_mut((due, user));
            self.due_of.insert_mut(user, due);
        }
    }

    fn set(&mut self, segment: u32, user: u32, is_in: bool) {
        let Some(members) = self.members.get_mut(&segment).map(Arc::make_mut) else { return };
        if is_in {
            members.insert(user);
        } else {
            members.remove(user);
        }
    }
}
