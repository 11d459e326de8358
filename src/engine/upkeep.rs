//! The background thread that moves recent changes from the index's head into its graph, and these into files; when
//! writing pauses, into one.

use super::scrub::{Scrubbing, found_damaged};
use super::settings::Request;
use super::{Engine, Shared, lock};
use crate::error::{ErrorKind, Result};
use crate::index::{Problem, Scrub, TaskKind, Wanted};
use crate::model::{OnProgress, Progress};
use crate::telemetry::{INDEX_TASK_SECONDS, Stopwatch, failed, redacted};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, TryLockError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long nobody writes before the index is settled, unless said.
const SETTLE_AFTER: Duration = Duration::from_secs(1);

/// Memory of the index's rows that wait to be sealed, beyond which those who write wait as well.
const MOST_WAITING: usize = 256 << 20;
/// How long one write waits at most: what is under way may take minutes. A stream of records waits for that too.
pub(super) const PATIENCE: Duration = Duration::from_secs(1);
/// The time between two looks.
const LOOK: Duration = Duration::from_millis(5);

/// Most wakes between two tries.
const LONGEST_PAUSE: u32 = 1024;

/// How long upkeep waits after a failure, twice as long each time, so that a full disk does not have a whole file made for
/// nothing with every write. It is counted in wakes, which writes give: without them nothing more becomes due (but what a
/// failed mend has left, which waits, too), and no clock is needed. Rows would be no measure: their number need not grow where
/// users only change.
#[derive(Debug, Default)]
pub(super) struct Pause {
    length: u32,
    left: u32,
}

impl Pause {
    /// Counts a wake down; whether it is time to try.
    fn is_over(&mut self) -> bool {
        let over = self.left == 0;
        self.left = self.left.saturating_sub(1);
        over
    }

    fn after(&mut self, failed: bool) {
        self.length = if failed { (2 * self.length).clamp(1, LONGEST_PAUSE) } else { 0 };
        self.left = self.length;
    }

    fn is_none(&self) -> bool {
        self.length == 0
    }
}

/// Whose turn it is at the tasks of the index: upkeep may have work without end, and gives way to who asks for a task.
#[derive(Debug, Default)]
pub(super) struct Turns {
    asking: AtomicUsize,
    gave_way: AtomicBool,
}

impl Turns {
    pub(super) fn ask(&self) {
        self.asking.fetch_add(1, Ordering::SeqCst);
    }

    /// Ends what [`Turns::ask`] began; whether upkeep is to be woken, since it has given way.
    pub(super) fn end(&self) -> bool {
        self.asking.fetch_sub(1, Ordering::SeqCst);
        self.gave_way.swap(false, Ordering::SeqCst)
    }

    /// Whether somebody asks. That upkeep gives way is noted before it looks, so that who ends right then wakes it.
    fn gives_way(&self) -> bool {
        self.gave_way.store(true, Ordering::SeqCst);
        let asked = self.asking.load(Ordering::SeqCst) > 0;
        if !asked {
            self.gave_way.store(false, Ordering::SeqCst);
        }
        asked
    }
}

/// The upkeep thread; dropping it stops the work at hand and waits for the thread.
pub(super) struct Upkeep {
    wake: Option<Sender<()>>,
    cancel: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    /// The index is settled once nobody has written for as long as is asked for.
    pub(super) fn start(shared: &Arc<Shared>, request: &Request) -> Result<Self> {
        let (wake, woken) = bounded(1);
        let cancel = Arc::new(AtomicBool::new(false));
        let (shared, stop) = (Arc::clone(shared), Arc::clone(&cancel));
        let settle_after = request.settle_after.unwrap_or(SETTLE_AFTER);
        let scrub =
            if request.scrubs() { shared.db.view().attachment().index.scrub() } else { Scrub::default() };
        let thread = std::thread::Builder::new()
            .name("kindred-upkeep".into())
            .spawn(move || shared.keep_up(&woken, settle_after, scrub, &stop))
            .map_err(|e| crate::Error::io("start a thread of", "kindred-upkeep", e))?;
        Ok(Self { wake: Some(wake), cancel, thread: Some(thread) })
    }

    /// No thread: nothing is done but what is called for.
    #[cfg(test)]
    pub(super) fn none() -> Self {
        Self { wake: None, cancel: Arc::default(), thread: None }
    }

    /// Has the thread look whether there is work; a wake that is still waiting is enough.
    pub(super) fn wake(&self) {
        if let Some(wake) = &self.wake
            && let Err(TrySendError::Disconnected(())) = wake.try_send(())
        {
            tracing::error!("the upkeep thread has ended; searches scan the index's head");
        }
    }
}

impl Drop for Upkeep {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Upkeep {
    /// Gives up the work at hand and waits for the thread to end.
    pub(super) fn stop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
        self.wake = None;
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the upkeep thread ended in a panic");
        }
    }
}

