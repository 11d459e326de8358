//! Memory of one thread's searches, used again and again.

use super::coder::Query;
use super::pool::Pool;
use std::cell::Cell;
use std::ops::Range;

/// What a search of a sealed file works in.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub query: Query,
    pub pool: Pool,
    pub gathered: Gathered,
    pub lanes: Lanes,
    pub best: Best,
}

thread_local! {
    static SCRATCH: Cell<Option<Box<Scratch>>> = const { Cell::new(None) };
}

/// Runs `work` with this thread's scratch memory; a search inside a search gets memory of its own.
pub(super) fn with_scratch<T>(work: impl FnOnce(&mut Scratch) -> T) -> T {
    let mut scratch = SCRATCH.take().unwrap_or_default();
    let answer = work(&mut scratch);
    SCRATCH.set(Some(scratch));
    answer
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

    /// Adds those of `links` that this walk has not come to yet to the newest batch. Only damage has a link beyond the
    /// `last` node; it stands for that one.
    #[inline]
    pub(super) fn add(&mut self, links: &[u32], last: u32) {
        let start = self.ids.len();
        self.ids.resize(start + links.len(), 0);
        let count = unseen(&mut self.seen, links, last, &mut self.ids[start..]);
        self.ids.truncate(start + count);
        self.newest.end = self.ids.len();
    }

    pub(super) fn newest(&self) -> &[u32] {
        &self.ids[self.newest.clone()]
    }

    pub(super) fn before(&self) -> &[u32] {
        &self.ids[self.before.clone()]
    }
}

/// Writes the links whose bits are not set yet to the front of `out`, sets them, and returns how many there are. It stands
/// alone so that all it needs stays in registers.
#[inline(never)]
fn unseen(seen: &mut [u64], links: &[u32], last: u32, out: &mut [u32]) -> usize {
    let out = &mut out[..links.len()];
    let mut count = 0;
    for &link in links {
        let id = link.min(last);
        let (word, bit) = (&mut seen[id as usize / 64], 1 << (id % 64));
        // No branch: it would be guessed wrong half the time.
        out[count] = id;
        count += usize::from(*word & bit == 0);
        *word |= bit;
    }
    count
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
