//! `kindred eval recommend`: recommendations against what users did later.

use super::baselines::Baselines;
use super::beside::empty_like;
use super::split::{Act, Later, Split, split};
use crate::cli::StoreArgs;
use crate::cli::bench::scratch::Scratch;
use crate::cli::output::{Bars, Output, grouped};
use crate::cli::recommend::ChoiceArgs;
use crate::error::{Error, Result};
use crate::eval::{Latency, ListQuality};
use crate::model::{Progress, Time};
use crate::query::Things;
use crate::{Options, Snapshot};
use clap::Args;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write;
use std::path::PathBuf;
use std::time::Instant;

/// How long lists are unless said.
const LIMIT: usize = 20;
/// How many users are asked for at most unless said.
const USERS: usize = 10_000;

/// What is held out, and how it is recommended.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred eval recommend shop                               each user's last event
  kindred eval recommend shop --after 2017-10-01 --by categories -k 20

A store of what was earlier is made beside, and fitted; then each user's recommendations are held against the new
things that they took up later, by acts that count for them. Beside them, for comparison: what is most popular, and
what the 100 users did who are nearest by TF-IDF. What users did earlier is never recommended. Folded events take no
part.

Without --after, what others did after a user's last event is known when it is told: that flatters all lists alike.
With it, nothing that came later is known.")]
pub(crate) struct EvalRecommendArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Events from this instant on are the later ones
    #[arg(long, value_name = "TIME", conflicts_with = "last")]
    after: Option<Time>,
    /// So many of each user's last events are the later ones
    #[arg(long, default_value_t = 1)]
    last: usize,
    /// How long the lists are
    #[arg(short = 'k', long = "limit", default_value_t = LIMIT)]
    limit: usize,
    /// At most so many users, chosen evenly
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    #[command(flatten)]
    choice: ChoiceArgs,
    /// Where the store of what was earlier is made and removed again [default: the system's folder for such]
    #[arg(long, value_name = "FOLDER")]
    beside: Option<PathBuf>,
}

/// How good recommendations were.
#[derive(Serialize)]
pub(in crate::cli) struct Evaluated {
    /// Users with things that are new later.
    pub users: usize,
    /// Of these, on average.
    pub new_things: f64,
    pub limit: usize,
    pub lists: Vec<Lists>,
    pub latency: Option<Latency>,
}

/// How good the lists were that one way of recommending gave.
#[derive(Serialize)]
pub(in crate::cli) struct Lists {
    pub by: &'static str,
    #[serde(flatten)]
    pub quality: ListQuality,
    /// Share of all things that are in some list.
    pub coverage: f64,
    /// Share of the pairs in a list that are of different categories.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub diversity: Option<f64>,
}

pub(crate) fn run(args: &EvalRecommendArgs, output: &Output) -> Result<()> {
    if args.limit == 0 || args.users == 0 || args.last == 0 {
        return Err(Error::invalid("--limit, --users or --last", 0, "1 or more"));
    }
    let snapshot = args.store.read()?.snapshot();
    check(&args.choice, args.limit, &snapshot)?;
    let bars = output.progress();
    let scratch = Scratch::new(args.beside.as_deref())?;
    let later = args.after.map_or(Later::Last(args.last), Later::From);
    let store = empty_like(snapshot.settings(), &scratch, &args.store.options())?;
    let split = split(&snapshot, later, store, &bars)?;
    let evaluated = evaluate(&args.choice, (args.limit, args.users), &split, &bars)?;
    drop(bars);
    output.result(&evaluated, text)
}

/// Items for each user whose last event is held out, all as it is unless said.
pub(super) fn usual(snapshot: &Snapshot, options: &Options, bars: &Bars) -> Result<Evaluated> {
    let choice = ChoiceArgs::default();
    check(&choice, LIMIT, snapshot)?;
    let scratch = Scratch::new(None)?;
    let store = empty_like(snapshot.settings(), &scratch, options)?;
    let split = split(snapshot, Later::Last(1), store, bars)?;
    evaluate(&choice, (LIMIT, USERS), &split, bars)
}

