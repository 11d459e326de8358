//! One search over all tiers: candidates by codes, then the exact order by vectors.

use super::live::Live;
use super::options::{Neighbor, SearchOptions};
use super::quantize::Query;
use super::score::score;
use super::sealed::{Ask, Found, Sealed, SearchStep};
use super::segment::Segment;
use super::view::IndexView;
use crate::compute::top_k::TopK;
use crate::compute::{Backend, distance::backend};
use std::cmp::Ordering;

/// Candidates by codes for each neighbour asked for, and at least this many more: what rounding to codes
/// puts behind the k-th comes back by the exact order.
const OVERFETCH: usize = 2;
const OVERFETCH_LEAST: usize = 16;

/// Most answers that room is made for before there are any.
const EXPECTED: usize = 1024;

/// Rows that a scan compares at a time.
const SCANNED: usize = 128;

/// Most that dead rows widen a graph search.
const MAX_WIDENING: usize = 4;

/// A row as label, segment number (head first, then live) and place there; ordered by label.
type Candidate = (u32, u32, u32);

/// An answer, with how far its score may be off, and its place where it comes from a sealed file.
struct Hit<'a> {
    neighbor: Neighbor,
    reach: f32,
    place: Option<(&'a Sealed, u32)>,
}

impl<'a> Hit<'a> {
    fn sealed(file: &'a Sealed, &Found { score, reach, row }: &Found) -> Self {
        Self { neighbor: Neighbor { label: file.label(row), score }, reach, place: Some((file, row)) }
    }

    fn exact(neighbor: Neighbor) -> Self {
        Self { neighbor, reach: 0.0, place: None }
    }

    fn least(&self) -> f32 {
        self.neighbor.score - self.reach
    }
}

/// By score, then by label.
fn closer(a: Neighbor, b: Neighbor) -> Ordering {
    b.score.total_cmp(&a.score).then(a.label.cmp(&b.label))
}

/// `ef` so that as many nodes found are alive as if no row were dead.
fn widened(ef: usize, rows: usize, alive: usize) -> usize {
    let proportional = ef.saturating_mul(rows) / alive.max(1);
    proportional.clamp(ef, ef.saturating_mul(MAX_WIDENING))
}

/// Searches of one view with the same options.
pub(super) struct Search<'a> {
    view: &'a IndexView,
    options: &'a SearchOptions<'a>,
    backend: &'static Backend,
}

impl<'a> Search<'a> {
    pub(super) fn new(view: &'a IndexView, options: &'a SearchOptions<'a>) -> Self {
        Self { view, options, backend: backend() }
    }

    /// The answer to each query. What was done goes to `told`, if anybody asks: for each sealed file, of each query.
    pub(super) fn neighbors(
        &self,
        queries: &[Query],
        told: Option<&mut Vec<Vec<SearchStep>>>,
    ) -> Vec<Vec<Neighbor>> {
        let k = self.options.k.min(self.view.len());
        if k == 0 {
            return vec![Vec::new(); queries.len()];
        }
        let mut answers: Vec<Vec<Neighbor>> = if self.options.exact {
            queries.iter().map(|query| self.exact(query, k)).collect()
        } else {
            self.approximate(queries, k, told)
        };
        for found in &mut answers {
            if let Some(least) = self.options.min_score {
                found.retain(|neighbor| neighbor.score >= least);
            }
            found.truncate(k);
        }
        answers
    }

    fn exact(&self, query: &Query, k: usize) -> Vec<Neighbor> {
        let mut best = TopK::new(k);
        for segment in self.segments() {
            for row in 0..segment.len() {
                if self.matches(segment, row) {
                    best.push(self.score(query, segment.vector(row)), segment.label(row));
                }
            }
        }
        for file in self.view.sealed.iter() {
            for row in (0..file.rows() as u32)
                .filter(|&row| file.is_alive(row, self.view.seq) && self.wanted(file.label(row)))
            {
                best.push(self.score(query, file.vector(row)), file.label(row));
            }
        }
        best.into_sorted().into_iter().map(|(score, label)| Neighbor { label, score }).collect()
    }

    /// The best of all tiers. Head and live tier score by full vectors, sealed files by refined codes; where scores are
    /// to be exact, what may be among the best is scored again.
    fn approximate(
        &self,
        queries: &[Query],
        k: usize,
        mut told: Option<&mut Vec<Vec<SearchStep>>>,
    ) -> Vec<Vec<Neighbor>> {
        let mut hits: Vec<Vec<Hit>> = queries.iter().map(|query| self.unsealed(query, k)).collect();
        for file in self.view.sealed.iter() {
            let within = self.options.within.map(|rows| rows.rows_in(file));
            let ask = Ask {
                vector: &[],
                k,
                ef: self.options.ef,
                within: within.as_deref(),
                exclude: self.options.exclude,
                seq: self.view.seq,
            };
            let asks: Vec<Ask> = queries.iter().map(|query| Ask { vector: &query.vector, ..ask }).collect();
            file.search(&asks, |at, answer| {
                hits[at].extend(answer.rows.iter().map(|found| Hit::sealed(file, found)));
                if let Some(told) = &mut told {
                    told.push(answer.steps.to_vec());
                }
            });
        }
        queries.iter().zip(hits).map(|(query, hits)| self.best(query, k, hits)).collect()
    }

    /// What head and live tier may have among the best.
    fn unsealed<'h>(&self, query: &Query, k: usize) -> Vec<Hit<'h>> {
        let mut hits = Vec::with_capacity(EXPECTED.min(2 * k * (self.view.sealed.len() + 1)));
        if !self.view.head.is_empty() || self.view.live.is_some() {
            hits.extend(self.rescored(query, self.candidates(query, k)).into_iter().map(Hit::exact));
        }
        hits
    }

