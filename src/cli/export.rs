//! `kindred export`: records, profiles or vectors to a file.

use super::StoreArgs;
use super::files::{create_private, refuse_within};
use super::output::{Output, grouped};
use super::vectors::write_npy;
use crate::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::ingest::write_record;
use crate::model::{Progress, Record};
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// What is written where.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred export shop all.jsonl                       items, users, events and texts, for `kindred ingest --as-is`
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
    /// Items, users, events and texts as JSON Lines
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
    let store = args.store.open()?;
    let snapshot = store.snapshot();
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
            let rows = lines(args.what, &snapshot, &mut out, output, &mut rest)?;
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
            Err(Error::Damaged { place, reason }) => {
                self.damaged += 1;
                if self.damaged <= MOST_TOLD {
                    eprintln!("left out: {place}: {reason}");
                }
                Ok(None)
            }
            Err(error) => Err(error),
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

fn lines(
    what: What,
    snapshot: &Snapshot,
    out: &mut dyn Write,
    output: &Output,
    rest: &mut Rest,
) -> Result<u64> {
    let bars = output.progress();
    let total = snapshot.stats()?.users as usize;
    let mut rows = 0;
    if what == What::Records {
        rows += write_all(snapshot.erased().map(|mark| mark.map(Record::Erased)), out, rest)?;
        rows += write_all(snapshot.items().map(|item| item.map(Record::Item)), out, rest)?;
        rows += write_all(snapshot.users().map(|user| user.map(Record::User)), out, rest)?;
    }
    for (done, user) in snapshot.users().enumerate() {
        let user = match user {
            // That was told when it was to be written itself.
            Err(error) if what == What::Records && error.kind() == ErrorKind::Damage => continue,
            user => rest.sound(user)?,
        };
        let Some(user) = user else { continue };
        if what == What::Profiles {
            rows += profile(snapshot, &user.id, out, rest)?;
            continue;
        }
        if let Some(events) = rest.sound(snapshot.events(&user.id))? {
            rows += write_all(events.map(|event| event.map(Record::Event)), out, rest)?;
        }
        if let Some(texts) = rest.sound(snapshot.texts(&user.id))? {
            rows += write_all(texts.map(|text| text.map(Record::Text)), out, rest)?;
        }
        bars.tell(Progress::of("writing users", done + 1, total));
    }
    Ok(rows)
}

/// Writes the sound ones of some records.
fn write_all(
    records: impl Iterator<Item = Result<Record>>,
    out: &mut dyn Write,
    rest: &mut Rest,
) -> Result<u64> {
    let mut rows = 0;
    for record in records {
        if let Some(record) = rest.sound(record)? {
            write_record(&record, &mut *out)?;
            rows += 1;
        }
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
