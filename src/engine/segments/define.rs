//! Segments that come, change and go, and the instant that they go by.

use super::routes::{Inputs, Routes};
use super::stored::{StoredSegment, USERS_OF_PART};
use super::{Members, Segment, Segments};
use crate::engine::Shared;
use crate::engine::apply::Outcome;
use crate::engine::predicate::{Binding, bind};
use crate::engine::session::{Encoded, Session};
use crate::error::{Error, Result};
use crate::model::predicate::{Node, TermKind};
use crate::model::{Kinds, OnProgress, Predicate, Progress, SegmentDefinition, Time};
use crate::storage::keys;
use std::collections::BTreeSet;
use std::sync::Arc;

/// Users of one commit who are looked at again because it is time, each for all segments that go by it.
const DUE_AT_A_TIME: usize = 10_000;

impl Segments {
    /// What each asks for, and the order in which they are to be looked at.
    pub(super) fn route(&mut self, kinds: &Kinds) -> Result<()> {
        let Some(now) = self.head.now else { return Ok(()) };
        let binding = Binding { kinds, segments: self, now, alike: None };
        let inputs = |segment: &Segment| {
            bind(&segment.stored.predicate.node, &binding).map(|bound| Inputs::of(&bound))
        };
        let all = self.all().map(|segment| Ok((Arc::clone(segment), inputs(segment)?)));
        self.routes = Arc::new(Routes::new(all.collect::<Result<_>>()?));
        Ok(())
    }

    /// The instant that segments go by, once there was one.
    pub(crate) fn now(&self) -> Option<Time> {
        self.head.now
    }

    /// A segment that asks for another, at whatever remove, if it does.
    fn asks_for(&self, from: &BTreeSet<u32>, wanted: u32) -> bool {
        let (mut seen, mut left) = (BTreeSet::new(), from.clone());
        while let Some(no) = left.pop_first() {
            if no == wanted {
                return true;
            }
            if seen.insert(no) {
                left.extend(
                    self.get(no).into_iter().flat_map(|segment| self.asked_by(&segment.stored.predicate)),
                );
            }
        }
        false
    }

    fn asked_by(&self, predicate: &Predicate) -> BTreeSet<u32> {
        let named = predicate.node.terms().into_iter().filter_map(|term| match &term.kind {
            TermKind::Segment(name) => self.no(name),
            _ => None,
        });
        named.collect()
    }
}

/// Two instants that go on together are not compared: whether one comes before the other is known at once, or a matter of months' ends.
fn check_instants(node: &Node) -> Result<()> {
    match node {
        Node::All(parts) | Node::Any(parts) => parts.iter().try_for_each(check_instants),
        Node::Not(part) | Node::Is(part, _) => check_instants(part),
        Node::Compare(left, _, right)
            if matches!((&left.kind, &right.kind), (TermKind::Now(_), TermKind::Now(_))) =>
        {
            Err(left.refuse("a segment compares now() with something of the user"))
        }
        _ => Ok(()),
    }
}

impl Session<'_, '_> {
    /// Defines a segment, anew where there is one of that name.
    pub(in super::super) fn define_segment(&mut self, definition: &SegmentDefinition) -> Result<Outcome> {
        let SegmentDefinition { name, predicate, now } = definition;
        // What a line says counts before there is any: afterwards only an advance moves it.
        let instant = self.segments.head.now.or(*now).unwrap_or_else(Time::now);
        let binding =
            Binding { kinds: &self.space.kinds, segments: &self.segments, now: instant, alike: None };
        bind(&predicate.node, &binding)?;
        check_instants(&predicate.node)?;
        let before = self.segments.no(name).and_then(|no| self.segments.get(no).cloned());
        if before.as_ref().is_some_and(|before| before.stored.predicate == *predicate) {
            return Ok(Outcome::Duplicate);
        }
        let no = before.as_ref().map_or(self.segments.head.next, |before| before.no);
        if self.segments.asks_for(&self.segments.asked_by(predicate), no) {
            return Err(Error::invalid(
                "segment",
                name,
                "it would ask for itself: leave out what asks for it",
            ));
        }
        self.segments.head.now = Some(instant);
        self.segments.head.next = self.segments.head.next.max(no.saturating_add(1));
        let version = before.map_or(1, |before| before.stored.version.saturating_add(1));
        let predicate = predicate.clone().without_places();
        let stored = StoredSegment { name: name.clone(), version, predicate };
        self.put(keys::segment(no), &stored)?;
        self.segments.insert(Segment { no, stored });
        self.reroute = true;
        self.redefined.insert(no);
        Ok(Outcome::Changed)
    }

