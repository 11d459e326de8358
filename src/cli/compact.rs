//! `kindred compact`: the whole index in one file, and the data written anew.

use super::StoreArgs;
use super::output::{Output, grouped};
use crate::error::Result;
use clap::Args;
use std::sync::atomic::AtomicBool;

/// Which store.
#[derive(Args)]
#[command(after_help = "Example: kindred compact shop

Makes one file of the index, the fastest to search, and writes the data anew: nothing that was changed or removed is in any of the store's
files then. Worth doing once after a large ingest, and after users were removed for good. It takes as much space again as the data, for a while.")]
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
