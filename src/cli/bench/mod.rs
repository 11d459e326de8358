//! `kindred bench`: measurements.

pub mod ann;
pub mod data;
mod encode;
mod filter;
mod ingest;
mod memory;
mod quality;
mod record;
pub(super) mod scratch;
pub mod tiers;
pub mod timing;
mod truth;
mod update;

use super::output::Output;
use crate::error::Result;
use clap::Subcommand;
use indicatif::{ProgressBar, ProgressStyle};

/// What is measured.
#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Recall against speed of the index on vector files
    #[command(
        after_help = "Example: kindred bench ann --base base.npy --queries queries.npy --plot curve.svg"
    )]
    Ann(Box<ann::AnnArgs>),
    /// Searches kept to some of the rows, beside an exact scan of these
    Filter(Box<filter::FilterArgs>),
    /// Records per second into a store
    Ingest(ingest::IngestArgs),
    /// Texts per second of an encoder
    Encode(encode::EncodeArgs),
    /// From an event to the first snapshot that shows it
    Update(update::UpdateArgs),
    /// How well profiles find twins and tell demographics, on The Complete Journey
    Quality(quality::QualityArgs),
}

pub(crate) fn run(command: &BenchCommand, output: &Output) -> Result<()> {
    match command {
        BenchCommand::Ann(args) => output.result(&ann::run(args)?, ToString::to_string),
        BenchCommand::Filter(args) => output.result(&filter::run(args)?, ToString::to_string),
        BenchCommand::Ingest(args) => ingest::run(args, output),
        BenchCommand::Encode(args) => encode::run(args, output),
        BenchCommand::Update(args) => update::run(args, output),
        BenchCommand::Quality(args) => quality::run(args, output),
    }
}

/// A bar of one long piece of work, on standard error.
fn bar(words: &str) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
    let bar = ProgressBar::no_length().with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar.set_message(words.to_owned());
    bar
}
