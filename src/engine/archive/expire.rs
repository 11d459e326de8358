//! Folding what is due of all users, a bounded commit after the other.

use super::super::reader::from_key;
use super::super::session::{Encoded, Session};
use super::super::{Engine, Shared};
use super::fold::Rule;
use crate::error::Result;
use crate::model::{KeepEvents, OnProgress, Progress, Time};
use crate::storage::{keys, prefix_end};
use serde::Serialize;
use std::ops::ControlFlow;

/// Users that are looked for at a time.
const USERS: usize = 1024;
/// Events of one commit, but for those of one instant, which go together.
const EVENTS: usize = 10_000;

/// What was folded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Expired {
    /// Users with events that were folded.
    pub users: u64,
    /// Events that were folded.
    pub events: u64,
}

impl Engine {
    /// Folds all events before an instant.
    pub(crate) fn expire(&self, before: Time, progress: OnProgress<'_>) -> Result<Expired> {
        self.shared.fold_all(Rule::Before(before), progress)
    }

    /// Folds what the policy lets go and was not folded yet.
    pub(crate) fn fold_due(&self, progress: OnProgress<'_>) -> Result<Expired> {
        let keep = self.view().attachment().keep;
        self.shared.fold_due(keep, progress)
    }
}

impl Shared {
    pub(in super::super) fn fold_due(&self, keep: KeepEvents, progress: OnProgress<'_>) -> Result<Expired> {
        if keep.is_all() { Ok(Expired::default()) } else { self.fold_all(Rule::Policy(keep), progress) }
    }

    fn fold_all(&self, rule: Rule, progress: OnProgress<'_>) -> Result<Expired> {
        let total = self.db.view().attachment().counters.users as usize;
        let (mut expired, mut from, mut seen) = (Expired::default(), Some(0), 0);
        while let Some(first) = from {
            let users;
            (users, from) = self.users_from(first)?;
            seen += users.len();
            let due = self.due(rule, users)?;
            self.fold_users(rule, &due, &mut expired)?;
            progress(Progress::of("folding events", seen, total));
        }
        let Expired { users, events } = expired;
        tracing::info!(users, events, "folded");
        Ok(expired)
    }

    /// The numbers of some users from a number on, and the next to go on from.
    fn users_from(&self, first: u32) -> Result<(Vec<u32>, Option<u32>)> {
        let mut users = Vec::new();
        let end = prefix_end(&keys::states());
        self.db.view().scan_from(&keys::state(first), end.as_deref(), |key, _| {
            users.push(from_key("state", key, keys::u32_at(key, 1))?);
            Ok(if users.len() < USERS { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        let next = users.last().filter(|_| users.len() == USERS).and_then(|last| last.checked_add(1));
        Ok((users, next))
    }

    /// Those who have anything to fold, without keeping writers waiting.
    fn due(&self, rule: Rule, users: Vec<u32>) -> Result<Vec<u32>> {
        let view = self.db.view();
        let mut due = Vec::new();
        for user in users {
            if rule.cutoff(&view, user)?.is_some() {
                due.push(user);
            }
        }
        Ok(due)
    }

    fn fold_users(&self, rule: Rule, due: &[u32], expired: &mut Expired) -> Result<()> {
        let (mut left, nothing) = (due, Encoded::default());
        while !left.is_empty() {
            let folded = self.prepare(&nothing, |session| session.fold_some(rule, &mut left, expired))?;
            let ((), core, finished) = folded;
            self.commit_finished(core, finished)?;
        }
        Ok(())
    }
}

impl Session<'_, '_> {
    /// Folds as much as goes into one commit, and takes the users who are done off the list.
    fn fold_some(&mut self, rule: Rule, due: &mut &[u32], expired: &mut Expired) -> Result<()> {
        let mut room = EVENTS;
        while let Some((&user, others)) = due.split_first() {
            let Some(cutoff) = rule.cutoff(&self.tx, user)? else {
                *due = others;
                continue;
            };
            let folded = self.fold(user, cutoff, room)?;
            expired.events += folded as u64;
            if rule.cutoff(&self.tx, user)?.is_none() {
                expired.users += 1;
                *due = others;
            }
            room = room.saturating_sub(folded);
            if room == 0 {
                break;
            }
        }
        Ok(())
    }
}
