//! Logged commits on their way into the backend.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::log::record::Record;
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
        // Who waited for these was let go.
        state.checkpoints_done = state.checkpoints_wanted;
        state.stopped = false;
    }

    /// The commits of `round` are applied.
    pub(crate) fn applied(&self, round: &Round) {
        telemetry::change(telemetry::WAITING_COMMITS, -(round.records.len() as i32));
        self.lock().bytes -= round.records.iter().map(|record| record.bytes().len()).sum::<usize>();
        self.progress.notify_all();
    }

    /// The log was cut for the first `count` who wanted it.
    pub(crate) fn checkpointed(&self, count: u64) {
        self.lock().checkpoints_done = count;
        self.progress.notify_all();
    }

    /// The next round. With a `delay`, commits gather that long first.
    pub(crate) fn take(&self, delay: Duration) -> Round {
        let mut state = self.lock();
        loop {
            let urgent =
                state.closing || state.is_full() || state.checkpoints_wanted > state.checkpoints_done;
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