/// Finds mistakes before the long work.
fn check(choice: &ChoiceArgs, limit: usize, snapshot: &Snapshot) -> Result<()> {
    if snapshot.settings().encoder.is_none() {
        let expected =
            "one that makes its embeddings: those of the host are of now, and know what came later";
        return Err(Error::invalid("store", "one of the host's own vectors", expected));
    }
    if let Some(user) = snapshot.users().next().transpose()? {
        choice.apply(snapshot.recommend(&user.id)).limit(limit).run()?;
    }
    Ok(())
}

fn evaluate(
    choice: &ChoiceArgs,
    (limit, users): (usize, usize),
    split: &Split,
    bars: &Bars,
) -> Result<Evaluated> {
    let snapshot = split.store.snapshot();
    let things = Named::new(&snapshot, choice.things())?;
    let (had, kinds) = (choice.had(), snapshot.settings().kinds);
    let counts_for = |act: &&Act| {
        let weight = kinds.find(&act.kind).map_or(0.0, |(_, kind)| kind.weight);
        weight > 0.0 && (had.is_empty() || had.contains(&act.kind))
    };
    let mut counts: BTreeMap<String, BTreeMap<String, u32>> = BTreeMap::new();
    // What is never recommended: whatever the user acted on, or had.
    let mut known: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for (user, acts) in &split.earlier {
        let is_known = |act: &&Act| had.is_empty() || had.contains(&act.kind);
        known.insert(user, acts.iter().filter(is_known).filter_map(|act| things.name(&act.item)).collect());
        let counts = counts.entry(user.clone()).or_default();
        for thing in acts.iter().filter(counts_for).filter_map(|act| things.name(&act.item)) {
            *counts.entry(thing.to_owned()).or_default() += 1;
        }
    }
    counts.retain(|_, counts| !counts.is_empty());
    let mut new: Vec<(&str, BTreeSet<&str>)> = Vec::new();
    for (user, acts) in &split.later {
        // Whoever nothing is known of is no test of what is known.
        let Some(known) = known.get(&**user).filter(|_| counts.contains_key(user)) else { continue };
        let later = acts.iter().filter(counts_for).filter_map(|act| things.name(&act.item));
        let later: BTreeSet<&str> = later.filter(|thing| !known.contains(thing)).collect();
        if !later.is_empty() {
            new.push((user, later));
        }
    }
    let new = evenly(new, users);
    let baselines = Baselines::new(&counts, &known);
    let (mut tally, mut micros) = (["kindred", "popularity", "TF-IDF neighbors"].map(Tally::new), Vec::new());
    for (done, (user, later)) in new.iter().enumerate() {
        let started = Instant::now();
        let recommended = choice.apply(snapshot.recommend(*user)).limit(limit).run()?;
        micros.push(started.elapsed().as_secs_f64() * 1e6);
        let own = recommended.iter().filter_map(|thing| things.name(&thing.item)).collect();
        let others = [baselines.popular(user, limit), baselines.similar(user, limit)];
        for (tally, list) in tally.iter_mut().zip([own].into_iter().chain(others)) {
            tally.count(&things, &list, later, limit);
        }
        bars.tell(Progress::of("asking for recommendations", done + 1, new.len()));
    }
    let all = split.earlier.values().flatten().filter_map(|act| things.name(&act.item));
    let all: BTreeSet<&str> = all.collect();
    let new_things = new.iter().map(|(_, later)| later.len()).sum::<usize>() as f64 / new.len().max(1) as f64;
    Ok(Evaluated {
        users: new.len(),
        new_things,
        limit,
        lists: tally.into_iter().map(|tally| tally.finish(all.len())).collect(),
        latency: Latency::of(micros),
    })
}

