//! Going on after a failure of the data's files, such as a full disk, without opening the store again: reading at once, from the
//! base and the log; writing once the data opens.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::backend::Backend;
use super::core::{Core, Head};
use super::database::Database;
use super::log::{self, Which};
use super::{meta, rebuild, recovery, replica};
use crate::error::{Error, Result};
use crate::telemetry::redacted;

/// The data's files have failed: from here on the base and the log are read, if they can be. sled refuses to read what it does not
/// hold in memory once a write of its own has failed.
pub(super) fn read_past<A>(core: &Core<A>) {
    let mut head = core.lock_head();
    // Somebody may have opened the files again by now.
    if core.health.check().is_err()
        && let Err(error) = stand_in(core, &mut head)
    {
        tracing::error!(error = %redacted(&error), "what the failed files do not answer cannot be read until writing goes on");
    }
}

/// Puts the base and the log in the place of the data's files, and lets go of these. Nobody writes meanwhile, so all that the log
/// holds is in the chain of generations.
fn stand_in<A>(core: &Core<A>, head: &mut Head<A>) -> Result<()> {
    if !head.stands_in {
        let contents = replica::over(core.base.store(), &**core.log.disk())?;
        core.backend.replace(contents.backend)?;
        head.stands_in = true;
    }
    Ok(())
}

impl<A: Send + Sync + 'static> Database<A> {
    /// Goes on where the data's files had failed, if they open now.
    pub(super) fn resume(&self) {
        let core = &self.core;
        if !core.health.may_resume(core.options.retry_after) {
            return;
        }
        let mut applier = self.applier();
        // Somebody else may have gone on: the applier that works again must not be waited for.
        if !core.health.may_pass() {
            return;
        }
        // Before the head is locked, which it may be waiting for.
        Self::join_applier(&mut applier);
        let mut head = core.lock_head();
        if let Err(error) = reopen(core, &mut head) {
            tracing::warn!(error = %redacted(&error), "the data's files cannot be opened again yet");
            return;
        }
        core.health.heal();
        match self.start_applier(&mut applier, head.seq) {
            Ok(()) => {
                self.lock.note_start();
                // There may be damage that could not be made good meanwhile.
                core.base.wake();
                tracing::info!("the data's files are open again: writing goes on");
            }
            Err(error) => core.health.fail_for_now(error.to_string()),
        }
    }
}

/// Opens the data's files again, and has them hold all that the log says.
fn reopen<A>(core: &Core<A>, head: &mut Head<A>) -> Result<()> {
    let (disk, folder) = (core.log.disk(), core.log.folder());
    core.log.check()?;
    core.log.make_durable(head.seq)?;
    stand_in(core, head)?;
    if core.doubtful.load(Ordering::Relaxed) {
        let anew = |backend: &dyn Backend| rebuild::rebuild(core.base.store(), &**disk, backend);
        drop(core.data.clone().replace(&anew, false)?);
        core.doubtful.store(false, Ordering::Relaxed);
        core.base.let_go();
        core.backend.mark().clear()?;
    }
    let backend = core.data.clone().open()?;
    let store_id = core.log.store_id();
    if meta::identity(&*backend)?.is_none_or(|found| found.store_id != store_id) {
        return Err(Error::damaged("the data folder", "it is not this store's any more"));
    }
    let replayed = log::replay(&**disk, folder, store_id, Which::Live, |_| Ok(()))?;
    let last = replayed.last_seq.unwrap_or(meta::applied(&*backend)?);
    if last != head.seq {
        let reason = format!("it ends with commit {last}, not {}", head.seq);
        return Err(Error::damaged(folder.display().to_string(), reason));
    }
    recovery::catch_up(&*backend, disk, folder, store_id, &replayed)?;
    // Files that the failure kept from it: the next checkpoint would find nothing new, and leave them.
    core.log.retire(last)?;
    core.backend.replace(Arc::clone(&backend))?;
    head.stands_in = false;
    core.publication.applied(head.seq);
    head.unapplied.clear();
    Ok(())
}
