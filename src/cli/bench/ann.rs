//! `kindred bench ann`: recall against speed of the index on vector files.

use super::memory::peak_memory_bytes;
use crate::cli::plot::{Series, recall_against_qps};
use crate::cli::vectors::{Vectors, read_neighbors, read_vectors};
use crate::compute::distance::backend;
use crate::error::{Error, Result};
use crate::eval::{Latency, recall_at_k};
use crate::index::{Index, IndexView, Options, SearchOptions, Wanted};
use crate::model::Metric;
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use std::fmt;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// Rows of one commit where vectors are replaced and removed.
const COMMIT_ROWS: usize = 1_000;

/// What is measured, on which files.
#[derive(Args, Clone, Debug)]
pub struct AnnArgs {
    /// Vectors to index: .npy (f32, f16), .fvecs or .bvecs
    #[arg(long)]
    pub base: PathBuf,
    /// Vectors to search for
    #[arg(long)]
    pub queries: PathBuf,
    /// True neighbours of each query, nearest first: .npy (i32, i64) or .ivecs; computed if not given
    #[arg(long, conflicts_with = "turnover")]
    pub truth: Option<PathBuf>,
    /// How vectors are compared: cosine, ip or l2
    #[arg(long, default_value_t)]
    pub metric: Metric,
    /// Neighbours of each query
    #[arg(short, default_value_t = 10)]
    pub k: usize,
    /// Threads that search; one always builds
    #[arg(long, default_value_t = 1)]
    pub threads: usize,
    /// Widths of the graph search
    #[arg(long, value_delimiter = ',', default_values_t = [10, 20, 40, 80, 120, 200, 400])]
    pub ef: Vec<usize>,
    /// Passes over the queries for each width; the fastest counts
    #[arg(long, default_value_t = 2)]
    pub passes: usize,
    /// Links of a graph node
    #[arg(long, default_value_t = Options::M)]
    pub m: usize,
    /// Width of the search that finds a new node's links
    #[arg(long, default_value_t = Options::EF_CONSTRUCTION)]
    pub ef_construction: usize,
    /// Index other vectors first, then replace every one and delete a third
    #[arg(long)]
    pub turnover: bool,
    /// Draw recall against queries per second
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

/// What was measured.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// Vectors in the index.
    pub rows: usize,
    /// Queries searched for.
    pub queries: usize,
    /// Dimensions.
    pub dim: usize,
    /// How vectors were compared.
    pub metric: Metric,
    /// Neighbours of each query.
    pub k: usize,
    /// Threads that searched.
    pub threads: usize,
    /// Instructions that compared vectors.
    pub backend: &'static str,
    /// From vectors in memory to the finished index, on one thread, replacements included.
    pub build_seconds: f64,
    /// Memory of the index for each vector in it, the graph's share estimated.
    pub bytes_per_vector: f64,
    /// Most memory the process has used so far, where the system tells.
    pub peak_memory_bytes: Option<u64>,
    /// One for each width, in the order given.
    pub points: Vec<Point>,
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
    /// Of single queries.
    #[serde(flatten)]
    pub latency: Latency,
}

/// Builds an index and searches it at each width.
///
/// # Errors
/// For files that cannot be read or do not go together, and options out of range.
pub fn run(args: &AnnArgs) -> Result<Report> {
    let base = read_vectors(&args.base)?;
    let queries = read_vectors(&args.queries)?;
    check(args, &base, &queries)?;
    let given = args.truth.as_deref().map(read_neighbors).transpose()?;
    let started = Instant::now();
    let view = build(args, &base)?;
    let build_seconds = started.elapsed().as_secs_f64();
    let truth = match given {
        Some(truth) => truth,
        None => pass(&view, &queries, args.threads, &exact(args.k))?.found,
    };
    let points =
        args.ef.iter().map(|&ef| measure(args, &view, &queries, &truth, ef)).collect::<Result<_>>()?;
    let report = Report {
        rows: view.len(),
        queries: queries.len(),
        dim: base.dim(),
        metric: args.metric,
        k: args.k,
        threads: args.threads,
        backend: backend().name(),
        build_seconds,
        bytes_per_vector: view.size_bytes() as f64 / view.len() as f64,
        peak_memory_bytes: peak_memory_bytes(),
        points,
    };
    plot(args, &report)?;
    Ok(report)
}

fn check(args: &AnnArgs, base: &Vectors, queries: &Vectors) -> Result<()> {
    if base.dim() != queries.dim() {
        return Err(Error::Dimension {
            what: "each query".into(),
            expected: base.dim(),
            found: queries.dim(),
        });
    }
    if base.is_empty() || queries.is_empty() {
        return Err(Error::invalid("vector file", "empty", "base and queries each hold at least one vector"));
    }
    for (what, value) in [("-k", args.k), ("--threads", args.threads), ("--passes", args.passes)] {
        if value == 0 {
            return Err(Error::invalid(what, value, "at least 1"));
        }
    }
    Ok(())
}

fn build(args: &AnnArgs, base: &Vectors) -> Result<IndexView> {
    let mut options = Options::new(base.dim(), args.metric);
    (options.m, options.ef_construction) = (args.m, args.ef_construction);
    let mut index = Index::new(options)?;
    if args.turnover { turnover(&mut index, base) } else { load(&mut index, base, 0) }
}

/// Indexes all vectors, each under the label `shift` places on.
fn load(index: &mut Index, base: &Vectors, shift: usize) -> Result<IndexView> {
    let label = |row: usize| ((row + shift) % base.len()) as u32;
    index.apply(
        base.iter().enumerate().map(|(row, vector)| (label(row), Some(vector.to_vec()))).collect(),
        1,
    )?;
    maintain(index, Wanted::Sealed)?;
    Ok(index.view())
}

