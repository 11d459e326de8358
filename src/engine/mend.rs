//! A damaged index made good while the store is in use: what its files held of users is made anew from the keys.

use super::open::{Made, VectorOf, with_vectors};
use super::points::Points;
use super::published::Published;
use super::reader::from_key;
use super::refuse::commit_aside;
use super::session::IndexChanges;
use super::upkeep::PATIENCE;
use super::{Engine, Shared, lock};
use crate::error::Result;
use crate::index::Doubt;
use crate::storage::keys::Key;
use crate::storage::{View, keys, prefix_end};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Users whose vectors are made anew in one commit: writers wait for it.
const CHUNK: usize = 256;

type Vectors = Vec<(u32, Vec<f32>)>;

impl Engine {
    /// Gives the index the vectors that some users' profiles have now.
    pub(super) fn put_vectors_anew(&self, users: &[u32]) -> Result<()> {
        for users in users.chunks(CHUNK) {
            self.shared.put_some_anew(users)?;
            self.keep_pace(PATIENCE);
        }
        Ok(())
    }
}

impl Shared {
    fn put_some_anew(&self, users: &[u32]) -> Result<()> {
        let core = self.core()?;
        let tx = self.db.begin()?;
        let mut points = Points::new(Arc::clone(&tx.attachment().space));
        let made = |prefix: Key, vector: &mut VectorOf<'_>| {
            let mut made = Made::new(vector);
            let of = |&no: &u32| Ok((no, made.of_user(&tx, &prefix, no)?));
            users.iter().map(of).collect::<Result<IndexChanges>>()
        };
        let changes = with_vectors(&tx, &self.settings.source, &mut points, made)?;
        self.commit(core, tx, changes, |_| {})
    }

    /// Finds the damaged files of the index and replaces them. Writers wait only at its end, while the head takes in what was made; until then searches answer
    /// from the files as they are. Returns false where it was cancelled.
    pub(super) fn mend_index(&self, cancel: &AtomicBool) -> Result<bool> {
        let _one_at_a_time = lock(&self.task)?;
        // Tasks are one at a time, so that there is none: a merge may have taken away what was damaged.
        let Some(mut doubt) = self.core()?.index.doubt() else { return Ok(true) };
        if !doubt.examine(cancel) {
            return Ok(false);
        }
        // Every change before the doubt must be in the view that is read below; the index notes the later ones itself.
        commit_aside(self.db.begin()?)?;
        let Some(vectors) = self.lost_vectors(&self.db.view(), &doubt, cancel)? else { return Ok(false) };
        let made = vectors.len();
        let amends = doubt.amends(vectors)?;
        let mut core = self.core()?;
        let tx = self.db.begin()?;
        let mut published = Published::clone(tx.attachment());
        published.index = core.index.mend(amends)?;
        let pending = tx.commit()?;
        drop(core);
        pending.publish(published)?;
        tracing::warn!(users = made, "the damaged part of the index was made anew from the store's records");
        Ok(true)
    }

    /// The vectors of all users that the index has no sound row of; `None` where it was cancelled.
    fn lost_vectors(
        &self,
        view: &View<Published>,
        doubt: &Doubt,
        cancel: &AtomicBool,
    ) -> Result<Option<Vectors>> {
        let mut points = Points::new(Arc::clone(&view.attachment().space));
        with_vectors(view, &self.settings.source, &mut points, |prefix, vector| {
            self.lost(view, &prefix, Made::new(vector), doubt, cancel)
        })
    }

    fn lost(
        &self,
        view: &View<Published>,
        prefix: &[u8],
        mut made: Made<'_>,
        doubt: &Doubt,
        cancel: &AtomicBool,
    ) -> Result<Option<Vectors>> {
        let mut vectors = Vectors::new();
        view.scan_from(prefix, prefix_end(prefix).as_deref(), |key, value| {
            if cancel.load(Ordering::Relaxed) {
                return Ok(ControlFlow::Break(()));
            }
            let no = from_key("user", key, keys::u32_at(key, 1))?;
            if doubt.lacks(no) {
                vectors.extend(made.of(no, value.map(Some))?.map(|vector| (no, vector)));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if made.left_out && self.db.may_heal() {
            self.core()?.index.forgo_manifest();
        }
        Ok((!cancel.load(Ordering::Relaxed)).then_some(vectors))
    }
}
