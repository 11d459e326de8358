//! `kindred stats`: counts and sizes.

use super::output::{Output, bytes, grouped};
use super::{Reading, StoreArgs};
use crate::error::{ErrorKind, Result};
use crate::{FolderBytes, ReadOnlyStore, Stats, StoreStats};
use clap::Args;
use serde::Serialize;
use std::fmt::Write;
use std::time::Duration;

/// Which store.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred stats shop --json
  kindred stats shop --watch       a line every two seconds, also while another process writes")]
pub(crate) struct StatsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Look again after so many seconds, until interrupted; keeps nobody from the store
    #[arg(long, value_name = "SECONDS", num_args = 0..=1, default_missing_value = "2", value_parser = clap::value_parser!(u32).range(1..))]
    watch: Option<u32>,
    /// Look so many times in all
    #[arg(long, value_name = "N", requires = "watch", value_parser = clap::value_parser!(u32).range(1..))]
    times: Option<u32>,
}

pub(crate) fn run(args: &StatsArgs, output: &Output) -> Result<()> {
    if let Some(seconds) = args.watch {
        let store = args.store.options().open_read_only(&args.store.store)?;
        return watch(&store, Duration::from_secs(seconds.into()), args.times, output);
    }
    match args.store.read()? {
        Reading::Own(store) => {
            output.result(&store.stats()?, |all| text(&all.newest, &all.folder) + &condition(all))
        }
        Reading::Elsewhere(store) => {
            output.result(&Seen::of(&store)?, |seen| text(&seen.newest, &seen.folder))
        }
    }
}

/// Shows what a store holds now and again.
fn watch(store: &ReadOnlyStore, pause: Duration, times: Option<u32>, output: &Output) -> Result<()> {
    let mut before: Option<Seen> = None;
    for n in 1.. {
        let seen = Seen::of(store)?;
        output.result(&seen, |seen| line(seen, before.as_ref(), pause))?;
        if times.is_some_and(|times| n >= times) {
            break;
        }
        before = Some(seen);
        std::thread::sleep(pause);
        match store.refresh() {
            // The writer may be at its files just now: the figures stay as they are until that has passed.
            Err(error) if error.kind() == ErrorKind::Environment => {
                tracing::warn!(%error, "the store cannot be looked at now: it is tried again");
            }
            looked => drop(looked?),
        }
    }
    Ok(())
}

/// One look, and what came since the one before.
fn line(seen: &Seen, before: Option<&Seen>, pause: Duration) -> String {
    let stats = &seen.newest;
    let counts = [
        ("commit", stats.commit),
        ("users", stats.users),
        ("events", stats.events),
        ("texts", stats.texts),
        ("embeddings", stats.vectors),
    ];
    let mut parts = counts.map(|(name, count)| format!("{name} {}", grouped(count))).to_vec();
    parts.push(format!("folder {}", bytes(seen.folder_bytes)));
    if let Some(before) = before {
        let events = stats.events.saturating_sub(before.newest.events);
        parts.push(format!("{:.1} events/s", events as f64 / pause.as_secs_f64()));
    }
    parts.join("  ")
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
        ("folded", format!("{} events", grouped(stats.events_folded))),
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
    let values = match (all.damaged_values, all.heals) {
        (true, _) => "values that are not made anew yet".to_owned(),
        (false, 0) => "no values known".to_owned(),
        (false, heals) => format!("values made anew {} times", grouped(heals)),
    };
    let lines = [
        ("checkpoint", grouped(all.checkpoint)),
        ("waiting", format!("{} commits", grouped(all.waiting_commits))),
        ("snapshots", format!("{} held", grouped(all.snapshots))),
        ("damaged", format!("{} index files; {values}", grouped(all.damaged_index_files))),
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
