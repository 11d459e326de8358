//! Carries logged commits into the backend, behind the committers' backs, and retires the log.
//!
//! A commit is applied only when the log holds it durably: whatever part of it a crash leaves in the
//! backend, opening makes it whole again.

use std::sync::Arc;
use std::time::Duration;

use super::backend::Backend;
use super::core::Core;
use super::log::record::Record;
use super::queue::Round;
use super::{meta, resume};
use crate::error::Result;
use crate::telemetry::{failed, redacted};

/// The one thread that writes to the backend.
pub(crate) struct Applier<A> {
    core: Arc<Core<A>>,
    applied: u64,
    rotation: Option<Rotation>,
}

/// Log files that wait to be set aside, once the backend has what they hold.
struct Rotation {
    /// Their last commit.
    last: u64,
    /// Calls of `checkpoint` that came before. What was written before a later one may be in the next file already.
    wanted: u64,
}

/// Whoever waits for the applier must not wait for ever, whatever ended it.
impl<A> Drop for Applier<A> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.core.health.fail("the applier panicked".to_owned());
        }
        self.core.queue.stop();
    }
}

impl<A> Applier<A> {
    /// An applier for a backend that holds all up to `applied`.
    pub(crate) fn new(core: Arc<Core<A>>, applied: u64) -> Self {
        Self { core, applied, rotation: None }
    }

    /// Applies until the database is closed or something fails. Commits gather for `delay` first.
    pub(crate) fn run(mut self, delay: Duration) {
        while self.step(delay) {}
    }

    /// Takes up what waits; whether more may come.
    pub(crate) fn step(&mut self, delay: Duration) -> bool {
        let round = self.core.queue.take(delay, self.rotation.is_some());
        match self.work(&round) {
            Ok(()) => !round.closing,
            Err(error) => {
                failed("apply", &error);
                tracing::error!(error = %redacted(&error), "commits cannot be applied: they stay in the log");
                self.core.health.fail_for_now(error.to_string());
                self.core.queue.stop();
                if !round.closing {
                    resume::read_past(&self.core);
                }
                false
            }
        }
    }

    fn work(&mut self, round: &Round) -> Result<()> {
        if let Some(last) = round.records.last() {
            self.apply(round, last.seq)?;
        }
        self.checkpoint(round)
    }

    fn apply(&mut self, round: &Round, seq: u64) -> Result<()> {
        let core = &*self.core;
        core.log.make_durable(seq)?;
        let mark = meta::encode_applied(seq);
        let ops = round.records.iter().flat_map(Record::ops);
        core.backend.apply(&mut ops.chain([(meta::APPLIED_KEY, Some(mark.as_slice()))]))?;
        self.applied = seq;
        core.publication.applied(seq);
        core.queue.applied(round);
        Ok(())
    }

    /// Starts a new log file when the newest is long enough or a checkpoint is wanted, and sets the older ones aside once the
    /// backend has what they hold on disk.
    fn checkpoint(&mut self, round: &Round) -> Result<()> {
        let answered = self.retire()?;
        let (core, wanted) = (&*self.core, round.checkpoints_wanted.filter(|wanted| *wanted > answered));
        let tail_bytes = core.log.tail_bytes();
        if self.rotation.is_some() {
            return Ok(());
        }
        if tail_bytes == 0 {
            wanted.into_iter().for_each(|wanted| core.queue.checkpointed(wanted));
        } else if wanted.is_some() || round.closing || tail_bytes > core.options.log_bytes {
            self.rotation = Some(Rotation { last: core.log.rotate()?, wanted: wanted.unwrap_or(answered) });
            self.retire()?;
        }
        Ok(())
    }

    /// Sets the files aside that wait for it, if their time has come; returns how many calls of `checkpoint` that answers.
    fn retire(&mut self) -> Result<u64> {
        let (core, applied) = (&*self.core, self.applied);
        let Some(Rotation { last, wanted }) = self.rotation.take_if(|rotation| rotation.last <= applied)
        else {
            return Ok(0);
        };
        core.sync_data()?;
        core.log.retire(last)?;
        core.base.wake();
        core.queue.checkpointed(wanted);
        Ok(wanted)
    }
}
