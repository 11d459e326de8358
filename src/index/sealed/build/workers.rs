//! The threads of a build: what each makes depends on its input alone, so their number changes nothing.

use crate::error::{Error, Result};
use rayon::prelude::*;
use std::cell::Cell;
use std::sync::atomic::{AtomicBool, Ordering};

/// Rows between two looks at progress and cancellation.
const STRIDE: usize = 16_384;
/// Rows that a thread takes at a time.
const PIECE: usize = 64;

/// The build was cancelled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cancelled;

pub(super) struct Workers<'a> {
    pool: rayon::ThreadPool,
    progress: &'a dyn Fn(usize, usize),
    cancel: &'a AtomicBool,
    done: Cell<usize>,
    total: usize,
}

impl<'a> Workers<'a> {
    /// `total` steps are to be done in all.
    pub(super) fn new(
        threads: usize,
        total: usize,
        progress: &'a dyn Fn(usize, usize),
        cancel: &'a AtomicBool,
    ) -> Result<Self> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .thread_name(|i| format!("kindred-seal-{i}"))
            .build()
            .map_err(|e| Error::io("start threads of", "an index build", std::io::Error::other(e)))?;
        Ok(Self { pool, progress, cancel, done: Cell::new(0), total })
    }

    /// Says that `steps` more are done.
    pub(super) fn advance(&self, steps: usize) -> Result<(), Cancelled> {
        self.done.set((self.done.get() + steps).min(self.total));
        (self.progress)(self.done.get(), self.total);
        if self.cancel.load(Ordering::Relaxed) { Err(Cancelled) } else { Ok(()) }
    }

    /// Calls `work` for every row of `width` values, each thread with its own state.
    pub(super) fn rows<T: Send, S>(
        &self,
        values: &mut [T],
        width: usize,
        state: impl Fn() -> S + Sync,
        work: impl Fn(&mut S, usize, &mut [T]) + Sync,
    ) -> Result<(), Cancelled> {
        for (number, part) in values.chunks_mut(STRIDE * width).enumerate() {
            let rows = part.len() / width;
            self.pool.install(|| {
                part.par_chunks_mut(PIECE * width).enumerate().for_each_init(
                    &state,
                    |state, (piece, part)| {
                        for (i, row) in part.chunks_exact_mut(width).enumerate() {
                            work(state, number * STRIDE + piece * PIECE + i, row);
                        }
                    },
                );
            });
            self.advance(rows)?;
        }
        Ok(())
    }

    /// `work` of each item, in order; no step of progress.
    pub(super) fn map<I: Sync, T: Send>(&self, items: &[I], work: impl Fn(&I) -> T + Sync) -> Vec<T> {
        self.pool.install(|| items.par_iter().map(&work).collect())
    }

    /// Calls `work` for each item, which it may change; no step of progress.
    pub(super) fn each<I: Send>(&self, items: Vec<I>, work: impl Fn(I) + Sync) {
        self.pool.install(|| items.into_par_iter().for_each(&work));
    }
}
