//! Who is in which segment, against what the predicates say of everybody.

use super::super::predicate::{Binding, Bound, Facts, bind, due};
use super::super::reader::EachReader;
use super::super::segments::{self, Membership, Segment, Segments, USERS_OF_PART};
use super::Check;
use crate::error::{Error, ErrorKind, Result};
use crate::model::predicate::Truth;
use crate::model::{OnProgress, Progress, Time};
use crate::storage::keys;
use std::sync::atomic::{AtomicBool, Ordering};

/// Users from one word of progress to the next.
const TOLD: usize = 1024;

/// What all segments are to be held to.
struct Expected<'a> {
    segments: &'a Segments,
    bound: Vec<(&'a Segment, Bound<'a>)>,
    now: Time,
}

impl<R: EachReader> Check<'_, R> {
    /// Asks everybody for every segment; nothing where what that rests on is damaged, or an advance of the instant that segments go by was
    /// interrupted. Returns whether it came to its end.
    pub(super) fn segments(&mut self, progress: OnProgress<'_>, cancel: &AtomicBool) -> Result<bool> {
        let of_users = [keys::users(), keys::states(), keys::events(), keys::all_archives(), keys::items()];
        let of_segments = [keys::segments(), keys::all_members(), keys::changes(), keys::all_due()];
        let rests_on = [&of_users[..], &of_segments, &[keys::meta("segments")]].concat();
        let Some(settings) = self.basis.settings.clone().filter(|_| !self.findings.concern(&rests_on)) else {
            return Ok(true);
        };
        let segments = match segments::load(self.reader, &settings.kinds) {
            Ok(segments) => segments,
            Err(error) => return self.do_not_fit(error).map(|()| true),
        };
        if !self.feed_is_there(&segments)? {
            return Ok(true);
        }
        let Some(now) = segments.now().filter(|_| !segments.is_behind()) else {
            return Ok(true);
        };
        let binding = Binding { kinds: &settings.kinds, segments: &segments, now, alike: None };
        let bound = segments
            .in_order()
            .map(|segment| Ok((&**segment, bind(&segment.stored.predicate.node, &binding)?)));
        let bound = match bound.collect::<Result<_>>() {
            Ok(bound) => bound,
            Err(error) => return self.do_not_fit(error).map(|()| true),
        };
        let expected = Expected { segments: &segments, bound, now };
        let users = self.seen.users.clone();
        for (done, user) in users.iter().enumerate() {
            if done.is_multiple_of(TOLD) {
                progress(Progress::of("verifying segments", done, users.len() as usize));
                if cancel.load(Ordering::Relaxed) {
                    return Ok(false);
                }
            }
            self.segments_of(user, &expected)?;
        }
        self.members_are_there(&segments);
        Ok(true)
    }

    /// Whether all that the feed keeps can be read.
    fn feed_is_there(&mut self, segments: &Segments) -> Result<bool> {
        let mut is_there = true;
        for block in segments.head.blocks() {
            match segments.block(self.reader, block) {
                Err(error) if error.kind() == ErrorKind::Damage => {
                    self.findings.add(&keys::changes_of(block), error.to_string());
                    is_there = false;
                }
                found => drop(found?),
            }
        }
        Ok(is_there)
    }

    /// Nobody is in a segment who is not there.
    fn members_are_there(&mut self, segments: &Segments) {
        for (no, members) in segments.all_members() {
            for user in members.to_set() - &self.seen.users {
                self.findings.add(
                    &keys::members(no, user / USERS_OF_PART),
                    format!("user number {user} is not there"),
                );
            }
        }
    }

    /// Notes that what is kept of segments does not fit together.
    fn do_not_fit(&mut self, error: Error) -> Result<()> {
        if error.kind() == ErrorKind::Environment {
            return Err(error);
        }
        self.findings.add(&keys::meta("segments"), error.to_string());
        Ok(())
    }

    fn segments_of(&mut self, user: u32, expected: &Expected<'_>) -> Result<()> {
        let facts = Facts::new(self.reader, expected.segments, user);
        let mut earliest = None;
        for (segment, bound) in &expected.bound {
            let no = segment.no;
            let (is_in, holds) = (expected.segments.has(no, user), bound.truth(&facts)? == Truth::True);
            if is_in != holds {
                let found = if is_in {
                    "is in it, though its predicate is not true of them"
                } else {
                    "is not in it, though its predicate is true of them"
                };
                self.findings
                    .add(&keys::members(no, user / USERS_OF_PART), format!("user number {user} {found}"));
            }
            earliest = earliest.into_iter().chain(due(bound, &facts, expected.now)?).min();
        }
        // To look too early does no harm.
        if earliest.is_some_and(|earliest| expected.segments.due_of(user).is_none_or(|due| due > earliest)) {
            self.findings.add(&keys::due(user), "it is later than time may next change who they are in");
        }
        Ok(())
    }
}
