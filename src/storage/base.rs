//! The base: the data in the files of a backup, each entry as of some commit behind the one that the base is named by. With the
//! records of the log behind that commit the data can be made anew, whatever becomes of sled's files.
//!
//! A new store needs none as long as its log is whole from the first commit on.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};

use super::backup::{self, Backup, BackupReport, Source, Visit};
use super::core::Core;
use super::disk::Disk;
use super::folder::BASE_FOLDER;
use super::log::{self, Log, Which, file};
use super::merge;
use super::view::View;
use crate::error::{Error, ErrorKind, Result};
use crate::model::{OnProgress, Progress};
use crate::sync::channel::{Receiver, Sender, TrySendError, bounded};
use crate::sync::{Mutex, MutexGuard};
use crate::telemetry::redacted;

/// So many times as much log as makes the base due at the least is kept at most.
const MOST_KEPT: u64 = 8;
/// Entries that are read as of one view.
const STRETCH: usize = 4096;

/// The base of an open store, and what is known of it.
pub(crate) struct Base {
    store: PathBuf,
    /// Whether it and the kept log make up everything.
    complete: AtomicBool,
    /// Whether it lacks values that were damaged when it was made.
    lacks: AtomicBool,
    /// Whether a value was found damaged: the base before may have it whole, so it stays until the data is made anew of it.
    held_back: AtomicBool,
    bytes: AtomicU64,
    waker: Waker,
    /// Woken when the base may be due.
    pub(crate) woken: Receiver<()>,
    /// Held by who renews it.
    renewing: Mutex<()>,
}

/// Wakes the thread that looks after the base.
#[derive(Clone)]
pub(crate) struct Waker(Arc<Sender<()>>);

impl Waker {
    /// Has the thread look whether there is something to do.
    pub(crate) fn wake(&self) {
        match self.0.try_send(()) {
            // One that is still waiting is enough.
            Ok(()) | Err(TrySendError::Full(()) | TrySendError::Disconnected(())) => {}
        }
    }
}

/// What opening finds of the base.
pub(crate) struct Found {
    /// Records behind this commit are to be kept; `None` where the base and the log do not make up everything.
    pub(crate) commit: Option<u64>,
    /// The log has to go on up to this commit at least.
    pub(crate) until: u64,
    /// Bytes of the base's entries.
    pub(crate) bytes: u64,
    /// Whether the base lacks values that were damaged when it was made.
    pub(crate) lacks: bool,
}

impl Found {
    fn of(base: &Backup) -> Self {
        let (commit, until, bytes) = (Some(base.commit()), base.until(), base.bytes());
        Self { commit, until, bytes, lacks: base.damaged() > 0 }
    }

    /// A base that is of no use, or that there is none of yet.
    fn none(commit: Option<u64>) -> Self {
        Self { commit, until: 0, bytes: 0, lacks: false }
    }

    /// Whether damaged values can be made anew.
    pub(crate) fn is_whole(&self) -> bool {
        self.commit.is_some() && !self.lacks
    }
}

/// The base in a store's folder, if there is one.
///
/// # Errors
/// [`Error::Damaged`], [`Error::Format`], [`Error::Io`].
pub(crate) fn read(store: &Path) -> Result<Option<Backup>> {
    match Backup::open(&store.join(BASE_FOLDER)) {
        Err(Error::NotABackup { .. }) => Ok(None),
        base => base.map(Some),
    }
}

/// Looks whether the base of a store goes together with what is kept of its log. A base that is damaged is as good as none.
pub(crate) fn find(store: &Path, disk: &dyn Disk, log_folder: &Path, store_id: u128) -> Result<Found> {
    let found = match read(store) {
        Ok(None) => Found::none(Some(0)),
        Ok(Some(base)) if base.store_id() == store_id => Found::of(&base),
        Ok(Some(_)) => return Ok(Found::none(None)),
        Err(error @ Error::Format { .. }) => return Err(error),
        Err(error) => {
            tracing::warn!(error = %redacted(&error), "the base cannot be read: it is made anew");
            return Ok(Found::none(None));
        }
    };
    let commit = found.commit.unwrap_or_default();
    let follows = follows(&log::files(disk, log_folder, Which::After(commit))?, commit);
    Ok(Found { commit: found.commit.filter(|_| follows), ..found })
}

