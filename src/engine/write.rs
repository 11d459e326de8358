//! One write: encode, lock, apply, commit, publish.

use super::apply::Outcome;
use super::check::check;
use super::encode::encode_missing;
use super::published::Published;
use super::refuse::commit_aside;
use super::session::{IndexChanges, Session};
use super::{Core, Engine, Shared};
use crate::error::Result;
use crate::index::Index;
use crate::model::{OnProgress, Record};
use crate::storage::{Writer, codec, keys};
use std::sync::{Arc, MutexGuard};

impl Engine {
    /// Refuses a record that the store cannot take.
    pub(crate) fn check(&self, record: &Record) -> Result<()> {
        check(&self.shared.settings, record)
    }

    /// Applies checked records, all or none; durable when it returns.
    pub(crate) fn write(&self, records: &[Record], progress: OnProgress<'_>) -> Result<Vec<Outcome>> {
        if records.is_empty() {
            return Ok(Vec::new());
        }
        let encoded = encode_missing(&self.view(), records, progress)?;
        let mut core = self.shared.core()?;
        let mut session = Session::new(self.shared.db.begin()?, &mut core.points, &encoded);
        let applied: Result<Vec<Outcome>> = records.iter().map(|record| session.apply(record)).collect();
        let finished = applied.and_then(|outcomes| Ok((outcomes, session.finish()?)));
        let (outcomes, (tx, changes, counters)) = match finished {
            Ok(done) => done,
            Err(error) => {
                core.forget_points(&self.shared);
                return Err(error);
            }
        };
        if outcomes.iter().all(|outcome| *outcome != Outcome::Changed) {
            drop(core);
            // What is a duplicate may be one of a write that still waits for its sync: so wait for it.
            commit_aside(tx)?;
            return Ok(outcomes);
        }
        self.shared.commit(core, tx, changes, |published| published.counters = counters)?;
        self.keep_pace();
        Ok(outcomes)
    }
}

impl Core {
    /// Drops points that may come from a write that was given up.
    fn forget_points(&mut self, shared: &Shared) {
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
