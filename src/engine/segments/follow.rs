//! Segments brought up to date by a write: for those whom it touches, the segments to which that may matter.

use super::feed::{Told, UNSETTLED};
use super::items::ItemInputs;
use super::members::Members;
use super::routes::Routes;
use super::stored::{StoredChange, USERS_OF_PART};
use super::{Membership, Segments};
use crate::engine::Reader;
use crate::engine::predicate::{Binding, Bound, Facts, bind, due, reach};
use crate::engine::session::Session;
use crate::error::{Error, Result, known};
use crate::model::predicate::Truth;
use crate::model::{Attributes, Time};
use crate::storage::{codec, keys};
use crate::telemetry::redacted;
use roaring::RoaringBitmap;
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a write changes of a user that segments may ask for.
#[derive(Debug, Default)]
pub(crate) struct Touched {
    /// The user was not there before, or anything may have changed.
    pub is_new: bool,
    pub attributes: BTreeSet<String>,
    pub kinds: BTreeSet<u8>,
    pub texts: bool,
    /// Of items that the user acted on.
    pub items: ItemInputs,
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
    /// The segment's place.
    place: u32,
    enters: bool,
}

/// What was found of a user.
#[derive(Default)]
struct Looked {
    changes: Vec<Verdict>,
    /// When to look again, by the segments that were looked at.
    due: Option<Time>,
    /// What is damaged, for which some segments stay as they were.
    lost: Option<Error>,
}

/// A segment that a write looks at.
struct Followed<'r> {
    bound: Bound<'r>,
    /// From when on it asks for events.
    reach: Option<Time>,
    members: Members,
    /// Parts of the members in which somebody came or left, with the position of the first of them in the feed; without one where
    /// somebody is gone for good, of whom nothing is left in a part.
    parts: BTreeMap<u32, Option<u64>>,
}

/// What a write has found of segments so far.
struct Following<'r> {
    routes: &'r Routes,
    /// By the places of the segments; those that were looked at.
    segments: Vec<Option<Box<Followed<'r>>>>,
    told: Told,
}

impl<'r> Following<'r> {
    fn new(routes: &'r Routes) -> Self {
        Self { routes, segments: routes.in_order().map(|_| None).collect(), told: Told::default() }
    }

    /// The segment at a place, made ready when it is first asked for.
    fn at(&mut self, place: u32, all: &Segments, binding: &Binding<'_>) -> Result<&mut Followed<'r>> {
        let followed = &mut self.segments[place as usize];
        if let Some(followed) = followed {
            return Ok(followed);
        }
        let segment: &'r _ = self.routes.at(place);
        let bound = bind(&segment.stored.predicate.node, binding)?;
        let members = all.members.get(&segment.no).cloned().unwrap_or_default();
        let (reach, parts) = (reach(&bound), BTreeMap::new());
        Ok(followed.insert(Box::new(Followed { bound, reach, members, parts })))
    }
}

impl Session<'_, '_> {
    /// What this write changes of a user, where there are segments that may ask for it.
    pub(in super::super) fn touched(&mut self, user: u32) -> Option<&mut Touched> {
        if self.segments.is_empty() { None } else { Some(self.touched.entry(user).or_default()) }
    }

    /// Has segments follow what the write changes of users, and puts down what becomes of them.
    pub(in super::super) fn follow_segments(&mut self) -> Result<()> {
        self.route()?;
        self.touch_users_of_items()?;
        if !self.touched.is_empty() || !self.redefined.is_empty() {
            self.follow_all()?;
        }
        if self.segments.head != self.tx.attachment().segments.head {
            self.put(keys::meta("segments"), &self.segments.head.clone())?;
        }
        Ok(())
    }

    /// Has segments follow all whom the write touches, or everybody.
    fn follow_all(&mut self) -> Result<()> {
        let (touched, redefined) = (std::mem::take(&mut self.touched), std::mem::take(&mut self.redefined));
        let routes = Arc::clone(&self.segments.routes);
        let anew: RoaringBitmap = redefined.iter().filter_map(|no| routes.place(*no)).collect();
        let mut following = Following::new(&routes);
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
            self.follow(&mut following, *user, of_user)?;
        }
        if !anew.is_empty() {
            for user in (0..self.counters.next_user).filter(|user| !touched.contains_key(user)) {
                let mut of_user = anew.clone();
                let is_due = |due| Some(due) <= self.segments.head.now;
                if is_behind && self.segments.due_of(user).is_some_and(is_due) {
                    of_user |= routes.relative();
                }
                self.follow(&mut following, user, of_user)?;
            }
        }
        self.put_down(following, &anew)
    }

