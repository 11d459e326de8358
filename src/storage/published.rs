//! Which snapshot new views get: the newest commit that is durable enough to be told of.

use std::collections::VecDeque;
use std::sync::{Arc, PoisonError};

use super::changes::ChangeSet;
use super::generation::Generation;
use crate::sync::{ArcSwap, Mutex, MutexGuard};

/// One commit as views see it.
pub(crate) struct Published<A> {
    /// Number of the commit.
    pub(crate) seq: u64,
    /// Where what came after is found.
    pub(crate) generation: Arc<Generation>,
    /// Commits up to this one that the backend may lack, oldest first.
    pub(crate) unapplied: Arc<Vec<Arc<ChangeSet>>>,
    /// What the engine keeps with the commit.
    pub(crate) attachment: Arc<A>,
}

/// The published commit and those that wait for their sync.
pub(crate) struct Publication<A> {
    newest: ArcSwap<Published<A>>,
    waiting: Mutex<Waiting<A>>,
}

struct Waiting<A> {
    commits: VecDeque<Published<A>>,
    applied: u64,
}

impl<A> Publication<A> {
    /// Publishes `first`, which the backend holds whole.
    pub(crate) fn new(first: Published<A>) -> Self {
        let waiting = Waiting { commits: VecDeque::new(), applied: first.seq };
        Self { newest: ArcSwap::from_pointee(first), waiting: Mutex::new(waiting) }
    }

    /// The published commit.
    pub(crate) fn newest(&self) -> Arc<Published<A>> {
        self.newest.load_full()
    }

    /// Queues a commit behind those queued before, whose numbers are not above its own.
    pub(crate) fn queue(&self, commit: Published<A>) {
        self.waiting().commits.push_back(commit);
    }

    /// Publishes the newest commit up to `seq`.
    pub(crate) fn advance(&self, seq: u64) {
        let mut waiting = self.waiting();
        let mut newest = None;
        while waiting.commits.front().is_some_and(|commit| commit.seq <= seq) {
            newest = waiting.commits.pop_front();
        }
        if let Some(mut newest) = newest {
            Arc::make_mut(&mut newest.unapplied).retain(|set| set.seq > waiting.applied);
            self.newest.store(Arc::new(newest));
        }
    }

    /// The backend holds all up to `seq`: new views need not bring those changes themselves.
    pub(crate) fn applied(&self, seq: u64) {
        let mut waiting = self.waiting();
        waiting.applied = seq;
        let newest = self.newest();
        if newest.unapplied.iter().any(|set| set.seq <= seq) {
            self.newest.store(Arc::new(Published {
                seq: newest.seq,
                generation: Arc::clone(&newest.generation),
                unapplied: Arc::new(newest.unapplied.iter().filter(|set| set.seq > seq).cloned().collect()),
                attachment: Arc::clone(&newest.attachment),
            }));
        }
    }

    /// Number up to which the backend holds all.
    pub(crate) fn applied_seq(&self) -> u64 {
        self.waiting().applied
    }

    fn waiting(&self) -> MutexGuard<'_, Waiting<A>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
