//! The thread that renews the base and makes damaged values anew of it, behind the backs of all who read and write.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::core::Core;
use super::view::View;
use super::{base, heal};
use crate::error::{Error, Result};
use crate::sync::thread::{self, JoinHandle};
use crate::telemetry::redacted;

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
        let thread = thread::Builder::new()
            .name("kindred-base".to_owned())
            .spawn(move || run(&own, &stop))
            .map_err(|e| Error::Storage { action: "start a thread", reason: e.to_string() })?;
        let core = Arc::clone(core);
        Ok(Self { cancel, wake: Box::new(move || core.base.wake()), thread: Some(thread) })
    }
}

fn run<A: Send + Sync + 'static>(core: &Core<A>, cancel: &AtomicBool) {
    let (mut failed, mut may_heal) = (false, core.options.heal);
    while !cancel.load(Ordering::Relaxed) {
        if may_heal {
            may_heal = heal(core, cancel);
        }
        match renew(core, cancel) {
            Ok(()) => failed = false,
            // Once is enough to be told: it is tried again at each checkpoint.
            Err(_) if failed => {}
            Err(error) => {
                failed = true;
                tracing::error!(error = %redacted(&error), "the base could not be renewed, and the log is kept");
            }
        }
        // That may have found damage.
        let is_due = may_heal && heal::is_due(core);
        if !is_due && core.base.woken.recv().is_err() {
            return;
        }
    }
}

/// Makes damaged values anew; whether that may be tried again. A failed try may have read all and written as much, and had writers
/// wait: the next one is for who compacts the store or opens it again.
fn heal<A>(core: &Core<A>, cancel: &AtomicBool) -> bool {
    let healed = heal::heal_if_due(core, &|| core.checkpoint(), cancel);
    if let Err(error) = &healed
        && !cancel.load(Ordering::Relaxed)
    {
        tracing::error!(error = %redacted(error), "damaged values could not be made anew");
    }
    healed.is_ok()
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
