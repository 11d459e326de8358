//! One search of a sealed file: by a walk, by a scan, or by a walk that turned out to be the longer way.

use super::file::Sealed;
use super::rows::FileRows;
use super::walk::{Narrow, Scratch, Walk, with_scratch};
use crate::compute::distance::backend;
use serde::Serialize;

/// Nodes that a scan compares at a time.
const BATCH: usize = 64;
/// What could be among the best if keys were off by so many standard deviations is scored by refined codes. Fewer lose
/// recall, more gain none.
const DEVIATIONS: f32 = 2.5;

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
    /// Labels to leave out, if any.
    pub exclude: Option<&'a (dyn Fn(u32) -> bool + Sync)>,
    /// The commit whose rows are searched.
    pub seq: u64,
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
        let narrow = self.narrow_vectors().map(|vectors| {
            let metric = self.header().metric;
            Narrow { vectors, query: ask.vector, metric }
        });
        let walk = Walk { sections: self.sections(), query: &query, narrow, kernels: backend().codes() };
        let walked = with_scratch(|scratch| self.walk(ask, &walk, scratch, steps));
        walked.unwrap_or_else(|| self.scan(ask, &walk, steps))
    }

    fn matches(&self, ask: &Ask, row: u32) -> bool {
        ask.within.is_none_or(|rows| rows.contains(row))
            && self.is_alive(row, ask.seq)
            && !ask.exclude.is_some_and(|exclude| exclude(self.label(row)))
    }

    /// Whether every row matches, so that none has to be looked at.
    fn all_match(&self, ask: &Ask) -> bool {
        ask.within.is_none() && ask.exclude.is_none() && self.alive() == self.rows()
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
            if ef >= self.header().nodes || (spent + next).saturating_mul(WALK_COST) >= matching {
                return None;
            }
            let compared = walk.run(ef, &[], scratch);
            spent += compared;
            let matched = self.matched(ask, scratch);
            steps.push(SearchStep::Walk { ef, compared, matched: matched.len() });
            if 4 * matched.len() >= ENOUGH_IN_FOUR * asked && matched.len() >= ask.k {
                return Some(self.refined(ask, walk, &matched));
            }
            ef = ef.saturating_mul(asked).div_ceil(matched.len().max(asked / 8).max(1)).max(2 * ef);
        }
    }

    /// Candidates that have a row that matches, with their keys.
    fn matched(&self, ask: &Ask, scratch: &Scratch) -> Vec<(u32, f32)> {
        let all = self.all_match(ask);
        scratch.pool.candidates().filter(|&(node, _)| all || self.node_matches(ask, node)).collect()
    }

    fn node_matches(&self, ask: &Ask, node: u32) -> bool {
        self.rows_of(node).any(|row| self.matches(ask, row))
    }

    /// Compares with every node that has a row that matches.
    fn scan(&self, ask: &Ask, walk: &Walk, steps: &mut Vec<SearchStep>) -> Vec<Found> {
        let nodes = self.header().nodes;
        let candidates: Box<dyn Iterator<Item = u32>> = match ask.within {
            Some(rows) => rows.candidates(nodes),
            None => Box::new(0..nodes as u32),
        };
        let ids: Vec<u32> = candidates.filter(|&node| self.node_matches(ask, node)).collect();
        steps.push(SearchStep::Scan { compared: ids.len() });
        let mut keys = vec![0.0; ids.len()];
        let mut products = [0; BATCH];
        let stride = walk.query.codes.len() / 2;
        let mut ahead = ids.chunks(BATCH).skip(1);
        for (ids, keys) in ids.chunks(BATCH).zip(keys.chunks_mut(BATCH)) {
            walk.kernels.prefetch(walk.sections.codes, stride, ahead.next().unwrap_or_default());
            walk.keys(ids, &mut products[..ids.len()], keys);
        }
        let candidates: Vec<(u32, f32)> = ids.into_iter().zip(keys).collect();
        self.refined(ask, walk, &candidates)
    }

    /// The best rows of candidates, by refined codes.
    fn refined(&self, ask: &Ask, walk: &Walk, candidates: &[(u32, f32)]) -> Vec<Found> {
        let nodes = within_reach(ask.k, candidates, walk);
        let scores = walk.refine(&nodes, self.coder());
        let mut found = Vec::with_capacity(nodes.len());
        for (&node, &score) in nodes.iter().zip(&scores) {
            let own = self.rows_of(node).filter(|&row| self.matches(ask, row));
            found.extend(own.map(|row| Found { score, row }));
        }
        found.sort_unstable_by(|a, b| b.score.total_cmp(&a.score).then(a.row.cmp(&b.row)));
        found.truncate(ask.k);
        found
    }
}

/// The nodes that could be among the `k` best if their keys were as much too low as others' are too high.
fn within_reach(k: usize, candidates: &[(u32, f32)], walk: &Walk) -> Vec<u32> {
    if candidates.len() <= k {
        return candidates.iter().map(|&(id, _)| id).collect();
    }
    let reach = |id: u32| DEVIATIONS * walk.key_error(id);
    let mut least: Vec<f32> = candidates.iter().map(|&(id, key)| key - reach(id)).collect();
    let (_, &mut bound, _) = least.select_nth_unstable_by(k - 1, |a, b| b.total_cmp(a));
    candidates.iter().filter(|&&(id, key)| key + reach(id) >= bound).map(|&(id, _)| id).collect()
}
