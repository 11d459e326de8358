//! The walk over a sealed graph: the best candidates known are followed until none of them is better than what is found
//! (best-first search with a bounded list, as Malkov and Yashunin 2016, algorithm 2, without levels).
//!
//! What it costs is waiting for memory. So a candidate's neighbours not seen yet are gathered, but compared only after the
//! next candidate's were gathered too: the one batch is on its way while the other is worked on. Processors keep account of
//! a dozen lines under way and wait when asked for more; so codes are asked for line by line, the first of each while links
//! are looked at, the rest between comparisons of the batch before. And the links of the candidates that come next are
//! asked for as soon as these are known.

use super::coder::{Coder, Fall, Query, factor};
use super::file::Sections;
use super::pool::{Candidate, Pool};
use super::scratch::{Best, Gathered, Lanes, Work};
use crate::compute::{Ahead, CodeKernels, LINE, Spaced};
use crate::index::score::score;
use crate::model::Metric;

/// Nodes that a scan compares at a time.
const BATCH: usize = 64;
/// What could be among the best if keys were off by so many standard deviations is scored by refined codes. Fewer lose
/// recall, more gain none.
const DEVIATIONS: f32 = 2.5;
/// What could be among the best if scores by refined codes were off by so many is scored by full vectors.
const SCORE_DEVIATIONS: f32 = 4.0;

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

/// How far a walk goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Width {
    /// Candidates kept.
    pub ef: usize,
    /// Candidates wanted, and how far below the last of these one may fall and still be followed.
    pub fall: Option<(usize, Fall)>,
}

impl Width {
    /// Until all of `ef` candidates are followed.
    pub(super) fn of(ef: usize) -> Self {
        Self { ef, fall: None }
    }
}

impl Walk<'_> {
    /// Leaves the best nodes found from the file's entries in the pool.
    pub(super) fn run(&self, width: Width, work: &mut Work) {
        self.start(width, work);
        while self.step(work) {}
    }

    /// Begins at the file's entries.
    pub(super) fn start(&self, width: Width, work: &mut Work) {
        let Work { pool, gathered, .. } = work;
        pool.reset(width.ef);
        if let Some((wanted, fall)) = width.fall {
            pool.keep_above(wanted, fall);
        }
        gathered.start(self.sections.nodes);
        self.gather(self.sections.entries, gathered);
    }

    /// Follows the candidate that is best now, while the batch before is still on its way from memory; false at the end.
    #[inline]
    pub(super) fn step(&self, work: &mut Work) -> bool {
        let Work { pool, gathered, lanes, .. } = work;
        gathered.ahead();
        if let Some(node) = pool.follow() {
            self.gather(self.sections.links_of(node), gathered);
        }
        // The rest of the newest nodes' codes.
        let ahead = Ahead { rows: self.sections.codes.from(LINE), ids: gathered.newest() };
        self.compare(gathered.before(), ahead, lanes, pool);
        !gathered.newest().is_empty() || !pool.is_done()
    }

    /// Adds what this walk has not come to yet of some nodes; their codes are on their way then, in part.
    #[inline]
    fn gather(&self, nodes: &[u32], gathered: &mut Gathered) {
        gathered.add(nodes, self.sections.nodes as u32 - 1, self.sections.codes, self.kernels);
    }

    /// Compares a batch, takes what is better than the worst of a full pool, and asks for the links of those that come next.
    #[inline]
    fn compare(&self, ids: &[u32], ahead: Ahead, lanes: &mut Lanes, pool: &mut Pool) {
        self.keys(ids, ahead, lanes);
        let Lanes { keys, above, .. } = lanes;
        let count = self.kernels.above(&keys[..ids.len()], pool.bound(), above);
        for &at in &above[..count] {
            pool.insert(Candidate::new(keys[at as usize], ids[at as usize]), self.kernels);
        }
        self.kernels.prefetch(self.sections.links, &pool.upcoming());
    }

    /// What nodes are ordered by, larger being closer.
    #[inline]
    fn keys(&self, ids: &[u32], ahead: Ahead, lanes: &mut Lanes) {
        lanes.fit(ids.len());
        let (products, keys) = (&mut lanes.products[..ids.len()], &mut lanes.keys[..ids.len()]);
        if let Some(narrow) = &self.narrow {
            keys.iter_mut().zip(ids).for_each(|(key, &id)| *key = narrow.score(id));
            return;
        }
        self.kernels.dots_u4(&self.query.codes, self.sections.codes, ids, ahead, products);
        self.query.keys(products, self.sections.factors, ids, keys);
    }

    /// Compares with all of `ids`; those that may be among the `k` best become the candidates, with their keys.
    pub(super) fn scan(&self, ids: &[u32], k: usize, work: &mut Work) {
        let Work { pool, lanes, best, .. } = work;
        best.candidates.clear();
        // Of what keys are at worst.
        pool.reset(k);
        let mut ahead = ids.chunks(BATCH).skip(1);
        for ids in ids.chunks(BATCH) {
            let ahead = Ahead { rows: self.sections.codes, ids: ahead.next().unwrap_or_default() };
            self.keys(ids, ahead, lanes);
            for (&id, &key) in ids.iter().zip(&lanes.keys) {
                let reach = self.reach(id);
                if key + reach >= pool.bound() {
                    best.candidates.push((id, key));
                    pool.insert(Candidate::new(key - reach, id), self.kernels);
                }
            }
        }
    }

    /// How far a node's key may be from what refined codes would give.
    fn reach(&self, id: u32) -> f32 {
        if self.narrow.is_some() {
            return 0.0;
        }
        DEVIATIONS * self.query.key_error(factor(self.sections.factors, id))
    }

    /// How far a node's score by refined codes may be from that by its vector.
    pub(super) fn score_reach(&self, id: u32) -> f32 {
        if self.narrow.is_some() {
            return 0.0;
        }
        SCORE_DEVIATIONS * self.query.score_error(factor(self.sections.factors, id))
    }

    /// Scores, by refined codes, the candidates that could be among the `k` best if their keys were as much too low as
    /// others' are too high; the best come first.
    pub(super) fn refine(&self, k: usize, best: &mut Best, coder: &Coder) {
        let Best { candidates, least, scored } = best;
        if candidates.len() > k {
            least.clear();
            least.extend(candidates.iter().map(|&(id, key)| key - self.reach(id)));
            let (_, &mut bound, _) = least.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
            candidates.retain(|&(id, key)| key + self.reach(id) >= bound);
        }
        if self.narrow.is_none() {
            let bytes = Spaced::packed(self.sections.bytes, self.query.rotated.len());
            candidates.iter().for_each(|&(id, _)| self.kernels.prefetch(bytes, &[id]));
        }
        scored.clear();
        scored.extend(candidates.iter().map(|&(id, _)| (self.score(id, coder), id)));
        scored.sort_unstable_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
    }

    fn score(&self, id: u32, coder: &Coder) -> f32 {
        if let Some(narrow) = &self.narrow {
            return narrow.score(id);
        }
        let width = self.query.rotated.len();
        let codes = &self.sections.codes.row(id).unwrap_or_default()[..width / 2];
        let bytes = &self.sections.bytes[id as usize * width..][..width];
        let product = self.kernels.dot_refined(&self.query.rotated, codes, bytes, &coder.levels);
        self.query.score(product, factor(self.sections.factors, id))
    }
}
