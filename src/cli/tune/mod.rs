//! `kindred tune`: options with which a store's answers are better.

mod objective;
mod report;
mod search;
mod space;

use super::StoreArgs;
use super::eval::twins::TakingPart;
use super::files::refuse_within;
use super::output::{Bars, Output};
use super::plot;
use crate::Snapshot;
use crate::error::{Error, ErrorKind, Result};
use crate::eval::Mean;
use crate::model::{Progress, StoreSettings};
use clap::Args;
use objective::{Bench, Measuring, Objective};
use report::{Trial, Tuned};
use search::{Method, Search};
use space::Parameter;
use std::collections::BTreeSet;
use std::path::PathBuf;

/// What is searched, how, and what for.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred tune shop --for twins
  kindred tune shop --for recommend --trials 60 --search bayes --over text=0..1 --over item=0..1
  kindred tune shop --for labels:_kids --over half-life:purchase=90..1460 --trials 8 --search grid
  kindred tune shop --for twins --plot tuned.svg --json

The store itself stays as it is: one is made beside of what it holds, fitted, and opened with other options for each trial. Options
are text, item, group and attribute (weights of blocks, which count relative to their sum), sentence, own-text, own-text-half-life,
weight:KIND and half-life:KIND, and item-dims and group-dims, of which each other value takes another ingest and fit.
Attributes take no part in twins; events that were folded in nothing.")]
pub(crate) struct TuneArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// What options shall be good for: twins, recommend or labels:ATTRIBUTE
    #[arg(long = "for", value_name = "OBJECTIVE")]
    objective: Objective,
    /// An option and its bounds, as often as wanted; the weights of blocks unless said
    #[arg(long, value_name = "NAME=LOW..HIGH")]
    over: Vec<Parameter>,
    /// How options are chosen
    #[arg(long, value_enum, default_value_t = Method::Random)]
    search: Method,
    /// How many are tried, at most
    #[arg(long, default_value_t = 30)]
    trials: usize,
    /// What chance goes by
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// In how many folds users are dealt out; for labels, how often they are told
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// At most so many users are asked
    #[arg(long, default_value_t = 1_000)]
    users: usize,
    /// For twins: only users with at least so many baskets, which are events of one time
    #[arg(long, value_name = "BASKETS", default_value_t = 20)]
    min_baskets: usize,
    /// For recommend: so many of each user's last events are the later ones
    #[arg(long, default_value_t = 5)]
    last: usize,
    /// Draw the score of each trial, as SVG
    #[arg(long, value_name = "FILE")]
    plot: Option<PathBuf>,
    /// Where stores are made and removed again [default: the system's folder for such]
    #[arg(long, value_name = "FOLDER")]
    beside: Option<PathBuf>,
}

pub(crate) fn run(args: &TuneArgs, output: &Output) -> Result<()> {
    let parameters = args.parameters()?;
    args.plot.iter().try_for_each(|plot| refuse_within(&args.store.store, plot))?;
    let search = Search::new(args.search, args.trials, parameters.len(), args.seed)?;
    let snapshot = args.store.read()?.snapshot();
    let settings = snapshot.settings();
    if settings.encoder.is_none() {
        return Err(Error::invalid("the store", "one of the host's own vectors", "one with an encoder"));
    }
    parameters.iter().try_for_each(|parameter| parameter.check(&settings))?;
    let bars = output.progress();
    let measuring = args.measuring();
    let tuning = Tuning { measuring: &measuring, parameters: &parameters, snapshot: &snapshot, bars: &bars };
    let (users, own, trials) = tuning.run(search, &settings)?;
    drop(bars);
    let plot = args.plot.as_ref().map(|path| {
        let scores: Vec<f64> = trials.iter().map(|trial| trial.score.mean).collect();
        plot::trials(path, &measuring.objective.figure(), &scores, own.score.mean)
    });
    // What was found is told, too, where it could not be drawn.
    output.result(&args.tuned(&parameters, &settings, (users, own, trials))?, report::text)?;
    plot.unwrap_or(Ok(()))
}

