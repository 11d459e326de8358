//! `kindred eval`: how good a store's answers are, on what it holds itself.

mod baselines;
mod recommend;
mod split;

use super::output::Output;
use crate::error::Result;
use clap::Subcommand;

/// What is evaluated.
#[derive(Subcommand)]
pub(crate) enum EvalCommand {
    /// Recommendations, against what users did later
    Recommend(recommend::EvalRecommendArgs),
}

pub(crate) fn run(command: &EvalCommand, output: &Output) -> Result<()> {
    match command {
        EvalCommand::Recommend(args) => recommend::run(args, output),
    }
}
