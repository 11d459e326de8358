//! `kindred compact`: the whole index in one file.

use super::StoreArgs;
use super::output::{Output, grouped};
use crate::error::Result;
use clap::Args;
use std::sync::atomic::AtomicBool;

/// Which store.
#[derive(Args)]
#[command(after_help = "Example: kindred compact shop

Makes one file of the index, without a trace of what was changed or removed since: the fastest to search and the smallest.
Worth doing once after a large ingest; a store that is in use keeps its files few by itself.")]
pub(crate) struct CompactArgs {
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &CompactArgs, output: &Output) -> Result<()> {
    let store = args.store.open()?;
    let bars = output.progress();
    store.compact(&|p| bars.tell(p), &AtomicBool::new(false))?;
    drop(bars);
    output.result(&store.snapshot().stats()?, |stats| {
        format!("{} vectors are in {} sealed file(s).", grouped(stats.vectors_sealed), stats.sealed_files)
    })
}
