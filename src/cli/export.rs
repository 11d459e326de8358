//! `kindred export`: records, profiles or vectors to a file.

use super::StoreArgs;
use super::files::{create_private, refuse_within};
use super::npy::write_npy;
use super::output::{Output, grouped};
use crate::Snapshot;
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is written where.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred export shop all.jsonl                       everything, for `kindred import`
  kindred export shop profiles.jsonl --what profiles
  kindred export shop vectors.npy --what vectors      and vectors.npy.ids, one user to a line

What is damaged in the store is left out and named on standard error, and the command ends with code 1 then.
`kindred repair` saves more: it also finds the ids of users and items whose records are damaged.")]
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
    /// Records that are damaged, and left out.
    damaged: u64,
}

/// Damaged records that are named.
const MOST_TOLD: u64 = 100;

/// Code 1 where something was damaged, and left out.
pub(crate) fn run(args: &ExportArgs, output: &Output) -> Result<ExitCode> {
    let snapshot = args.store.read()?.snapshot();
    let to_stdout = args.file.as_os_str() == "-";
    if !to_stdout {
        refuse_within(&args.store.store, &args.file)?;
        refuse_within(&args.store.store, &beside(&args.file))?;
    }
    let mut rest = Rest::default();
    let rows = match args.what {
        What::Vectors if to_stdout => {
            return Err(Error::invalid(
                "FILE",
                "-",
                "vectors go to a file, with their users in a second one",
            ));
        }
        What::Vectors => vectors(&snapshot, &args.file, &mut rest)?,
        What::Records | What::Profiles => {
            let mut out: Box<dyn Write> = if to_stdout {
                Box::new(BufWriter::new(std::io::stdout().lock()))
            } else {
                Box::new(BufWriter::new(create(&args.file)?))
            };
            let bars = output.progress();
            let rows = match args.what {
                What::Records => snapshot
                    .export_past_damage(&mut out, &|p| bars.tell(p), &mut |error| rest.leave_out(&error))?,
                _ => profiles(&snapshot, &mut out, &|p| bars.tell(p), &mut rest)?,
            };
            out.flush().map_err(|e| Error::io("write", &args.file, e))?;
            rows
        }
    };
    if !to_stdout {
        let exported = Exported { what: args.what, rows, damaged: rest.damaged };
        output.result(&exported, |exported| {
            format!("Wrote {} rows to {}", grouped(exported.rows), args.file.display())
        })?;
    }
    Ok(rest.code(output))
}

/// What was damaged, and left out.
#[derive(Default)]
struct Rest {
    damaged: u64,
}

impl Rest {
    /// What is sound; a word on what is not.
    fn sound<T>(&mut self, read: Result<T>) -> Result<Option<T>> {
        match read {
            Ok(value) => Ok(Some(value)),
            Err(error @ Error::Damaged { .. }) => {
                self.leave_out(&error);
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn leave_out(&mut self, error: &Error) {
        self.damaged += 1;
        if self.damaged <= MOST_TOLD {
            eprintln!("left out: {error}");
        }
    }

    fn code(&self, output: &Output) -> ExitCode {
        if self.damaged == 0 {
            return ExitCode::SUCCESS;
        }
        let count = grouped(self.damaged);
        output.warn(&format!(
            "{count} damaged record(s) were left out; `kindred repair` saves what is left of a store"
        ));
        ExitCode::from(1)
    }
}

fn create(path: &Path) -> Result<File> {
    create_private(path).map_err(|e| Error::io("create", path, e))
}

fn profiles(
    snapshot: &Snapshot,
    out: &mut dyn Write,
    progress: OnProgress<'_>,
    rest: &mut Rest,
) -> Result<u64> {
    let total = snapshot.stats()?.users as usize;
    let mut rows = 0;
    for (done, user) in snapshot.users().enumerate() {
        if let Some(user) = rest.sound(user)? {
            rows += profile(snapshot, &user.id, out, rest)?;
        }
        progress(Progress::of("writing users", done + 1, total));
    }
    Ok(rows)
}
fn profile(snapshot: &Snapshot, user: &str, out: &mut dyn Write, rest: &mut Rest) -> Result<u64> {
    let Some(profile) = rest.sound(snapshot.profile(user))? else { return Ok(0) };
    let json = serde_json::to_string(&profile);
    let json = json.map_err(|e| Error::Bug(format!("no JSON of a profile: {e}")))?;
    writeln!(out, "{json}").map_err(|e| Error::io("write", "<export>", e))?;
    Ok(1)
}

fn beside(file: &Path) -> PathBuf {
    let mut ids = file.as_os_str().to_owned();
    ids.push(".ids");
    PathBuf::from(ids)
}

fn vectors(snapshot: &Snapshot, file: &Path, rest: &mut Rest) -> Result<u64> {
    let ids = beside(file);
    let mut names = BufWriter::new(create(&ids)?);
    let (mut values, mut rows) = (Vec::new(), 0);
    for user in snapshot.users() {
        let profile = rest.sound(user.and_then(|user| snapshot.profile(&user.id)))?;
        if let Some(profile) = profile
            && let Some(embedding) = profile.embedding
        {
            values.extend_from_slice(&embedding);
            rows += 1;
            writeln!(names, "{}", profile.user).map_err(|e| Error::io("write", &ids, e))?;
        }
    }
    names.flush().map_err(|e| Error::io("write", &ids, e))?;
    write_npy(file, &values, snapshot.stats()?.dim)?;
    Ok(rows)
}
