//! One write: encode, lock, apply, commit, publish.

use super::apply::Outcome;
use super::check::check;
use super::encode::encode_missing;
use super::erase::{check_salt, named_user};
use super::published::Published;
use super::refuse::commit_aside;
use super::session::{Finished, IndexChanges, Session};
use super::{Core, Engine, Shared};
use crate::error::{Error, Result};
use crate::index::Index;
use crate::model::{KeepEvents, OnProgress, Record};
use crate::storage::{Writer, codec, keys};
use crate::telemetry;
use std::sync::{Arc, MutexGuard};

/// What becomes of a write when a record cannot be taken as things are: its user was erased, or it is an archive that does
/// not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnRefusal {
    /// Nothing is written.
    Refuse,
    /// The record is left aside.
    Skip,
    /// What came before it is written.
    Stop,
}

/// How records are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub on_refusal: OnRefusal,
    /// Whether events are folded that the policy lets go.
    pub fold: bool,
}

impl Engine {
    /// Refuses a record that the store cannot take.
    pub(crate) fn check(&self, record: &Record) -> Result<()> {
        let checked = check(&self.shared.settings, record).and_then(|()| match record {
            Record::Erased(tombstone) => check_salt(self.view().attachment().salt, tombstone),
            _ => Ok(()),
        });
        checked.inspect_err(|_| telemetry::count(telemetry::REFUSED, &[("by", "store")], 1))
    }

    /// Applies checked records, all or none; durable when it returns.
    ///
    /// # Errors
    /// Among others [`Error::Erased`], where a record would bring an erased user back.
    pub(crate) fn write(&self, records: &[Record], progress: OnProgress<'_>) -> Result<Vec<Outcome>> {
        let how = How { on_refusal: OnRefusal::Refuse, fold: true };
        self.write_past(records, how, progress)
    }

    /// [`Engine::write`], with a word on records that cannot be taken. There are fewer outcomes than records where one of
    /// these, the last, stopped it.
    pub(crate) fn write_past(
        &self,
        records: &[Record],
        how: How,
        progress: OnProgress<'_>,
    ) -> Result<Vec<Outcome>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let encoded = encode_missing(&self.view(), records, progress)?;
        let mut core = self.shared.core()?;
        let mut session = Session::new(self.shared.db.begin()?, &mut core.points, &encoded);
        if !how.fold {
            session.keep = KeepEvents::all();
        }
        let applied = session.apply_all(records, how.on_refusal);
        let finished = applied.and_then(|outcomes| Ok((outcomes, session.finish()?)));
        let (outcomes, finished) = match finished {
            Ok(done) => done,
            Err(error) => {
                core.forget_points(&self.shared);
                return Err(error);
            }
        };
        note(&outcomes);
        if outcomes.iter().all(|outcome| *outcome != Outcome::Changed) {
            drop(core);
            // What is a duplicate may be one of a write that still waits for its sync: so wait for it.
            commit_aside(finished.tx)?;
            return Ok(outcomes);
        }
        let Finished { tx, index, counters, salt, folded } = finished;
        self.shared.commit(core, tx, index, |published| {
            published.counters = counters;
            published.salt = salt;
            published.folded = folded;
        })?;
        self.keep_pace();
        Ok(outcomes)
    }
}

impl Session<'_, '_> {
    fn apply_all(&mut self, records: &[Record], on_refusal: OnRefusal) -> Result<Vec<Outcome>> {
        let mut outcomes = Vec::with_capacity(records.len());
        for record in records {
            let outcome = self.apply(record)?;
            outcomes.push(outcome);
            match (on_refusal, refusal(record, outcome)) {
                (_, None) | (OnRefusal::Skip, Some(_)) => {}
                (OnRefusal::Stop, Some(_)) => break,
                (OnRefusal::Refuse, Some(error)) => return Err(error),
            }
        }
        Ok(outcomes)
    }
}

/// Tells what became of records that are about to be committed.
fn note(outcomes: &[Outcome]) {
    for outcome in Outcome::ALL {
        let records = outcomes.iter().filter(|found| **found == outcome).count() as u64;
        telemetry::count(telemetry::RECORDS, &[("outcome", outcome.name())], records);
    }
    tracing::debug!(records = outcomes.len(), "applied");
}

/// The error of a record that cannot be taken as things are.
pub(super) fn refusal(record: &Record, outcome: Outcome) -> Option<Error> {
    let user = || named_user(record).unwrap_or_default();
    match outcome {
        Outcome::Erased => Some(Error::Erased { user: user().to_owned() }),
        Outcome::Conflict => Some(Error::invalid(
            format!("the archive of user {:?}", user()),
            "not of one piece with what is stored of the user",
            "it is put after the user's events and texts, where none of its events is stored or folded already",
        )),
        Outcome::Changed | Outcome::Duplicate | Outcome::Absent | Outcome::Expired => None,
    }
}

impl Core {
    /// Drops points that may come from a write that was given up.
    pub(super) fn forget_points(&mut self, shared: &Shared) {
        self.points = super::Points::new(Arc::clone(&shared.db.view().attachment().space));
    }
}

impl Shared {
    /// Commits, brings the index up to date and publishes both together. The journal gets a key for each user whose
    /// vector changes.
    pub(super) fn commit(
        &self,
        core: MutexGuard<'_, Core>,
        mut tx: Writer<'_, Published>,
        changes: IndexChanges,
        change: impl FnOnce(&mut Published),
    ) -> Result<()> {
        let seq = codec::encode(&tx.next_seq())?;
        // There may be one already; but nobody reads the journal as it was, so that nothing need be read here.
        changes.keys().for_each(|&no| tx.put_new(keys::unsealed(no), seq.clone()));
        self.commit_unjournaled(core, tx, changes, |published, _| change(published))
    }

    /// [`Shared::commit`] without a journal.
    pub(super) fn commit_unjournaled(
        &self,
        mut core: MutexGuard<'_, Core>,
        tx: Writer<'_, Published>,
        changes: IndexChanges,
        change: impl FnOnce(&mut Published, &mut Index),
    ) -> Result<()> {
        let mut published = Published::clone(tx.attachment());
        let pending = match tx.commit() {
            Ok(pending) => pending,
            Err(error) => {
                core.forget_points(self);
                return Err(error);
            }
        };
        published.index = core.index.apply(changes.into_iter().collect(), pending.seq())?;
        change(&mut published, &mut core.index);
        drop(core);
        pending.publish(published)
    }
}
