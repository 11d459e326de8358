//! Memory of one thread's searches, used again and again.

use super::coder::Query;
use super::pool::Pool;
use super::search::{Found, SearchStep};
use crate::compute::{CodeKernels, Spaced};
use std::cell::Cell;
use std::ops::Range;

/// What a search of a sealed file works in.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub query: Query,
    pub work: Work,
}

/// The part of it that changes on the way.
#[derive(Debug, Default)]
pub(super) struct Work {
    pub pool: Pool,
    pub gathered: Gathered,
    pub lanes: Lanes,
    pub best: Best,
    /// What was done.
    pub steps: Vec<SearchStep>,
    /// What came of it.
    pub found: Vec<Found>,
}

thread_local! {
    static SCRATCH: Cell<Vec<Scratch>> = const { Cell::new(Vec::new()) };
}

/// Runs `work` with this thread's scratch memory for so many searches at once; a search inside a search gets memory of
/// its own.
pub(super) fn with_scratch<T>(searches: usize, work: impl FnOnce(&mut [Scratch]) -> T) -> T {
    let mut scratch = SCRATCH.take();
    if scratch.len() < searches {
        scratch.resize_with(searches, Scratch::default);
    }
    let answer = work(&mut scratch[..searches]);
    SCRATCH.set(scratch);
    answer
}

/// The same for a walk alone.
pub(super) fn with_work<T>(work: impl FnOnce(&mut Work) -> T) -> T {
    with_scratch(1, |scratch| work(&mut scratch[0].work))
}

/// The nodes that a walk has come to, in batches: the newest is on its way from memory, the one before is to be compared.
#[derive(Debug, Default)]
pub(super) struct Gathered {
    /// A bit for each node, set for those in `ids`. Bits are few enough to stay in the nearest cache.
    seen: Vec<u64>,
    ids: Vec<u32>,
    newest: Range<usize>,
    before: Range<usize>,
}

impl Gathered {
    /// Forgets all, for a walk over so many nodes.
    pub(super) fn start(&mut self, nodes: usize) {
        for &id in &self.ids {
            if let Some(word) = self.seen.get_mut(id as usize / 64) {
                *word = 0;
            }
        }
        self.ids.clear();
        (self.newest, self.before) = (0..0, 0..0);
        let words = nodes.div_ceil(64);
        if self.seen.len() < words {
            self.seen.resize(words, 0);
        }
    }

    /// Starts a new batch; the newest is now the one before.
    #[inline]
    pub(super) fn ahead(&mut self) {
        self.before = std::mem::replace(&mut self.newest, self.ids.len()..self.ids.len());
    }

    /// Adds those of `links` that this walk has not come to yet to the newest batch, and asks for where their codes begin.
    /// Only damage has a link beyond the `last` node; it stands for that one.
    #[inline]
    pub(super) fn add(&mut self, links: &[u32], last: u32, codes: Spaced, kernels: &CodeKernels) {
        let start = self.ids.len();
        self.ids.resize(start + links.len(), 0);
        let count = kernels.unseen(&mut self.seen, links, last, codes, &mut self.ids[start..]);
        self.ids.truncate(start + count);
        self.newest.end = self.ids.len();
    }

    /// Nodes that the walk has come to.
    pub(super) fn count(&self) -> usize {
        self.ids.len()
    }

    pub(super) fn newest(&self) -> &[u32] {
        &self.ids[self.newest.clone()]
    }

    pub(super) fn before(&self) -> &[u32] {
        &self.ids[self.before.clone()]
    }
}

/// What comparing one batch takes.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    pub products: Vec<i32>,
    pub keys: Vec<f32>,
    pub above: Vec<u32>,
}

impl Lanes {
    /// Makes room for a batch.
    #[inline]
    pub(super) fn fit(&mut self, count: usize) {
        if self.products.len() < count {
            self.products.resize(count, 0);
            self.keys.resize(count, 0.0);
            self.above.resize(count, 0);
        }
    }
}

/// What choosing the best of the candidates takes.
#[derive(Debug, Default)]
pub(super) struct Best {
    /// Nodes with their keys.
    pub candidates: Vec<(u32, f32)>,
    /// What keys are at worst.
    pub least: Vec<f32>,
    /// Nodes with their scores by refined codes.
    pub scored: Vec<(f32, u32)>,
}
