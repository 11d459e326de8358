//! What was measured, for people and programs.

use crate::cli::bench::tiers::Tiers;
use crate::cli::bench::timing::{COLUMNS, Point};
use crate::model::Metric;
use serde::Serialize;
use std::fmt;

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Vectors in the index.
    pub rows: usize,
    /// Whether some of them are real ones with noise.
    pub synthetic: bool,
    /// Queries searched for.
    pub queries: usize,
    /// Those of them whose true neighbours are known: recall is theirs.
    pub truth_queries: usize,
    /// Dimensions.
    pub dim: usize,
    /// How vectors were compared.
    pub metric: Metric,
    /// Neighbours of each query.
    pub k: usize,
    /// Threads that searched.
    pub threads: usize,
    /// Whether all queries were handed over at once.
    pub batch: bool,
    /// Threads that built sealed files.
    pub build_threads: usize,
    /// Links of a node in a sealed file.
    pub degree: usize,
    /// What the scores of answers were of.
    pub scores: &'static str,
    /// Instructions that compared vectors.
    pub backend: &'static str,
    /// From vectors in memory to the finished index, replacements included.
    pub build_seconds: f64,
    /// Those of them in which sealed files were made; the rest is copying, codes of the head, and the live tier.
    pub sealing_seconds: f64,
    /// Where the rows are.
    #[serde(flatten)]
    pub tiers: Tiers,
    /// From files on disk, their pages in memory still, to the first answer of an index opened with them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub open_ms: Option<f64>,
    /// Whether the system held nothing of the files in memory when they were opened.
    pub cold: bool,
    /// Most memory the process has used so far, where the system tells: what was measured on included.
    pub peak_memory_bytes: Option<u64>,
    /// One for each width, in the order given.
    pub points: Vec<Point>,
    /// An index made at once of the same vectors, after turnovers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fresh: Option<Fresh>,
}

/// An index made at once, to compare a worn one with.
#[derive(Clone, Debug, Serialize)]
pub struct Fresh {
    /// How many times everything was deleted and inserted in the other.
    pub turnovers: usize,
    /// From vectors in memory to the finished index.
    pub build_seconds: f64,
    /// Where its rows are.
    #[serde(flatten)]
    pub tiers: Tiers,
    /// One for each width, each measured right after the other's.
    pub points: Vec<Point>,
    /// The other, settled, one for each width.
    pub against: Vec<Ratio>,
    /// What settling the other took.
    pub settling_seconds: f64,
    /// The other before.
    pub unsettled: Worn,
}

/// An index as its last change left it.
#[derive(Clone, Debug, Serialize)]
pub struct Worn {
    /// Where its rows are.
    #[serde(flatten)]
    pub tiers: Tiers,
    /// One for each width.
    pub points: Vec<Point>,
    /// One for each width.
    pub against: Vec<Ratio>,
}

/// A worn index against a fresh one, at one width.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ratio {
    /// The width.
    pub ef: usize,
    /// Recall of the worn one less that of the fresh one.
    pub recall_difference: f64,
    /// Queries per second of the worn one for each of the fresh one.
    pub qps_ratio: f64,
}

impl Ratio {
    pub(super) fn of(worn: &Point, fresh: &Point) -> Self {
        let recall_difference = worn.recall - fresh.recall;
        Self { ef: worn.ef, recall_difference, qps_ratio: worn.qps / fresh.qps }
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, dim, metric, k, queries, degree, scores, backend, .. } = self;
        let kind = if self.synthetic { " (synthetic)" } else { "" };
        let searching = threads(self.threads);
        writeln!(
            f,
            "{rows} x {dim}{kind}, {metric}, k = {k}, {queries} queries, {searching} searching, {backend}"
        )?;
        if self.truth_queries < *queries {
            writeln!(f, "recall of the first {} queries", self.truth_queries)?;
        }
        let handed = if self.batch { "all queries at once" } else { "one query at a time" };
        writeln!(f, "degree {degree}, scores by {scores}, {handed}")?;
        writeln!(
            f,
            "build {:.1} s, of which sealing {:.1} s, {} building",
            self.build_seconds,
            self.sealing_seconds,
            threads(self.build_threads)
        )?;
        writeln!(f, "{}", self.tiers)?;
        if let Some(open_ms) = self.open_ms {
            let cold = if self.cold { ", read from disk" } else { "" };
            writeln!(f, "opened again, first answer after {open_ms:.1} ms{cold}")?;
        }
        if let Some(bytes) = self.peak_memory_bytes {
            writeln!(f, "peak memory {:.0} MiB", bytes as f64 / 1_048_576.0)?;
        }
        table(f, &self.points)?;
        self.fresh.as_ref().map_or(Ok(()), |fresh| write!(f, "{fresh}"))
    }
}

impl fmt::Display for Fresh {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "the same before it was settled, which took {:.1} s: {}",
            self.settling_seconds, self.unsettled.tiers
        )?;
        table(f, &self.unsettled.points)?;
        writeln!(f, "the same vectors made at once, in {:.1} s: {}", self.build_seconds, self.tiers)?;
        table(f, &self.points)?;
        writeln!(f, "after {} turnovers against made at once", self.turnovers)?;
        writeln!(f, "        settled            before")?;
        writeln!(f, "   ef   recall       QPS   recall       QPS")?;
        for (settled, worn) in self.against.iter().zip(&self.unsettled.against) {
            writeln!(f, "{:>5} {settled} {worn}", settled.ef)?;
        }
        Ok(())
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:>+8.4} {:>8.2}x", self.recall_difference, self.qps_ratio)
    }
}

fn table(f: &mut fmt::Formatter<'_>, points: &[Point]) -> fmt::Result {
    writeln!(f, "{COLUMNS}")?;
    points.iter().try_for_each(|point| writeln!(f, "{point}"))
}

fn threads(count: usize) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}