    /// Puts down what was found. Parts of segments that are looked at anew for everybody change as a whole, and whoever is gone goes at
    /// once; others change in few users at a time, whom the feed tells, and follow later.
    fn put_down(&mut self, following: Following<'_>, anew: &RoaringBitmap) -> Result<()> {
        let Following { routes, segments, told } = following;
        for (place, followed) in (0_u32..).zip(segments) {
            let segment = routes.at(place).no;
            let is_anew = anew.contains(place);
            let Some(followed) = followed.filter(|followed| !followed.parts.is_empty()) else { continue };
            let Followed { members, parts, .. } = *followed;
            self.segments.members.insert_mut(segment, members);
            if !is_anew && self.segments.lost.contains(&segment) {
                continue;
            }
            for (part, position) in parts {
                match position.filter(|_| !is_anew) {
                    Some(position) => self.segments.unsettle(segment, part, position),
                    None => self.put_part(segment, part)?,
                }
            }
        }
        self.put_feed(told)?;
        let was_lost = !self.segments.lost.is_empty();
        for place in anew {
            self.segments.lost.remove_mut(&routes.at(place).no);
        }
        // What was made anew is not told, so that what the feed told before does not lead to it.
        let is_made_good = was_lost && self.segments.lost.is_empty();
        self.settle(if is_made_good { 0 } else { UNSETTLED })
    }

    /// Has some segments follow one user.
    fn follow(&mut self, following: &mut Following<'_>, user: u32, places: RoaringBitmap) -> Result<()> {
        // Of segments that are not looked at, nobody knows anew when to look again: what was known holds on.
        let is_all_relative = following.routes.relative().is_subset(&places);
        let looked = self.tx.raw(&keys::user(user)).and_then(|found| match found {
            Some(_) => Ok((true, self.judge(following, user, places)?)),
            None => Ok((false, self.all_left(following, user)?)),
        });
        // What cannot be read of a user costs the others nothing.
        let mut lost = None;
        let (is_there, Looked { changes, due, lost: of_some }) =
            known(looked, &mut lost)?.unwrap_or_default();
        if let Some(error) = lost.or(of_some) {
            tracing::warn!(error = %redacted(&error), "a user stays in the segments of before that ask for what is damaged");
            self.look_again(user)?;
        } else {
            if self.segments.unread.contains(&user) {
                self.segments.unread.remove_mut(&user);
            }
            let before = self.segments.due_of(user).filter(|_| is_there && !is_all_relative);
            self.put_due(user, before.into_iter().chain(due).min())?;
        }
        for Verdict { place, enters } in changes {
            let position = self.segments.head.position + following.told.count();
            let Some(followed) = &mut following.segments[place as usize] else { continue };
            followed.members.set(user, enters);
            let since = followed.parts.entry(user / USERS_OF_PART).or_insert(Some(position));
            *since = since.filter(|_| is_there);
            let segment = following.routes.at(place);
            let (no, version) = (segment.no, segment.stored.version);
            // Who was in what cannot be read came and left before.
            if let Some(now) = self.segments.head.now.filter(|_| !self.segments.lost.contains(&no)) {
                following.told.push(StoredChange { segment: no, version, user, entered: enters, now });
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
    fn all_left(&self, following: &mut Following<'_>, user: u32) -> Result<Looked> {
        let Some(now) = self.segments.head.now else { return Ok(Looked::default()) };
        let binding = Binding { kinds: &self.space.kinds, segments: &self.segments, now, alike: None };
        let mut changes = Vec::new();
        for place in following.routes.all() {
            if self.segments.has(following.routes.at(place).no, user) {
                following.at(place, &self.segments, &binding)?;
                changes.push(Verdict { place, enters: false });
            }
        }
        Ok(Looked { changes, ..Looked::default() })
    }

    fn judge(&self, following: &mut Following<'_>, user: u32, mut places: RoaringBitmap) -> Result<Looked> {
        let Some(now) = self.segments.head.now else { return Ok(Looked::default()) };
        let binding = Binding { kinds: &self.space.kinds, segments: &self.segments, now, alike: None };
        let mut earliest = None;
        for place in &places {
            let reach = following.at(place, &self.segments, &binding)?.reach;
            earliest = earliest.into_iter().chain(reach).min();
        }
        let judged = Judged { segments: &self.segments, found: RefCell::default() };
        let facts = Facts::new(&self.tx, &judged, user).reaching(earliest);
        let routes = following.routes;
        let mut looked = Looked::default();
        while let Some(place) = places.min() {
            places.remove(place);
            let followed = following.at(place, &self.segments, &binding)?;
            // Other segments do not ask for what is damaged.
            let Some(truth) = known(followed.bound.truth(&facts), &mut looked.lost)? else { continue };
            let (is_in, was_in) = (truth == Truth::True, followed.members.has(user));
            if routes.is_relative(place) {
                let due = known(due(&followed.bound, &facts, now), &mut looked.lost)?.flatten();
                looked.due = looked.due.into_iter().chain(due).min();
            }
            if was_in != is_in {
                let no = routes.at(place).no;
                judged.found.borrow_mut().insert(no, is_in);
                // All of them come later, for they ask for this one.
                places |= routes.asking_for(no).unwrap_or(&RoaringBitmap::new());
                looked.changes.push(Verdict { place, enters: is_in });
            }
        }
        Ok(looked)
    }

    pub(super) fn put_due(&mut self, user: u32, due: Option<Time>) -> Result<()> {
        let (before, key) = (self.segments.due_of(user), keys::due(user));
        if before == due {
            return Ok(());
        }
        self.segments.due.put(user, due);
        match due {
            None => self.tx.delete(key),
            Some(due) if before.is_none() => self.tx.put_new(key, codec::encode(&due)?),
            Some(due) => self.put(key, &due)?,
        }
        Ok(())
    }
}
