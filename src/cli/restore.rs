//! `kindred restore`: a store out of a backup.

use super::output::{Output, bytes, grouped};
use super::shown;
use crate::error::Result;
use crate::{RestoreReport, Store};
use clap::Args;
use std::path::PathBuf;

/// Which backup, and where to.
#[derive(Args)]
#[command(after_help = "Example: kindred restore /mnt/backups/shop shop-again

Checks every file of the backup, and makes nothing where one is not as it was written. The restored
store is a store of its own: it makes its index at the first open, and its backups go into another
folder.")]
pub(crate) struct RestoreArgs {
    /// The backup's folder
    #[arg(value_name = "BACKUP")]
    backup: PathBuf,
    /// The folder of the store to make: a new one, or an empty one
    #[arg(value_name = "STORE")]
    store: PathBuf,
}

pub(crate) fn run(args: &RestoreArgs, output: &Output) -> Result<()> {
    let bars = output.progress();
    let report = Store::restore_with_progress(&args.backup, &args.store, &|p| bars.tell(p))?;
    drop(bars);
    output.result(&report, |report| text(report, args))
}

fn text(report: &RestoreReport, args: &RestoreArgs) -> String {
    let mut lines = vec![format!(
        "{} is as the backup of {} has it, at commit {}: {} entries, {}.",
        shown(&args.store),
        report.time,
        grouped(report.commit),
        grouped(report.entries),
        bytes(report.bytes),
    )];
    if report.damaged > 0 {
        lines.push(format!(
            "{} value(s) were damaged when it was made, and are missing.",
            grouped(report.damaged)
        ));
    }
    lines.join("\n")
}
