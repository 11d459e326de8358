//! `kindred bench ingest`: records per second into a store.

use super::memory::peak_memory_bytes;
use super::scratch::JourneyArgs;
use crate::cli::journey::{DEMOGRAPHICS, PRODUCTS, TRANSACTIONS, Table};
use crate::cli::output::{Output, bytes, grouped};
use crate::cli::{fetch, shown};
use crate::error::Result;
use clap::Args;
use serde::Serialize;
use std::fmt::Write;
use std::time::Instant;

/// With which encoder, and where.
#[derive(Args)]
#[command(after_help = "Example: kindred bench ingest --model \"$(kindred fetch model)\"

Reads The Complete Journey (fetched if need be): products, demographics, then 1.47 million purchases, twice.")]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    journey: JourneyArgs,
}

#[derive(Serialize)]
struct Measured {
    steps: Vec<Step>,
    folder_bytes: u64,
    peak_memory_bytes: Option<u64>,
}

#[derive(Serialize)]
struct Step {
    what: &'static str,
    records: u64,
    seconds: f64,
    per_second: f64,
}

pub(crate) fn run(args: &IngestArgs, output: &Output) -> Result<()> {
    let bars = output.progress();
    let folder = fetch::journey(&|words| bars.step(words))?;
    let (scratch, options) = (args.journey.scratch()?, args.journey.options());
    let store = scratch.store("store", &options)?;
    let mut steps = Vec::new();
    let mut ingest = |what: &'static str, table: Table| -> Result<()> {
        let started = Instant::now();
        let records = table.ingest(&folder, &store, &bars)?.read;
        let seconds = started.elapsed().as_secs_f64();
        steps.push(Step { what, records, seconds, per_second: records as f64 / seconds });
        Ok(())
    };
    ingest("products, encoded", PRODUCTS)?;
    ingest("demographics, encoded", DEMOGRAPHICS)?;
    ingest("purchases", TRANSACTIONS)?;
    ingest("purchases again, all duplicates", TRANSACTIONS)?;
    let started = Instant::now();
    let report = store.fit_with_progress(&|p| bars.tell(p))?;
    let seconds = started.elapsed().as_secs_f64();
    steps.push(Step {
        what: "fit, by user",
        records: report.users,
        seconds,
        per_second: report.users as f64 / seconds,
    });
    drop(bars);
    let measured =
        Measured { steps, folder_bytes: store.size_bytes()?, peak_memory_bytes: peak_memory_bytes() };
    output.result(&measured, |measured| text(measured, &folder))
}

fn text(measured: &Measured, folder: &std::path::Path) -> String {
    let mut out = format!("from {}\n", shown(folder));
    for step in &measured.steps {
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{:<34}{:>10} in {:>7.1} s, {:>9} a second",
            step.what,
            grouped(step.records),
            step.seconds,
            grouped(step.per_second as u64)
        );
    }
    let peak = measured.peak_memory_bytes.map_or_else(|| "unknown".to_owned(), bytes);
    let _ = writeln!(out, "folder {}, peak memory {peak}", bytes(measured.folder_bytes));
    out
}
