//! `kindred ingest`: files or standard input into a store.

use super::StoreArgs;
use super::files::{create_private, refuse_as_input, refuse_within};
use super::keep::KeepArgs;
use super::output::Output;
use crate::error::Result;
use crate::ingest::{Format, Mapping, Options, Report, Source};
use clap::Args;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What is read, and how strictly.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred ingest shop events.jsonl
  kindred ingest shop orders.csv --mapping orders.toml
  zcat events.jsonl.gz | kindred ingest shop -

The JSON Lines form:
  {\"type\":\"item\",\"id\":\"p1\",\"text\":\"fresh salmon\",\"attributes\":{\"category\":\"fish\"}}
  {\"type\":\"user\",\"id\":\"ann\",\"attributes\":{\"age\":31}}
  {\"type\":\"event\",\"user\":\"ann\",\"item\":\"p1\",\"kind\":\"purchase\",\"time\":\"2026-01-01T12:00:00Z\",\"value\":9.5}
  {\"type\":\"text\",\"user\":\"ann\",\"text\":\"I cook a lot\",\"time\":\"2026-01-02\"}
  {\"type\":\"remove\",\"user\":\"ann\"}")]
pub(crate) struct IngestArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Files to read: .jsonl, .csv, .tsv, .parquet, or - for standard input
    #[arg(value_name = "FILE", required = true)]
    files: Vec<PathBuf>,
    /// The format, where a file's name does not say: jsonl, csv or parquet
    #[arg(long)]
    format: Option<Format>,
    /// What the columns of a CSV or Parquet file mean (TOML)
    #[arg(long, value_name = "FILE.toml")]
    mapping: Option<PathBuf>,
    /// Stop at the first bad line or unknown field
    #[arg(long)]
    strict: bool,
    /// Robust z-score beyond which numbers are clipped; 0 switches it off
    #[arg(long, value_name = "Z")]
    outlier_limit: Option<f64>,
    /// Keep texts, ids and numbers exactly as they are, as for a file that `kindred export` wrote
    #[arg(long)]
    as_is: bool,
    #[command(flatten)]
    keep: KeepArgs,
    /// Where bad lines go [default: the store's folder with .rejects.jsonl behind it]
    #[arg(long, value_name = "FILE.jsonl")]
    rejects: Option<PathBuf>,
}

pub(crate) fn run(args: &IngestArgs, output: &Output) -> Result<()> {
    let options = options(args)?;
    let store = args.keep.apply(args.store.options()).must_exist().open(&args.store.store)?;
    let path = args.rejects.clone().unwrap_or_else(|| beside(&args.store.store));
    refuse_within(&args.store.store, &path)?;
    refuse_as_input(&path, args.files.iter().chain(&args.mapping))?;
    let mut rejects = Rejects { path: &path, file: None };
    let bars = output.progress();
    let mut report = Report::default();
    for file in &args.files {
        let source = if file.as_os_str() == "-" { Source::stdin() } else { Source::file(file) };
        report.merge(&store.ingest(source, &options, &mut rejects, &|p| bars.tell(p))?);
    }
    drop(bars);
    output.result(&report, |report| {
        let mut text = report.to_string();
        if report.rejected > 0 {
            text.push_str("Rejected lines, with their reasons, are in ");
            text.push_str(&super::shown(&path));
        }
        text
    })
}

fn options(args: &IngestArgs) -> Result<Options> {
    let mut options = Options::new().strict(args.strict).as_is(args.as_is);
    if let Some(format) = args.format {
        options = options.format(format);
    }
    if let Some(path) = &args.mapping {
        options = options.mapping(Mapping::open(path)?);
    }
    if let Some(limit) = args.outlier_limit {
        options = options.outlier_limit((limit != 0.0).then_some(limit))?;
    }
    Ok(options)
}

fn beside(store: &Path) -> PathBuf {
    // By its components, since a slash at the end would put the file into the store.
    let mut name = store.components().as_path().as_os_str().to_owned();
    name.push(".rejects.jsonl");
    PathBuf::from(name)
}

/// The rejects file, made when the first line is rejected.
struct Rejects<'a> {
    path: &'a Path,
    file: Option<BufWriter<File>>,
}

impl Write for Rejects<'_> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.file.is_none() {
            self.file = Some(BufWriter::new(create_private(self.path)?));
        }
        self.file.as_mut().map_or(Ok(0), |file| file.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.file.as_mut().map_or(Ok(()), Write::flush)
    }
}
