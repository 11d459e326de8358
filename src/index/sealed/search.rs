//! One search of a sealed file: by a walk, by a scan, or by a walk that turned out to be the longer way.

use super::file::Sealed;
use super::format::Header;
use super::rows::FileRows;
use super::scratch::{Scratch, Work, with_scratch};
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

/// One of the searches under way.
struct Trip<'a> {
    ask: &'a Ask<'a>,
    walk: Walk<'a>,
    plan: Plan,
    work: &'a mut Work,
}

/// How wide the next walk is, and what was spent on those before.
#[derive(Clone, Copy, Debug)]
struct Plan {
    /// Candidates asked for.
    asked: usize,
    /// Rows that match, as far as is known.
    matching: usize,
    ef: usize,
    width: Width,
    spent: usize,
    risk: usize,
}

impl Plan {
    /// Whether the next walk costs less than comparing all that match.
    fn walks(&self, header: &Header) -> bool {
        let next = cost(self.width.ef, header.compared_by(self.ef));
        self.ef < header.nodes && self.spent + next < self.matching / self.risk
    }

    /// After a walk that did not find enough.
    fn widen(&mut self, matched: usize) {
        if self.width.fall.is_none() {
            // Where hardly any match nobody knows how far away they are.
            self.risk = if MOST_WIDENING * matched < self.asked { FAR } else { 1 };
            let widened = self.ef.saturating_mul(self.asked).div_ceil(matched.max(1));
            self.ef = widened.clamp(2 * self.ef, MOST_WIDENING * self.ef);
        }
        self.width = Width::of(self.ef);
    }
}

/// Of one search.
#[derive(Clone, Copy, Debug)]
pub(in crate::index) struct Answer<'a> {
    /// What was done.
    pub steps: &'a [SearchStep],
    /// The best rows that match, the best first: `k` of them, or all where there are fewer, and beyond these what scores by
    /// full vectors could put among them.
    pub rows: &'a [Found],
}

impl Sealed {
    /// Hands the answer of each search to `answer`, with its place in `asks`. What memory one search waits for is on its way
    /// while others are worked on, so a few together take less time than one by one; answers are the same.
    pub(in crate::index) fn search(&self, asks: &[Ask], mut answer: impl FnMut(usize, Answer)) {
        with_scratch(asks.len(), |scratch| {
            let mut trips: Vec<Trip> =
                asks.iter().zip(scratch).map(|(ask, scratch)| self.trip(ask, scratch)).collect();
            let header = self.header();
            let mut walking: Vec<&mut Trip> =
                trips.iter_mut().filter(|trip| trip.plan.walks(header)).collect();
            walking.iter_mut().for_each(|trip| trip.walk.start(trip.plan.width, trip.work));
            while !walking.is_empty() {
                walking.retain_mut(|trip| trip.walk.step(trip.work));
            }
            for (at, trip) in trips.iter_mut().enumerate() {
                self.arrive(trip);
                answer(at, Answer { steps: &trip.work.steps, rows: &trip.work.found });
            }
        });
    }

    fn trip<'a>(&'a self, ask: &'a Ask, Scratch { query, work }: &'a mut Scratch) -> Trip<'a> {
        self.coder().prepare(ask.vector, query);
        let narrow = self.narrow_vectors().map(|vectors| {
            let metric = self.header().metric;
            Narrow { vectors, query: ask.vector, metric }
        });
        work.steps.clear();
        work.found.clear();
        let walk = Walk { sections: self.sections(), query, narrow, kernels: backend().codes() };
        Trip { ask, plan: self.plan(ask, &walk), walk, work }
    }

    /// A walk so wide that as many candidates match as were asked for.
    fn plan(&self, ask: &Ask, walk: &Walk) -> Plan {
        let asked = ask.ef.max(ask.k);
        let alive = self.alive().max(1);
        // Rows that died may be in the set too.
        let matching = ask.within.map_or(self.rows(), |rows| rows.count) * alive / self.rows();
        let ef = asked.saturating_mul(self.rows()) / matching.max(1);
        let width = self.adaptive(ask, walk).unwrap_or(Width::of(ef));
        Plan { asked, matching, ef, width, spent: 0, risk: 1 }
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

    /// From the end of the first walk, if there was one, to the answer: by wider walks where too few matched, or by a scan
    /// where that costs less.
    fn arrive(&self, trip: &mut Trip) {
        let Trip { ask, walk, plan, work } = trip;
        let mut walked = plan.walks(self.header());
        let mut enough = false;
        while walked && !enough {
            let compared = work.gathered.count();
            plan.spent += cost(plan.width.ef, compared);
            self.keep_matching(ask, work);
            let matched = work.best.candidates.len();
            work.steps.push(SearchStep::Walk { ef: plan.width.ef, compared, matched });
            enough = suffices(ask, plan.width, work);
            if !enough {
                plan.widen(matched);
                walked = plan.walks(self.header());
                if walked {
                    walk.run(plan.width, work);
                }
            }
        }
        if !enough {
            self.scan(ask, walk, work);
        }
        self.refined(ask, walk, work);
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

    /// Makes candidates of what the walk found and has a row that matches.
    fn keep_matching(&self, ask: &Ask, work: &mut Work) {
        let all = self.all_match(ask);
        let candidates = &mut work.best.candidates;
        candidates.clear();
        candidates.extend(work.pool.candidates().filter(|&(node, _)| all || self.node_matches(ask, node)));
    }

    fn node_matches(&self, ask: &Ask, node: u32) -> bool {
        self.rows_of(node).any(|row| self.matches(ask, row))
    }

    /// Compares with every node that has a row that matches.
    fn scan(&self, ask: &Ask, walk: &Walk, work: &mut Work) {
        let listed = ask.within.map(|rows| rows.nodes.as_slice());
        let some_differ = ask.exclude.is_some() || self.alive() < self.rows();
        let ids: Cow<[u32]> = match listed {
            Some(nodes) if !some_differ => Cow::Borrowed(nodes),
            Some(nodes) => nodes.iter().copied().filter(|&node| self.node_matches(ask, node)).collect(),
            None => (0..self.header().nodes as u32)
                .filter(|&node| !some_differ || self.node_matches(ask, node))
                .collect(),
        };
        work.steps.push(SearchStep::Scan { compared: ids.len() });
        walk.scan(&ids, ask.k, work);
    }

    /// The best rows of the candidates, by refined codes.
    fn refined(&self, ask: &Ask, walk: &Walk, work: &mut Work) {
        let Work { best, found, .. } = work;
        walk.refine(ask.k, best, self.coder());
        let all = self.all_match(ask);
        let (mut count, mut least) = (0, f32::NEG_INFINITY);
        for &(score, node) in &best.scored {
            let reach = walk.score_reach(node);
            if count >= ask.k && score + reach < least {
                continue;
            }
            for row in self.rows_of(node).filter(|&row| all || self.matches(ask, row)) {
                found.push(Found { score, reach, row });
                count += 1;
                if count == ask.k {
                    least = score - reach;
                }
            }
        }
    }
}

/// Whether a walk of this width found enough.
fn suffices(ask: &Ask, width: Width, work: &Work) -> bool {
    let Work { pool, best, .. } = work;
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
