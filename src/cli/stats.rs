//! `kindred stats`: counts and sizes.

use super::StoreArgs;
use super::output::{Output, bytes, grouped};
use crate::Stats;
use crate::error::Result;
use clap::Args;
use serde::Serialize;
use std::fmt::Write;

/// Which store.
#[derive(Args)]
#[command(after_help = "Example: kindred stats shop --json")]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    store: StoreArgs,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    stats: Stats,
    folder_bytes: u64,
}

pub(crate) fn run(args: &StatsArgs, output: &Output) -> Result<()> {
    let store = args.store.read()?;
    let shown = Shown { stats: store.snapshot().stats()?, folder_bytes: store.size_bytes()? };
    output.result(&shown, |shown| text(&shown.stats, shown.folder_bytes))
}

/// Counts and sizes for people.
pub(crate) fn text(stats: &Stats, folder_bytes: u64) -> String {
    let mut out = String::new();
    let encoder = stats.encoder.as_deref().unwrap_or("none: vectors of the host's own");
    let lines = [
        ("users", grouped(stats.users)),
        ("items", grouped(stats.items)),
        ("events", grouped(stats.events)),
        ("texts", grouped(stats.texts)),
        ("embeddings", format!("{} of {} dimensions, {}", grouped(stats.vectors), stats.dim, stats.metric)),
        ("in a graph", grouped(stats.vectors_in_graph)),
        ("sealed", format!("{} in {} files", grouped(stats.vectors_sealed), grouped(stats.sealed_files))),
        ("encoder", encoder.to_owned()),
        ("fits so far", stats.model_version.to_string()),
        ("index", bytes(stats.index_bytes)),
        ("folder", bytes(folder_bytes)),
        ("commit", grouped(stats.commit)),
    ];
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<14}{value}");
    }
    out
}
