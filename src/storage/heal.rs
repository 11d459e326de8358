//! Damaged values made anew from the base and the log, while the store is open.

use std::cell::RefCell;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use super::backend::Backend;
use super::core::{Core, Head};
use super::current;
use super::rebuild::Rebuild;
use crate::error::{Error, Result};
use crate::sync::MutexGuard;

/// Whether values are known to be damaged that can be made anew, as far as is known without reading what from.
pub(super) fn is_due<A>(core: &Core<A>) -> bool {
    core.backend.mark().is_set() && core.base.is_whole()
}

/// Makes damaged values anew where there are any.
///
/// # Errors
/// As for [`heal`].
pub(super) fn heal_if_due<A>(
    core: &Core<A>,
    checkpoint: &dyn Fn() -> Result<()>,
    cancel: &AtomicBool,
) -> Result<()> {
    // Whoever writes all anew holds the lock for long.
    if !is_due(core) {
        return Ok(());
    }
    let _one_at_a_time = core.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
    // It may have been done meanwhile.
    if is_due(core) { heal(core, checkpoint, cancel) } else { Ok(()) }
}

/// Makes the data anew from the base and the log, since values of it are damaged. Reads go on; writers wait while the log behind
/// the base is read. To be called by who holds [`Core::rewriting`]; `checkpoint` has the backend hold all commits.
///
/// # Errors
/// [`Error::Damaged`] where the base or the log is, [`Error::Storage`] where it was cancelled: all stays as it is.
pub(super) fn heal<A>(
    core: &Core<A>,
    checkpoint: &dyn Fn() -> Result<()>,
    cancel: &AtomicBool,
) -> Result<()> {
    let _base = core.base.hold();
    let writers = RefCell::new(None);
    let anew = |backend: &dyn Backend| {
        let begun = Rebuild::begin(core.base.store(), &**core.log.disk(), backend, &|| go_on(cancel))?;
        checkpoint()?;
        let head = stop_writers(core)?;
        let last = begun.finish()?;
        if last != head.seq {
            let place = core.log.folder().display().to_string();
            return Err(Error::damaged(place, format!("it ends with commit {last}, not {}", head.seq)));
        }
        writers.replace(Some(head));
        Ok(last)
    };
    core.data.replace(&anew, false).map_err(lacking)?;
    // From here on the next opening takes what was made.
    let exchanged = core.data.clone().open().and_then(|backend| core.backend.replace(backend));
    exchanged.inspect_err(|error| core.health.fail(error.to_string()))?;
    core.base.let_go();
    core.backend.mark().clear()?;
    current::remove_others(core.base.store())?;
    tracing::info!("damaged data was made anew");
    Ok(())
}

/// # Errors
/// Once it was cancelled.
fn go_on(cancel: &AtomicBool) -> Result<()> {
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::Storage { action: "make the data anew", reason: "it was cancelled".to_owned() });
    }
    Ok(())
}

/// Takes the writer lock, once the backend holds all commits.
fn stop_writers<A>(core: &Core<A>) -> Result<MutexGuard<'_, Head<A>>> {
    let head = core.lock_head();
    core.health.check()?;
    if core.publication.applied_seq() < head.seq && !core.queue.checkpoint() {
        return core.health.check().and(Err(Error::Bug("commits are not applied any more".to_owned())));
    }
    Ok(head)
}

/// What to do where neither the data nor what it could be made anew of is whole.
fn lacking(error: Error) -> Error {
    match error {
        Error::Damaged { place, reason } => {
            let remedy = "values of the data are damaged as well: restore a backup, or save what is left with `kindred repair`";
            Error::Damaged { place, reason: format!("{reason}; {remedy}") }
        }
        error => error,
    }
}
