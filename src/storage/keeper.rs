//! The thread that renews the base and makes damaged values anew of it, behind the backs of all who read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::core::Core;
use super::view::View;
use super::{base, heal};
use crate::error::{Error, ErrorKind, Result};
use crate::sync::thread::{self, JoinHandle};
use crate::telemetry::{self, redacted};

/// Values that are damaged again and again have a cause that this does not mend.
const MOST_HEALS: u32 = 8;
const LONGEST_PAUSE: u32 = 64;

/// The thread; dropping it gives up the work at hand and waits for its end.
pub(crate) struct Keeper {
    cancel: Arc<AtomicBool>,
    wake: Box<dyn Fn() + Send + Sync>,
    thread: Option<JoinHandle<()>>,
}

impl Keeper {
    /// Renews the base now, if it is due, and whenever it becomes so.
    pub(crate) fn start<A: Send + Sync + 'static>(core: &Arc<Core<A>>) -> Result<Self> {
        let cancel = Arc::new(AtomicBool::new(false));
        let (stop, own) = (Arc::clone(&cancel), Arc::clone(core));
        // Before anybody reads.
        let healer = Healer::new(core);
        let thread = thread::Builder::new()
            .name("kindred-base".to_owned())
            .spawn(move || run(&own, healer, &stop))
            .map_err(|e| Error::Storage { action: "start a thread", reason: e.to_string() })?;
        let core = Arc::clone(core);
        Ok(Self { cancel, wake: Box::new(move || core.base.wake()), thread: Some(thread) })
    }
}

fn run<A: Send + Sync + 'static>(core: &Core<A>, mut healer: Healer, cancel: &AtomicBool) {
    let mut failed = false;
    while !cancel.load(Ordering::Relaxed) {
        healer.heal(core, cancel);
        match renew(core, cancel) {
            Ok(()) => failed = false,
            // Once is enough to be told: it is tried again at each checkpoint.
            Err(_) if failed => {}
            Err(error) => {
                failed = true;
                telemetry::failed("base", &error);
                tracing::error!(error = %redacted(&error), "the base could not be renewed, and the log is kept");
            }
        }
        // That may have found damage.
        let goes_on = healer.is_ready() && heal::is_due(core);
        if !goes_on && core.base.woken.recv().is_err() {
            return;
        }
    }
}

/// Makes damaged values anew, in bounds: each time all is read and written.
#[derive(Default)]
struct Healer {
    /// How often it may still be done.
    left: u32,
    /// Wakes to be let pass after a failure, twice as many each time.
    pause: u32,
    wakes_left: u32,
}

impl Healer {
    fn new<A>(core: &Core<A>) -> Self {
        // What opening could not make good, the engine has gone without: it takes another opening for it.
        let may_heal = core.options.heal && !core.backend.mark().is_set();
        Self { left: if may_heal { MOST_HEALS } else { 0 }, ..Self::default() }
    }

    /// Whether it does something at the next call, if that is due.
    fn is_ready(&self) -> bool {
        self.left > 0 && self.wakes_left == 0
    }

    fn rest(&mut self) {
        self.pause = (2 * self.pause).clamp(1, LONGEST_PAUSE);
        self.wakes_left = self.pause;
    }

    fn heal<A>(&mut self, core: &Core<A>, cancel: &AtomicBool) {
        if !self.is_ready() {
            self.wakes_left = self.wakes_left.saturating_sub(1);
            return;
        }
        match heal::heal_if_due(core, &|| core.queue.checkpoint(), cancel) {
            // Where it is still due, the mark could not be taken away, or there is damage once more.
            Ok(true) if heal::is_due(core) => {
                self.left -= 1;
                self.rest();
            }
            Ok(healed) => {
                self.pause = 0;
                self.left -= u32::from(healed);
            }
            Err(error) => {
                if error.kind() == ErrorKind::Damage {
                    self.left = 0;
                }
                self.rest();
                telemetry::failed("heal", &error);
                tracing::error!(error = %redacted(&error), "damaged values could not be made anew");
            }
        }
    }
}

fn renew<A: Send + Sync + 'static>(core: &Core<A>, cancel: &AtomicBool) -> Result<()> {
    // The database waits for this thread before it lets go of the lock.
    let view = || View::new(Arc::clone(&core.backend) as _, &core.publication.newest(), Arc::new(()));
    base::renew_if_due(core, view, cancel).map(drop)
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.cancel.store(true, Ordering::Relaxed);
        (self.wake)();
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that renews the base panicked");
        }
    }
}
