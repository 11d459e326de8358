//! `kindred export`: records, profiles or vectors to a file.

use super::StoreArgs;
use super::files::{create_private, refuse_within};
use super::output::{Output, grouped};
use super::vectors::write_npy;
use crate::Snapshot;
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// What is written where.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred export shop all.jsonl                       everything, for `kindred import`
  kindred export shop profiles.jsonl --what profiles
  kindred export shop vectors.npy --what vectors      and vectors.npy.ids, one user to a line")]
pub(crate) struct ExportArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The file to write; - for standard output
    file: PathBuf,
    /// What to write
    #[arg(long, value_enum, default_value_t = What::Records)]
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum, Serialize)]
#[serde(rename_all = "lowercase")]
enum What {
    /// Everything but what fit learned, as JSON Lines
    Records,
    /// Profiles, with their embeddings, as JSON Lines
    Profiles,
    /// Embeddings as .npy, with their users beside them
    Vectors,
}

#[derive(Serialize)]
struct Exported {
    what: What,
    rows: u64,
}

pub(crate) fn run(args: &ExportArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let to_stdout = args.file.as_os_str() == "-";
    if !to_stdout {
        refuse_within(&args.store.store, &args.file)?;
        refuse_within(&args.store.store, &beside(&args.file))?;
    }
    let rows = match args.what {
        What::Vectors if to_stdout => {
            return Err(Error::invalid(
                "FILE",
                "-",
                "vectors go to a file, with their users in a second one",
            ));
        }
        What::Vectors => vectors(&snapshot, &args.file)?,
        What::Records | What::Profiles => {
            let mut out: Box<dyn Write> = if to_stdout {
                Box::new(BufWriter::new(std::io::stdout().lock()))
            } else {
                Box::new(BufWriter::new(create(&args.file)?))
            };
            let bars = output.progress();
            let rows = match args.what {
                What::Records => snapshot.export(&mut out, &|p| bars.tell(p))?,
                _ => profiles(&snapshot, &mut out, &|p| bars.tell(p))?,
            };
            out.flush().map_err(|e| Error::io("write", &args.file, e))?;
            rows
        }
    };
    if to_stdout {
        return Ok(());
    }
    output.result(&Exported { what: args.what, rows }, |exported| {
        format!("Wrote {} rows to {}", grouped(exported.rows), args.file.display())
    })
}

fn create(path: &Path) -> Result<File> {
    create_private(path).map_err(|e| Error::io("create", path, e))
}

fn profiles(snapshot: &Snapshot, out: &mut dyn Write, progress: OnProgress<'_>) -> Result<u64> {
    let total = snapshot.stats()?.users as usize;
    let mut rows = 0;
    for (done, user) in snapshot.users().enumerate() {
        let json = serde_json::to_string(&snapshot.profile(&user?.id)?);
        let json = json.map_err(|e| Error::Bug(format!("no JSON of a profile: {e}")))?;
        writeln!(out, "{json}").map_err(|e| Error::io("write", "<export>", e))?;
        rows += 1;
        progress(Progress::of("writing users", done + 1, total));
    }
    Ok(rows)
}

fn beside(file: &Path) -> PathBuf {
    let mut ids = file.as_os_str().to_owned();
    ids.push(".ids");
    PathBuf::from(ids)
}

fn vectors(snapshot: &Snapshot, file: &Path) -> Result<u64> {
    let ids = beside(file);
    let mut names = BufWriter::new(create(&ids)?);
    let (mut values, mut rows) = (Vec::new(), 0);
    for user in snapshot.users() {
        let profile = snapshot.profile(&user?.id)?;
        if let Some(embedding) = profile.embedding {
            values.extend_from_slice(&embedding);
            rows += 1;
            writeln!(names, "{}", profile.user).map_err(|e| Error::io("write", &ids, e))?;
        }
    }
    names.flush().map_err(|e| Error::io("write", &ids, e))?;
    write_npy(file, &values, snapshot.stats()?.dim)?;
    Ok(rows)
}
