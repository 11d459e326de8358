//! `kindred expire`: events before an instant out of the list, and into the sums.

use super::StoreArgs;
use super::output::{Output, grouped};
use crate::error::Result;
use crate::model::Time;
use clap::Args;

/// Which events are folded.
#[derive(Args)]
#[command(after_help = "Example: kindred expire shop --before 2025-01-01

Folds events into sums: profiles, embeddings, figures and reasons stay what they were, and the events themselves go, with
their ids and the words of their texts. Their bytes stay in the store's files until `kindred compact`.")]
pub(crate) struct ExpireArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The instant before which events are folded: RFC 3339, a date (midnight UTC) or an epoch
    #[arg(long, value_name = "TIME")]
    before: Time,
}

pub(crate) fn run(args: &ExpireArgs, output: &Output) -> Result<()> {
    let store = args.store.open()?;
    let bars = output.progress();
    let expired = store.expire_with_progress(args.before, &|p| bars.tell(p))?;
    drop(bars);
    output.result(&expired, |expired| {
        format!("Folded {} events of {} users.", grouped(expired.events), grouped(expired.users))
    })
}
