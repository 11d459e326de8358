//! Segments brought up to date by a write: for those whom it touches, the segments to which that may matter.

use super::routes::Routes;
use super::stored::{Part, StoredChange, USERS_OF_PART};
use super::{Membership, Segments};
use crate::engine::Reader;
use crate::engine::predicate::{Binding, Bound, Facts, bind, due};
use crate::engine::session::Session;
use crate::error::{ErrorKind, Result};
use crate::model::predicate::Truth;
use crate::model::{Attributes, Time};
use crate::storage::{codec, keys};
use crate::telemetry::redacted;
use roaring::RoaringBitmap;
use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Changes that the feed keeps; older ones go.
const MOST_CHANGES: u64 = 1_000_000;

/// What a write changes of a user that segments may ask for.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// The user was not there before, or anything may have changed.
    pub is_new: bool,
    pub attributes: BTreeSet<String>,
    pub kinds: BTreeSet<u8>,
    pub texts: bool,
    /// Whether it is time to look at the user again.
    pub is_due: bool,
}

impl Touched {
    /// Notes attributes that are other than before; all where the user came or went.
    pub(crate) fn note(&mut self, before: Option<&Attributes>, now: Option<&Attributes>) {
        let (Some(before), Some(now)) = (before, now) else {
            self.is_new = true;
            return;
        };
        let is_other = |name: &&String| before.get(*name) != now.get(*name);
        self.attributes.extend(before.keys().chain(now.keys()).filter(is_other).cloned());
    }
}

/// A user's segments while they are looked at: those before, and what was found since.
struct Judged<'a> {
    segments: &'a Segments,
    found: RefCell<BTreeMap<u32, bool>>,
}

impl Membership for Judged<'_> {
    fn has(&self, segment: u32, user: u32) -> bool {
        self.found.borrow().get(&segment).copied().unwrap_or_else(|| self.segments.has(segment, user))
    }
}

/// That a user comes into a segment, or leaves it.
struct Verdict {
    segment: u32,
    /// Whether the user comes into it, or leaves it.
    enters: bool,
}

/// What was found of a user.
#[derive(Default)]
struct Looked {
    changes: Vec<Verdict>,
    /// When to look again, by the segments that were looked at.
    due: Option<Time>,
}

/// The predicates that a write has needed so far, by the places of their segments.
type Bounds<'r> = BTreeMap<u32, Bound<'r>>;

impl Session<'_, '_> {
    /// What this write changes of a user, where there are segments that may ask for it.
    pub(in super::super) fn touched(&mut self, user: u32) -> Option<&mut Touched> {
        if self.segments.is_empty() { None } else { Some(self.touched.entry(user).or_default()) }
    }

    /// Has segments follow what the write changes of users, and puts down what becomes of them.
    pub(in super::super) fn follow_segments(&mut self) -> Result<()> {
        self.route()?;
        let (touched, redefined) = (std::mem::take(&mut self.touched), std::mem::take(&mut self.redefined));
        let routes = Arc::clone(&self.segments.routes);
        let anew: RoaringBitmap = redefined.iter().filter_map(|no| routes.place(*no)).collect();
        let (mut bounds, mut parts) = (Bounds::new(), BTreeSet::new());
        // Of whom it is time to look at again for one, nothing is kept as it was before: others may ask for that one.
        let is_behind = self.segments.is_behind();
        for (user, touched) in &touched {
            let mut of_user = routes.of(touched) | &anew;
            if touched.is_due || is_behind {
                of_user |= routes.relative();
            }
            if self.segments.unread.contains(user) {
                of_user |= routes.all();
            }
            self.follow(&routes, &mut bounds, *user, of_user, &mut parts)?;
        }
        if !anew.is_empty() {
            for user in (0..self.counters.next_user).filter(|user| !touched.contains_key(user)) {
                let mut of_user = anew.clone();
                let is_due = |due| Some(due) <= self.segments.head.now;
                if is_behind && self.segments.due_of(user).is_some_and(is_due) {
                    of_user |= routes.relative();
                }
                self.follow(&routes, &mut bounds, user, of_user, &mut parts)?;
            }
            for no in &redefined {
                self.segments.lost.remove_mut(no);
            }
        }
        parts.into_iter().try_for_each(|(segment, part)| self.put_part(segment, part))?;
        if self.segments.head != self.tx.attachment().segments.head {
            self.put(keys::meta("segments"), &self.segments.head.clone())?;
        }
        Ok(())
    }