    /// Drops a segment.
    pub(in super::super) fn drop_segment(&mut self, name: &str) -> Result<Outcome> {
        let found = self.segments.no(name).and_then(|no| self.segments.get(no).cloned());
        let Some(segment) = found else { return Ok(Outcome::Absent) };
        let asking = self
            .segments
            .all()
            .find(|other| self.segments.asked_by(&other.stored.predicate).contains(&segment.no));
        if let Some(asking) = asking {
            let reason = format!(
                "segment {:?} asks for it: define that one anew or drop it first",
                asking.stored.name
            );
            return Err(Error::invalid("segment", name, reason));
        }
        self.tx.delete(keys::segment(segment.no));
        self.forget_members(segment.no);
        self.segments.remove(&segment);
        self.reroute = true;
        self.redefined.remove(&segment.no);
        Ok(Outcome::Changed)
    }

    /// Finds the ways anew where definitions came or went. Where none goes by the time any more, nobody is to be looked at for it.
    pub(super) fn route(&mut self) -> Result<()> {
        if !std::mem::take(&mut self.reroute) {
            return Ok(());
        }
        self.segments.route(&self.space.kinds)?;
        if !self.segments.routes.relative().is_empty() {
            return Ok(());
        }
        let users: Vec<u32> = self.segments.due.iter().map(|(_, user)| user).collect();
        users.into_iter().try_for_each(|user| self.put_due(user, None))
    }

    /// Deletes all that says who is in a segment, without reading it: some of it may be damaged.
    fn forget_members(&mut self, segment: u32) {
        for part in 0..=self.counters.next_user / USERS_OF_PART {
            self.tx.delete(keys::members(segment, part));
            self.segments.unsettled.put((segment, part), None);
        }
        self.segments.members.insert_mut(segment, Members::default());
    }

    /// Has segments go by a later instant, and notes some of the users who are to be looked at again; returns whether these are all.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an earlier instant, and where an interval of a segment would lead out of the calendar then.
    fn advance(&mut self, now: Time) -> Result<bool> {
        let before = self.segments.head.now;
        if let Some(before) = before.filter(|before| *before > now) {
            let expected = format!("segments go by {before} already, and never back");
            return Err(Error::invalid("instant", now, expected));
        }
        let binding = Binding { kinds: &self.space.kinds, segments: &self.segments, now, alike: None };
        self.segments
            .all()
            .try_for_each(|segment| bind(&segment.stored.predicate.node, &binding).map(drop))?;
        self.segments.head.now = Some(now);
        let due = self.segments.due.iter().take_while(|(time, _)| *time <= now).take(DUE_AT_A_TIME);
        let users: Vec<u32> = due.map(|(_, user)| user).collect();
        let are_all = users.len() < DUE_AT_A_TIME;
        users.into_iter().for_each(|user| self.touched.entry(user).or_default().is_due = true);
        Ok(are_all)
    }
}

impl Shared {
    /// Looks at everybody again for segments of which it could not be read who is in them.
    pub(in super::super) fn make_segments_anew(&self) -> Result<()> {
        let segments = Arc::clone(&self.db.view().attachment().segments);
        if segments.lost.is_empty() && !segments.is_feed_lost {
            return Ok(());
        }
        let lost: BTreeSet<u32> = segments.lost.iter().copied().collect();
        tracing::warn!(segments = lost.len(), "who is in a segment could not be read, and is made anew");
        let ((), core, finished) = self.prepare(&Encoded::default(), |session| {
            for &no in &lost {
                session.forget_members(no);
            }
            if std::mem::take(&mut session.segments.is_feed_lost) {
                session.begin_feed_anew()?;
            }
            // Others may have been told of who is in them what is not so.
            let asks = |no: &u32| {
                let asks_for = |lost: &u32| session.segments.asks_for(&[*no].into(), *lost);
                lost.contains(no) || lost.iter().any(asks_for)
            };
            let asking: Vec<u32> = session.segments.all().map(|segment| segment.no).filter(asks).collect();
            session.redefined.extend(asking);
            Ok(())
        })?;
        self.commit_finished(core, finished)
    }

    /// Goes on with an advance that broke off.
    pub(in super::super) fn finish_advance(&self) -> Result<()> {
        let segments = Arc::clone(&self.db.view().attachment().segments);
        match segments.now().filter(|_| segments.is_behind()) {
            Some(now) => self.advance_segments(now, &|_| {}),
            None => Ok(()),
        }
    }

    /// Has segments go by a later instant, a bounded commit after the other.
    pub(in super::super) fn advance_segments(&self, now: Time, progress: OnProgress<'_>) -> Result<()> {
        let nothing = Encoded::default();
        let mut done = 0;
        loop {
            // Another advance may have gone further meanwhile, and does what is left of this one.
            let is_overtaken = |session: &Session<'_, '_>| done > 0 && session.segments.head.now > Some(now);
            let (are_all, core, finished) =
                self.prepare(
                    &nothing,
                    |session| {
                        if is_overtaken(session) { Ok(true) } else { session.advance(now) }
                    },
                )?;
            self.commit_finished(core, finished)?;
            if are_all {
                return Ok(());
            }
            done += DUE_AT_A_TIME as u64;
            progress(Progress { stage: "advancing segments", done, total: None });
        }
    }
}
