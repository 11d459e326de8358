//! `kindred import`: vectors of the host's own.

use super::StoreArgs;
use super::output::{Output, grouped};
use super::vectors::read_vectors;
use crate::error::{Error, Result};
use crate::model::Progress;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// Users that are put in one commit.
const CHUNK: usize = 10_000;

/// Which vectors, of which users.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred import vectors base.npy --ids users.txt
  kindred import vectors base.fvecs              users are named by their row: 0, 1, 2, …

Profiles and events in the JSON Lines form are read with `kindred ingest`.")]
pub(crate) struct ImportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// One vector to a row: .npy (f32, f16), .fvecs or .bvecs
    vectors: PathBuf,
    /// The users' ids, one to a line, in the order of the rows
    #[arg(long, value_name = "FILE")]
    ids: Option<PathBuf>,
}

#[derive(Serialize)]
struct Imported {
    vectors: usize,
    dim: usize,
}

pub(crate) fn run(args: &ImportArgs, output: &Output) -> Result<()> {
    let vectors = read_vectors(&args.vectors)?;
    let ids = match &args.ids {
        Some(path) => read_ids(path, vectors.len())?,
        None => (0..vectors.len()).map(|row| row.to_string()).collect(),
    };
    let store = args.store.open()?;
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

fn read_ids(path: &PathBuf, rows: usize) -> Result<Vec<String>> {
    let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
    let ids: Vec<String> = text.lines().map(str::to_owned).collect();
    if ids.len() == rows {
        return Ok(ids);
    }
    Err(Error::invalid(
        format!("number of lines in {}", path.display()),
        ids.len(),
        format!("it is the number of vectors, {rows}"),
    ))
}
