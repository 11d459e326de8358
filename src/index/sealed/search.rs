//! One search of a sealed file.

use super::file::Sealed;
use super::walk::{Scratch, Walk, with_scratch};
use crate::compute::distance::backend;

/// Nodes that are scored by refined codes: this many for each neighbour asked for, and this many more.
const OVERFETCH: usize = 2;
const OVERFETCH_MORE: usize = 10;
/// Nodes that a scan compares at a time.
const BATCH: usize = 256;
/// Comparing a node on a walk costs as much as this many in a scan, which knows what comes next.
const WALK_COST: usize = 3;

/// What is searched for.
pub(in crate::index) struct Ask<'a> {
    /// A prepared vector.
    pub vector: &'a [f32],
    /// Rows wanted, at least 1.
    pub k: usize,
    /// Width of the walk.
    pub ef: usize,
    /// Whether a row may be an answer.
    pub matches: &'a dyn Fn(u32) -> bool,
}

/// A row that was found, with its score by refined codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::index) struct Found {
    pub score: f32,
    pub row: u32,
}

impl Sealed {
    /// The best rows that match, the best first: `k` of them, or all where there are fewer.
    pub(in crate::index) fn search(&self, ask: &Ask) -> Vec<Found> {
        let query = self.coder().query(ask.vector);
        let walk = Walk { sections: self.sections(), query: &query, kernels: backend().codes() };
        with_scratch(|scratch| {
            self.walk(ask, &walk, scratch).unwrap_or_else(|| self.scan(ask, &walk, scratch))
        })
    }

    /// Walks, wider until enough rows match; `None` where a scan costs less than the next width.
    fn walk(&self, ask: &Ask, walk: &Walk, scratch: &mut Scratch) -> Option<Vec<Found>> {
        let (nodes, wanted) = (self.header().nodes, ask.k.min(self.alive()));
        let mut ef = ask.ef.max(ask.k).saturating_mul(self.rows()) / self.alive().max(1);
        let mut compared = 0;
        loop {
            // Each candidate followed has about half its neighbours not seen yet.
            let next = ef.saturating_mul(self.header().degree / 2);
            if (compared + next).saturating_mul(WALK_COST) >= nodes {
                return None;
            }
            compared += walk.run(ef, &[], scratch);
            let found = self.refined(ask, walk, scratch);
            if found.len() >= wanted {
                return Some(found);
            }
            ef = ef.saturating_mul(4);
        }
    }

    /// Compares with every node that has a row that matches.
    fn scan(&self, ask: &Ask, walk: &Walk, scratch: &mut Scratch) -> Vec<Found> {
        scratch.pool.reset(overfetched(ask.k).max(ask.ef));
        let nodes = 0..self.header().nodes as u32;
        let mut matching = nodes.filter(|&node| self.rows_of(node).any(|row| (ask.matches)(row)));
        let mut ids = Vec::with_capacity(BATCH);
        loop {
            ids.clear();
            ids.extend(matching.by_ref().take(BATCH));
            if ids.is_empty() {
                return self.refined(ask, walk, scratch);
            }
            walk.offer(&ids, scratch);
        }
    }

    /// Rows of the pool that match, scored by refined codes.
    fn refined(&self, ask: &Ask, walk: &Walk, scratch: &mut Scratch) -> Vec<Found> {
        let (mut nodes, mut rows) = (Vec::new(), Vec::new());
        for node in scratch.pool.ids() {
            let before = rows.len();
            rows.extend(self.rows_of(node).filter(|&row| (ask.matches)(row)).map(|row| (nodes.len(), row)));
            if rows.len() > before {
                nodes.push(node);
            }
            if nodes.len() >= overfetched(ask.k) {
                break;
            }
        }
        let mut scores = Vec::with_capacity(nodes.len());
        walk.refine(&nodes, self.coder(), &mut scores);
        let mut found: Vec<Found> =
            rows.into_iter().map(|(node, row)| Found { score: scores[node], row }).collect();
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        found.truncate(ask.k);
        found
    }
}

fn overfetched(k: usize) -> usize {
    k.saturating_mul(OVERFETCH).saturating_add(OVERFETCH_MORE)
}
