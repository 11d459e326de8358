//! Segments: named predicates, and who is in each, kept up to date by every commit.

mod define;
mod feed;
mod follow;
mod items;
mod load;
mod members;
mod queue;
mod routes;
mod stored;

pub(super) use follow::Touched;
pub(super) use items::ItemInputs;
pub(super) use load::load;
pub(crate) use members::Members;
pub(crate) use stored::{CHANGES_OF_BLOCK, Head, Part, StoredChange, StoredSegment, USERS_OF_PART};

use crate::error::{Error, Result};
use crate::model::Time;
use queue::Queue;
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
    members: OrdMap<u32, Members>,
    /// Parts of segments' members, by the position of the first change that they have not been put down with.
    unsettled: Queue<u64, (u32, u32)>,
    /// The last changes of the feed, where they do not fill a block.
    tail: Arc<Vec<StoredChange>>,
    /// When whom to look at again, because time goes on.
    due: Queue<Time, u32>,
    /// Users of whom something could not be read when they were last looked at.
    unread: OrdSet<u32>,
    /// Segments of which it cannot be read who is in them.
    lost: OrdSet<u32>,
    /// Whether the end of the feed cannot be read.
    is_feed_lost: bool,
    routes: Arc<Routes>,
    pub head: Head,
}

impl Membership for Segments {
    fn has(&self, segment: u32, user: u32) -> bool {
        self.members.get(&segment).is_some_and(|members| members.has(user))
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
        self.due.first().is_some_and(|(time, _)| Some(time) <= self.head.now)
    }

    /// Who is in a segment.
    ///
    /// # Errors
    /// [`Error::Damaged`] where that could not be read.
    pub(crate) fn members(&self, no: u32) -> Result<&Members> {
        if self.lost.contains(&no) {
            let place = format!("the members of segment number {no}");
            return Err(Error::damaged(place, "a part of them cannot be read"));
        }
        self.members.get(&no).ok_or_else(|| Error::Bug(format!("segment number {no} has no members")))
    }

    /// Who is in each segment.
    pub(crate) fn all_members(&self) -> impl Iterator<Item = (u32, &Members)> {
        self.members.iter().map(|(no, members)| (*no, members))
    }

    fn insert(&mut self, segment: Segment) {
        self.by_name.insert_mut(segment.stored.name.as_str().into(), segment.no);
        if !self.members.contains_key(&segment.no) {
            self.members.insert_mut(segment.no, Members::default());
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
        self.due.get(user)
    }

    /// A user came into a segment or left it, at a position of the feed.
    fn set(&mut self, segment: u32, user: u32, is_in: bool, position: u64) {
        let Some(members) = self.members.get_mut(&segment) else { return };
        members.set(user, is_in);
        self.unsettle(segment, user / USERS_OF_PART, position);
    }

    /// Notes that a part has not been put down with the change at a position, nor with what may come after it.
    fn unsettle(&mut self, segment: u32, part: u32, position: u64) {
        if self.unsettled.get((segment, part)).is_none() {
            self.unsettled.put((segment, part), Some(position));
        }
    }
}
