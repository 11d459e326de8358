//! `kindred eval lookalikes`: are users of a seed found again among the lookalikes of the others of it?

use crate::Snapshot;
use crate::cli::StoreArgs;
use crate::cli::bench::data::Random;
use crate::cli::lookalikes::{DrawnArgs, SeedArgs};
use crate::cli::output::{Bars, Output, grouped};
use crate::error::{Error, Result};
use crate::eval::{Latency, ListQuality, auc};
use crate::model::{Progress, Time};
use crate::query::{LookalikeMethod, Seed};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::fmt::Write;
use std::time::Instant;

/// Users that one question names at most.
const MOST: usize = 100_000;

/// Who is looked for again.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred eval lookalikes shop --segment loyal
  kindred eval lookalikes shop --where \"_kids\" --filter \"_kids is not null\" -k 50 --folds 10

One fold of the seed after the other is held out, and looked for among all users outside the rest of the seed. Where the seed
is told by attributes, give these names that begin with an underscore: others are part of embeddings, which then know who is in it.")]
pub(crate) struct EvalLookalikesArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    whom: SeedArgs,
    /// Only users of whom this is true are looked at: the WHERE clause of SQL
    #[arg(long, value_name = "PREDICATE", allow_hyphen_values = true)]
    filter: Option<String>,
    /// The instant that --where and --filter go by; the present unless said
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// In how many parts the seed is held out
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// How long the lists are
    #[arg(short = 'k', long = "limit", default_value_t = 100)]
    limit: usize,
    #[command(flatten)]
    drawn: DrawnArgs,
}

/// How well users of a seed were found again.
#[derive(Serialize)]
struct Evaluated {
    /// Users of the seed.
    seed: usize,
    folds: usize,
    limit: usize,
    /// Users who are held out in a fold, and those among whom they are looked for: on average.
    held_out: f64,
    among: f64,
    methods: Vec<Measured>,
}

/// How well one method found them: means over the folds.
#[derive(Serialize)]
struct Measured {
    method: LookalikeMethod,
    /// The chance that somebody held out scores above somebody else; none where more than 100,000 users would have to be named.
    auc: Option<f64>,
    #[serde(flatten)]
    quality: ListQuality,
    /// How many times as many are held out in a list as in as many users by chance.
    lift: f64,
    latency: Option<Latency>,
}

/// What one fold gave.
struct Fold {
    auc: Option<f64>,
    quality: Option<ListQuality>,
    held_out: usize,
    among: usize,
    micros: f64,
}

pub(crate) fn run(args: &EvalLookalikesArgs, output: &Output) -> Result<()> {
    if args.limit == 0 || args.limit > MOST {
        return Err(Error::invalid("--limit", args.limit, format!("1 to {MOST}")));
    }
    let snapshot = args.store.read()?.snapshot();
    let now = args.now.unwrap_or_else(Time::now);
    let mut ids: Vec<String> = args.whom.ids(&snapshot, Some(now))?;
    ids.sort_unstable();
    ids.dedup();
    if args.folds < 2 || args.folds > ids.len() {
        let expected = format!("2 or more, and no more than the {} users of the seed", ids.len());
        return Err(Error::invalid("--folds", args.folds, expected));
    }
    let bars = output.progress();
    let evaluated = evaluate(args, &snapshot, (&ids, now), &bars)?;
    drop(bars);
    output.result(&evaluated, text)
}

fn evaluate(
    args: &EvalLookalikesArgs,
    snapshot: &Snapshot,
    (ids, now): (&[String], Time),
    bars: &Bars,
) -> Result<Evaluated> {
    let order = Random(args.drawn.seed).shuffled(ids.len());
    let mut methods = vec![LookalikeMethod::Centroid, LookalikeMethod::Classifier];
    // The host's own vectors do not tell what they are made of.
    methods.extend(snapshot.settings().encoder.map(|_| LookalikeMethod::Interests));
    let (mut measured, mut folds) = (Vec::new(), Vec::new());
    for (place, &method) in methods.iter().enumerate() {
        folds.clear();
        for number in 0..args.folds {
            let is_held = |at: &usize| at % args.folds == number;
            let side = |held: bool| {
                let chosen = (0..ids.len()).filter(move |at| is_held(at) == held);
                chosen.map(|at| ids[order[at] as usize].as_str())
            };
            let (held, rest) = (side(true).collect(), side(false).collect());
            folds.push(fold(args, snapshot, (method, now), (&held, rest))?);
            let done = place * args.folds + number + 1;
            bars.tell(Progress::of("looking for lookalikes", done, methods.len() * args.folds));
        }
        measured.push(Measured::of(method, &folds));
    }
    Ok(Evaluated {
        seed: ids.len(),
        folds: args.folds,
        limit: args.limit,
        held_out: mean(folds.iter().map(|fold| fold.held_out as f64)),
        among: mean(folds.iter().map(|fold| fold.among as f64)),
        methods: measured,
    })
}

