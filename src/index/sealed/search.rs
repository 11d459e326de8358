//! One search of a sealed file: by a walk, by a scan, or by a walk that turned out to be the longer way.

use super::file::Sealed;
use super::rows::FileRows;
use super::scratch::{Scratch, with_scratch};
use super::walk::{Narrow, Walk, Width};
use crate::compute::distance::backend;
use serde::Serialize;
use std::borrow::Cow;

/// Comparing a node on a walk costs as much as this many in a scan, which knows what comes next.
const WALK_COST: usize = 4;
/// Putting a node into its place among so many costs as much as comparing one in a scan.
const MOVED: usize = 32;

/// Most that a walk is wider than the one before it.
const MOST_WIDENING: usize = 4;
/// Where rows that match are not near, walks may cost so much less than a scan: they may be in vain.
const FAR: usize = 8;

/// What a walk costs that keeps `ef` candidates, about twice as many having been put there, in nodes that a scan compares.
fn cost(ef: usize, compared: usize) -> usize {
    let moved = ef.saturating_mul(ef) / MOVED;
    compared.saturating_mul(WALK_COST).saturating_add(moved)
}
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
    /// How far the score may be from that by the full vector.
    pub reach: f32,
    pub row: u32,
}

/// Where it is told what was done, if anybody asks.
pub(in crate::index) type Told<'a> = Option<&'a mut Vec<SearchStep>>;

fn tell(told: &mut Told, step: SearchStep) {
    if let Some(steps) = told {
        steps.push(step);
    }
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
    /// Hands the best rows that match to `found`, the best first: `k` of them, or all where there are fewer, and beyond these
    /// what scores by full vectors could put among them.
    pub(in crate::index) fn search(&self, ask: &Ask, mut told: Told, found: impl FnMut(Found)) {
        with_scratch(|scratch| {
            let mut query = std::mem::take(&mut scratch.query);
            self.coder().prepare(ask.vector, &mut query);
            let narrow = self.narrow_vectors().map(|vectors| {
                let metric = self.header().metric;
                Narrow { vectors, query: ask.vector, metric }
            });
            let walk = Walk { sections: self.sections(), query: &query, narrow, kernels: backend().codes() };
            if !self.walk(ask, &walk, scratch, &mut told) {
                self.scan(ask, &walk, scratch, &mut told);
            }
            self.refined(ask, &walk, scratch, found);
            scratch.query = query;
        });
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

    /// Walks, so wide that as many candidates match as were asked for; false where a scan costs less.
    fn walk(&self, ask: &Ask, walk: &Walk, scratch: &mut Scratch, told: &mut Told) -> bool {
        let asked = ask.ef.max(ask.k);
        let alive = self.alive().max(1);
        // Rows that died may be in the set too.
        let matching = ask.within.map_or(self.rows(), |rows| rows.count) * alive / self.rows();
        let mut ef = asked.saturating_mul(self.rows()) / matching.max(1);
        let mut spent = 0;
        let mut risk = 1;
        let mut width = self.adaptive(ask, walk).unwrap_or(Width::of(ef));
        loop {
            let next = cost(width.ef, self.header().compared_by(ef));
            if ef >= self.header().nodes || spent + next >= matching / risk {
                return false;
            }
            let compared = walk.run(width, scratch);
            spent += cost(width.ef, compared);
            self.keep_matching(ask, scratch);
            let matched = scratch.best.candidates.len();
            tell(told, SearchStep::Walk { ef: width.ef, compared, matched });
            if suffices(ask, width, scratch) {
                return true;
            }
            if width.fall.is_none() {
                // Where hardly any match nobody knows how far away they are.
                risk = if MOST_WIDENING * matched < asked { FAR } else { 1 };
                let widened = ef.saturating_mul(asked).div_ceil(matched.max(1));
                ef = widened.clamp(2 * ef, MOST_WIDENING * ef);
            }
            width = Width::of(ef);
        }
    }

    /// A walk that ends where no more is to be expected, for a search that few rows do not match: of a width so much larger
    /// that harder queries than most find as many.
    fn adaptive(&self, ask: &Ask, walk: &Walk) -> Option<Width> {
        let slope = self.header().slope;
        let wide = ask.ef > ask.k && slope > 0.0 && walk.narrow.is_none();
        let few = ask.within.is_none() && ask.exclude.is_none() && 8 * self.alive() >= 7 * self.rows();
        (wide && few).then(|| {
            let fall = walk.query.fall(slope * (ask.ef as f32 / ask.k as f32).ln());
            // As many more as may have died.
            let wanted = (ask.k * self.rows()).div_ceil(self.alive().max(1));
            Width { ef: ask.ef.saturating_add(ask.ef / 2), fall: Some((wanted, fall)) }
        })
    }

    /// Makes candidates of what the walk found and has a row that matches.
    fn keep_matching(&self, ask: &Ask, scratch: &mut Scratch) {
        let all = self.all_match(ask);
        let candidates = &mut scratch.best.candidates;
        candidates.clear();
        candidates.extend(scratch.pool.candidates().filter(|&(node, _)| all || self.node_matches(ask, node)));
    }

    fn node_matches(&self, ask: &Ask, node: u32) -> bool {
        self.rows_of(node).any(|row| self.matches(ask, row))
    }

    /// Compares with every node that has a row that matches.
    fn scan(&self, ask: &Ask, walk: &Walk, scratch: &mut Scratch, told: &mut Told) {
        let listed = ask.within.map(|rows| rows.nodes.as_slice());
        let some_differ = ask.exclude.is_some() || self.alive() < self.rows();
        let ids: Cow<[u32]> = match listed {
            Some(nodes) if !some_differ => Cow::Borrowed(nodes),
            Some(nodes) => nodes.iter().copied().filter(|&node| self.node_matches(ask, node)).collect(),
            None => (0..self.header().nodes as u32)
                .filter(|&node| !some_differ || self.node_matches(ask, node))
                .collect(),
        };
        tell(told, SearchStep::Scan { compared: ids.len() });
        walk.scan(&ids, ask.k, scratch);
    }

    /// The best rows of the candidates, by refined codes.
    fn refined(&self, ask: &Ask, walk: &Walk, scratch: &mut Scratch, mut found: impl FnMut(Found)) {
        walk.refine(ask.k, &mut scratch.best, self.coder());
        let all = self.all_match(ask);
        let (mut count, mut least) = (0, f32::NEG_INFINITY);
        for &(score, node) in &scratch.best.scored {
            let reach = walk.score_reach(node);
            if count >= ask.k && score + reach < least {
                continue;
            }
            for row in self.rows_of(node).filter(|&row| all || self.matches(ask, row)) {
                found(Found { score, reach, row });
                count += 1;
                if count == ask.k {
                    least = score - reach;
                }
            }
        }
    }
}

/// Whether a walk of this width found enough.
fn suffices(ask: &Ask, width: Width, scratch: &Scratch) -> bool {
    let Scratch { pool, best, .. } = scratch;
    match width.fall {
        // What was wanted is there as deep as was looked for it.
        Some((wanted, _)) => best
            .candidates
            .get(ask.k - 1)
            .is_some_and(|&(_, key)| pool.key_of(wanted - 1).is_some_and(|last| key >= last)),
        None => {
            4 * best.candidates.len() >= ENOUGH_IN_FOUR * ask.ef.max(ask.k) && best.candidates.len() >= ask.k
        }
    }
}
