//! `kindred repair`: what is left of a damaged store, in a new one.

use super::output::{Output, grouped};
use super::shown;
use crate::error::Result;
use crate::model::{Metric, Problem};
use crate::{Options, RepairReport, RepairedModel, Store};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Which store, and where to.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred repair shop shop-again
  kindred repair shop shop-again --json >losses.json

Saves all users, items, events, texts, vectors and marks of erased users that can be read, under the same ids, and makes
anew all that is derived from them. Names what could not be saved, and ends with code 1 where that is anything. The damaged
store stays as it is; the new one is verified before it is there, and is there whole or not at all.")]
pub(crate) struct RepairArgs {
    /// The damaged store's folder; no other process may have it open
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// The folder of the store to make: a new one, or an empty one
    #[arg(value_name = "NEW")]
    new: PathBuf,
    /// Where the store's model is now, if its folder has moved, or if the settings are damaged
    #[arg(long, value_name = "FOLDER", conflicts_with = "metric")]
    model: Option<PathBuf>,
    /// How vectors of your own were compared, if the settings are damaged: cosine, ip or l2
    #[arg(long)]
    metric: Option<Metric>,
}

/// Code 1 where anything was lost.
pub(crate) fn run(args: &RepairArgs, output: &Output) -> Result<ExitCode> {
    let bars = output.progress();
    let report = options(args).repair(&args.store, &args.new, &|p| bars.tell(p))?;
    drop(bars);
    output.result(&report, |report| text(report, args))?;
    Ok(if report.lost == 0 { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

fn options(args: &RepairArgs) -> Options {
    let mut options = Store::options();
    if let Some(folder) = &args.model {
        options = options.model(folder);
    }
    if let Some(metric) = args.metric {
        options = options.metric(metric);
    }
    options
}

fn text(report: &RepairReport, args: &RepairArgs) -> String {
    let mut lines = Vec::new();
    if report.lost > 0 {
        lines.push(format!("Not saved, or not in full: {}", grouped(report.lost)));
        lines.extend(report.losses.iter().map(|loss| format!("  {loss}")));
        lines.extend(more(report.lost, &report.losses));
    }
    lines.push(format!("{} problem(s) in {}.", grouped(report.found), shown(&args.store)));
    lines.push(format!(
        "{} is sound, and holds {} users, {} items, {} events, {} texts and {} mark(s) of erased users.",
        shown(&args.new),
        grouped(report.users),
        grouped(report.items),
        grouped(report.events),
        grouped(report.texts),
        grouped(report.erased),
    ));
    if report.model == RepairedModel::Relearned {
        lines.push("Its learned model was damaged, and was learned anew.".to_owned());
    }
    lines.join("\n")
}

fn more(count: u64, listed: &[Problem]) -> Option<String> {
    let more = count - listed.len() as u64;
    (more > 0).then(|| format!("  … and {} more", grouped(more)))
}
