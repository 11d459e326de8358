//! What was measured, for people and programs.

use crate::cli::bench::tiers::Tiers;
use crate::cli::bench::timing::{COLUMNS, Point};
use crate::model::Metric;
use serde::Serialize;
use std::fmt;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Report {
    pub rows: usize,
    /// Whether some of them are real ones with noise.
    pub synthetic: bool,
    pub queries: usize,
    /// Queries for which the scan was timed, and which have rows of their own excluded.
    pub scan_queries: usize,
    pub dim: usize,
    pub metric: Metric,
    pub k: usize,
    /// Threads that searched; one scanned.
    pub threads: usize,
    pub degree: usize,
    /// What the scores of answers were of.
    pub scores: &'static str,
    pub backend: &'static str,
    pub build_seconds: f64,
    #[serde(flatten)]
    pub tiers: Tiers,
    pub cases: Vec<Case>,
}

/// One filter.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Case {
    pub name: String,
    /// Rows that match.
    pub matching: usize,
    /// Making the set of rows, once for all searches with it.
    pub row_set_us: f64,
    /// Queries per second of an exact scan of 8-bit codes of the rows that match, the best 30 scored by vectors.
    pub scan_qps: f64,
    pub scan_recall: f64,
    /// One for each width.
    pub points: Vec<Width>,
}

/// One width of the graph search.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Width {
    #[serde(flatten)]
    pub point: Point,
    /// Queries per second for each of the scan.
    pub speedup: f64,
    /// Whether every query got `k` answers, or all that match where they are fewer.
    pub complete: bool,
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rows, dim, metric, k, queries, degree, scores, backend, .. } = self;
        let kind = if self.synthetic { " (synthetic)" } else { "" };
        writeln!(f, "{rows} x {dim}{kind}, {metric}, k = {k}, {queries} queries, {backend}")?;
        writeln!(f, "degree {degree}, scores by {scores}, build {:.1} s", self.build_seconds)?;
        writeln!(f, "{}", self.tiers)?;
        self.cases.iter().try_for_each(|case| write!(f, "{case}"))
    }
}

impl fmt::Display for Case {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, matching, row_set_us, scan_qps, scan_recall, points } = self;
        writeln!(f, "{name}: {matching} match, their set made in {row_set_us:.0} us")?;
        writeln!(f, "exact scan of their 8-bit codes: {scan_qps:.0} QPS, recall {scan_recall:.4}")?;
        writeln!(f, "{COLUMNS} scanned  x scan")?;
        for Width { point, speedup, complete } in points {
            let lacking = if *complete { "" } else { "  too few answers" };
            writeln!(f, "{point} {:>7.2} {speedup:>7.2}{lacking}", point.scanned)?;
        }
        Ok(())
    }
}
