//! One search of a sealed file: by a walk, by a scan, or by a walk that turned out to be the longer way.

use super::file::Sealed;
use super::rows::FileRows;
use super::walk::{Scratch, Walk, with_scratch};
use crate::compute::distance::backend;
use serde::Serialize;

/// Nodes that are scored by refined codes: this many for each neighbour asked for, and this many more.
const OVERFETCH: usize = 2;
const OVERFETCH_MORE: usize = 10;
/// In a scan, whose candidates are no better than their 4-bit codes, so many more.
const OVERFETCH_SCAN: usize = 40;
/// Nodes that a scan compares at a time.
const BATCH: usize = 64;
/// Comparing a node on a walk costs as much as this many in a scan, which knows what comes next.
const WALK_COST: usize = 4;
/// Of the width asked for, so many in four candidates must match for a walk to count as one of that width.
const ENOUGH_IN_FOUR: usize = 3;

/// What is searched for.
pub(in crate::index) struct Ask<'a> {
    /// A prepared vector.
    pub vector: &'a [f32],
    /// Rows wanted, at least 1.
    pub k: usize,
    /// Width of the walk.
    pub ef: usize,
    /// The rows to keep to, if not all.
    pub within: Option<&'a FileRows>,
    /// Whether a row in there may be an answer.
    pub matches: &'a dyn Fn(u32) -> bool,
}

/// A row that was found, with its score by refined codes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(in crate::index) struct Found {
    pub score: f32,
    pub row: u32,
}

/// One step of a search in a sealed file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub enum SearchStep {
    /// The graph was walked; other rows served as bridges only.
    Walk {
        /// Candidates kept: wider where fewer rows match.
        ef: usize,
        /// Nodes compared.
        compared: usize,
        /// Candidates that matched, at the end.
        matched: usize,
    },
    /// Every row that matches was compared.
    Scan {
        /// Nodes compared.
        compared: usize,
    },
}

impl Sealed {
    /// The best rows that match, the best first: `k` of them, or all where there are fewer. What was done goes to `steps`.
    pub(in crate::index) fn search(&self, ask: &Ask, steps: &mut Vec<SearchStep>) -> Vec<Found> {
        let query = self.coder().query(ask.vector);
        let walk = Walk { sections: self.sections(), query: &query, kernels: backend().codes() };
        with_scratch(|scratch| {
            self.walk(ask, &walk, scratch, steps).unwrap_or_else(|| self.scan(ask, &walk, scratch, steps))
        })
    }

    fn matches(&self, ask: &Ask, row: u32) -> bool {
        ask.within.is_none_or(|rows| rows.contains(row)) && (ask.matches)(row)
    }

    /// Walks, so wide that as many candidates match as were asked for; `None` where a scan costs less.
    fn walk(
        &self,
        ask: &Ask,
        walk: &Walk,
        scratch: &mut Scratch,
        steps: &mut Vec<SearchStep>,
    ) -> Option<Vec<Found>> {
        let asked = ask.ef.max(ask.k);
        let alive = self.alive().max(1);
        // Rows that died may be in the set too.
        let matching = ask.within.map_or(self.rows(), |rows| rows.count) * alive / self.rows();
        let mut ef = asked.saturating_mul(self.rows()) / matching.max(1);
        let mut spent = 0;
        loop {
            let next = self.header().compared_by(ef);
            if (spent + next).saturating_mul(WALK_COST) >= matching {
                return None;
            }
            let compared = walk.run(ef, &[], scratch);
            spent += compared;
            let matched = self.matched(ask, scratch);
            steps.push(SearchStep::Walk { ef, compared, matched });
            if 4 * matched >= ENOUGH_IN_FOUR * asked {
                return Some(self.refined(ask, walk, scratch, overfetched(ask.k)));
            }
            ef = ef.saturating_mul(asked).div_ceil(matched.max(asked / 8).max(1)).max(2 * ef);
        }
    }

    /// Candidates that match.
    fn matched(&self, ask: &Ask, scratch: &Scratch) -> usize {
        let all = ask.within.is_none();
        scratch.pool.ids().filter(|&node| all || self.rows_of(node).any(|row| self.matches(ask, row))).count()
    }

    /// Compares with every node that has a row that matches.
    fn scan(&self, ask: &Ask, walk: &Walk, scratch: &mut Scratch, steps: &mut Vec<SearchStep>) -> Vec<Found> {
        let wanted = overfetched(ask.k).saturating_add(OVERFETCH_SCAN);
        scratch.pool.reset(wanted);
        let nodes = self.header().nodes;
        let candidates: Box<dyn Iterator<Item = u32>> = match ask.within {
            Some(rows) => rows.candidates(nodes),
            None => Box::new(0..nodes as u32),
        };
        let mut matching = candidates.filter(|&node| self.rows_of(node).any(|row| self.matches(ask, row)));
        let mut ids = Vec::with_capacity(BATCH);
        let mut compared = 0;
        loop {
            ids.clear();
            ids.extend(matching.by_ref().take(BATCH));
            compared += ids.len();
            if walk.offer(&ids, scratch) == 0 {
                steps.push(SearchStep::Scan { compared });
                return self.refined(ask, walk, scratch, wanted);
            }
        }
    }

    /// Rows of the pool's best `count` nodes that match, scored by refined codes.
    fn refined(&self, ask: &Ask, walk: &Walk, scratch: &mut Scratch, count: usize) -> Vec<Found> {
        let (mut nodes, mut rows) = (Vec::new(), Vec::new());
        for node in scratch.pool.ids() {
            let before = rows.len();
            let own = self.rows_of(node).filter(|&row| self.matches(ask, row));
            rows.extend(own.map(|row| (nodes.len(), row)));
            if rows.len() > before {
                nodes.push(node);
            }
            if nodes.len() >= count {
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
