//! The data as of one commit, before there is a database over it, or without one.

use std::ops::ControlFlow;
use std::sync::Arc;

use super::backend::Backend;
use super::generation::Generation;
use super::merge::{self, Overrides};
use super::published::Published;
use super::stored;
use super::view::{Held, View};
use crate::error::Result;

/// What a backend holds when nobody changes it.
pub(crate) struct Contents {
    pub(super) backend: Arc<dyn Backend>,
    pub(super) store_id: u128,
    pub(super) seq: u64,
}

impl Contents {
    /// The value of `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        stored::told(&*self.backend, stored::read(&*self.backend, key))
    }

    /// Visits all entries with `from <= key < to`, to the end where `to` is `None`, ascending, until `visit` breaks or fails.
    pub(crate) fn scan_between(
        &self,
        from: &[u8],
        to: Option<&[u8]>,
        visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let none = |_: &[u8], _: Option<&[u8]>| Overrides::new();
        merge::scan(&*self.backend, from, to, none, visit)
    }

    /// All entries whose key begins with `prefix`, ascending; goes on behind a damaged value, which it hands over as the error.
    pub(crate) fn scan_each(
        &self,
        prefix: &[u8],
        visit: impl FnMut(&[u8], Result<Vec<u8>>) -> Result<ControlFlow<()>>,
    ) -> Result<()> {
        let none = |_: &[u8], _: Option<&[u8]>| Overrides::new();
        merge::scan_each(&*self.backend, prefix, merge::prefix_end(prefix).as_deref(), none, visit)
    }

    /// The store's own number, drawn when it was made.
    pub(crate) fn store_id(&self) -> u128 {
        self.store_id
    }

    /// Number of the last commit; 0 in a new store.
    pub(crate) fn seq(&self) -> u64 {
        self.seq
    }

    /// A view of it with `attachment`; `held` is kept as long as the view is.
    pub(crate) fn view<A>(self, attachment: A, held: Held) -> View<A> {
        let commit = Published {
            seq: self.seq,
            generation: Arc::new(Generation::default()),
            unapplied: Arc::default(),
            attachment: Arc::new(attachment),
        };
        View::new(self.backend, &commit, held)
    }
}
