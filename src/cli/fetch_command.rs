//! `kindred fetch`: the demo's model and data into the cache.

use super::fetch;
use super::output::Output;
use crate::error::Result;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::PathBuf;

/// What to fetch.
#[derive(Args)]
#[command(after_help = "Example: kindred init shop --model \"$(kindred fetch model)\"

Prints the folder. What is in the cache already is not fetched again.")]
pub(crate) struct FetchArgs {
    /// model: all-MiniLM-L6-v2 (84 MB); journey: The Complete Journey, retail transactions (32 MB)
    what: What,
}

#[derive(Clone, Copy, ValueEnum)]
enum What {
    Model,
    Journey,
}

#[derive(Serialize)]
struct Fetched {
    folder: PathBuf,
}

pub(crate) fn run(args: &FetchArgs, output: &Output) -> Result<()> {
    let bars = output.progress();
    let step = |words: &str| bars.step(words);
    let folder = match args.what {
        What::Model => fetch::model(&step)?,
        What::Journey => fetch::journey(&step)?,
    };
    output.result(&Fetched { folder }, |fetched| super::shown(&fetched.folder))
}
