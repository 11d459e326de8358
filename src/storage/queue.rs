//! Logged commits on their way into the backend.

use std::collections::VecDeque;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use super::log::record::Record;
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::telemetry;

/// Logged changes that may wait to be applied before new writers have to.
const WAITING_BYTES: usize = 64 << 20;
/// Commits that may wait: every read of a fresh view looks through them.
const WAITING_COMMITS: usize = 32;

/// Commits on their way into the backend.
#[derive(Default)]
pub(crate) struct Queue {
    state: Mutex<State>,
    work: Condvar,
    progress: Condvar,
}

#[derive(Default)]
struct State {
    records: VecDeque<Record>,
    bytes: usize,
    /// Commits that came and were not applied yet: those that wait, and those of the round at work.
    unapplied: usize,
    oldest: Option<Instant>,
    checkpoints_wanted: u64,
    checkpoints_done: u64,
    closing: bool,
    stopped: bool,
}

impl State {
    fn is_full(&self) -> bool {
        self.bytes > WAITING_BYTES || self.records.len() >= WAITING_COMMITS
    }

    /// Counts commits that need not be applied any more.
    fn let_go(&mut self, commits: usize) {
        self.unapplied -= commits;
        telemetry::change(telemetry::WAITING_COMMITS, -(commits as i32));
    }
}

/// What a failure kept from being applied is not waited for any more.
impl Drop for State {
    fn drop(&mut self) {
        self.let_go(self.unapplied);
    }
}

/// What the applier takes up next.
pub(crate) struct Round {
    /// Commits to apply, oldest first; may be empty.
    pub(crate) records: Vec<Record>,
    /// Calls of [`Queue::checkpoint`] up to now, where one of them still waits.
    pub(crate) checkpoints_wanted: Option<u64>,
    /// Nothing comes after this round.
    pub(crate) closing: bool,
}

impl Queue {
    /// Adds a logged commit.
    pub(crate) fn push(&self, record: Record) {
        let mut state = self.lock();
        state.bytes += record.bytes().len();
        state.unapplied += 1;
        telemetry::change(telemetry::WAITING_COMMITS, 1);
        state.records.push_back(record);
        state.oldest.get_or_insert_with(Instant::now);
        self.work.notify_one();
    }

    /// Waits until few enough commits wait.
    pub(crate) fn wait_for_room(&self) {
        let mut state = self.lock();
        while state.is_full() && !state.stopped {
            state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until all that is queued now is applied and the log is set aside; false where it never will be.
    pub(crate) fn checkpoint(&self) -> bool {
        let mut state = self.lock();
        state.checkpoints_wanted += 1;
        let wanted = state.checkpoints_wanted;
        self.work.notify_one();
        while state.checkpoints_done < wanted && !state.stopped {
            state = self.progress.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state.checkpoints_done >= wanted
    }

    /// Has the next round set the log aside.
    #[cfg(test)]
    pub(crate) fn want_checkpoint(&self) {
        self.lock().checkpoints_wanted += 1;
    }

    /// Whether there is anything to apply.
    #[cfg(test)]
    pub(crate) fn is_waiting(&self) -> bool {
        !self.lock().records.is_empty()
    }

    /// Lets the applier finish what is queued and end.
    pub(crate) fn close(&self) {
        self.lock().closing = true;
        self.work.notify_one();
    }

    /// Nothing more is applied: lets go of all who wait.
    pub(crate) fn stop(&self) {
        self.lock().stopped = true;
        self.progress.notify_all();
    }

    /// All that was queued is applied, and more will be.
    pub(crate) fn restart(&self) {
        let mut state = self.lock();
        (state.records, state.bytes, state.oldest) = (VecDeque::new(), 0, None);
        let unapplied = state.unapplied;
        state.let_go(unapplied);
        // A checkpoint that is still wanted is made in the next round.
        state.stopped = false;
    }

    /// The commits of `round` are applied.
    pub(crate) fn applied(&self, round: &Round) {
        let mut state = self.lock();
        state.bytes -= round.records.iter().map(|record| record.bytes().len()).sum::<usize>();
        state.let_go(round.records.len());
        self.progress.notify_all();
    }

    /// The log was set aside for the first `count` who wanted it.
    pub(crate) fn checkpointed(&self, count: u64) {
        let mut state = self.lock();
        state.checkpoints_done = state.checkpoints_done.max(count);
        self.progress.notify_all();
    }

    /// The next round. With a `delay`, commits gather that long first. `lacking`: the checkpoint that is wanted needs commits that
    /// the log has and that are about to be pushed.
    pub(crate) fn take(&self, delay: Duration, lacking: bool) -> Round {
        let mut state = self.lock();
        loop {
            let is_wanted = state.checkpoints_wanted > state.checkpoints_done;
            let urgent =
                state.closing || state.is_full() || (is_wanted && !(lacking && state.records.is_empty()));
            let left = state.oldest.map(|oldest| delay.saturating_sub(oldest.elapsed()));
            match left {
                _ if urgent => break,
                Some(left) if left.is_zero() => break,
                Some(left) => {
                    let woken = self.work.wait_timeout(state, left);
                    state = woken.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => state = self.work.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        state.oldest = None;
        Round {
            records: state.records.drain(..).collect(),
            checkpoints_wanted: (state.checkpoints_wanted > state.checkpoints_done)
                .then_some(state.checkpoints_wanted),
            closing: state.closing,
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(all(test, feature = "metrics"))]
mod tests {
    use super::super::log::record::RecordBuilder;
    use super::*;
    use metrics_util::debugging::{DebugValue, DebuggingRecorder};

    fn push(queue: &Queue, commits: u64) {
        for seq in 1..=commits {
            queue.push(RecordBuilder::with_capacity(0).finish(seq, 0, &[0; 32]).unwrap());
        }
    }

    /// What fails and what is given up is not counted as waiting for ever.
    #[test]
    fn telemetry_counts_as_waiting_what_may_still_be_applied() {
        let recorder = DebuggingRecorder::new();
        let snapshotter = recorder.snapshotter();
        // A snapshot begins the gauge anew: it says what changed since the one before.
        let mut sum = 0.0;
        let mut waiting = || {
            let found = snapshotter.snapshot().into_vec();
            let found = found.into_iter().find(|(key, ..)| key.key().name() == telemetry::WAITING_COMMITS);
            if let Some((.., DebugValue::Gauge(change))) = found {
                sum += change.into_inner();
            }
            sum
        };
        metrics::with_local_recorder(&recorder, || {
            let queue = Queue::default();
            push(&queue, 2);
            let round = queue.take(Duration::ZERO, false);
            push(&queue, 3);
            assert_eq!(waiting() as i64, 5);
            queue.applied(&round);
            assert_eq!(waiting() as i64, 3);
            // The next round fails; the data is opened again, and holds all.
            let failed = queue.take(Duration::ZERO, false);
            push(&queue, 1);
            queue.stop();
            drop(failed);
            assert_eq!(waiting() as i64, 4);
            queue.restart();
            assert_eq!(waiting() as i64, 0);
            push(&queue, 2);
            drop(queue);
            assert_eq!(waiting() as i64, 0);
        });
    }
}
