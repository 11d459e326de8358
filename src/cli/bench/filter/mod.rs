//! `kindred bench filter`: searches kept to some of the rows, beside an exact scan of these.

mod report;
mod scan;
#[cfg(test)]
mod tests;

pub(crate) use report::{Case, Report, Width};

use super::data::{Data, DataArgs, Random, at_least_1};
use super::record::record;
use super::tiers::BuildArgs;
use super::timing::{SearchArgs, Searches, curve};
use super::truth::Exact;
use crate::cli::plot::{Series, recall_against_qps};
use crate::compute::distance::backend;
use crate::error::{Error, Result};
use crate::eval::recall_at_k;
use crate::index::{IndexView, RowSet};
use clap::Args;
use roaring::RoaringBitmap;
use scan::Scan;
use std::path::PathBuf;
use std::time::Instant;

/// Of the rows in each share.
const SEED: u64 = 0x7368_6172;

/// Which filters, on which files.
#[derive(Args, Clone, Debug)]
#[command(
    after_help = "Example: kindred bench filter --base base.npy --queries queries.npy --shares 0.5,0.01

For each share a random set of rows that all queries are kept to; then, for each query, all rows but its nearest.
True neighbours come from an exact search of the rows that match. The scan is of 8-bit codes of these rows side by
side in memory, the best 30 scored again by their vectors, on one thread."
)]
pub(crate) struct FilterArgs {
    #[command(flatten)]
    data: DataArgs,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    search: SearchArgs,
    /// Shares of the rows that match
    #[arg(long, value_delimiter = ',', default_values_t = [0.5, 0.1, 0.01, 0.001])]
    shares: Vec<f64>,
    /// Nearest rows of each query that do not match, in a case of its own; 0 leaves it out
    #[arg(long, value_name = "N", default_value_t = 2000)]
    exclude_near: usize,
    /// Queries of that case, and queries for which the scan is timed
    #[arg(long, value_name = "N", default_value_t = 100)]
    scan_queries: usize,
    /// Name of a record: the report, with date, machine and commit, goes into benches/record/
    #[arg(long, value_name = "NAME")]
    record: Option<String>,
    /// Draw recall against queries per second, a line for each case
    #[arg(long, value_name = "FILE.svg")]
    plot: Option<PathBuf>,
}

pub(crate) fn run(args: &FilterArgs) -> Result<Report> {
    args.search.check()?;
    at_least_1(&[("--scan-queries", args.scan_queries)])?;
    if let Some(share) = args.shares.iter().find(|share| !(0.0..=1.0).contains(*share)) {
        return Err(Error::invalid("--shares", share, "each is 0 to 1"));
    }
    let data = args.data.read()?;
    if args.exclude_near >= data.base.len() {
        return Err(Error::invalid("--exclude-near", args.exclude_near, "fewer than there are rows"));
    }
    let (bench, build_seconds) = args.build.sealed(&data.base, args.data.metric)?;
    let view = bench.index.view();
    let run = Run { args, data: &data, view: &view };
    let mut cases = args.shares.iter().map(|&share| run.share(share)).collect::<Result<Vec<_>>>()?;
    if args.exclude_near > 0 {
        cases.push(run.without_nearest()?);
    }
    let report = Report {
        rows: view.len(),
        synthetic: data.synthetic,
        queries: data.queries.len(),
        scan_queries: args.scan_queries.min(data.queries.len()),
        dim: data.base.dim(),
        metric: args.data.metric,
        k: args.data.k,
        threads: args.search.threads,
        degree: args.build.degree,
        scores: args.search.scores(),
        backend: backend().name(),
        build_seconds,
        tiers: bench.tiers(&view)?,
        cases,
    };
    plot(args, &report)?;
    record(args.record.as_deref(), &report)?;
    Ok(report)
}

struct Run<'a> {
    args: &'a FilterArgs,
    data: &'a Data,
    view: &'a IndexView,
}

