//! How long a store keeps events, on the command line.

use crate::Options;
use crate::model::KeepEvents;
use clap::Args;
use std::time::Duration;

const DAY_SECS: u64 = 86_400;

/// How long events are kept; what is not said stays as the store has it.
#[derive(Args)]
pub(super) struct KeepArgs {
    /// Keep the newest N events of each user, and fold older ones into sums; `all` folds none any more; remembered
    #[arg(long, value_name = "N", value_parser = parse_count)]
    keep_events: Option<KeepEvents>,
    /// Keep events that are at most D days older than the user's newest, and fold older ones; remembered
    #[arg(long, value_name = "D", value_parser = clap::value_parser!(u32).range(1..))]
    keep_days: Option<u32>,
}

impl KeepArgs {
    pub(super) fn apply(&self, options: Options) -> Options {
        let days = |days: u32| KeepEvents::within(Duration::from_secs(u64::from(days) * DAY_SECS));
        let rules = self.keep_events.into_iter().chain(self.keep_days.map(days));
        match rules.reduce(KeepEvents::and) {
            Some(keep) => options.keep_events(keep),
            None => options,
        }
    }
}

fn parse_count(text: &str) -> Result<KeepEvents, String> {
    match (text, text.parse()) {
        ("all", _) => Ok(KeepEvents::all()),
        (_, Ok(count)) if count > 0 => Ok(KeepEvents::last(count)),
        _ => Err(format!("{text:?} is neither a number from 1 on nor `all`")),
    }
}
