//! Shared syncs: one waiting thread syncs for all that wait.

use std::sync::PoisonError;

use crate::error::{Error, Result};
use crate::sync::{Condvar, Mutex, MutexGuard};
use crate::telemetry::{SYNC_SECONDS, Stopwatch};

/// Knows up to which commit the log is on disk, and lets one thread at a time get it further.
pub(crate) struct GroupCommit {
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    durable: u64,
    syncing: bool,
    failed: Option<String>,
}

impl GroupCommit {
    /// All up to `durable` is on disk.
    pub(crate) fn new(durable: u64) -> Self {
        Self { state: Mutex::new(State { durable, syncing: false, failed: None }), changed: Condvar::new() }
    }

    /// Number up to which all is on disk.
    pub(crate) fn durable(&self) -> u64 {
        self.lock().durable
    }

    /// # Errors
    /// [`Error::ReadOnly`] once a sync has failed.
    pub(crate) fn check(&self) -> Result<()> {
        match &self.lock().failed {
            Some(reason) => Err(Error::ReadOnly { reason: reason.clone() }),
            None => Ok(()),
        }
    }

    /// Returns once commit `seq` is on disk. `sync` makes everything appended so far durable and
    /// returns up to which number that is; of all that wait, one calls it.
    ///
    /// # Errors
    /// The leader's own, for it; [`Error::ReadOnly`] for its followers and all after: what a
    /// failed sync left unwritten, a later one does not write either.
    pub(crate) fn wait(&self, seq: u64, sync: impl FnOnce() -> Result<u64>) -> Result<()> {
        let state = self.while_syncing(|state| state.durable < seq);
        if state.durable >= seq {
            return Ok(());
        }
        self.lead(state, || {
            let watch = Stopwatch::start();
            let synced = sync();
            watch.stop(SYNC_SECONDS, &[]);
            synced.map(|durable| (durable, ()))
        })
    }

    /// Calls `sync` while nobody else syncs: of two syncs at once, one may be told of a failure, and the other that all is on disk.
    ///
    /// # Errors
    /// As [`GroupCommit::wait`], of which `sync` does the same, and may return something besides.
    pub(crate) fn alone<T>(&self, sync: impl FnOnce() -> Result<(u64, T)>) -> Result<T> {
        self.lead(self.while_syncing(|_| true), sync)
    }

    /// Waits while another syncs, as long as that is of use.
    fn while_syncing(&self, of_use: impl Fn(&State) -> bool) -> MutexGuard<'_, State> {
        let mut state = self.lock();
        while of_use(&state) && state.failed.is_none() && state.syncing {
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        state
    }

    fn lead<T>(
        &self,
        mut state: MutexGuard<'_, State>,
        sync: impl FnOnce() -> Result<(u64, T)>,
    ) -> Result<T> {
        if let Some(reason) = &state.failed {
            return Err(Error::ReadOnly { reason: reason.clone() });
        }
        state.syncing = true;
        drop(state);
        let mut leader = Leader { group: self, end: None };
        let outcome = sync();
        leader.end = Some(outcome.as_ref().map(|(durable, _)| *durable).map_err(ToString::to_string));
        drop(leader);
        outcome.map(|(_, value)| value)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Who syncs, until it is dropped: then the others hear of it, also where it panicked.
struct Leader<'g> {
    group: &'g GroupCommit,
    /// Up to where all is on disk, or what went wrong; none yet while it syncs.
    end: Option<std::result::Result<u64, String>>,
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let mut state = self.group.lock();
        state.syncing = false;
        match self.end.take() {
            Some(Ok(durable)) => state.durable = state.durable.max(durable),
            Some(Err(reason)) => state.failed = Some(reason),
            None => state.failed = Some("a thread panicked while it synced the log".to_owned()),
        }
        self.group.changed.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn followers_are_served_by_one_leader() {
        let group = GroupCommit::new(0);
        let appended = AtomicU64::new(0);
        let syncs = AtomicU64::new(0);
        let all_appended = std::sync::Barrier::new(8);
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    let seq = appended.fetch_add(1, Ordering::SeqCst) + 1;
                    all_appended.wait();
                    let sync = || {
                        syncs.fetch_add(1, Ordering::SeqCst);
                        Ok(appended.load(Ordering::SeqCst))
                    };
                    group.wait(seq, sync).unwrap();
                    assert!(group.durable() >= seq);
                });
            }
        });
        assert_eq!(syncs.load(Ordering::SeqCst), 1);
    }

    #[test]
    fn nobody_waits_for_a_leader_that_panicked() {
        let group = GroupCommit::new(0);
        let led = std::sync::Barrier::new(2);
        std::thread::scope(|scope| {
            let leader = scope.spawn(|| {
                group.wait(1, || {
                    led.wait();
                    panic!("on purpose")
                })
            });
            led.wait();
            assert!(matches!(group.wait(1, || Ok(1)), Err(Error::ReadOnly { .. })));
            assert!(leader.join().is_err());
        });
        assert!(group.check().is_err());
    }

    #[test]
    fn after_a_failed_sync_nothing_more_becomes_durable() {
        let group = GroupCommit::new(3);
        let failed = group.wait(4, || Err(Error::Storage { action: "sync", reason: "full".into() }));
        assert!(matches!(failed, Err(Error::Storage { .. })));
        assert!(
            matches!(group.wait(4, || Ok(4)), Err(Error::ReadOnly { reason }) if reason.contains("full"))
        );
        group.wait(3, || panic!("it is durable already")).unwrap();
        let alone = group.alone(|| -> Result<(u64, ())> { panic!("it would say that all is on disk") });
        assert!(matches!(alone, Err(Error::ReadOnly { .. })));
        assert_eq!(group.durable(), 3);
    }

    #[test]
    fn who_syncs_alone_waits_for_who_syncs_already() {
        let (group, busy) = (GroupCommit::new(0), std::sync::atomic::AtomicBool::new(false));
        std::thread::scope(|scope| {
            let sync = |durable| {
                assert!(!busy.swap(true, Ordering::SeqCst), "two syncs at once");
                std::thread::yield_now();
                busy.store(false, Ordering::SeqCst);
                Ok(durable)
            };
            for seq in 1..=50 {
                let group = &group;
                scope.spawn(move || group.wait(seq, || sync(seq)).unwrap());
                scope.spawn(move || group.alone(|| Ok((sync(seq)?, ()))).unwrap());
            }
        });
        assert_eq!(group.durable(), 50);
    }
}
