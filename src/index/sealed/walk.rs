//! The walk over a sealed graph: the best candidates known are followed until none of them is better than what is found
//! (best-first search with a bounded list, as Malkov and Yashunin 2016, algorithm 2, without levels).
//!
//! What it costs is waiting for memory. So a candidate's neighbours not seen yet are gathered and all their codes asked
//! for; but compared, four by four, only after the next candidate's were asked for too: the one batch is on its way
//! while the other is worked on. And the links of the candidates that come next are asked for as soon as these are known.

use super::coder::{Coder, Query, factor};
use super::file::Sections;
use super::pool::{Candidate, Pool};
use crate::compute::CodeKernels;
use crate::index::score::score;
use crate::model::Metric;
use std::cell::Cell;

/// Memory of one thread's walks, used again and again.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    pub pool: Pool,
    /// The walk that last saw each node, modulo 255.
    seen: Vec<u8>,
    walk: u8,
    /// The batch being gathered, and the one before it, which is to be compared.
    ids: Vec<u32>,
    before: Vec<u32>,
    products: Vec<i32>,
    keys: Vec<f32>,
    above: Vec<u32>,
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

impl Scratch {
    fn start(&mut self, nodes: usize, ef: usize) {
        if self.seen.len() < nodes {
            self.seen.resize(nodes, 0);
        }
        if self.walk == u8::MAX {
            self.seen.fill(0);
            self.walk = 0;
        }
        self.walk += 1;
        self.pool.reset(ef);
        self.ids.clear();
    }

    /// Starts a new batch; the one gathered is now the one before.
    fn ahead(&mut self) {
        std::mem::swap(&mut self.ids, &mut self.before);
        self.ids.clear();
    }

    /// Adds those of `links` that this walk has not seen to the batch.
    #[inline]
    fn gather(&mut self, links: &[u32], nodes: usize) {
        let (seen, walk) = (&mut self.seen[..nodes], self.walk);
        let mut count = self.ids.len();
        self.ids.resize(count + links.len(), 0);
        for &link in links {
            // Only damage has a link beyond the last node; it stands for that one.
            let id = (link as usize).min(nodes - 1);
            self.ids[count] = id as u32;
            // No branch: it would be guessed wrong half the time.
            count += usize::from(seen[id] != walk);
            seen[id] = walk;
        }
        self.ids.truncate(count);
    }
}

/// Vectors that take no more memory than their codes, and so serve in their place.
#[derive(Clone, Copy, Debug)]
pub(super) struct Narrow<'a> {
    pub vectors: &'a [f32],
    pub query: &'a [f32],
    pub metric: Metric,
}

impl Narrow<'_> {
    #[inline]
    fn score(&self, id: u32) -> f32 {
        let dim = self.query.len();
        score(self.metric, self.query, &self.vectors[id as usize * dim..][..dim])
    }
}

/// A query on its way through one graph.
#[derive(Clone, Copy, Debug)]
pub(super) struct Walk<'a> {
    pub sections: Sections<'a>,
    pub query: &'a Query,
    pub narrow: Option<Narrow<'a>>,
    pub kernels: &'static CodeKernels,
}

impl Walk<'_> {
    /// Leaves the best `ef` nodes found in the scratch memory's pool, and returns how many were compared. It starts from
    /// `seeds`, or from the file's entries where these are empty.
    pub(super) fn run(&self, ef: usize, seeds: &[u32], scratch: &mut Scratch) -> usize {
        scratch.start(self.sections.nodes, ef);
        let seeds = if seeds.is_empty() { self.sections.entries } else { seeds };
        scratch.gather(seeds, self.sections.nodes);
        let mut compared = 0;
        loop {
            // Of the candidate that is best now, while the batch before is still on its way from memory.
            scratch.ahead();
            if let Some(node) = scratch.pool.follow() {
                scratch.gather(self.sections.links_of(node), self.sections.nodes);
                self.kernels.prefetch(self.sections.codes, self.stride(), &scratch.ids);
            }
            compared += scratch.before.len();
            self.compare(scratch);
            if scratch.ids.is_empty() && scratch.pool.is_done() {
                return compared;
            }
        }
    }

    fn stride(&self) -> usize {
        self.query.codes.len() / 2
    }

    /// Compares the batch and takes what is better than the worst of a full pool.
    #[inline]
    fn compare(&self, scratch: &mut Scratch) {
        let Scratch { pool, before: ids, products, keys, above, .. } = scratch;
        if products.len() < ids.len() {
            products.resize(ids.len(), 0);
            keys.resize(ids.len(), 0.0);
            above.resize(ids.len(), 0);
        }
        let (products, keys) = (&mut products[..ids.len()], &mut keys[..ids.len()]);
        self.keys(ids, products, keys);
        let count = self.kernels.above(keys, pool.bound(), above);
        for &at in &above[..count] {
            pool.insert(Candidate::new(keys[at as usize], ids[at as usize]), self.kernels);
        }
        let links = bytemuck::cast_slice(self.sections.links);
        self.kernels.prefetch(links, self.sections.degree * 4, &pool.upcoming());
    }

    /// What nodes are ordered by, larger being closer.
    #[inline]
    pub(super) fn keys(&self, ids: &[u32], products: &mut [i32], keys: &mut [f32]) {
        if let Some(narrow) = &self.narrow {
            keys.iter_mut().zip(ids).for_each(|(key, &id)| *key = narrow.score(id));
            return;
        }
        self.kernels.dots_u4(&self.query.codes, self.sections.codes, ids, products);
        self.query.keys(products, self.sections.factors, ids, keys);
    }

    /// How far, by chance, a node's key is from what refined codes would give.
    pub(super) fn key_error(&self, id: u32) -> f32 {
        if self.narrow.is_some() { 0.0 } else { self.query.key_error(factor(self.sections.factors, id)) }
    }

    /// The scores of nodes by their refined codes.
    pub(super) fn refine(&self, ids: &[u32], coder: &Coder) -> Vec<f32> {
        if let Some(narrow) = &self.narrow {
            return ids.iter().map(|&id| narrow.score(id)).collect();
        }
        let sections = &self.sections;
        let (stride, width) = (self.stride(), 2 * self.stride());
        self.kernels.prefetch(sections.bytes, width, ids);
        let score = |&id: &u32| {
            let codes = &sections.codes[id as usize * stride..][..stride];
            let bytes = &sections.bytes[id as usize * width..][..width];
            let product = self.kernels.dot_refined(&self.query.rotated, codes, bytes, &coder.levels);
            self.query.score(product, factor(sections.factors, id))
        };
        ids.iter().map(score).collect()
    }
}