/// Whether the files begin at or before the commit behind `commit`, and none is missing between kept ones.
fn follows(files: &[PathBuf], commit: u64) -> bool {
    let first = files.first().and_then(|path| file::first_seq(path));
    let joined = files.windows(2).all(|pair| match (file::kept_until(&pair[0]), file::first_seq(&pair[1])) {
        (Some(last), Some(next)) => last + 1 == next,
        _ => true,
    });
    joined && first.is_some_and(|first| first <= commit + 1)
}

impl Base {
    /// The base in a store's folder as it was found.
    pub(crate) fn new(store: &Path, found: &Found) -> Self {
        let (wake, woken) = bounded(1);
        Self {
            store: store.to_owned(),
            complete: AtomicBool::new(found.commit.is_some()),
            lacks: AtomicBool::new(found.lacks),
            held_back: AtomicBool::new(false),
            bytes: AtomicU64::new(found.bytes),
            waker: Waker(Arc::new(wake)),
            woken,
            renewing: Mutex::default(),
        }
    }

    /// The store's folder.
    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    fn folder(&self) -> PathBuf {
        self.store.join(BASE_FOLDER)
    }

    /// Whether it and the kept log make up everything.
    pub(crate) fn is_complete(&self) -> bool {
        self.complete.load(Ordering::Relaxed)
    }

    /// Whether damaged values can be made anew from it and the kept log, as far as is known without reading them.
    pub(crate) fn is_whole(&self) -> bool {
        self.is_complete() && !self.lacks.load(Ordering::Relaxed)
    }

    /// Keeps it as it is: of what is damaged in the data it may be all there is.
    pub(crate) fn hold_back(&self) {
        self.held_back.store(true, Ordering::Relaxed);
    }

    /// Whether something in the data was found damaged.
    pub(crate) fn is_held_back(&self) -> bool {
        self.held_back.load(Ordering::Relaxed)
    }

    /// The data was made anew.
    pub(crate) fn let_go(&self) {
        self.held_back.store(false, Ordering::Relaxed);
    }

    /// Keeps it, and the log behind it, from being renewed.
    pub(crate) fn hold(&self) -> MutexGuard<'_, ()> {
        self.renewing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Has the thread that renews it look whether that is due.
    pub(crate) fn wake(&self) {
        self.waker.wake();
    }

    /// Wakes that thread later.
    pub(crate) fn waker(&self) -> Waker {
        self.waker.clone()
    }

    /// Whether it is to be renewed: where more log is kept than it is long, and than `least` bytes, so that all that is ever
    /// written to it is no more than a few times what the log was.
    fn is_due(&self, log: &Log, least: u64) -> Result<bool> {
        if self.is_held_back() {
            return Ok(false);
        }
        // Who reads the log beside the base has it in memory.
        let most = self.bytes.load(Ordering::Relaxed).clamp(least, MOST_KEPT * least);
        Ok(!self.is_complete() || log.kept_bytes()? > most)
    }
}

/// Renews the base if that is due; false where it was cancelled.
pub(crate) fn renew_if_due<A>(
    core: &Core<A>,
    view: impl Fn() -> View<A>,
    cancel: &AtomicBool,
) -> Result<bool> {
    if !core.base.is_due(&core.log, core.options.log_bytes)? {
        return Ok(true);
    }
    let renewed = renew(core, view, Damaged::Refused, &|_| {}, cancel);
    // Else it was in what had just been written.
    let is_of_data = core.backend.mark().is_set();
    if is_of_data && renewed.as_ref().is_err_and(|error| error.kind() == ErrorKind::Damage) {
        core.base.hold_back();
    }
    renewed
}