fn fold(
    args: &EvalLookalikesArgs,
    snapshot: &Snapshot,
    (method, now): (LookalikeMethod, Time),
    (held, rest): (&BTreeSet<&str>, Vec<&str>),
) -> Result<Fold> {
    let users = snapshot.stats()?.users as usize;
    let mut query = args.drawn.apply(snapshot.lookalikes(Seed::users(rest))).method(method).exact(true);
    if let Some(predicate) = &args.filter {
        query = query.filter(predicate)?.now(now);
    }
    let started = Instant::now();
    let found = query.limit(users.min(MOST)).run()?.users;
    let micros = started.elapsed().as_secs_f64() * 1e6;
    let hits: Vec<bool> = found.iter().map(|hit| held.contains(hit.user.as_str())).collect();
    let scored: Vec<(f64, bool)> =
        found.iter().zip(&hits).map(|(hit, &is)| (f64::from(hit.score), is)).collect();
    // Who has no vector, or is not to be looked at, is not to be found.
    let held_out = if users <= MOST { hits.iter().filter(|hit| **hit).count() } else { held.len() };
    let first = &hits[..hits.len().min(args.limit)];
    Ok(Fold {
        auc: if users <= MOST { auc(&scored) } else { None },
        quality: ListQuality::of(first, held_out, args.limit.min(hits.len())),
        held_out,
        among: found.len(),
        micros,
    })
}

impl Measured {
    fn of(method: LookalikeMethod, folds: &[Fold]) -> Self {
        let qualities: Vec<ListQuality> = folds.iter().filter_map(|fold| fold.quality).collect();
        let quality = ListQuality::mean(&qualities);
        let share = folds.iter().map(|fold| fold.held_out).sum::<usize>() as f64
            / folds.iter().map(|fold| fold.among).sum::<usize>().max(1) as f64;
        let areas: Option<Vec<f64>> = folds.iter().map(|fold| fold.auc).collect();
        Self {
            method,
            auc: areas.map(|areas| mean(areas.into_iter())),
            quality,
            lift: if share > 0.0 { quality.precision / share } else { 0.0 },
            latency: Latency::of(folds.iter().map(|fold| fold.micros).collect()),
        }
    }
}

fn mean(values: impl ExactSizeIterator<Item = f64>) -> f64 {
    let count = values.len().max(1) as f64;
    values.sum::<f64>() / count
}

fn text(evaluated: &Evaluated) -> String {
    let Evaluated { seed, folds, limit, held_out, among, methods } = evaluated;
    let mut out = format!(
        "{} users in the seed; in each of {folds} folds {held_out:.0} of them are looked for among {among:.0} users.\n\n{:<16}{:>10}{:>10}{:>10}{:>10}{:>10}{:>12}\n",
        grouped(*seed as u64),
        format!("lists of {limit}"),
        "AUC",
        "precision",
        "recall",
        "NDCG",
        "lift",
        "time (p50)"
    );
    for Measured { method, auc, quality, lift, latency } in methods {
        let ListQuality { recall, precision, ndcg, .. } = quality;
        let name = match method {
            LookalikeMethod::Centroid => "centroid",
            LookalikeMethod::Classifier => "classifier",
            LookalikeMethod::Interests => "interests",
        };
        let auc = auc.map(|area| format!("{area:.4}")).unwrap_or_default();
        let time = latency.map(|latency| format!("{:.0} ms", latency.p50_us / 1e3)).unwrap_or_default();
        let _ = writeln!(
            out,
            "{name:<16}{auc:>10}{precision:>10.4}{recall:>10.4}{ndcg:>10.4}{lift:>10.2}{time:>12}"
        );
    }
    out
}
