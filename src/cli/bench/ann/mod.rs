//! `kindred bench ann`: recall against speed of the index on vector files.

mod report;
#[cfg(test)]
mod tests;
mod turnover;

pub use report::{Fresh, Ratio, Report, Worn};

use super::data::{Data, DataArgs, at_least_1};
use super::memory::peak_memory_bytes;
use super::record::record;
use super::tiers::{Bench, BuildArgs};
use super::timing::{Point, SearchArgs, Searches, curve};
use super::truth::{Exact, save};
use crate::cli::plot::{Series, recall_against_qps};
use crate::compute::distance::backend;
use crate::error::Result;
use crate::index::{IndexView, Wanted};
use crate::ingest::vectors::read_neighbors;
use clap::Args;
use std::path::PathBuf;
use std::time::Instant;

/// What is measured, on which files.
#[derive(Args, Clone, Debug)]
pub struct AnnArgs {
    #[command(flatten)]
    data: DataArgs,
    /// True neighbours of each query, nearest first: .npy (i32, i64) or .ivecs; computed if not given
    #[arg(long, conflicts_with_all = ["turnover", "turnovers"])]
    pub truth: Option<PathBuf>,
    /// Compute the truth of the first queries only; recall is theirs
    #[arg(long, value_name = "N", conflicts_with = "truth")]
    pub truth_queries: Option<usize>,
    /// Write the computed truth, to be given with --truth
    #[arg(long, value_name = "FILE.npy", conflicts_with_all = ["truth", "turnover", "turnovers"])]
    pub save_truth: Option<PathBuf>,
    #[command(flatten)]
    build: BuildArgs,
    #[command(flatten)]
    search: SearchArgs,
    /// Hand all queries over at once, shared out among the threads that search
    #[arg(long)]
    pub batch: bool,
    /// Before the files are opened again, have the system forget what it holds of them in memory; takes root, on Linux
    #[arg(long, requires = "folder")]
    pub cold: bool,
    /// Name of a record: the report, with date, machine and commit, goes into benches/record/
    #[arg(long, value_name = "NAME")]
    pub record: Option<String>,
    /// Index other vectors first, then replace every one and delete a third
    #[arg(long, conflicts_with = "turnovers")]
    pub turnover: bool,
    /// Delete and insert everything so many times, 5 in 100 at a time, then compare with an index made at once
    #[arg(long, value_name = "N")]
    pub turnovers: Option<usize>,
    /// Draw recall against queries per second
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
}

/// Builds an index and searches it at each width.
///
/// # Errors
/// For files that cannot be read or do not go together, and options out of range.
pub fn run(args: &AnnArgs) -> Result<Report> {
    args.search.check()?;
    at_least_1(&[("--truth-queries", args.truth_queries.unwrap_or(1))])?;
    let mut data = args.data.read()?;
    let given = args.truth.as_deref().map(read_neighbors).transpose()?;
    let (mut bench, build_seconds) = build(args, &mut data)?;
    let truth = given.map_or_else(|| truth(args, &data), Ok)?;
    let measured = Measured { args, data: &data, truth: &truth };
    let (points, fresh) = match args.turnovers {
        Some(turnovers) => measured.beside_fresh(turnovers, &mut bench)?,
        None => (measured.points(&bench.index.view())?, None),
    };
    let report = measured.report(&bench, build_seconds, points, fresh)?;
    let open = |query| bench.open_ms(query, args.data.k, args.cold);
    let report = Report { open_ms: data.queries.iter().next().map_or(Ok(None), open)?, ..report };
    plot(args, &report)?;
    record(args.record.as_deref(), &report)?;
    Ok(report)
}

/// The index to measure, with the seconds that it took; replaces the vectors by those it ends up with.
fn build(args: &AnnArgs, data: &mut Data) -> Result<(Bench, f64)> {
    let metric = args.data.metric;
    match args.turnovers {
        Some(turnovers) => turnover::renewed(&args.build, metric, data, turnovers),
        None if args.turnover => turnover::replaced(&args.build, metric, &data.base),
        None => args.build.sealed(&data.base, metric),
    }
}