/// Gives every label another vector than it starts with, then removes every third label.
fn turnover(index: &mut Index, base: &Vectors) -> Result<IndexView> {
    load(index, base, base.len() / 2)?;
    let replaced = base.iter().enumerate().map(|(row, vector)| (row as u32, Some(vector.to_vec())));
    let removed = (0..base.len() as u32).step_by(3).map(|label| (label, None));
    let changes: Vec<_> = replaced.chain(removed).collect();
    for (commit, changes) in changes.chunks(COMMIT_ROWS).enumerate() {
        index.apply(changes.to_vec(), commit as u64 + 2)?;
        maintain(index, Wanted::Due)?;
    }
    Ok(index.view())
}

fn maintain(index: &mut Index, wanted: Wanted) -> Result<()> {
    if let Some(mut task) = index.plan(wanted) {
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
        let bar = ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        bar.set_message(format!("{:?}", task.kind()));
        task.run(
            &|done, total| {
                bar.set_length(total as u64);
                bar.set_position(done as u64);
            },
            &AtomicBool::new(false),
        )?;
        bar.finish_and_clear();
        index.complete(task)?;
    }
    Ok(())
}

/// One search for every query.
struct Pass {
    found: Vec<Vec<u32>>,
    latencies_us: Vec<f64>,
    seconds: f64,
}

fn exact(k: usize) -> SearchOptions<'static> {
    SearchOptions { exact: true, ..SearchOptions::new(k) }
}

/// Searches for every query once; each thread makes its own options, as a caller's closure in them
/// could not cross threads.
fn pass(view: &IndexView, queries: &Vectors, threads: usize, options: &SearchOptions) -> Result<Pass> {
    let (k, ef, exact) = (options.k, options.ef, options.exact);
    let queries: Vec<&[f32]> = queries.iter().collect();
    let started = Instant::now();
    let parts = std::thread::scope(|scope| {
        let search = |part: &[&[f32]]| part.iter().map(|query| timed(view, query, k, ef, exact)).collect();
        let workers: Vec<_> = queries
            .chunks(queries.len().div_ceil(threads))
            .map(|part| scope.spawn(move || search(part)))
            .collect();
        workers.into_iter().map(|worker| worker.join().unwrap_or_else(|_| Err(panicked()))).collect()
    });
    let seconds = started.elapsed().as_secs_f64();
    let parts: Vec<Vec<(Vec<u32>, f64)>> = Result::from_iter::<Vec<Result<_>>>(parts)?;
    let (found, latencies_us) = parts.into_iter().flatten().unzip();
    Ok(Pass { found, latencies_us, seconds })
}

fn panicked() -> Error {
    Error::Bug("a search panicked".to_owned())
}

fn timed(view: &IndexView, query: &[f32], k: usize, ef: usize, exact: bool) -> Result<(Vec<u32>, f64)> {
    let started = Instant::now();
    let found = view.search(query, &SearchOptions { ef, exact, ..SearchOptions::new(k) })?;
    let latency_us = started.elapsed().as_secs_f64() * 1e6;
    Ok((found.into_iter().map(|neighbor| neighbor.label).collect(), latency_us))
}

fn measure(
    args: &AnnArgs,
    view: &IndexView,
    queries: &Vectors,
    truth: &[Vec<u32>],
    ef: usize,
) -> Result<Point> {
    let options = SearchOptions { ef, ..SearchOptions::new(args.k) };
    let mut best = pass(view, queries, args.threads, &options)?;
    for _ in 1..args.passes {
        let next = pass(view, queries, args.threads, &options)?;
        if next.seconds < best.seconds {
            best = next;
        }
    }
    Ok(Point {
        ef,
        recall: recall_at_k(&best.found, truth, args.k),
        qps: best.found.len() as f64 / best.seconds,
        latency: Latency::of(best.latencies_us).ok_or_else(|| Error::Bug("no query was timed".to_owned()))?,
    })
}

fn plot(args: &AnnArgs, report: &Report) -> Result<()> {
    let Some(path) = &args.plot else { return Ok(()) };
    let title = format!("{} x {}, {}, k = {}", report.rows, report.dim, report.metric, report.k);
    let points = report.points.iter().map(|point| (point.recall, point.qps)).collect();
    recall_against_qps(path, &title, &[Series { name: "kindred".to_owned(), points }])
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} x {}, {}, k = {}, {} queries, {} searching, {}",
            self.rows,
            self.dim,
            self.metric,
            self.k,
            self.queries,
            threads(self.threads),
            self.backend
        )?;
        writeln!(f, "build {:.1} s, {:.0} bytes per vector", self.build_seconds, self.bytes_per_vector)?;
        if let Some(bytes) = self.peak_memory_bytes {
            writeln!(f, "peak memory {:.0} MiB", bytes as f64 / 1_048_576.0)?;
        }
        writeln!(
            f,
            "{:>5} {:>8} {:>9} {:>8} {:>8} {:>8}",
            "ef", "recall", "QPS", "p50 us", "p95 us", "p99 us"
        )?;
        for Point { ef, recall, qps, latency: Latency { p50_us, p95_us, p99_us } } in &self.points {
            writeln!(f, "{ef:>5} {recall:>8.4} {qps:>9.0} {p50_us:>8.0} {p95_us:>8.0} {p99_us:>8.0}")?;
        }
        Ok(())
    }
}

fn threads(count: usize) -> String {
    if count == 1 { "1 thread".to_owned() } else { format!("{count} threads") }
}

#[cfg(test)]
#[path = "ann_tests.rs"]
mod tests;
