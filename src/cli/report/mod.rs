//! `kindred report`: what a store holds and tells, as one page that needs nothing else.

mod colors;
mod figures;
mod page;
mod search;
mod segments;
mod write;

pub(super) use figures::{Report, Wanted};
pub(super) use page::html;
pub(super) use write::write_beside;

use super::files::refuse_within;
use super::output::{Output, bytes, grouped, print};
use super::{StoreArgs, eval};
use crate::error::{Error, Result};
use crate::model::Time;
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// The file that is written unless one is named.
const FILE: &str = "report.html";

/// What the report is of, and where it goes.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred report shop -o shop.html
  kindred report shop -o shop.html --color country --title 'Our customers, autumn' --no-ids
  kindred report shop --quality --sample 5000
  kindred report shop --json | jq .search              the figures, not the page

The page is one file that asks nothing of the network, for light and dark screens, phones and paper. It shows segments as they
were last brought up to date: run `kindred segment advance` before.")]
pub(crate) struct ReportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file to write; - for standard output [default: report.html; with --json, standard output]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// The page's title [default: the name of the store's folder]
    #[arg(long)]
    title: Option<String>,
    /// The instant that the report is as of: later events are left out of the activity [default: the present]
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// What chance goes by where only some users are looked at
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many users are on the map and in samples of quality at most
    #[arg(long, default_value_t = 2_000, value_name = "N")]
    sample: usize,
    /// Color the map by an attribute [default: by segment]
    #[arg(long, value_name = "ATTRIBUTE")]
    color: Option<String>,
    /// Measure recommendations too, on a copy of what was earlier: takes minutes
    #[arg(long)]
    quality: bool,
    /// Leave the ids of users out
    #[arg(long)]
    no_ids: bool,
}

/// What was written.
#[derive(Serialize)]
struct Written<'a> {
    file: &'a Path,
    bytes: u64,
}

pub(crate) fn run(args: &ReportArgs, output: &Output) -> Result<()> {
    let to_stdout = |file: &Path| file.as_os_str() == "-";
    let file = match &args.output {
        Some(file) => Some(file.as_path()).filter(|file| !to_stdout(file)),
        None => Some(Path::new(FILE)).filter(|_| !output.is_json()),
    };
    if let Some(file) = file {
        refuse_within(&args.store.store, file)?;
        write::refuse_other(file)?;
    }
    let wanted = wanted(args)?;
    let bars = output.progress();
    let reading = args.store.read()?;
    let snapshot = reading.snapshot();
    let mut report = Report::of(&snapshot, reading.folder()?, &wanted, &|p| bars.tell(p))?;
    if args.quality {
        report.quality.recommendations =
            Some(eval::recommendations(&snapshot, &args.store.options(), &bars)?);
    }
    drop(bars);
    let text = if output.is_json() {
        let json = serde_json::to_string(&report);
        json.map_err(|error| Error::Bug(format!("no JSON of a report: {error}")))? + "\n"
    } else {
        html(&report)
    };
    let Some(file) = file else { return print(&text) };
    write_beside(file, text.as_bytes())?;
    let written = Written { file, bytes: text.len() as u64 };
    output.result(&written, |written| {
        let users = grouped(report.store.stats.users);
        format!("Wrote a report on {users} users to {} ({})", written.file.display(), bytes(written.bytes))
    })
}

fn wanted(args: &ReportArgs) -> Result<Wanted> {
    let most = crate::analysis::HoldTogether::MAX_SAMPLE;
    if !(2..=most).contains(&args.sample) {
        return Err(Error::invalid("--sample", args.sample, format!("2 to {most} users")));
    }
    let title = args.title.clone().unwrap_or_else(|| name_of(&args.store.store));
    Ok(Wanted {
        title,
        now: args.now.unwrap_or_else(Time::now),
        seed: args.seed,
        sample: args.sample,
        color: args.color.clone(),
        ids: !args.no_ids,
    })
}

/// What a store's folder is called.
pub(super) fn name_of(store: &Path) -> String {
    let whole = store.canonicalize().unwrap_or_else(|_| store.to_owned());
    whole.file_name().map_or_else(|| super::shown(store), |name| name.to_string_lossy().into_owned())
}
