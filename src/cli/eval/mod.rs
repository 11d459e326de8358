//! `kindred eval`: how good a store's answers are, on what it holds itself.

mod baselines;
pub(super) mod beside;
mod labels;
mod lookalikes;
mod recommend;
mod satisfaction;
mod segments;
pub(super) mod split;
pub(super) mod twins;

use super::output::{Bars, Output};
use crate::error::Result;
use crate::{Options, Snapshot};
use clap::Subcommand;
pub(super) use recommend::{Evaluated, Lists};

/// What is evaluated.
#[derive(Subcommand)]
pub(crate) enum EvalCommand {
    /// Recommendations, against what users did later
    Recommend(recommend::EvalRecommendArgs),
    /// Lookalikes, against users of the seed who were held out
    Lookalikes(lookalikes::EvalLookalikesArgs),
    /// How well an attribute is told from embeddings
    Labels(labels::EvalLabelsArgs),
    /// Whether a half of what a user did finds the other half
    Twins(twins::EvalTwinsArgs),
    /// How well segments or clusters hold together, and how much they stay what they are
    Segments(segments::EvalSegmentsArgs),
    /// How content users say they are
    Satisfaction(satisfaction::EvalSatisfactionArgs),
}

pub(crate) fn run(command: &EvalCommand, output: &Output) -> Result<()> {
    match command {
        EvalCommand::Recommend(args) => recommend::run(args, output),
        EvalCommand::Lookalikes(args) => lookalikes::run(args, output),
        EvalCommand::Labels(args) => labels::run(args, output),
        EvalCommand::Twins(args) => twins::run(args, output),
        EvalCommand::Segments(args) => segments::run(args, output),
        EvalCommand::Satisfaction(args) => satisfaction::run(args, output),
    }
}

/// How good recommendations of items are, each user's last event held out.
pub(super) fn recommendations(snapshot: &Snapshot, options: &Options, bars: &Bars) -> Result<Evaluated> {
    recommend::usual(snapshot, options, bars)
}
