//! `kindred eval segments`: how well segments or clusters hold together, and whether they stay what they are.

use crate::Snapshot;
use crate::analysis::{HeldTogether, Stability};
use crate::cli::StoreArgs;
use crate::cli::output::{Output, grouped};
use crate::error::{Error, Result};
use crate::eval::Mean;
use crate::model::{Interval, Time};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;

/// Which groups of users, and how they are looked at.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred eval segments shop
  kindred eval segments shop --since '30 days'
  kindred eval segments shop --attribute _cluster --runs 10 --seed 7

The silhouette says how much nearer a segment's users are to each other than to everybody else, by embeddings: 1 far nearer, 0 no nearer.
Of an attribute's values it is also said whether k-means finds the same clusters in two halves of the users, as many as there are values.
--since asks each segment's predicate as of an instant before the one that segments go by: what time alone changed. Figures of all time and
attributes are what they are now, and who is in another segment that it asks for.")]
pub(crate) struct EvalSegmentsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The values of this attribute, such as _cluster, instead of segments
    #[arg(long, value_name = "NAME", conflicts_with = "since")]
    attribute: Option<String>,
    /// How many of a segment's users were in it so long ago: '30 days'
    #[arg(long, value_name = "INTERVAL")]
    since: Option<Interval>,
    /// At most so many users, drawn where there are more
    #[arg(long, value_name = "USERS", default_value_t = 5_000)]
    sample: usize,
    /// How often the sample is halved to look for clusters again
    #[arg(long, default_value_t = 5)]
    runs: usize,
    /// What chance goes by
    #[arg(long, default_value_t = 0)]
    seed: u64,
}

/// How well they hold together, and how much they stayed.
#[derive(Serialize)]
struct Report {
    #[serde(flatten)]
    held: HeldTogether,
    /// As of an earlier instant, each segment in the order of the others.
    #[serde(skip_serializing_if = "Option::is_none")]
    earlier: Option<Earlier>,
}

#[derive(Serialize)]
struct Earlier {
    at: Time,
    segments: Vec<Stayed>,
}

/// Who of a segment is in it at two instants.
#[derive(Serialize)]
struct Stayed {
    name: String,
    then: u64,
    now: u64,
    both: u64,
    /// Of the users who are in it at either, the share of those who are in it at both; none where nobody is.
    jaccard: Option<f64>,
}

pub(crate) fn run(args: &EvalSegmentsArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let bars = output.progress();
    let mut measuring = snapshot.hold_together().sample(args.sample).runs(args.runs).seed(args.seed);
    if let Some(attribute) = &args.attribute {
        measuring = measuring.attribute(attribute);
    }
    let held = measuring.run(&|p| bars.tell(p))?;
    let earlier = args.since.map(|since| earlier(&snapshot, since)).transpose()?;
    drop(bars);
    output.result(&Report { held, earlier }, text)
}

/// Asks all segments' predicates as of an earlier instant.
fn earlier(snapshot: &Snapshot, since: Interval) -> Result<Earlier> {
    let now = snapshot.segments_now().ok_or_else(|| {
        Error::invalid(
            "--since",
            "in a store without segments",
            "segments, which have an instant that they go by",
        )
    })?;
    let at = since.before(now)?;
    let stayed = |segment: crate::model::SegmentSummary| {
        let then: BTreeSet<String> =
            snapshot.users_where(segment.predicate)?.now(at).run()?.into_iter().collect();
        let now = snapshot.members(&segment.name)?;
        let both = now.iter().filter(|user| then.contains(*user)).count();
        let either = then.len() + now.len() - both;
        Ok(Stayed {
            name: segment.name,
            then: then.len() as u64,
            now: now.len() as u64,
            both: both as u64,
            jaccard: (either > 0).then(|| both as f64 / either as f64),
        })
    };
    Ok(Earlier { at, segments: snapshot.segments()?.into_iter().map(stayed).collect::<Result<_>>()? })
}

fn text(report: &Report) -> String {
    let held = &report.held;
    let (sample, users) = (grouped(held.sample), grouped(held.users));
    let mut out = format!("{sample} of {users} users with a vector are looked at");
    if held.without_vector > 0 {
        let _ = write!(out, "; {} more have none", grouped(held.without_vector));
    }
    let what = held.attribute.as_ref().map_or("segment".to_owned(), |name| format!("{name:?}"));
    let _ = writeln!(out, "\n\n{what:<28}{:>10}{:>10}{:>12}", "users", "sample", "silhouette");
    for group in &held.groups {
        let name: String = group.name.chars().take(27).collect();
        let silhouette = figure(group.silhouette);
        let (users, sample) = (grouped(group.users), grouped(group.sample));
        let _ = writeln!(out, "{name:<28}{users:>10}{sample:>10}{silhouette:>12}");
    }
    if held.attribute.is_some() {
        let _ = writeln!(out, "\nmean silhouette against the next value: {}", figure(held.silhouette));
        stability(&mut out, held.stability.as_ref());
    }
    if let Some(Earlier { at, segments }) = &report.earlier {
        let _ = writeln!(
            out,
            "\n{:<28}{:>10}{:>10}{:>10}{:>12}",
            format!("as of {at}"),
            "then",
            "now",
            "both",
            "Jaccard"
        );
        for Stayed { name, then, now, both, jaccard } in segments {
            let name: String = name.chars().take(27).collect();
            let [then, now, both] = [then, now, both].map(|users| grouped(*users));
            let _ = writeln!(out, "{name:<28}{then:>10}{now:>10}{both:>10}{:>12}", figure(*jaccard));
        }
    }
    out
}

fn stability(out: &mut String, of: Option<&Stability>) {
    let Some(Stability { clusters, between_halves, with_attribute, .. }) = of else {
        out.push_str("stability is undefined: there are too few values, or users\n");
        return;
    };
    let mean = |Mean { mean, standard_error, .. }: &Mean| {
        format!("{mean:.3} ± {:.3}", standard_error.unwrap_or_default())
    };
    let _ =
        writeln!(out, "adjusted Rand index of {clusters} clusters in two halves: {}", mean(between_halves));
    if let Some(with) = with_attribute {
        let _ = writeln!(out, "of these and the values as they are: {}", mean(with));
    }
}

fn figure(of: Option<f64>) -> String {
    of.map_or_else(|| "undefined".to_owned(), |figure| format!("{figure:.3}"))
}
