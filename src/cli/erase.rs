//! `kindred erase` and `kindred readmit`: users who are gone for good, and who may come back.

use super::StoreArgs;
use super::output::{Output, grouped};
use crate::error::Result;
use clap::Args;
use serde::Serialize;
use std::sync::atomic::AtomicBool;

/// Who is erased.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred erase shop --user ann
  kindred erase shop --user ann --user bob --later    the files are written anew by the next `kindred compact`

Removes users whole and for good, and writes the store's files anew, so that none of them holds anything of theirs. A record that comes
later is refused, unless `kindred readmit` lets the user back. What stays is a mark without personal data. Backups and exports that were
made before hold the users still: make them anew.")]
pub(crate) struct EraseArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The user to erase; may be given more than once
    #[arg(long, required = true)]
    user: Vec<String>,
    /// Leave what was removed in the store's files until they are next compacted
    #[arg(long)]
    later: bool,
}

/// Who may come back.
#[derive(Args)]
#[command(after_help = "Example: kindred readmit shop --user ann

Lets users who were erased come back, as somebody new.")]
pub(crate) struct ReadmitArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The user to let back; may be given more than once
    #[arg(long, required = true)]
    user: Vec<String>,
}

#[derive(Serialize)]
struct Erased {
    asked: usize,
    users_before: u64,
    users: u64,
    compacted: bool,
}

pub(crate) fn erase(args: &EraseArgs, output: &Output) -> Result<()> {
    let store = args.store.open()?;
    let users_before = store.snapshot().stats()?.users;
    store.write(|tx| args.user.iter().try_for_each(|user| tx.erase_user(user)))?;
    let bars = output.progress();
    let compacted = !args.later && store.compact(&|p| bars.tell(p), &AtomicBool::new(false))?;
    drop(bars);
    let users = store.snapshot().stats()?.users;
    let erased = Erased { asked: args.user.len(), users_before, users, compacted };
    output.result(&erased, |erased| {
        let known = grouped(erased.users_before - erased.users);
        let files = if erased.compacted {
            "none of the store's files holds anything of theirs"
        } else {
            "their bytes stay in the store's files until `kindred compact`"
        };
        format!("Erased {} users, {known} of whom the store knew; {files}.", erased.asked)
    })
}

#[derive(Serialize)]
struct Readmitted {
    users: usize,
}

pub(crate) fn readmit(args: &ReadmitArgs, output: &Output) -> Result<()> {
    let store = args.store.open()?;
    let before = store.snapshot().erased().count();
    store.write(|tx| args.user.iter().try_for_each(|user| tx.readmit_user(user)))?;
    let readmitted = Readmitted { users: before - store.snapshot().erased().count() };
    output.result(&readmitted, |readmitted| {
        format!("{} of {} users had been erased; they may come back.", readmitted.users, args.user.len())
    })
}
