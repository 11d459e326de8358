//! An immutable snapshot at one commit.

use std::any::Any;
use std::ops::ControlFlow;
use std::sync::Arc;

use super::backend::Backend;
use super::changes::{self, ChangeSet};
use super::generation::Since;
use super::merge::{self, Overrides};
use super::published::Published;
use super::stored;
use crate::error::Result;

/// What must not go as long as a view is there.
pub(crate) type Held = Arc<dyn Any + Send + Sync>;

/// Reads everything as it was after one commit, whatever is committed later. Cheap to clone.
/// Held for long it keeps the old values of all that changes meanwhile in memory.
pub(crate) struct View<A> {
    shared: Arc<Shared<A>>,
}

struct Shared<A> {
    backend: Arc<dyn Backend>,
    seq: u64,
    unapplied: Arc<Vec<Arc<ChangeSet>>>,
    attachment: Arc<A>,
    /// Lets go of each later commit as it is followed: nothing else here may hold on to the first.
    since: Since,
    /// The backend's files stay in use as long as a view reads them: the folder stays locked as long.
    held: Held,
}

impl<A> Clone for View<A> {
    fn clone(&self) -> Self {
        Self { shared: Arc::clone(&self.shared) }
    }
}

impl<A> View<A> {
    /// A view of a published commit.
    pub(crate) fn new(backend: Arc<dyn Backend>, commit: &Published<A>, held: Held) -> Self {
        let shared = Shared {
            backend,
            seq: commit.seq,
            unapplied: Arc::clone(&commit.unapplied),
            attachment: Arc::clone(&commit.attachment),
            since: Since::new(Arc::clone(&commit.generation)),
            held,
        };
        Self { shared: Arc::new(shared) }
    }

    /// Commits up to this one that the backend lacked when it was made.
    pub(crate) fn waiting_commits(&self) -> usize {
        self.shared.unapplied.len()
    }

    /// Views of the same database that were made and are still there, beside this one; clones of one count once.
    pub(crate) fn others(&self) -> usize {
        // The database has the lock too, unless it is closed.
        Arc::strong_count(&self.shared.held).saturating_sub(2)
    }

    /// The value of `key`.
    ///
    /// # Errors
    /// [`Error::Damaged`](crate::Error::Damaged) where it is not what was stored.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        if let Some(value) = newest_change(&self.shared.unapplied, key) {
            return Ok(value.cloned());
        }
        let stored = stored::read(&*self.shared.backend, key);
        match self.shared.since.before(key) {
            Some(before) => Ok(before),
            None => stored::told(&*self.shared.backend, stored),
        }
    }

    /// Visits all entries whose key begins with `prefix`, ascending, until `visit` breaks or fails.
    pub(crate) fn scan(
        &self,
        prefix: &[u8],
        visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let to = merge::prefix_end(prefix);
        let overrides = |from: &[u8], to: Option<&[u8]>| self.overrides(from, to);
        merge::scan(&*self.shared.backend, prefix, to.as_deref(), overrides, visit)
    }

    /// Visits all entries with `from <= key < to` (to the end where `to` is `None`), ascending; a damaged
    /// value as the [`Error::Damaged`](crate::Error::Damaged) that it is.
    pub(crate) fn scan_from(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        visit: impl FnMut(&[u8], Result<Vec<u8>>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let overrides = |from: &[u8], to: Option<&[u8]>| self.overrides(from, to);
        merge::scan_each(&*self.shared.backend, from, to, overrides, visit)
    }

    /// What is to be seen in the range instead of what the backend says.
    fn overrides(&self, from: &[u8], to: Option<&[u8]>) -> Overrides {
        let mut overrides = self.shared.since.overrides(from, to);
        override_newest(&self.shared.unapplied, from, to, &mut overrides);
        overrides
    }

    /// Number of the commit.
    pub(crate) fn seq(&self) -> u64 {
        self.shared.seq
    }

    /// What the engine published with the commit.
    pub(crate) fn attachment(&self) -> &A {
        &self.shared.attachment
    }
}

/// What the newest of `sets` that changed `key` left there.
#[expect(clippy::option_option, reason = "outer: is it known; inner: does the key exist")]
pub(crate) fn newest_change<'a>(sets: &'a [Arc<ChangeSet>], key: &[u8]) -> Option<Option<&'a Vec<u8>>> {
    changes::find(sets.iter().rev(), key).map(|change| change.after.as_ref())
}

/// Lays what `sets`, oldest first, left in the range over `overrides`.
pub(crate) fn override_newest(
    sets: &[Arc<ChangeSet>],
    from: &[u8],
    to: Option<&[u8]>,
    overrides: &mut Overrides,
) {
    for set in sets {
        set.override_after(from, to, overrides);
    }
}