/// Of so many at most, at equal distances.
fn evenly<T>(all: Vec<T>, most: usize) -> Vec<T> {
    let total = all.len();
    let chosen = |place: &usize| total <= most || (place * most) % total < most;
    all.into_iter().enumerate().filter(|(place, _)| chosen(place)).map(|(_, one)| one).collect()
}

/// The names of what is recommended.
struct Named {
    things: Things,
    categories: BTreeMap<String, String>,
}

impl Named {
    fn new(snapshot: &Snapshot, things: Things) -> Result<Self> {
        let attribute = snapshot.settings().fusion.category;
        let mut categories = BTreeMap::new();
        for item in snapshot.items() {
            let item = item?;
            if let Some(category) = item.attributes.get(&attribute) {
                categories.insert(item.id, category.to_string());
            }
        }
        Ok(Self { things, categories })
    }

    /// What an item is recommended as.
    fn name<'a>(&'a self, item: &'a str) -> Option<&'a str> {
        match self.things {
            Things::Categories => self.categories.get(item).map(|category| &**category),
            _ => Some(item),
        }
    }

    /// Share of the pairs of items that are of different categories.
    fn diversity(&self, list: &[&str]) -> Option<f64> {
        if self.things == Things::Categories || list.len() < 2 {
            return None;
        }
        let categories: Vec<Option<&String>> = list.iter().map(|item| self.categories.get(*item)).collect();
        let pairs = || (0..list.len()).flat_map(|a| (0..a).map(move |b| (a, b)));
        let differ = pairs().filter(|&(a, b)| categories[a].is_none() || categories[a] != categories[b]);
        Some(differ.count() as f64 / pairs().count() as f64)
    }
}

/// Lists of one kind, as they come.
struct Tally {
    by: &'static str,
    lists: Vec<ListQuality>,
    diversity: Vec<f64>,
    seen: BTreeSet<String>,
}

impl Tally {
    fn new(by: &'static str) -> Self {
        Self { by, lists: Vec::new(), diversity: Vec::new(), seen: BTreeSet::new() }
    }

    fn count(&mut self, things: &Named, list: &[&str], later: &BTreeSet<&str>, limit: usize) {
        let hits: Vec<bool> = list.iter().map(|thing| later.contains(thing)).collect();
        self.lists.extend(ListQuality::of(&hits, later.len(), limit));
        self.diversity.extend(things.diversity(list));
        self.seen.extend(list.iter().map(ToString::to_string));
    }

    fn finish(self, things: usize) -> Lists {
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        Lists {
            by: self.by,
            quality: ListQuality::mean(&self.lists),
            coverage: self.seen.len() as f64 / things.max(1) as f64,
            diversity: (!self.diversity.is_empty()).then(|| mean(&self.diversity)),
        }
    }
}

fn text(evaluated: &Evaluated) -> String {
    let Evaluated { users, new_things, limit, lists, latency } = evaluated;
    let mut out = format!(
        "{} users took up something new, {new_things:.1} things on average.\n\n{:<20}{:>10}{:>10}{:>10}{:>10}{:>10}{:>10}\n",
        grouped(*users as u64),
        format!("lists of {limit}"),
        "recall",
        "capped",
        "precision",
        "NDCG",
        "coverage",
        "diversity"
    );
    for Lists { by, quality, coverage, diversity } in lists {
        let ListQuality { recall, capped_recall, precision, ndcg } = quality;
        let diversity = diversity.map(|share| format!("{share:.3}")).unwrap_or_default();
        let _ = writeln!(
            out,
            "{by:<20}{recall:>10.4}{capped_recall:>10.4}{precision:>10.4}{ndcg:>10.4}{coverage:>10.3}{diversity:>10}"
        );
    }
    if let Some(Latency { p50_us, p95_us, p99_us }) = latency {
        let _ = writeln!(out, "\none question p50 {p50_us:.0} µs, p95 {p95_us:.0} µs, p99 {p99_us:.0} µs");
    }
    out
}
