//! The background thread that moves recent changes from the index's head into its graph, and these into files; when
//! writing pauses, into one.

use super::{Engine, Shared, lock};
use crate::error::{ErrorKind, Result};
use crate::index::{TaskKind, Wanted};
use crate::model::{OnProgress, Progress};
use crossbeam::channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// How long nobody writes before the index is settled, unless said.
const SETTLE_AFTER: Duration = Duration::from_secs(1);

/// The upkeep thread; dropping it stops the work at hand and waits for the thread.
pub(super) struct Upkeep {
    wake: Option<Sender<()>>,
    cancel: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Upkeep {
    /// The index is settled once nobody has written for `settle_after`.
    pub(super) fn start(shared: &Arc<Shared>, settle_after: Option<Duration>) -> Result<Self> {
        let (wake, woken) = bounded(1);
        let cancel = Arc::new(AtomicBool::new(false));
        let (shared, stop) = (Arc::clone(shared), Arc::clone(&cancel));
        let pause = settle_after.unwrap_or(SETTLE_AFTER);
        let thread = std::thread::Builder::new()
            .name("kindred-upkeep".into())
            .spawn(move || shared.keep_up(&woken, pause, &stop))
            .map_err(|e| crate::Error::io("start a thread of", "kindred-upkeep", e))?;
        Ok(Self { wake: Some(wake), cancel, thread: Some(thread) })
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

impl Engine {
    /// Does what is wanted of the index now; false where it was cancelled.
    pub(crate) fn arrange_index(
        &self,
        wanted: Wanted,
        progress: OnProgress<'_>,
        cancel: &AtomicBool,
    ) -> Result<bool> {
        self.shared.run_tasks(wanted, cancel, progress)
    }
}

impl Shared {
    /// Does what is due each time it is woken, and settles the index when no wake comes for a while.
    fn keep_up(&self, woken: &Receiver<()>, pause: Duration, stop: &AtomicBool) {
        // Nothing has to be settled before the first wake.
        let (mut wait, mut settling) = (Duration::MAX, Duration::ZERO);
        loop {
            let wanted = match woken.recv_timeout(wait) {
                Ok(()) => Wanted::Due,
                Err(RecvTimeoutError::Timeout) => Wanted::Settled,
                Err(RecvTimeoutError::Disconnected) => return,
            };
            if stop.load(Ordering::Relaxed) {
                return;
            }
            let started = Instant::now();
            if let Err(error) = self.run_tasks(wanted, stop, &|_| {}) {
                tracing::error!(%error, "the index could not be brought up to date; searches scan its head");
                // It would be the same the next time, until the store is opened again.
                if error.kind() == ErrorKind::Damage {
                    return woken.iter().for_each(drop);
                }
            }
            // At most half of the time goes into settling, however often writing pauses.
            if wanted == Wanted::Settled {
                (wait, settling) = (Duration::MAX, started.elapsed());
            } else {
                wait = pause.max(settling);
            }
        }
    }

    /// Runs what the index plans until it plans nothing more; what is wanted beyond what is due, once.
    fn run_tasks(&self, mut wanted: Wanted, cancel: &AtomicBool, progress: OnProgress<'_>) -> Result<bool> {
        let _one_at_a_time = lock(&self.task)?;
        loop {
            let Some(mut task) = self.core()?.index.plan(wanted) else { return Ok(true) };
            let told = |done, total| progress(Progress::of("building the index", done, total));
            match task.run(&told, cancel) {
                Ok(true) => {}
                Ok(false) => return Ok(false),
                Err(error) => {
                    if error.kind() == ErrorKind::Damage {
                        self.distrust_files()?;
                    }
                    return Err(error);
                }
            }
            let sealed = task.kind() == TaskKind::Seal;
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
            // Once is enough: forced again and again it would run after those who write meanwhile.
            wanted = Wanted::Due;
        }
    }
}