fn is_past(at: Option<Instant>) -> bool {
    at.is_some_and(|at| at <= Instant::now())
}

impl Engine {
    /// Does what is wanted of the index now; false where it was cancelled.
    pub(crate) fn arrange_index(
        &self,
        wanted: Wanted,
        progress: OnProgress<'_>,
        cancel: &AtomicBool,
    ) -> Result<bool> {
        self.shared.turns.ask();
        let done = self.shared.arrange_index(wanted, progress, cancel);
        if self.shared.turns.end() {
            self.upkeep.wake();
        }
        done
    }
}

impl Engine {
    /// Makes one file of the index, and writes the data anew: nothing that was removed or replaced is in any file then. Waits for a fit
    /// that is under way.
    pub(crate) fn compact(&self, progress: OnProgress<'_>, cancel: &AtomicBool) -> Result<bool> {
        if !self.sweep_after_fits(cancel)? {
            return Ok(false);
        }
        let told = |done| progress(Progress { stage: "rewriting the data", done, total: None });
        Ok(self.arrange_index(Wanted::Compact, progress, cancel)? && self.shared.db.rewrite(&told, cancel)?)
    }

    /// Removes what a fit left that did not get to its end: it may be of somebody who was erased since. False where it was cancelled.
    fn sweep_after_fits(&self, cancel: &AtomicBool) -> Result<bool> {
        let _one_at_a_time = loop {
            match self.shared.fitting.try_lock() {
                Ok(guard) => break guard,
                // A fit that ended in a panic has left something, too.
                Err(TryLockError::Poisoned(poisoned)) => break poisoned.into_inner(),
                Err(TryLockError::WouldBlock) if cancel.load(Ordering::Relaxed) => return Ok(false),
                Err(TryLockError::WouldBlock) => std::thread::sleep(LOOK),
            }
        };
        self.shared.sweep(&self.view().attachment().space)?;
        Ok(true)
    }

    /// Wakes upkeep after a write, and lets it catch up where it is far behind.
    pub(super) fn keep_pace(&self, patience: Duration) {
        self.upkeep.wake();
        self.wait_while_behind(MOST_WAITING, patience);
    }

    /// Waits while rows take more than `most` bytes of memory and a task works on that, or until patience is at an end: so rows
    /// that come faster than they can be sealed take memory no faster than a write's worth in that time. Returns whether
    /// it need not have waited longer.
    pub(super) fn wait_while_behind(&self, most: usize, patience: Duration) -> bool {
        let started = Instant::now();
        let behind = || {
            self.view().attachment().index.unsealed_bytes() > most
                && matches!(self.shared.task.try_lock(), Err(TryLockError::WouldBlock))
        };
        while behind() {
            if started.elapsed() >= patience {
                return false;
            }
            std::thread::sleep(LOOK);
        }
        true
    }
}

impl Shared {
    fn arrange_index(&self, wanted: Wanted, progress: OnProgress<'_>, cancel: &AtomicBool) -> Result<bool> {
        // Found the last time, when it was told; now it is made good.
        if self.core()?.index.is_distrusted() && !self.mend_index(cancel)? {
            return Ok(false);
        }
        let done = self.run_tasks(wanted, cancel, progress)?;
        self.write_manifest()?;
        Ok(done)
    }

