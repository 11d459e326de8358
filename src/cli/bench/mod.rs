//! `kindred bench`: measurements.

pub mod ann;
mod encode;
mod ingest;
mod memory;
mod quality;
mod scratch;
mod update;

use super::output::Output;
use crate::error::Result;
use clap::Subcommand;

/// What is measured.
#[derive(Subcommand)]
pub(crate) enum BenchCommand {
    /// Recall against speed of the index on vector files
    #[command(
        after_help = "Example: kindred bench ann --base base.npy --queries queries.npy --plot curve.svg"
    )]
    Ann(ann::AnnArgs),
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
        BenchCommand::Ingest(args) => ingest::run(args, output),
        BenchCommand::Encode(args) => encode::run(args, output),
        BenchCommand::Update(args) => update::run(args, output),
        BenchCommand::Quality(args) => quality::run(args, output),
    }
}
