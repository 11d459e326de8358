//! `kindred stats`: counts and sizes.

use super::output::{Output, bytes, grouped};
use super::{Reading, StoreArgs};
use crate::error::Result;
use crate::{FolderBytes, ReadOnlyStore, Stats, StoreStats};
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

pub(crate) fn run(args: &StatsArgs, output: &Output) -> Result<()> {
    match args.store.read()? {
        Reading::Own(store) => {
            output.result(&store.stats()?, |all| text(&all.newest, &all.folder) + &condition(all))
        }
        Reading::Elsewhere(store) => {
            output.result(&Seen::of(&store)?, |seen| text(&seen.newest, &seen.folder))
        }
    }
}

/// What can be said of a store that another process has open.
#[derive(Serialize)]
struct Seen {
    #[serde(flatten)]
    newest: Stats,
    folder_bytes: u64,
    folder: FolderBytes,
}

impl Seen {
    fn of(store: &ReadOnlyStore) -> Result<Self> {
        let folder = store.folder_bytes()?;
        Ok(Self { newest: store.snapshot().stats()?, folder_bytes: folder.total(), folder })
    }
}

/// Counts and sizes for people.
fn text(stats: &Stats, folder: &FolderBytes) -> String {
    let mut out = String::new();
    let encoder = stats.encoder.as_deref().unwrap_or("none: vectors of the host's own");
    let parts = [("data", folder.data), ("log", folder.log), ("base", folder.base), ("index", folder.index)];
    let parts = parts.map(|(name, size)| format!("{name} {}", bytes(size))).join(", ");
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
        ("folder", format!("{}: {parts}", bytes(folder.total()))),
        ("commit", grouped(stats.commit)),
    ];
    for (name, value) in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<14}{value}");
    }
    out
}

/// How an open store is doing, for people.
fn condition(all: &StoreStats) -> String {
    let mut out = String::new();
    let lines = [
        ("checkpoint", grouped(all.checkpoint)),
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
