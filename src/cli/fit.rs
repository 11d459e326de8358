//! `kindred fit`: learn the model of a store.

use super::StoreArgs;
use super::output::{Output, grouped};
use crate::error::Result;
use clap::Args;

/// Which store.
#[derive(Args)]
#[command(after_help = "Example: kindred fit shop

Learns rarity, whitening of texts, item factors and scales of numbers from all that the store holds, and fuses all
profiles anew. Worth doing after the first large ingest, and again when the catalogue or habits have changed.")]
pub(crate) struct FitArgs {
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &FitArgs, output: &Output) -> Result<()> {
    let store = args.store.open()?;
    let bars = output.progress();
    let report = store.fit_with_progress(&|p| bars.tell(p))?;
    drop(bars);
    output.result(&report, |report| {
        format!(
            "Fit {}: learned from {} users, {} items and {} texts; all profiles are fused anew.",
            report.version,
            grouped(report.users),
            grouped(report.items),
            grouped(report.texts)
        )
    })
}