    /// Does what is due at first and each time it is woken, settles the index when no wake comes for a while, and reads the
    /// files that it was opened with.
    fn keep_up(&self, woken: &Receiver<()>, settle_after: Duration, scrub: Scrub, stop: &AtomicBool) {
        let (mut scrubbing, mut pause) = (Scrubbing::of(scrub), Pause::default());
        // What opening left to do. Settling is for those who write: a store that is opened to be read is left alone.
        self.look_after(&mut pause, stop);
        let (mut settle_at, mut settling) = (None, Duration::ZERO);
        loop {
            let scrub_at = scrubbing.next();
            // Also beside writers who wake it without end.
            if is_past(scrub_at) {
                self.look_through(&mut scrubbing, &mut pause, stop);
                continue;
            }
            let woken = match [settle_at, scrub_at].into_iter().flatten().min() {
                Some(at) => woken.recv_deadline(at),
                None => woken.recv().map_err(|_| RecvTimeoutError::Disconnected),
            };
            if stop.load(Ordering::Relaxed) {
                return;
            }
            match woken {
                Ok(()) => {
                    self.look_after(&mut pause, stop);
                    settle_at = Instant::now().checked_add(settle_after.max(settling));
                }
                Err(RecvTimeoutError::Timeout) if is_past(settle_at) => {
                    let started = Instant::now();
                    self.settle(&mut pause, stop);
                    // At most half of the time goes into settling, however often writing pauses.
                    (settle_at, settling) = (None, started.elapsed());
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    /// Settles the index, but not after a failure that is still to be got over.
    fn settle(&self, pause: &mut Pause, stop: &AtomicBool) {
        if pause.is_none()
            && let Err(error) = self.bring_up_to_date(Wanted::Settled, stop)
        {
            pause.after(true);
            failed("upkeep", &error);
            tracing::error!(error = %redacted(&error), "the index could not be settled; it is tried again after some writes");
        }
    }

    /// Does what is due at a wake. After a failure the head still goes into the graph, so that searches stay quick.
    pub(super) fn look_after(&self, pause: &mut Pause, stop: &AtomicBool) {
        let done = if pause.is_over() {
            let mut done = self.bring_up_to_date(Wanted::Due, stop);
            if !pause.is_none() {
                // It may have been all that failed.
                done = done.and_then(|()| self.write_manifest());
            }
            pause.after(done.is_err());
            done
        } else {
            self.run_tasks(Wanted::DueInMemory, stop, &|_| {}).map(drop)
        };
        if let Err(error) = done {
            let writes = pause.left;
            failed("upkeep", &error);
            tracing::error!(error = %redacted(&error), writes, "the index could not be brought up to date; it is tried again after some writes");
        }
    }

    /// All that is wanted; or, where something is damaged or turns out to be, that is made anew, and what is due after it.
    fn bring_up_to_date(&self, wanted: Wanted, stop: &AtomicBool) -> Result<()> {
        if self.core()?.index.is_distrusted() {
            return self.make_good(stop);
        }
        match self.run_tasks(wanted, stop, &|_| {}) {
            // A damaged key is told in the same words.
            Err(error) if error.kind() == ErrorKind::Damage && self.core()?.index.is_distrusted() => {
                found_damaged(&error);
                self.make_good(stop)
            }
            done => done.map(drop),
        }
    }

    /// Makes anew what damaged files held.
    fn make_good(&self, stop: &AtomicBool) -> Result<()> {
        if self.mend_index(stop)? {
            // Sealed, so that there is a manifest again, which keeps the other files for the next open.
            self.run_tasks(Wanted::Sealed, stop, &|_| {})?;
            // There may have been nothing to seal.
            self.write_manifest()?;
            self.run_tasks(Wanted::Due, stop, &|_| {})?;
        }
        Ok(())
    }

    /// Runs what the index plans: of what is due, until it plans nothing more or somebody asks for a task; what else is wanted is
    /// one task. Whoever wants it would never be done beside those who write, had they to do what becomes due meanwhile.
    fn run_tasks(&self, wanted: Wanted, cancel: &AtomicBool, progress: OnProgress<'_>) -> Result<bool> {
        let of_upkeep = matches!(wanted, Wanted::Due | Wanted::DueInMemory);
        // Not only after a task: the lock goes to whoever comes first, which upkeep may be again and again.
        if of_upkeep && self.turns.gives_way() {
            return Ok(true);
        }
        let _one_at_a_time = lock(&self.task)?;
        loop {
            let Some(mut task) = self.core()?.index.plan(wanted) else { return Ok(true) };
            let told = |done, total| progress(Progress::of("building the index", done, total));
            let (kind, watch) = (task.kind(), Stopwatch::start());
            let ran = tracing::debug_span!("index", task = kind.name()).in_scope(|| task.run(&told, cancel));
            watch.stop(INDEX_TASK_SECONDS, &[("task", kind.name())]);
            match ran {
                Ok(true) => {}
                Ok(false) => {
                    // It has the graph, which stays of use.
                    self.core()?.index.complete(task)?;
                    return Ok(false);
                }
                Err(error) => {
                    if let Some(problem) = Problem::told_by(&error) {
                        self.distrust(&[problem])?;
                    }
                    return Err(error);
                }
            }
            let sealed = kind == TaskKind::Seal;
            let mut core = self.core()?;
            let tx = self.db.begin()?;
            let mut published = super::Published::clone(tx.attachment());
            published.index = core.index.complete(task)?;
            let pending = tx.commit()?;
            drop(core);
            pending.publish(published)?;
            if sealed {
                self.write_manifest()?;
            }
            if !of_upkeep || self.turns.gives_way() {
                return Ok(true);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_to_a_bound_and_end_with_the_cause() {
        let mut pause = Pause::default();
        let tries: Vec<u32> = (0..5000)
            .filter(|_| {
                let over = pause.is_over();
                if over {
                    pause.after(true);
                }
                over
            })
            .collect();
        assert_eq!(tries[..6], [0, 2, 5, 10, 19, 36]);
        assert!(tries.windows(2).all(|pair| pair[1] - pair[0] <= LONGEST_PAUSE + 1), "{tries:?}");
        pause.after(false);
        assert!(pause.is_over() && pause.is_over() && pause.is_none());
    }
}
