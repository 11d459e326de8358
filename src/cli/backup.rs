//! `kindred backup`: a copy of a store that can be restored.

use super::output::{Output, bytes, grouped};
use super::shown;
use crate::error::{Error, Result};
use crate::{BackupOptions, BackupReport, Store};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

/// Which store, and where to.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred backup shop /mnt/backups/shop            all of it at first, then what changed
  kindred backup shop /mnt/backups/shop --verify   read back all, mend what is damaged
  kindred restore /mnt/backups/shop shop-again

A service that has the store open goes on meanwhile; the backup holds what it had written when
this began. The folder holds the whole backup from before or the whole new one, whenever this is interrupted.
Whoever was removed from the store is gone from the backup after the next run. Neither the store's
model nor its index is needed. What was written is read back, and opened, before it counts. Ends with code 1 where values are damaged in the store: they are
named, and everything else is in the backup.")]
pub(crate) struct BackupArgs {
    /// The store's folder
    #[arg(value_name = "STORE")]
    store: PathBuf,
    /// The backup's folder: a new one, an empty one, or one with an earlier backup of this store
    #[arg(value_name = "BACKUP")]
    to: PathBuf,
    /// Read back all files, not only those written now, and write damaged ones anew
    #[arg(long)]
    verify: bool,
}

/// Code 1 where the backup lacks something.
pub(crate) fn run(args: &BackupArgs, output: &Output) -> Result<ExitCode> {
    let options = BackupOptions::new().verify_all(args.verify);
    let bars = output.progress();
    let report = match Store::backup_closed(&args.store, &args.to, &options, &|p| bars.tell(p)) {
        // The store, or the backup: then it is told of once more.
        Err(Error::Locked { .. }) => {
            Store::backup_elsewhere(&args.store, &args.to, &options, &|p| bars.tell(p))?
        }
        report => report?,
    };
    drop(bars);
    output.result(&report, |report| text(report, args))?;
    Ok(if report.damaged == 0 && report.cannot_open.is_none() {
        ExitCode::SUCCESS
    } else {
        ExitCode::from(1)
    })
}

fn text(report: &BackupReport, args: &BackupArgs) -> String {
    let mut lines = vec![format!(
        "{} holds commit {} in {} file(s), {}; {} of them, {}, were written now.",
        shown(&args.to),
        grouped(report.commit),
        grouped(report.chunks),
        bytes(report.bytes),
        grouped(report.chunks_written),
        bytes(report.bytes_written),
    )];
    if report.damaged > 0 {
        lines.push(format!("It lacks {} value(s) that are damaged in the store:", grouped(report.damaged)));
        lines.extend(report.damaged_values.iter().map(|value| format!("  {value}")));
    }
    if let Some(reason) = &report.cannot_open {
        lines.push(format!(
            "A store restored from it cannot be opened ({reason}), but repaired: kindred repair."
        ));
    }
    lines.join("\n")
}
