//! `kindred verify`: is a store what it should be?

use super::output::{Bars, Output, grouped};
use super::{StoreArgs, shown};
use crate::error::{Error, ErrorKind, Result};
use crate::{Store, VerifyOptions, VerifyReport};
use clap::Args;
use serde::Serialize;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

/// Which store.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred verify shop --json
  kindred verify shop --quick   settings, counts, headers: what takes no reading of everything

Reads every value of the data, compares it with its checksum and with what its key says, checks what must hold between
records, makes each profile anew of its records and compares, and reads the whole index. Ends with code 1 where anything
is wrong, and names it. What is wrong with the index costs nothing: vectors that are not those of profiles are put right
at once, and damaged files are made anew from the records by the next open. Damaged data is made anew by the next open,
too, from the store's second copy and its log, where these are whole; `kindred repair` saves what is left where they are
not.")]
pub(crate) struct VerifyArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Look only at what can be looked at without reading everything
    #[arg(long)]
    quick: bool,
}

#[derive(Serialize)]
struct Shown {
    /// Of the index; none where the store is too damaged to be opened.
    vectors: Option<u64>,
    sealed_files: Option<u64>,
    #[serde(flatten)]
    report: VerifyReport,
}

/// Code 1 where something is wrong.
pub(crate) fn run(args: &VerifyArgs, output: &Output) -> Result<ExitCode> {
    let bars = output.progress();
    // It reads everything itself, and tells of what the scrub would have mended meanwhile.
    let opened_store = args.store.options().must_exist().scrub(false).heal(false).open(&args.store.store);
    let shown = match opened_store {
        Ok(store) => opened(&store, args, &bars),
        Err(error) if error.kind() == ErrorKind::Damage => closed(args, &bars, error),
        Err(error) => Err(error),
    }?;
    drop(bars);
    let code = if shown.report.is_sound() { ExitCode::SUCCESS } else { ExitCode::from(1) };
    output.result(&shown, |shown| text(shown, args))?;
    Ok(code)
}

fn options(args: &VerifyArgs) -> VerifyOptions {
    VerifyOptions::new().quick(args.quick)
}

fn opened(store: &Store, args: &VerifyArgs, bars: &Bars) -> Result<Shown> {
    let stats = store.snapshot().stats()?;
    let report = store.verify_with(&options(args), &|p| bars.tell(p), &AtomicBool::new(false))?;
    Ok(Shown { vectors: Some(stats.vectors), sealed_files: Some(stats.sealed_files), report })
}

/// What keeps a store from being opened is one of its values, or its files: then nothing can be read.
fn closed(args: &VerifyArgs, bars: &Bars, error: Error) -> Result<Shown> {
    let store = &args.store.store;
    let report = Store::verify_closed(store, &options(args), &|p| bars.tell(p), &AtomicBool::new(false))?;
    if report.is_sound() { Err(error) } else { Ok(Shown { vectors: None, sealed_files: None, report }) }
}

fn text(of: &Shown, args: &VerifyArgs) -> String {
    let report = &of.report;
    if report.is_sound() {
        let (vectors, files) = (grouped(of.vectors.unwrap_or(0)), of.sealed_files.unwrap_or(0));
        let looked = if args.quick { "looked at" } else { "read" };
        let values = grouped(report.entries);
        return format!(
            "The store is sound: {values} values {looked}; {vectors} vectors, {files} sealed file(s) in the index."
        );
    }
    let mut lines: Vec<String> = report.problems.iter().map(ToString::to_string).collect();
    let more = report.found - report.problems.len() as u64;
    if more > 0 {
        lines.push(format!("… and {} more.", grouped(more)));
    }
    lines.push(next_step(report, &shown(&args.store.store)));
    lines.join("\n")
}

fn next_step(report: &VerifyReport, store: &str) -> String {
    if !report.is_damaged() && report.mended > 0 {
        let users = grouped(report.mended);
        return format!(
            "The index has been given the vectors of {users} user(s).\nNext: kindred verify {store}"
        );
    }
    if !report.is_damaged() {
        return "The next open makes the index anew from the store's records.".to_owned();
    }
    if report.heals {
        return format!(
            "{} problem(s). Nothing need be lost: open the store again, and it makes its data anew from its second copy and its log.\nNext: kindred verify {store}\nIf that finds problems once more, restore from a backup, or save what is left with\n  kindred repair {store} NEW",
            grouped(report.found)
        );
    }
    format!(
        "{} problem(s). Everything else can be read. Next: restore from a backup, or save what is left with\n  kindred repair {store} NEW",
        grouped(report.found)
    )
}
