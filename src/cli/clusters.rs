//! `kindred segment find` and `assign`: segments that are found, not defined.

use super::StoreArgs;
use super::output::{Bars, Output, grouped};
use crate::analysis::{AssignedSegments, FindSegments, FoundSegments, Method};
use crate::error::Result;
use crate::model::{Progress, attribute};
use crate::query::Trait;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::ops::RangeInclusive;

/// How clusters are found.
#[derive(Clone, Copy, ValueEnum)]
enum MethodArg {
    /// Everybody is in the cluster whose mean is nearest
    Kmeans,
    /// Clusters are where users lie dense; others are in none
    Hdbscan,
}

/// What is looked for.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred segment find shop
  kindred segment find shop --clusters 2..20 --seed 7 --dry-run
  kindred segment find shop --method hdbscan --min-cluster-size 100
  kindred users shop --where \"_cluster = 'c1'\"
  kindred segment define shop first --where \"_cluster = 'c1'\"

Each user's cluster is written as an attribute, c1 for the largest. An attribute whose name begins with
an underscore is no part of embeddings; any other moves users towards those of their cluster.")]
pub(crate) struct FindArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// How clusters are found
    #[arg(long, value_enum, default_value_t = MethodArg::Kmeans)]
    method: MethodArg,
    /// How many clusters k-means tries, the last included; 2..12 unless said
    #[arg(long, value_name = "FROM..TO or NUMBER", value_parser = clusters)]
    clusters: Option<RangeInclusive<usize>>,
    /// Users of the sample that hdbscan takes for a cluster at least; a hundredth of it unless said
    #[arg(long, value_name = "USERS")]
    min_cluster_size: Option<usize>,
    /// The attribute that is written
    #[arg(long, default_value = FindSegments::ATTRIBUTE)]
    attribute: String,
    /// Users that the number of clusters is chosen by, and that hdbscan looks at
    #[arg(long, value_name = "USERS", default_value_t = FindSegments::SAMPLE)]
    sample: usize,
    /// What chance goes by
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// Write nothing
    #[arg(long)]
    dry_run: bool,
}

/// Who gets one.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred segment assign shop
  kindred segment assign shop --all

For each value of the attribute the mean of the users who have it is taken; who has none gets the value of
the nearest mean.")]
pub(crate) struct AssignArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The attribute that names each user's cluster
    #[arg(long, default_value = FindSegments::ATTRIBUTE)]
    attribute: String,
    /// Also users who have one already
    #[arg(long)]
    all: bool,
}

/// Traits that are told of a cluster.
const TRAITS: usize = 3;

/// What was found, and what sets the users of each cluster apart, where it was written who they are.
#[derive(Serialize)]
struct Answer {
    #[serde(flatten)]
    found: FoundSegments,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    described: Vec<Described>,
}

#[derive(Serialize)]
struct Described {
    cluster: String,
    traits: Vec<Trait>,
}

/// `2..12` or `8`.
fn clusters(text: &str) -> std::result::Result<RangeInclusive<usize>, String> {
    let number = |text: &str| {
        text.trim().parse::<usize>().map_err(|_| "write a number such as 8, or two such as 2..12".to_owned())
    };
    match text.split_once("..") {
        Some((from, to)) => Ok(number(from)?..=number(to.strip_prefix('=').unwrap_or(to))?),
        None => number(text).map(|number| number..=number),
    }
}

pub(crate) fn find(args: &FindArgs, output: &Output) -> Result<()> {
    if args.dry_run {
        let (snapshot, bars) = (args.store.read()?.snapshot(), output.progress());
        let found = look(args, snapshot.find_segments(), &bars)?;
        drop(bars);
        let answer = Answer { found, described: Vec::new() };
        return output.result(&answer, |answer| told(answer, true));
    }
    let store = args.store.open()?;
    let bars = output.progress();
    let found = look(args, store.find_segments(), &bars)?;
    let snapshot = store.snapshot();
    let mut described = Vec::with_capacity(found.clusters.len());
    for cluster in &found.clusters {
        let members = attribute(&found.attribute).eq(cluster.name.as_str());
        let portrait = snapshot.users_where(members)?.sets_apart().limit(TRAITS).run()?;
        described.push(Described { cluster: cluster.name.clone(), traits: portrait.traits });
        bars.tell(Progress::of("describing clusters", described.len(), found.clusters.len()));
    }
    drop(bars);
    let answer = Answer { found, described };
    output.result(&answer, |answer| told(answer, false))
}

fn look(args: &FindArgs, mut wanted: FindSegments<'_>, bars: &Bars) -> Result<FoundSegments> {
    wanted = wanted.attribute(&args.attribute).sample(args.sample).seed(args.seed);
    if let Some(clusters) = &args.clusters {
        wanted = wanted.clusters(clusters.clone());
    }
    if let Some(users) = args.min_cluster_size {
        wanted = wanted.min_cluster_size(users);
    }
    let method = match args.method {
        MethodArg::Kmeans => Method::KMeans,
        MethodArg::Hdbscan => Method::Hdbscan,
    };
    wanted.method(method).run(&|p| bars.tell(p))
}

pub(crate) fn assign(args: &AssignArgs, output: &Output) -> Result<()> {
    let store = args.store.open()?;
    let bars = output.progress();
    let assigned = store.assign_segments(&args.attribute).all(args.all).run(&|p| bars.tell(p))?;
    drop(bars);
    output.result(&assigned, told_assigned)
}

fn told(answer: &Answer, dry_run: bool) -> String {
    let found = &answer.found;
    let width = |width: Option<f64>| width.map_or("none".to_owned(), |width| format!("{width:.3}"));
    let mut lines: Vec<String> = Vec::new();
    for tried in &found.tried {
        lines.push(format!("{:>12} clusters: silhouette {}", tried.clusters, width(tried.silhouette)));
    }
    lines.push(format!(
        "{} clusters of {} users, silhouette {}; {} users in none, {} without a vector",
        grouped(found.clusters.len() as u64),
        grouped(found.users),
        width(found.silhouette),
        grouped(found.noise),
        grouped(found.without_vector)
    ));
    for cluster in &found.clusters {
        let (users, share) = (grouped(cluster.users), 100.0 * cluster.share);
        let medoids = cluster.medoids.join(", ");
        let (name, cohesion) = (&cluster.name, cluster.cohesion);
        lines.push(format!("{users:>12}  {name}  ({share:.1} %, cohesion {cohesion:.3}: {medoids})"));
        let described = answer.described.iter().find(|described| described.cluster == *name);
        let traits = described.into_iter().flat_map(|described| &described.traits);
        lines.extend(traits.map(|told| format!("{:>16}{told}", "")));
    }
    lines.push(if dry_run {
        "Nothing was written.".to_owned()
    } else {
        format!("Attribute {:?} of {} users was written.", found.attribute, grouped(found.written))
    });
    lines.join("\n")
}

fn told_assigned(assigned: &AssignedSegments) -> String {
    let clusters = assigned.clusters.iter().map(|cluster| {
        format!("{:>12}  {}  (before {})", grouped(cluster.users), cluster.name, grouped(cluster.before))
    });
    let written = format!(
        "Attribute {:?} of {} users was written; {} have no vector.",
        assigned.attribute,
        grouped(assigned.written),
        grouped(assigned.without_vector)
    );
    clusters.chain([written]).collect::<Vec<_>>().join("\n")
}
