//! Segments brought up to date by a write: for those whom it touches, the segments to which that may matter.

use super::routes::Routes;
use super::stored::{Part, StoredChange, USERS_OF_PART};
use super::{Membership, Segments};
use crate::engine::predicate::{Binding, Bound, Facts, bind, due};
use crate::engine::session::Session;
use crate::engine::{Reader, from_key};
use crate::error::Result;
use crate::model::predicate::Truth;
use crate::model::{Attributes, Time};
use crate::storage::keys;
use roaring::RoaringBitmap;
use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
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
    /// Segments for which it is time to look at the user again.
    pub due: BTreeSet<u32>,
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

/// What a segment is of a user, and when to look again.
struct Verdict {
    segment: u32,
    is_in: bool,
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
        let (touched, redefined) = (std::mem::take(&mut self.touched), std::mem::take(&mut self.redefined));
        let routes = Arc::clone(&self.segments.routes);
        let places = |segments: &BTreeSet<u32>| -> RoaringBitmap {
            segments.iter().filter_map(|no| routes.place(*no)).collect()
        };
        let (anew, mut bounds, mut parts) = (places(&redefined), Bounds::new(), BTreeSet::new());
        for (user, touched) in &touched {
            let of_user = routes.of(touched) | places(&touched.due) | &anew;
            self.follow(&routes, &mut bounds, *user, of_user, &mut parts)?;
        }
        if !anew.is_empty() {
            for user in self.all_users()?.into_iter().filter(|user| !touched.contains_key(user)) {
                self.follow(&routes, &mut bounds, user, anew.clone(), &mut parts)?;
            }
            for no in &redefined {
                self.segments.lost.remove(no);
            }
        }
        parts.into_iter().try_for_each(|(segment, part)| self.put_part(segment, part))?;
        if self.segments.head != self.tx.attachment().segments.head {
            self.put(keys::meta("segments"), &self.segments.head.clone())?;
        }
        Ok(())
    }

    fn all_users(&self) -> Result<Vec<u32>> {
        let mut users = Vec::new();
        self.tx.scan(&keys::users(), |key, _| {
            users.push(from_key("user", key, keys::u32_at(key, 1))?);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(users)
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
        let is_there = self.tx.raw(&keys::user(user))?.is_some();
        let verdicts = if is_there { self.judge(routes, bounds, user, places)? } else { self.all_left() };
        for Verdict { segment, is_in, due } in verdicts {
            self.put_due(segment, user, due)?;
            if self.segments.has(segment, user) != is_in {
                self.segments.set(segment, user, is_in);
                parts.insert((segment, user / USERS_OF_PART));
                // Who is gone has no id to be told by; who was in what cannot be read came and left before.
                if is_there && !self.segments.lost.contains(&segment) {
                    self.put_change(segment, user, is_in)?;
                }
            }
        }
        Ok(())
    }

    /// What segments are of a user who is not there any more.
    fn all_left(&self) -> Vec<Verdict> {
        let all = self.segments.all().map(|segment| segment.no);
        all.map(|segment| Verdict { segment, is_in: false, due: None }).collect()
    }

    fn judge<'r>(
        &self,
        routes: &'r Routes,
        bounds: &mut Bounds<'r>,
        user: u32,
        mut places: RoaringBitmap,
    ) -> Result<Vec<Verdict>> {
        let Some(now) = self.segments.head.now else { return Ok(Vec::new()) };
        let binding = Binding { kinds: &self.space.kinds, segments: &self.segments, now };
        let judged = Judged { segments: &self.segments, found: RefCell::default() };
        let facts = Facts::new(&self.tx, &judged, user);
        let mut verdicts = Vec::new();
        while let Some(place) = places.min() {
            places.remove(place);
            let segment = routes.at(place);
            let bound = match bounds.entry(place) {
                Entry::Occupied(known) => &*known.into_mut(),
                Entry::Vacant(new) => &*new.insert(bind(&segment.stored.predicate.node, &binding)?),
            };
            let is_in = bound.truth(&facts)? == Truth::True;
            let due = if routes.is_relative(place) { due(bound, &facts, now)? } else { None };
            if judged.has(segment.no, user) != is_in {
                judged.found.borrow_mut().insert(segment.no, is_in);
                // All of them come later, for they ask for this one.
                places |= routes.asking_for(segment.no).unwrap_or(&RoaringBitmap::new());
            }
            verdicts.push(Verdict { segment: segment.no, is_in, due });
        }
        Ok(verdicts)
    }

    fn put_due(&mut self, segment: u32, user: u32, due: Option<Time>) -> Result<()> {
        let key = keys::due(segment, user);
        if !self.segments.is_relative(segment) {
            return Ok(());
        }
        let before: Option<Time> = self.tx.read("time to look at a user again", &key)?;
        if before == due {
            return Ok(());
        }
        if let Some(before) = before {
            self.segments.due.remove(&(before, segment, user));
        }
        let Some(due) = due else {
            self.tx.delete(key);
            return Ok(());
        };
        self.segments.due.insert((due, segment, user));
        self.put(key, &due)
    }

    fn put_change(&mut self, segment: u32, user: u32, entered: bool) -> Result<()> {
        let Some(now) = self.segments.head.now else { return Ok(()) };
        let version = self.segments.get(segment).map_or(0, |segment| segment.stored.version);
        let position = self.segments.head.position;
        self.put(keys::change(position), &StoredChange { segment, version, user, entered, now })?;
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
