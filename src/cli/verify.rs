//! `kindred verify`: is the index what it should be?

use super::StoreArgs;
use super::output::{Output, grouped};
use crate::error::Result;
use crate::index::Problem;
use clap::Args;
use serde::Serialize;
use std::process::ExitCode;

/// Which store.
#[derive(Args)]
#[command(after_help = "Example: kindred verify shop --json

Reads the whole index, compares it with its checksums, and checks all that searches lean on. Ends with code 1 where anything is
wrong; nothing is lost then, for the next open makes the index anew from the store's records.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct Shown {
    vectors: u64,
    sealed_files: u64,
    problems: Vec<Problem>,
}

/// Code 1 where something is wrong.
pub(crate) fn run(args: &VerifyArgs, output: &Output) -> Result<ExitCode> {
    let store = args.store.open()?;
    let stats = store.snapshot().stats()?;
    let bars = output.progress();
    let problems = store.verify(&|p| bars.tell(p))?;
    drop(bars);
    let code = if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    let shown = Shown { vectors: stats.vectors, sealed_files: stats.sealed_files, problems };
    output.result(&shown, text)?;
    Ok(code)
}

fn text(shown: &Shown) -> String {
    if shown.problems.is_empty() {
        let (vectors, files) = (grouped(shown.vectors), shown.sealed_files);
        return format!("The index is sound: {vectors} vectors, {files} sealed file(s).");
    }
    let mut lines: Vec<String> =
        shown.problems.iter().map(|problem| format!("{}: {}", problem.place, problem.what)).collect();
    lines.push("The next open makes the index anew from the store's records.".to_owned());
    lines.join("\n")
}
