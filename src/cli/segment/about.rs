//! What segments tell of themselves: how far they overlap, what sets their users apart, and why a user is in one.

use super::StoreArgs;
use crate::cli::output::{Output, grouped};
use crate::error::Result;
use crate::query::{Overlap, Portrait};
use clap::Args;

/// Which segments.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred segment overlaps shop
  kindred segment overlaps shop loyal -k 5

Those with the most users in both come first. A lift of 2 says that twice as many are in both as if the
one had nothing to do with the other.")]
pub(crate) struct OverlapsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Only those of this segment with the others
    name: Option<String>,
    /// How many pairs at most
    #[arg(short = 'k', long, default_value_t = 20)]
    limit: usize,
}

/// Which segment, and what is told of it.
#[derive(Args)]
#[command(after_help = "Example: kindred segment describe shop loyal -k 10 --min-support 20

What members have more often than the other users, the surest first: values of attributes, numbers in four
ranges, and what they acted on, but for kinds of events with a negative weight.")]
pub(crate) struct DescribeArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The segment's name
    name: String,
    /// How many traits at most
    #[arg(short = 'k', long, default_value_t = 20)]
    limit: usize,
    /// Only traits that so many members have at least
    #[arg(long, value_name = "USERS", default_value_t = 5)]
    min_support: u64,
    /// Only traits whose log-likelihood ratio is so large at least: by chance it is above 10.83 for one in a
    /// thousand
    #[arg(long, value_name = "G2", default_value_t = 10.83)]
    min_g2: f64,
}

/// Which user, and which segment.
#[derive(Args)]
#[command(after_help = "Example: kindred segment explain shop loyal --user ann

A line for each part of the predicate: whether it is true of the user, and the values that it goes by.")]
pub(crate) struct ExplainArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The segment's name
    name: String,
    /// The user's id
    #[arg(long)]
    user: String,
}

pub(super) fn overlaps(args: &OverlapsArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let mut overlaps = snapshot.overlaps().limit(args.limit);
    if let Some(name) = &args.name {
        overlaps = overlaps.of(name);
    }
    output.result(&overlaps.run()?, |overlaps| {
        super::lines(&overlaps.iter().map(overlap).collect::<Vec<_>>(), "none")
    })
}

fn overlap(of: &Overlap) -> String {
    let share = |name: &str, members: u64, share: f64| {
        format!("{:.1} % of the {} in {name}", share * 100.0, grouped(members))
    };
    let one = share(&of.segment, of.members, of.share);
    let other = share(&of.other, of.members_of_other, of.share_of_other);
    let Overlap { both, jaccard, lift, .. } = of;
    format!("{:>12}  {one}, {other}  (Jaccard {jaccard:.3}, lift {lift:.1})", grouped(*both))
}

pub(super) fn describe(args: &DescribeArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let contrast = snapshot.sets_apart(&args.name).limit(args.limit);
    let bars = output.progress();
    let portrait =
        contrast.min_support(args.min_support).min_g2(args.min_g2).run_with_progress(&|p| bars.tell(p))?;
    drop(bars);
    output.result(&portrait, text)
}

fn text(portrait: &Portrait) -> String {
    let head = format!("{} of {} users", grouped(portrait.members), grouped(portrait.users));
    if portrait.traits.is_empty() {
        return format!("{head}: nothing sets them apart");
    }
    let traits = portrait.traits.iter().map(|told| format!("  {told}"));
    [head].into_iter().chain(traits).collect::<Vec<_>>().join("\n")
}

pub(super) fn explain(args: &ExplainArgs, output: &Output) -> Result<()> {
    let reasons = args.store.read()?.snapshot().explain_segment(&args.user, &args.name)?;
    output.result(&reasons, ToString::to_string)
}