impl TuneArgs {
    fn parameters(&self) -> Result<Vec<Parameter>> {
        if self.folds < 2 || self.last == 0 {
            let found = format!("{} and {}", self.folds, self.last);
            return Err(Error::invalid("--folds and --last", found, "2 folds and 1 event, or more"));
        }
        TakingPart { min_baskets: self.min_baskets, users: self.users }.check()?;
        let mut names = BTreeSet::new();
        if let Some(twice) = self.over.iter().find(|parameter| !names.insert(parameter.name())) {
            return Err(Error::invalid("--over", twice.name(), "each option once"));
        }
        let is_moot = |parameter: &Parameter| self.objective.is_moot(parameter.name());
        if let Some(moot) = self.over.iter().find(|parameter| is_moot(parameter)) {
            let expected = "no part of what is measured: attributes are taken out of the embeddings there";
            return Err(Error::invalid("--over", moot.name(), expected));
        }
        if !self.over.is_empty() {
            return Ok(self.over.clone());
        }
        let parse = |text: &&str| text.parse().map_err(Error::Bug);
        let usual: Vec<Parameter> = self.objective.over().iter().map(parse).collect::<Result<_>>()?;
        Ok(usual.into_iter().filter(|parameter| !is_moot(parameter)).collect())
    }

    fn measuring(&self) -> Measuring {
        Measuring {
            objective: self.objective.clone(),
            folds: self.folds,
            seed: self.seed,
            taking_part: TakingPart { min_baskets: self.min_baskets, users: self.users },
            last: self.last,
            within: self.beside.clone(),
            options: self.store.options(),
        }
    }

    fn tuned(
        &self,
        parameters: &[Parameter],
        settings: &StoreSettings,
        (users, own, mut trials): Outcome,
    ) -> Result<Tuned> {
        let gain_with_others = report::gain_with_others(&own, &trials, &self.objective);
        // Behind a stable sort, equals stay in the order in which they were tried.
        trials.sort_by(|a, b| b.score.mean.total_cmp(&a.score.mean));
        let best = trials.first().filter(|best| best.score.mean > own.score.mean);
        let options = best.map(|best| space::with(settings, parameters, &best.values)).transpose()?.flatten();
        let options = match (options, &self.objective) {
            (None, _) => settings.clone(),
            (Some(options), Objective::Twins) => space::beside_attributes(settings, options),
            (Some(options), _) => options,
        };
        Ok(Tuned {
            score: self.objective.figure(),
            search: self.search,
            seed: self.seed,
            users,
            folds: self.folds,
            over: parameters.iter().map(|parameter| parameter.name().to_owned()).collect(),
            gain: trials.first().and_then(|best| report::gain(best, &own)),
            gain_with_others,
            kinds: report::changed_kinds(settings, &options),
            fusion: options.fusion,
            own,
            trials,
        })
    }
}

/// How many users were asked, the store's own options, and the trials in the order in which they were made.
type Outcome = (Option<usize>, Trial, Vec<Trial>);

/// A search on its way.
struct Tuning<'a> {
    measuring: &'a Measuring,
    parameters: &'a [Parameter],
    snapshot: &'a Snapshot,
    bars: &'a Bars,
}

impl Tuning<'_> {
    fn run(&self, mut search: Search, settings: &StoreSettings) -> Result<Outcome> {
        let mut bench = self.bench(settings)?;
        let users = bench.users();
        let own = self.parameters.iter().map(|parameter| parameter.of(settings)).collect();
        let own = trial(0, own, bench.score(settings)?)?;
        let (mut trials, all) = (Vec::new(), search.len());
        while let Some(place) = search.next(self.parameters.len())? {
            self.bars.tell(Progress::of("trying options", trials.len(), all));
            let values: Vec<f64> =
                self.parameters.iter().zip(&place).map(|(parameter, at)| parameter.at(*at)).collect();
            // A place where no block has a weight is in every grid that begins at 0.
            let Some(tried) = space::with(settings, self.parameters, &values)? else { continue };
            if !bench.suits(&tried) {
                bench = self.bench(&tried)?;
            }
            let folds = match bench.score(&tried) {
                // Such as where no block is left that anybody has something in.
                Err(error) if error.kind() == ErrorKind::Usage => {
                    tracing::warn!(%error, ?values, "options are left out");
                    continue;
                }
                folds => folds?,
            };
            let trial = trial(trials.len() + 1, values, folds)?;
            search.tell(&place, trial.score.mean)?;
            trials.push(trial);
        }
        Ok((users, own, trials))
    }

    fn bench(&self, settings: &StoreSettings) -> Result<Bench<'_>> {
        Bench::new(self.measuring, self.snapshot, settings, self.bars)
    }
}

fn trial(number: usize, values: Vec<f64>, folds: Vec<f64>) -> Result<Trial> {
    let score = Mean::of(&folds).ok_or_else(|| Error::Bug("a trial without a fold".to_owned()))?;
    Ok(Trial { number, values, score, folds })
}