/// What becomes of a damaged value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Damaged {
    /// It is an error: the value may be whole in the base before.
    Refused,
    LeftOut,
}

/// Makes the base anew, and has the log before it removed; false where it was cancelled.
///
/// # Errors
/// The base is as it was.
pub(crate) fn renew<A>(
    core: &Core<A>,
    view: impl Fn() -> View<A>,
    damaged: Damaged,
    progress: OnProgress<'_>,
    cancel: &AtomicBool,
) -> Result<bool> {
    let base = &core.base;
    let _one_at_a_time = base.renewing.lock().unwrap_or_else(PoisonError::into_inner);
    let first = view().seq();
    if !base.is_complete() {
        // From here on the log is needed.
        core.log.keep_after(first);
    }
    let written = write(core, first, &view, damaged, progress, cancel);
    if cancel.load(Ordering::Relaxed) {
        return Ok(false);
    }
    let written = written?;
    base.bytes.store(written.bytes, Ordering::Relaxed);
    base.lacks.store(written.damaged > 0, Ordering::Relaxed);
    core.log.keep_after(first);
    core.log.forget()?;
    // While there was none yet, a file behind it may have gone before it was known to be needed: then it is made once more.
    let files = log::files(&**core.log.disk(), core.log.folder(), Which::After(first))?;
    base.complete.store(follows(&files, first), Ordering::Relaxed);
    base.let_go();
    if written.damaged == 0 {
        // All values were read.
        core.backend.mark().clear()?;
    }
    Ok(true)
}

/// Each stretch of keys is read as of a view of its own, for one view over all would keep in memory what is replaced meanwhile. So the
/// base is of no one commit; but records of the log say what to put, not what to change, so that those behind the first
/// view's commit, up to the last view's at least, make one of it.
fn write<A>(
    core: &Core<A>,
    first: u64,
    view: &impl Fn() -> View<A>,
    damaged: Damaged,
    progress: OnProgress<'_>,
    cancel: &AtomicBool,
) -> Result<BackupReport> {
    let last = AtomicU64::new(first);
    let scan = |visit: Visit<'_>| {
        let mut from = Vec::new();
        loop {
            let view = view();
            last.store(view.seq(), Ordering::Relaxed);
            match scan_some(&view, &from, damaged, visit, cancel)? {
                Some(next) => from = next,
                None => return Ok(()),
            }
        }
    };
    let until = || {
        let last = last.load(Ordering::Relaxed);
        // A crash must not take back what the base holds, and have others get the same numbers.
        core.log.make_durable(last).map(|()| last)
    };
    let source =
        Source { store_id: core.log.store_id(), commit: first, until: &until, scan: &scan, keep: &|_| true };
    let told = |p: Progress| progress(Progress { stage: "writing the base", ..p });
    backup::renew_base(&source, &core.base.folder(), &told, &|| go_on(cancel))
}

/// # Errors
/// Once it was cancelled; one that passes, so that what was written stays.
fn go_on(cancel: &AtomicBool) -> Result<()> {
    if cancel.load(Ordering::Relaxed) {
        return Err(Error::Storage { action: "renew the base", reason: "it was cancelled".to_owned() });
    }
    Ok(())
}

/// Visits some entries from a key on; returns where to go on, or `None` at the end.
fn scan_some<A>(
    view: &View<A>,
    from: &[u8],
    damaged: Damaged,
    visit: Visit<'_>,
    cancel: &AtomicBool,
) -> Result<Option<Vec<u8>>> {
    let (mut left, mut next) = (STRETCH, None);
    view.scan_from(from, None, |key, value| {
        go_on(cancel)?;
        let value = if damaged == Damaged::Refused { Ok(value?) } else { value };
        let _ = visit(key, value)?;
        left -= 1;
        if left > 0 {
            return Ok(ControlFlow::Continue(()));
        }
        next = Some(merge::after(key));
        Ok(ControlFlow::Break(()))
    })?;
    Ok(next)
}
