//! What the database's handle, its writers and its applier share.

use std::cell::RefCell;
use std::sync::{Arc, Mutex, OnceLock};

use super::backend::Backend;
use super::base::Base;
use super::changes::ChangeSet;
use super::database::Options;
use super::generation::Generation;
use super::log::Log;
use super::published::Publication;
use super::queue::Queue;
use super::recent::Recent;
use crate::error::{Error, Result};

/// The shared state of an open database.
pub(crate) struct Core<A> {
    pub(crate) backend: Arc<dyn Backend>,
    pub(crate) log: Log,
    pub(crate) queue: Queue,
    pub(crate) publication: Publication<A>,
    pub(crate) health: Health,
    pub(crate) base: Base,
    pub(crate) options: Options,
    /// Held by the one writer.
    pub(crate) head: Mutex<Head<A>>,
}

/// The newest commit, published or not.
pub(crate) struct Head<A> {
    pub(crate) seq: u64,
    pub(crate) generation: Arc<Generation>,
    /// Commits that the backend may lack, oldest first.
    pub(crate) unapplied: Vec<Arc<ChangeSet>>,
    pub(crate) attachment: Arc<A>,
    /// Asked from behind a shared reference by the one writer.
    pub(crate) recent: RefCell<Recent>,
}

/// The first failure that makes the database read-only.
#[derive(Default)]
pub(crate) struct Health(OnceLock<String>);

impl Health {
    /// Makes the database read-only; the first reason stays.
    pub(crate) fn fail(&self, reason: String) {
        self.0.get_or_init(|| reason);
    }

    /// # Errors
    /// [`Error::ReadOnly`] after a failure.
    pub(crate) fn check(&self) -> Result<()> {
        match self.0.get() {
            Some(reason) => Err(Error::ReadOnly { reason: reason.clone() }),
            None => Ok(()),
        }
    }
}