    /// Has some segments follow one user.
    fn follow<'r>(
        &mut self,
        routes: &'r Routes,
        bounds: &mut Bounds<'r>,
        user: u32,
        places: RoaringBitmap,
        parts: &mut BTreeSet<(u32, u32)>,
    ) -> Result<()> {
        // Of segments that are not looked at, nobody knows anew when to look again: what was known holds on.
        let is_all_relative = routes.relative().is_subset(&places);
        let looked = self.tx.raw(&keys::user(user)).and_then(|found| match found {
            Some(_) => Ok((true, self.judge(routes, bounds, user, places)?)),
            None => Ok((false, self.all_left(user))),
        });
        let (is_there, Looked { changes, due }) = match looked {
            // What cannot be read of a user costs the others nothing.
            Err(error) if error.kind() == ErrorKind::Damage => {
                tracing::warn!(error = %redacted(&error), "a user whose values are damaged stays in the segments of before");
                return self.look_again(user);
            }
            looked => looked?,
        };
        if self.segments.unread.contains(&user) {
            self.segments.unread.remove_mut(&user);
        }
        let before = self.segments.due_of(user).filter(|_| is_there && !is_all_relative);
        self.put_due(user, before.into_iter().chain(due).min())?;
        for Verdict { segment, enters } in changes {
            self.segments.set(segment, user, enters);
            parts.insert((segment, user / USERS_OF_PART));
            // Who is gone has no id to be told by; who was in what cannot be read came and left before.
            if is_there && !self.segments.lost.contains(&segment) {
                self.put_change(segment, user, enters)?;
            }
        }
        Ok(())
    }

    /// Has a user of whom something cannot be read be looked at for all segments with the next advance.
    fn look_again(&mut self, user: u32) -> Result<()> {
        let Some(now) = self.segments.head.now else { return Ok(()) };
        self.segments.unread.insert_mut(user);
        self.put_due(user, Time::from_micros(now.micros().saturating_add(1)).ok())
    }

    /// A user who is not there any more leaves all segments.
    fn all_left(&self, user: u32) -> Looked {
        let of_user = self.segments.all().map(|segment| segment.no).filter(|no| self.segments.has(*no, user));
        Looked { changes: of_user.map(|segment| Verdict { segment, enters: false }).collect(), due: None }
    }

    fn judge<'r>(
        &self,
        routes: &'r Routes,
        bounds: &mut Bounds<'r>,
        user: u32,
        mut places: RoaringBitmap,
    ) -> Result<Looked> {
        let Some(now) = self.segments.head.now else { return Ok(Looked::default()) };
        let binding = Binding { kinds: &self.space.kinds, segments: &self.segments, now };
        let judged = Judged { segments: &self.segments, found: RefCell::default() };
        let facts = Facts::new(&self.tx, &judged, user);
        let mut looked = Looked::default();
        while let Some(place) = places.min() {
            places.remove(place);
            let segment = routes.at(place);
            let bound = match bounds.entry(place) {
                Entry::Occupied(known) => &*known.into_mut(),
                Entry::Vacant(new) => &*new.insert(bind(&segment.stored.predicate.node, &binding)?),
            };
            let is_in = bound.truth(&facts)? == Truth::True;
            if routes.is_relative(place) {
                looked.due = looked.due.into_iter().chain(due(bound, &facts, now)?).min();
            }
            if self.segments.has(segment.no, user) != is_in {
                judged.found.borrow_mut().insert(segment.no, is_in);
                // All of them come later, for they ask for this one.
                places |= routes.asking_for(segment.no).unwrap_or(&RoaringBitmap::new());
                looked.changes.push(Verdict { segment: segment.no, enters: is_in });
            }
        }
        Ok(looked)
    }

    pub(super) fn put_due(&mut self, user: u32, due: Option<Time>) -> Result<()> {
        let (before, key) = (self.segments.due_of(user), keys::due(user));
        if before == due {
            return Ok(());
        }
        self.segments.put_due(user, due);
        match due {
            None => self.tx.delete(key),
            Some(due) if before.is_none() => self.tx.put_new(key, codec::encode(&due)?),
            Some(due) => self.put(key, &due)?,
        }
        Ok(())
    }

    fn put_change(&mut self, segment: u32, user: u32, entered: bool) -> Result<()> {
        let Some(now) = self.segments.head.now else { return Ok(()) };
        let version = self.segments.get(segment).map_or(0, |segment| segment.stored.version);
        let position = self.segments.head.position;
        let change = codec::encode(&StoredChange { segment, version, user, entered, now })?;
        self.tx.put_new(keys::change(position), change);
        let head = &mut self.segments.head;
        head.position += 1;
        if head.position - head.first > MOST_CHANGES {
            let oldest = keys::change(head.first);
            head.first += 1;
            self.tx.delete(oldest);
        }
        Ok(())
    }

    fn put_part(&mut self, segment: u32, part: u32) -> Result<()> {
        let first = part.saturating_mul(USERS_OF_PART);
        let members = self.segments.members(segment)?;
        let within = members.range(first..=first.saturating_add(USERS_OF_PART - 1));
        let stored = Part::of(within.map(|user| user - first));
        if stored.is_empty() {
            self.tx.delete(keys::members(segment, part));
            return Ok(());
        }
        self.put(keys::members(segment, part), &stored)
    }
}
