//! `kindred import`: exports, and vectors of the host's own.

use super::StoreArgs;
use super::files::read_text;
use super::keep::KeepArgs;
use super::output::{Output, grouped};
use crate::Stats;
use crate::error::{Error, Result};
use crate::ingest::vectors::{Vectors, read_vectors};
use crate::ingest::{Format, Source};
use crate::model::{Metric, Progress, check_id};
use clap::Args;
use serde::Serialize;
use std::collections::HashMap;
use std::path::{Path, PathBuf};

/// Users that are put in one commit.
const CHUNK: usize = 10_000;

/// Which export, or which vectors of which users.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred import copy all.jsonl                  a store like the one that was exported
  kindred import copy all.jsonl --model FOLDER   the same, where that was made with a model
  kindred import vectors base.npy --ids users.txt
  kindred import vectors base.fvecs              users are named by their row: 0, 1, 2, …

Lines of JSON that are no export, or whose texts are to be cleaned, are read with `kindred ingest`.")]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// An export (.jsonl, or - for standard input), or one vector to a row: .npy (f32, f16), .fvecs or .bvecs
    #[arg(value_name = "FILE")]
    file: PathBuf,
    /// The users' ids, one to a line, in the order of the rows
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
    #[command(flatten)]
    keep: KeepArgs,
}

#[derive(Serialize)]
struct Imported {
    vectors: usize,
    dim: usize,
}

pub(crate) fn run(args: &ImportArgs, output: &Output) -> Result<()> {
    if args.file.as_os_str() == "-" || Format::of_path(&args.file) == Some(Format::JsonLines) {
        return records(args, output);
    }
    let vectors = read_vectors(&args.file)?;
    let ids = match &args.ids {
        Some(path) => read_ids(path, vectors.len())?,
        None => (0..vectors.len()).map(|row| row.to_string()).collect(),
    };
    let store = args.keep.apply(args.store.options()).must_exist().open(&args.store.store)?;
    check_rows(&args.file, &vectors, &store.snapshot().stats()?)?;
    let rows: Vec<&[f32]> = vectors.iter().collect();
    let bars = output.progress();
    for (done, (ids, rows)) in ids.chunks(CHUNK).zip(rows.chunks(CHUNK)).enumerate() {
        store.write(|tx| ids.iter().zip(rows).try_for_each(|(id, row)| tx.put_vector(id, row.to_vec())))?;
        bars.tell(Progress::of("storing vectors", done * CHUNK + ids.len(), vectors.len()));
    }
    store.build_index(&|p| bars.tell(p))?;
    drop(bars);
    let imported = Imported { vectors: vectors.len(), dim: vectors.dim() };
    output.result(&imported, |imported| {
        format!("Imported {} vectors of {} dimensions.", grouped(imported.vectors as u64), imported.dim)
    })
}

/// An export, into a store that is made for it where there is none.
fn records(args: &ImportArgs, output: &Output) -> Result<()> {
    if args.ids.is_some() {
        return Err(Error::invalid("--ids", "given with an export", "its lines name the users themselves"));
    }
    let stdin = args.file.as_os_str() == "-";
    let source = if stdin { Source::stdin() } else { Source::file(&args.file) };
    let bars = output.progress();
    let options = args.keep.apply(args.store.options());
    let (_, report) = options.import(&args.store.store, source, &|p| bars.tell(p))?;
    drop(bars);
    output.result(&report, |report| format!("{report}Next: kindred fit {}", args.store.store.display()))
}

/// An id for each row, no two the same.
fn read_ids(path: &Path, rows: usize) -> Result<Vec<String>> {
    let ids: Vec<String> = read_text(path)?.lines().map(str::to_owned).collect();
    if ids.len() != rows {
        return Err(Error::invalid(
            format!("number of lines in {}", path.display()),
            ids.len(),
            format!("it is the number of vectors, {rows}"),
        ));
    }
    let mut lines: HashMap<&str, u64> = HashMap::with_capacity(rows);
    for (line, id) in (1..).zip(&ids) {
        let error = |reason| Error::Line { source_name: path.display().to_string(), line, reason };
        check_id("user id", id).map_err(|e| error(e.to_string()))?;
        if let Some(before) = lines.insert(id, line) {
            return Err(error(format!("the id {id:?} is in line {before} already: one line for each user")));
        }
    }
    Ok(ids)
}

/// Rows are stored many at a time: what can be known to be wrong with the last is told before the first is stored.
fn check_rows(path: &Path, vectors: &Vectors, stats: &Stats) -> Result<()> {
    let what = |row: usize| format!("row {row} of {}", path.display());
    if stats.encoder.is_none() && vectors.dim() != stats.dim {
        return Err(Error::Dimension { what: what(0), expected: stats.dim, found: vectors.dim() });
    }
    for (row, vector) in vectors.iter().enumerate() {
        if let Some(position) = vector.iter().position(|x| !x.is_finite()) {
            return Err(Error::NotFinite { what: what(row), position });
        }
        if stats.metric == Metric::Cosine && vector.iter().all(|&x| x == 0.0) {
            return Err(Error::invalid(what(row), "all zeros", "it has no direction, which cosine needs"));
        }
    }
    Ok(())
}