fn truth(args: &AnnArgs, data: &Data) -> Result<Vec<Vec<u32>>> {
    let held = |label: &u32| !args.turnover || turnover::is_kept(*label);
    let rows: Vec<u32> = (0..data.base.len() as u32).filter(held).collect();
    let exact = Exact {
        metric: args.data.metric,
        k: args.data.k,
        threads: args.build.threads(data.base.dim(), args.data.metric),
    };
    let found = exact.nearest(data, &rows, args.truth_queries.unwrap_or(usize::MAX))?;
    if let Some(path) = &args.save_truth {
        save(path, &found)?;
    }
    Ok(found)
}

/// What the figures are of.
struct Measured<'a> {
    args: &'a AnnArgs,
    data: &'a Data,
    truth: &'a [Vec<u32>],
}

impl Measured<'_> {
    fn points(&self, view: &IndexView) -> Result<Vec<Point>> {
        self.args.search.ef.iter().map(|&ef| self.point(view, ef)).collect()
    }

    fn point(&self, view: &IndexView, ef: usize) -> Result<Point> {
        let queries: Vec<&[f32]> = self.data.queries.iter().collect();
        let (args, k) = (&self.args.search, self.args.data.k);
        let searches = Searches { view, queries: &queries, args, k, sets: &[], batch: self.args.batch };
        Ok(searches.measure(ef, self.truth)?.0)
    }

    /// As the last change left it, and settled as a store's index is when writing pauses, each width by width in turn
    /// with an index made at once of the same vectors.
    fn beside_fresh(&self, turnovers: usize, bench: &mut Bench) -> Result<(Vec<Point>, Option<Fresh>)> {
        let (fresh, build_seconds) = self.args.build.sealed(&self.data.base, self.args.data.metric)?;
        let view = fresh.index.view();
        let worn = bench.index.view();
        let tiers = bench.tiers(&worn)?;
        let started = Instant::now();
        bench.maintain(Wanted::Settled)?;
        let settling_seconds = started.elapsed().as_secs_f64();
        let settled = bench.index.view();
        let (mut unsettled, mut points) =
            (Worn { tiers, points: Vec::new(), against: Vec::new() }, Vec::new());
        let (mut fresh_points, mut against) = (Vec::new(), Vec::new());
        for &ef in &self.args.search.ef {
            let [worn, settled, new] = [&worn, &settled, &view].map(|view| self.point(view, ef));
            let (worn, settled, new) = (worn?, settled?, new?);
            unsettled.against.push(Ratio::of(&worn, &new));
            against.push(Ratio::of(&settled, &new));
            unsettled.points.push(worn);
            points.push(settled);
            fresh_points.push(new);
        }
        let tiers = fresh.tiers(&view)?;
        let fresh = Fresh {
            turnovers,
            build_seconds,
            tiers,
            points: fresh_points,
            against,
            settling_seconds,
            unsettled,
        };
        Ok((points, Some(fresh)))
    }

    fn report(
        &self,
        bench: &Bench,
        build_seconds: f64,
        points: Vec<Point>,
        fresh: Option<Fresh>,
    ) -> Result<Report> {
        let (args, view, dim) = (self.args, bench.index.view(), self.data.base.dim());
        Ok(Report {
            rows: view.len(),
            synthetic: self.data.synthetic,
            queries: self.data.queries.len(),
            truth_queries: self.truth.len().min(self.data.queries.len()),
            dim,
            metric: args.data.metric,
            k: args.data.k,
            threads: args.search.threads,
            batch: args.batch,
            build_threads: args.build.threads(dim, args.data.metric),
            degree: args.build.degree,
            scores: args.search.scores(),
            backend: backend().name(),
            build_seconds,
            sealing_seconds: bench.sealing_seconds,
            tiers: bench.tiers(&view)?,
            open_ms: None,
            cold: args.cold,
            peak_memory_bytes: peak_memory_bytes(),
            points,
            fresh,
        })
    }
}

fn plot(args: &AnnArgs, report: &Report) -> Result<()> {
    let Some(path) = &args.plot else { return Ok(()) };
    let title = format!("{} x {}, {}, k = {}", report.rows, report.dim, report.metric, report.k);
    let line = |name: String, points: &[Point]| Series { name, points: curve(points) };
    let series = match &report.fresh {
        None => vec![line("kindred".to_owned(), &report.points)],
        Some(fresh) => vec![
            line(format!("after {} turnovers", fresh.turnovers), &report.points),
            line("made at once".to_owned(), &fresh.points),
        ],
    };
    recall_against_qps(path, &title, &series)
}
