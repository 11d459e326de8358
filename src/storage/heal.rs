//! Damaged values made anew from the base and the log, while the store is open.

use std::cell::RefCell;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicBool, Ordering};

use super::backend::Backend;
use super::core::{Core, Head};
use super::rebuild::Rebuild;
use super::recent::Recent;
use super::{base, current};
use crate::error::{Error, Result};
use crate::sync::MutexGuard;
use crate::telemetry::redacted;

/// Most times that the log is read while it grows.
const MOST_PASSES: usize = 8;
/// Bytes of log that are read in no time.
const LITTLE: usize = 2 << 20;

/// Whether values are known to be damaged that can be made anew, as far as is known without reading what from.
pub(super) fn is_due<A>(core: &Core<A>) -> bool {
    core.backend.mark().is_set() && core.base.is_whole()
}

/// Makes damaged values anew where there are any; false where there are none, or it was cancelled.
///
/// # Errors
/// As for [`heal`].
pub(super) fn heal_if_due<A>(
    core: &Core<A>,
    checkpoint: &dyn Fn() -> bool,
    cancel: &AtomicBool,
) -> Result<bool> {
    // Whoever writes all anew holds the lock for long.
    if !is_due(core) {
        return Ok(false);
    }
    let _one_at_a_time = core.rewriting.lock().unwrap_or_else(PoisonError::into_inner);
    // It may have been done meanwhile.
    if is_due(core) { heal(core, checkpoint, cancel) } else { Ok(false) }
}

/// Makes the data anew from the base and the log, since values of it are damaged; false where it was cancelled. Reads go on, and so
/// do writers but for its end. To be called by who holds [`Core::rewriting`]; `checkpoint` sets the log aside, which may fail for good.
///
/// # Errors
/// [`Error::Damaged`] where the base or the log is: all stays as it is.
pub(super) fn heal<A>(core: &Core<A>, checkpoint: &dyn Fn() -> bool, cancel: &AtomicBool) -> Result<bool> {
    core.health.check()?;
    let _base = core.base.hold();
    let writers = RefCell::new(None);
    let anew = |backend: &dyn Backend| {
        let head = fill(core, backend, checkpoint, cancel)?;
        let seq = head.seq;
        writers.replace(Some(head));
        Ok(seq)
    };
    let made = match core.data.clone().replace(&anew, false) {
        Ok(made) => made,
        Err(_) if cancel.load(Ordering::Relaxed) && writers.borrow().is_none() => return Ok(false),
        Err(error) => {
            if writers.borrow().is_some() && matches!(error, Error::ReadOnly { .. }) {
                core.health.fail(error.to_string());
            }
            return Err(lacking(error));
        }
    };
    // From here on the next opening takes what was made.
    let before = core.backend.exchange(made).inspect_err(|error| core.health.fail(error.to_string()))?;
    core.heals.fetch_add(1, Ordering::Relaxed);
    drop(writers);
    before.let_go();
    tracing::info!("damaged data was made anew");
    if let Err(error) = put_away(core) {
        tracing::error!(error = %redacted(&error), "the data that was damaged cannot be put away: the next opening does that");
    }
    Ok(true)
}

/// Fills an empty backend with all that the store holds; returns the writer lock, so that nothing more comes.
fn fill<'a, A>(
    core: &'a Core<A>,
    backend: &dyn Backend,
    checkpoint: &dyn Fn() -> bool,
    cancel: &AtomicBool,
) -> Result<MutexGuard<'a, Head<A>>> {
    let failed = |reason: &str| Error::Storage { action: "make the data anew", reason: reason.to_owned() };
    let go_on = || if cancel.load(Ordering::Relaxed) { Err(failed("it was cancelled")) } else { Ok(()) };
    let set_aside = || {
        if checkpoint() { Ok(()) } else { core.health.check().and(Err(failed("its files failed meanwhile"))) }
    };
    let (store, disk) = (core.base.store(), &**core.log.disk());
    let mut begun = Rebuild::begin(store, disk, backend, core.log.store_id(), base::read(store)?, &go_on)?;
    // The log may be long. What comes while it is read is read as well, until it is so little that writers can wait for it, or does
    // not become less.
    let mut before = usize::MAX;
    for _ in 0..MOST_PASSES {
        set_aside()?;
        let read = begun.catch_up(&go_on)?;
        if read < LITTLE || read >= before {
            break;
        }
        before = read;
    }
    let mut head = core.lock_head();
    // Whoever applies commits is at rest then: no file of the log changes its name while it is read.
    core.health.check().and_then(|()| set_aside())?;
    let last = begun.finish()?;
    if last != head.seq {
        let place = core.log.folder().display().to_string();
        return Err(Error::damaged(place, format!("it ends with commit {last}, not {}", head.seq)));
    }
    // What was missing may be there now.
    head.recent = RefCell::new(Recent::new(core.options.cache_bytes));
    Ok(head)
}

/// Takes the mark away, and sets the data that was damaged aside, as opening does: what comes after it may be in the making.
fn put_away<A>(core: &Core<A>) -> Result<()> {
    let store = core.base.store();
    let cleared = core.backend.mark().clear();
    // After that: whoever noted damage just before held it back.
    core.base.let_go();
    let current = current::read(store)?;
    let aside = current::set_aside(store, |number| number < current);
    cleared.and(aside)
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
