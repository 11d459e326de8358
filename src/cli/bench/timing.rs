//! Searches by the clock: how many a second, and how much of the truth they find.

use super::data::at_least_1;
use crate::error::{Error, Result};
use crate::eval::{Latency, recall_at_k};
use crate::index::{IndexView, Neighbor, RowSet, SearchOptions, SearchStep};
use clap::Args;
use serde::Serialize;
use std::fmt;
use std::time::Instant;

/// How the index is searched.
#[derive(Args, Clone, Debug)]
pub struct SearchArgs {
    /// Threads that search
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Widths of the graph search
    #[arg(long, value_delimiter = ',', default_values_t = [10, 20, 40, 80, 120, 200, 400])]
    pub ef: Vec<usize>,
    /// Passes over the queries for each width; the fastest counts
    #[arg(long, default_value_t = 2)]
    pub passes: usize,
    /// Score neighbours by their codes, without reading full vectors
    #[arg(long)]
    pub codes: bool,
}

/// What one width of the graph search gives.
#[derive(Clone, Debug, Serialize)]
pub struct Point {
    /// The width.
    pub ef: usize,
    /// Mean share of the true neighbours that were found.
    pub recall: f64,
    /// Queries per second of all threads together.
    pub qps: f64,
    /// Of single queries, where they were handed over one at a time.
    #[serde(flatten)]
    pub latency: Option<Latency>,
    /// Nodes of sealed files that a query is compared with, on average, counted apart from the timed passes.
    pub compared: f64,
    /// Share of the queries that ended with a scan in a sealed file.
    pub scanned: f64,
}

impl SearchArgs {
    pub(super) fn check(&self) -> Result<()> {
        at_least_1(&[("--threads", self.threads), ("--passes", self.passes)])
    }

    /// What scores are of, for reports.
    pub(super) fn scores(&self) -> &'static str {
        if self.codes { "codes" } else { "full vectors" }
    }
}

/// Recall and speed of each width, to be drawn.
pub(super) fn curve<'p>(points: impl IntoIterator<Item = &'p Point>) -> Vec<(f64, f64)> {
    points.into_iter().map(|point| (point.recall, point.qps)).collect()
}

/// The head of a table of points.
pub(super) const COLUMNS: &str = "   ef   recall       QPS   p50 us   p95 us   p99 us compared";

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { ef, recall, qps, compared, .. } = self;
        write!(f, "{ef:>5} {recall:>8.4} {qps:>9.0}")?;
        if let Some(Latency { p50_us, p95_us, p99_us }) = self.latency {
            write!(f, " {p50_us:>8.0} {p95_us:>8.0} {p99_us:>8.0}")?;
        } else {
            write!(f, " {:>8} {:>8} {:>8}", "-", "-", "-")?;
        }
        write!(f, " {compared:>8.0}")
    }
}

/// Queries, and how they are searched for.
pub(super) struct Searches<'a> {
    pub view: &'a IndexView,
    pub queries: &'a [&'a [f32]],
    pub args: &'a SearchArgs,
    pub k: usize,
    /// What queries are kept to: one set for each, one for all, or none.
    pub sets: &'a [RowSet],
    /// Hand all queries over at once.
    pub batch: bool,
}

/// One search for every query.
struct Pass {
    found: Vec<Vec<Neighbor>>,
    latencies_us: Vec<f64>,
    seconds: f64,
}

impl Searches<'_> {
    /// The fastest of the passes, with what it found.
    pub(super) fn measure(&self, ef: usize, truth: &[Vec<u32>]) -> Result<(Point, Vec<Vec<u32>>)> {
        let mut best = self.pass(ef)?;
        for _ in 1..self.args.passes {
            let next = self.pass(ef)?;
            if next.seconds < best.seconds {
                best = next;
            }
        }
        let (compared, scanned) = self.effort(ef)?;
        let labels = |found: Vec<Neighbor>| found.into_iter().map(|neighbor| neighbor.label).collect();
        let found: Vec<Vec<u32>> = best.found.into_iter().map(labels).collect();
        let point = Point {
            ef,
            recall: recall_at_k(&found, truth, self.k),
            qps: self.queries.len() as f64 / best.seconds,
            latency: Latency::of(best.latencies_us),
            compared,
            scanned,
        };
        Ok((point, found))
    }

    fn options(&self, ef: usize, query: usize) -> SearchOptions<'_> {
        let within = self.sets.get(query.min(self.sets.len().saturating_sub(1)));
        SearchOptions { ef, within, exact_scores: !self.args.codes, ..SearchOptions::new(self.k) }
    }

    /// Searches for every query once; one thread is this one, where what searches reuse is warm.
    fn pass(&self, ef: usize) -> Result<Pass> {
        if self.batch {
            return self.batch(ef);
        }
        let size = self.queries.len().div_ceil(self.args.threads);
        let started = Instant::now();
        let parts: Vec<Result<_>> = if self.args.threads == 1 {
            vec![self.part(ef, 0, self.queries)]
        } else {
            std::thread::scope(|scope| {
                let chunks = self.queries.chunks(size).enumerate();
                let workers: Vec<_> = chunks
                    .map(|(number, part)| scope.spawn(move || self.part(ef, number * size, part)))
                    .collect();
                workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(panicked()))).collect()
            })
        };
        let seconds = started.elapsed().as_secs_f64();
        let parts: Vec<Vec<_>> = parts.into_iter().collect::<Result<_>>()?;
        let (found, latencies_us) = parts.into_iter().flatten().unzip();
        Ok(Pass { found, latencies_us, seconds })
    }

    fn batch(&self, ef: usize) -> Result<Pass> {
        let started = Instant::now();
        let found = self.view.search_batch(self.queries, &self.options(ef, 0), self.args.threads)?;
        Ok(Pass { found, latencies_us: Vec::new(), seconds: started.elapsed().as_secs_f64() })
    }

    fn part(&self, ef: usize, first: usize, queries: &[&[f32]]) -> Result<Vec<(Vec<Neighbor>, f64)>> {
        let mut found = Vec::with_capacity(queries.len());
        for (at, query) in queries.iter().enumerate() {
            let started = Instant::now();
            let neighbors = self.view.search(query, &self.options(ef, first + at))?;
            found.push((neighbors, started.elapsed().as_secs_f64() * 1e6));
        }
        Ok(found)
    }

    /// Nodes compared, and whether it came to a scan, on average.
    fn effort(&self, ef: usize) -> Result<(f64, f64)> {
        let (mut compared, mut scanned) = (0, 0);
        for (at, query) in self.queries.iter().enumerate() {
            let (_, files) = self.view.explain(query, &self.options(ef, at))?;
            let steps = || files.iter().flatten();
            compared += steps().map(nodes).sum::<usize>();
            scanned += usize::from(steps().any(|step| matches!(step, SearchStep::Scan { .. })));
        }
        let queries = self.queries.len() as f64;
        Ok((compared as f64 / queries, scanned as f64 / queries))
    }
}

fn nodes(step: &SearchStep) -> usize {
    match step {
        SearchStep::Walk { compared, .. } | SearchStep::Scan { compared } => *compared,
    }
}

fn panicked() -> Error {
    Error::Bug("a search panicked".to_owned())
}
