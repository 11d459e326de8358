//! `kindred segment`: named predicates, who is in them, who came and went, and what they tell of themselves.

mod about;

use super::StoreArgs;
use super::clusters::{self, AssignArgs, FindArgs};
use super::output::{Output, grouped};
use crate::error::Result;
use crate::model::{Predicate, SegmentChanges, SegmentSummary, Time};
use clap::{Args, Subcommand};
use serde::Serialize;

/// Define segments, list them, and ask who is in them
#[derive(Subcommand)]
pub(crate) enum SegmentCommand {
    /// Define a segment, or give one another predicate
    Define(DefineArgs),
    /// List all segments, or those of a user
    List(ListArgs),
    /// List the users in a segment
    Members(MembersArgs),
    /// Tell how far segments overlap
    Overlaps(about::OverlapsArgs),
    /// Tell what sets a segment's users apart from the others
    Describe(about::DescribeArgs),
    /// Tell why a user is in a segment, or is not
    Explain(about::ExplainArgs),
    /// Tell who came into segments and who left
    Changes(ChangesArgs),
    /// Have segments go by a later instant
    Advance(AdvanceArgs),
    /// Drop a segment
    Drop(DropArgs),
    /// Find clusters of users who are alike, and write down who is in which
    Find(FindArgs),
    /// Give users the cluster nearest to them
    Assign(AssignArgs),
}

/// Which segment.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred segment define shop loyal --where \"count(purchase, interval '30 days') >= 3\"
  kindred segment define shop \"loyal parents\" --where \"in_segment('loyal') and has(tags, 'parent')\"

From then on each write keeps up to date who is in it. What goes by now() and intervals follows
`kindred segment advance`, before the first of these the instant of the first definition.")]
pub(crate) struct DefineArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The segment's name
    name: String,
    /// Who is in it: the WHERE clause of SQL
    #[arg(long = "where", value_name = "PREDICATE", allow_hyphen_values = true)]
    predicate: String,
}

/// Whose segments.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred segment list shop
  kindred segment list shop --user ann")]
pub(crate) struct ListArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Only those that this user is in
    #[arg(long)]
    user: Option<String>,
}

/// Which segment.
#[derive(Args)]
#[command(after_help = "Example: kindred segment members shop loyal")]
pub(crate) struct MembersArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The segment's name
    name: String,
}

/// From where on.
#[derive(Args)]
#[command(after_help = "Example: kindred segment changes shop --since 120

Go on from the position that it ends with. Changes of users and segments that are gone are left out.")]
pub(crate) struct ChangesArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The position of the first
    #[arg(long, default_value_t = 0)]
    since: u64,
    /// How many at most
    #[arg(short = 'k', long, default_value_t = 1_000)]
    limit: usize,
}

/// To when.
#[derive(Args)]
#[command(after_help = "Example: kindred segment advance shop --now 2026-02-01

Looks again at those for whom the time matters: events that left the last thirty days, for instance.")]
pub(crate) struct AdvanceArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The instant; the present unless said
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
}

/// Which segment.
#[derive(Args)]
#[command(after_help = "Example: kindred segment drop shop loyal")]
pub(crate) struct DropArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The segment's name
    name: String,
}

#[derive(Serialize)]
struct Users {
    users: Vec<String>,
}

#[derive(Serialize)]
struct Names {
    segments: Vec<String>,
}

#[derive(Serialize)]
struct Advanced {
    now: Time,
    changes: u64,
}

#[derive(Serialize)]
struct Dropped {
    dropped: bool,
}

pub(crate) fn run(command: &SegmentCommand, output: &Output) -> Result<()> {
    match command {
        SegmentCommand::Define(args) => define(args, output),
        SegmentCommand::List(args) => list(args, output),
        SegmentCommand::Members(args) => {
            let users = args.store.read()?.snapshot().members(&args.name)?;
            output.result(&Users { users }, |answer| lines(&answer.users, "nobody"))
        }
        SegmentCommand::Overlaps(args) => about::overlaps(args, output),
        SegmentCommand::Describe(args) => about::describe(args, output),
        SegmentCommand::Explain(args) => about::explain(args, output),
        SegmentCommand::Changes(args) => {
            let feed = args.store.read()?.snapshot().changes_since(args.since, args.limit)?;
            output.result(&feed, changes)
        }
        SegmentCommand::Advance(args) => advance(args, output),
        SegmentCommand::Find(args) => clusters::find(args, output),
        SegmentCommand::Assign(args) => clusters::assign(args, output),
        SegmentCommand::Drop(args) => {
            let store = args.store.open()?;
            let count = || store.snapshot().segments().map(|segments| segments.len());
            let before = count()?;
            store.write(|tx| tx.drop_segment(&args.name))?;
            output.result(&Dropped { dropped: count()? < before }, |answer| {
                let said = if answer.dropped { "Dropped" } else { "There was no" };
                format!("{said} segment {:?}.", args.name)
            })
        }
    }
}

fn define(args: &DefineArgs, output: &Output) -> Result<()> {
    let store = args.store.open()?;
    let predicate = Predicate::parse(&args.predicate)?;
    store.write(|tx| tx.define_segment(&args.name, predicate))?;
    let segments = store.snapshot().segments()?;
    let defined = segments.into_iter().find(|segment| segment.name == args.name);
    output.result(&defined, |defined| defined.as_ref().map(line).unwrap_or_default())
}

fn list(args: &ListArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let segments = match &args.user {
        Some(user) => {
            let segments = snapshot.segments_of(user)?;
            return output.result(&Names { segments }, |answer| lines(&answer.segments, "none"));
        }
        None => snapshot.segments()?,
    };
    output.result(&segments, |segments| lines(&segments.iter().map(line).collect::<Vec<_>>(), "none"))
}

fn advance(args: &AdvanceArgs, output: &Output) -> Result<()> {
    let store = args.store.open()?;
    let now = args.now.unwrap_or_else(Time::now);
    let before = store.snapshot().segments_position();
    let bars = output.progress();
    store.advance_segments(now, &|p| bars.tell(p))?;
    drop(bars);
    let changes = store.snapshot().segments_position() - before;
    output.result(&Advanced { now, changes }, |answer| {
        format!("Segments go by {} now; {} users came or left.", answer.now, grouped(answer.changes))
    })
}

fn line(segment: &SegmentSummary) -> String {
    let SegmentSummary { name, version, predicate, members, .. } = segment;
    format!("{:>12}  {name}  (version {version}: {predicate})", grouped(*members))
}

fn changes(feed: &SegmentChanges) -> String {
    let told = feed.changes.iter().map(|change| {
        let did = if change.entered { "came into" } else { "left" };
        format!("{:>8}  {}  {} {did} {}", change.position, change.now, change.user, change.segment)
    });
    told.chain([format!("go on from {}", feed.next)]).collect::<Vec<_>>().join("\n")
}

fn lines(all: &[String], none: &str) -> String {
    if all.is_empty() { none.to_owned() } else { all.join("\n") }
}