    fn best(&self, query: &Query, k: usize, mut hits: Vec<Hit>) -> Vec<Neighbor> {
        if self.options.exact_scores {
            self.score_again(query, k, &mut hits);
        }
        hits.sort_unstable_by(|a, b| closer(a.neighbor, b.neighbor));
        hits.truncate(k);
        hits.into_iter().map(|hit| hit.neighbor).collect()
    }

    /// Scores by full vectors what could be among the `k` best by them, and lets go of the rest.
    fn score_again(&self, query: &Query, k: usize, hits: &mut Vec<Hit>) {
        if hits.len() > k {
            let (_, last, _) = hits.select_nth_unstable_by(k - 1, |a, b| b.least().total_cmp(&a.least()));
            let least = last.least();
            hits.retain(|hit| hit.neighbor.score + hit.reach >= least);
        }
        for hit in hits {
            if let Some((file, row)) = hit.place {
                hit.neighbor.score = self.score(query, file.vector(row));
            }
        }
    }

    fn candidates(&self, query: &Query, k: usize) -> TopK<Candidate> {
        let mut best = TopK::new((OVERFETCH * k).max(k + OVERFETCH_LEAST));
        for number in 0..self.view.head.len() {
            self.scan(query, number, &mut best);
        }
        if let Some(live) = &self.view.live
            && !self.walk(query, live, k, &mut best)
        {
            for number in 0..live.segments.len() {
                self.scan(query, self.view.head.len() + number, &mut best);
            }
        }
        best
    }

    /// Offers what the graph finds, widening until `k` rows match; false, with nothing offered, where a
    /// scan of the live tier costs less than the next width.
    fn walk(&self, query: &Query, live: &Live, k: usize, best: &mut TopK<Candidate>) -> bool {
        let mut ef = widened(self.options.ef.max(k), live.rows(), self.view.live_len());
        while ef.saturating_mul(self.view.options.rows_per_ef) < live.rows() && ef < live.nodes() {
            let rows = self.matching(query, live, ef);
            if rows.len() >= k {
                for (number, row) in rows {
                    self.offer(query, number, row, best);
                }
                return true;
            }
            ef = ef.saturating_mul(2);
        }
        false
    }

    /// The rows that match among the `ef` nodes the graph finds and those it cannot reach.
    fn matching(&self, query: &Query, live: &Live, ef: usize) -> Vec<(usize, usize)> {
        let reached = live.graph.search(query, ef).filter(|node| live.orphans.binary_search(node).is_err());
        reached
            .chain(live.orphans.iter().copied())
            .flat_map(|node| live.rows_of(node))
            .filter(|&(number, row)| self.matches(&live.segments[number], row))
            .map(|(number, row)| (self.view.head.len() + number, row))
            .collect()
    }

    fn scan(&self, query: &Query, number: usize, best: &mut TopK<Candidate>) {
        let segment = self.segment(number);
        let mut products = [0; SCANNED];
        for start in (0..segment.len() as u32).step_by(SCANNED) {
            let rows: Vec<u32> = (start..(start + SCANNED as u32).min(segment.len() as u32)).collect();
            self.backend.codes().dots_i8(&query.codes, segment.all_codes(), &rows, &mut products);
            for (&row, &product) in rows.iter().zip(&products) {
                let estimate = query.estimate(product, segment.factor(row as usize));
                if best.may_keep(estimate) && self.matches(segment, row as usize) {
                    best.push(estimate, (segment.label(row as usize), number as u32, row));
                }
            }
        }
    }

    fn offer(&self, query: &Query, number: usize, row: usize, best: &mut TopK<Candidate>) {
        let segment = self.segment(number);
        best.push(self.estimate(query, segment, row), (segment.label(row), number as u32, row as u32));
    }

    fn rescored(&self, query: &Query, candidates: TopK<Candidate>) -> Vec<Neighbor> {
        let score = |(_, (label, number, row)): (f32, Candidate)| Neighbor {
            label,
            score: self.score(query, self.segment(number as usize).vector(row as usize)),
        };
        let mut found: Vec<Neighbor> = candidates.into_sorted().into_iter().map(score).collect();
        found.sort_unstable_by(|a, b| closer(*a, *b));
        found
    }

    /// Whether a label is asked for.
    fn wanted(&self, label: u32) -> bool {
        self.options.within.is_none_or(|rows| rows.contains(label))
            && !self.options.exclude.is_some_and(|exclude| exclude(label))
    }

    fn matches(&self, segment: &Segment, row: usize) -> bool {
        segment.is_alive(row, self.view.seq) && self.wanted(segment.label(row))
    }

    #[inline]
    fn estimate(&self, query: &Query, segment: &Segment, row: usize) -> f32 {
        let product = self.backend.dot_i8(&query.codes, segment.codes(row));
        query.estimate(product, segment.factor(row))
    }

    fn score(&self, query: &Query, vector: &[f32]) -> f32 {
        score(self.view.options.metric, &query.vector, vector)
    }

    fn segment(&self, number: usize) -> &'a Segment {
        let head = &self.view.head;
        match (head.get(number), &self.view.live) {
            (None, Some(live)) => &live.segments[number - head.len()],
            _ => &head[number],
        }
    }

    fn segments(&self) -> impl Iterator<Item = &'a Segment> {
        let live = self.view.live.as_ref().map_or(0, |live| live.segments.len());
        (0..self.view.head.len() + live).map(|number| self.segment(number))
    }
}
