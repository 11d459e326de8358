//! `kindred stats`: counts and sizes.

use super::StoreArgs;
use super::output::{Output, bytes, grouped};
use crate::error::Result;
use crate::{FolderBytes, StoreStats};
use clap::Args;
use std::fmt::Write;

/// Which store.
#[derive(Args)]
#[command(after_help = "Example: kindred stats shop --json")]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    store: StoreArgs,
}

pub(crate) fn run(args: &StatsArgs, output: &Output) -> Result<()> {
    output.result(&args.store.open()?.stats()?, text)
}

/// Counts and sizes for people.
fn text(all: &StoreStats) -> String {
    let stats = &all.newest;
    let mut out = String::new();
    let encoder = stats.encoder.as_deref().unwrap_or("none: vectors of the host's own");
    let FolderBytes { data, log, index, .. } = all.folder;
    let folder = format!(
        "{}: data {}, log {}, index {}",
        bytes(all.folder_bytes),
        bytes(data),
        bytes(log),
        bytes(index)
    );
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
        ("memory", format!("{} of the index", bytes(stats.index_bytes))),
        ("folder", folder),
        ("commit", format!("{}, checkpoint at {}", grouped(stats.commit), grouped(all.checkpoint))),
        ("waiting", format!("{} commits", grouped(all.waiting_commits))),
        ("snapshots", format!("{} held", grouped(all.snapshots))),
        ("damaged", format!("{} index files", grouped(all.damaged_index_files))),
    ];
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<14}{value}");
    }
    if let Some(reason) = &all.read_only {
        let _ = writeln!(out, "{:<14}{reason}", "read-only");
    }
    out
}