impl Run<'_> {
    /// All queries kept to one random set.
    fn share(&self, share: f64) -> Result<Case> {
        let total = self.data.base.len();
        let mut rows = Random(SEED).shuffled(total);
        rows.truncate((share * total as f64).round() as usize);
        rows.sort_unstable();
        let labels: RoaringBitmap = rows.iter().copied().collect();
        let (set, row_set_us) = self.row_set(labels);
        let truth = self.exact(self.args.data.k).nearest(self.data, &rows, usize::MAX)?;
        let matching = rows.len();
        let scan = self.scan(rows, &truth, |_| RoaringBitmap::new());
        let searched = Searched { truth: &truth, sets: &[set], matching };
        self.case(format!("{share} of the rows"), row_set_us, scan, &searched)
    }

    /// Each query kept to all rows but its nearest.
    fn without_nearest(&self) -> Result<Case> {
        let (near, k) = (self.args.exclude_near, self.args.data.k);
        let all: Vec<u32> = (0..self.data.base.len() as u32).collect();
        let nearest = self.exact(near + k).nearest(self.data, &all, self.args.scan_queries)?;
        let truth: Vec<Vec<u32>> = nearest.iter().map(|rows| rows[near..].to_vec()).collect();
        let excluded = |query: usize| nearest[query][..near].iter().copied().collect::<RoaringBitmap>();
        let everything: RoaringBitmap = all.iter().copied().collect();
        let made = (0..nearest.len()).map(|at| self.row_set(&everything - excluded(at)));
        let (sets, each_us): (Vec<RowSet>, Vec<f64>) = made.unzip();
        let row_set_us = each_us.iter().sum::<f64>() / each_us.len() as f64;
        let matching = all.len() - near;
        let scan = self.scan(all, &truth, excluded);
        let searched = Searched { truth: &truth, sets: &sets, matching };
        self.case(format!("without the {near} nearest"), row_set_us, scan, &searched)
    }

    fn exact(&self, k: usize) -> Exact {
        let metric = self.args.data.metric;
        Exact { metric, k, threads: self.args.build.threads(self.data.base.dim(), metric) }
    }

    fn row_set(&self, labels: RoaringBitmap) -> (RowSet, f64) {
        let started = Instant::now();
        let set = self.view.row_set(labels);
        (set, started.elapsed().as_secs_f64() * 1e6)
    }

    /// Queries a second of the scan, the fastest of the passes, and its recall.
    fn scan(
        &self,
        rows: Vec<u32>,
        truth: &[Vec<u32>],
        excluded: impl Fn(usize) -> RoaringBitmap,
    ) -> (f64, f64) {
        let scan = Scan::new(&self.data.base, self.args.data.metric, rows);
        let queries = self.data.queries.iter().take(self.args.scan_queries);
        let queries: Vec<_> = queries.enumerate().map(|(at, query)| (query, excluded(at))).collect();
        let pass = || {
            let started = Instant::now();
            let search = |(query, excluded): &(&[f32], _)| scan.search(query, self.args.data.k, excluded);
            let found: Vec<Vec<u32>> = queries.iter().map(search).collect();
            (started.elapsed().as_secs_f64(), found)
        };
        let (mut seconds, found) = pass();
        for _ in 1..self.args.search.passes {
            seconds = seconds.min(pass().0);
        }
        (queries.len() as f64 / seconds, recall_at_k(&found, truth, self.args.data.k))
    }

    fn case(&self, name: String, row_set_us: f64, scan: (f64, f64), searched: &Searched) -> Result<Case> {
        let (args, k) = (&self.args.search, self.args.data.k);
        let queries: Vec<&[f32]> = self.data.queries.iter().take(searched.truth.len()).collect();
        let (view, sets) = (self.view, searched.sets);
        let searches = Searches { view, queries: &queries, args, k, sets, batch: false };
        let (scan_qps, scan_recall) = scan;
        let width = |&ef: &usize| {
            let (point, found) = searches.measure(ef, searched.truth)?;
            let complete = found.iter().all(|found| found.len() == k.min(searched.matching));
            Ok(Width { speedup: point.qps / scan_qps, complete, point })
        };
        let points = args.ef.iter().map(width).collect::<Result<_>>()?;
        Ok(Case { name, matching: searched.matching, row_set_us, scan_qps, scan_recall, points })
    }
}

/// What the queries of a case are kept to, and what they should find.
struct Searched<'a> {
    truth: &'a [Vec<u32>],
    /// One for all queries, or one for each.
    sets: &'a [RowSet],
    /// Rows in each set.
    matching: usize,
}

fn plot(args: &FilterArgs, report: &Report) -> Result<()> {
    let Some(path) = &args.plot else { return Ok(()) };
    let title = format!("{} x {}, {}, k = {}", report.rows, report.dim, report.metric, report.k);
    let line = |case: &Case| Series {
        name: case.name.clone(),
        points: curve(case.points.iter().map(|width| &width.point)),
    };
    let series: Vec<Series> = report.cases.iter().map(line).collect();
    recall_against_qps(path, &title, &series)
}
