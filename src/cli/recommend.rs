//! `kindred recommend`: what next, and why.

use super::StoreArgs;
use super::output::Output;
use crate::error::{Error, Result};
use crate::model::{Interval, Time};
use crate::query::{Blend, Like, Recommend, Recommendation, Signal, Things};
use clap::{Args, ValueEnum};
use std::fmt::Write;

/// How many of the most similar users are asked unless said.
const NEIGHBORS: usize = 100;

/// For whom, and what.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred recommend shop --user ann --explain
  kindred recommend shop --user ann --by categories -k 20
  kindred recommend shop --user ann --had purchase --kind purchase --within '90 days'
  kindred recommend shop --user ann --where \"country = 'DE'\" --without-category TOBACCO --diversity 0.3
  kindred recommend shop --text \"families with a baby\"")]
pub(crate) struct RecommendArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    like: LikeArgs,
    #[command(flatten)]
    pub choice: ChoiceArgs,
    /// How many at most
    #[arg(short = 'k', long = "limit", default_value_t = 10)]
    limit: usize,
    /// Only items of these categories
    #[arg(long = "category", value_name = "CATEGORY")]
    categories: Vec<String>,
    /// No items of these categories
    #[arg(long = "without-category", value_name = "CATEGORY")]
    without_categories: Vec<String>,
    /// Leave these items out
    #[arg(long, value_delimiter = ',', value_name = "ITEM")]
    exclude: Vec<String>,
    /// Also what the user acted on before
    #[arg(long, conflicts_with = "had")]
    again: bool,
    /// Only neighbors of whom this is true: the WHERE clause of SQL
    #[arg(long = "where", value_name = "PREDICATE", allow_hyphen_values = true)]
    predicate: Option<String>,
    /// Only what neighbors last acted on within this time before now: '90 days'
    #[arg(long, value_name = "INTERVAL")]
    within: Option<Interval>,
    /// The instant that --within and --where go by; the present unless said
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Say what makes each score
    #[arg(long)]
    explain: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct LikeArgs {
    /// For this user
    #[arg(long)]
    user: Option<String>,
    /// For users whom this sentence describes
    #[arg(long)]
    text: Option<String>,
}

/// How what is recommended is chosen.
#[derive(Args)]
pub(super) struct ChoiceArgs {
    /// What is recommended
    #[arg(long, value_enum, default_value_t = By::Items)]
    by: By,
    /// How many of the most similar users are asked
    #[arg(long, default_value_t = NEIGHBORS)]
    neighbors: usize,
    /// Only these kinds of acts of neighbors count; all by their weights unless said
    #[arg(long = "kind", value_name = "KIND")]
    kinds: Vec<String>,
    /// Which kinds of the user's acts mean that they had it; all unless said
    #[arg(long, value_name = "KIND")]
    had: Vec<String>,
    /// How much what is recommended should differ among itself, 0 to 1
    #[arg(long, default_value_t = 0.0)]
    diversity: f32,
    /// Weights of neighbors, of what goes together, of texts and of interests: 0.8,0.2,0,0
    #[arg(long, value_name = "WEIGHTS", value_parser = blend)]
    blend: Option<Blend>,
    /// Compare with every user, in full precision, to find neighbors
    #[arg(long)]
    exact: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum By {
    Items,
    Categories,
}

impl Default for ChoiceArgs {
    fn default() -> Self {
        Self {
            by: By::Items,
            neighbors: NEIGHBORS,
            kinds: Vec::new(),
            had: Vec::new(),
            diversity: 0.0,
            blend: None,
            exact: false,
        }
    }
}

impl ChoiceArgs {
    pub(super) const fn things(&self) -> Things {
        match self.by {
            By::Items => Things::Items,
            By::Categories => Things::Categories,
        }
    }

    /// The kinds of acts by which a thing was had, if only some are.
    pub(super) fn had(&self) -> &[String] {
        &self.had
    }

    pub(super) fn apply<'a>(&self, query: Recommend<'a>) -> Recommend<'a> {
        let query = query
            .by(self.things())
            .neighbors(self.neighbors)
            .kinds(self.kinds.iter().cloned())
            .had(self.had.iter().cloned())
            .diversity(self.diversity)
            .exact(self.exact);
        match self.blend {
            Some(blend) => query.blend(blend),
            None => query,
        }
    }
}

fn blend(text: &str) -> std::result::Result<Blend, String> {
    let weights: Vec<f32> = text
        .split(',')
        .map(|weight| weight.trim().parse().map_err(|_| format!("{weight:?} is no number")))
        .collect::<std::result::Result<_, _>>()?;
    match weights[..] {
        [neighbors, together, text] => Ok(Blend::new(neighbors, together, text)),
        [neighbors, together, text, interests] => {
            Ok(Blend::new(neighbors, together, text).interests(interests))
        }
        _ => Err(
            "it has three or four weights: of neighbors, of what goes together, of texts, and of interests"
                .to_owned(),
        ),
    }
}

pub(crate) fn run(args: &RecommendArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let like = match (&args.like.user, &args.like.text) {
        (Some(user), _) => Like::user(user),
        (_, Some(text)) => Like::text(text),
        (None, None) => return Err(Error::Bug("the argument parser let nothing through".to_owned())),
    };
    let mut query = args
        .choice
        .apply(snapshot.recommend(like))
        .limit(args.limit)
        .categories(args.categories.iter().cloned())
        .without_categories(args.without_categories.iter().cloned())
        .exclude(args.exclude.iter().cloned())
        .again(args.again)
        .explain(args.explain);
    if let Some(predicate) = &args.predicate {
        query = query.filter(predicate)?;
    }
    if let Some(interval) = args.within {
        query = query.within(interval);
    }
    if let Some(now) = args.now {
        query = query.now(now);
    }
    output.result(&query.run()?, |recommended| text(recommended, args.choice.things()))
}

/// Recommendations for people, one to a line, each with its reasons.
pub(super) fn text(recommended: &[Recommendation], by: Things) -> String {
    if recommended.is_empty() {
        return "nothing".to_owned();
    }
    let mut out = String::new();
    for thing in recommended {
        let text = thing.text.as_deref().map(|text| format!("  {text}")).unwrap_or_default();
        let category = thing.category.as_deref().unwrap_or_default();
        let name = match by {
            Things::Categories => format!("{category}, such as {}{text}", thing.item),
            Things::Items => format!("{}{text}", thing.item),
        };
        let _ = writeln!(out, "{:>7.4}  {name}", thing.score);
        let _ = if let Some(explanation) = &thing.explanation {
            writeln!(out, "         because: {}", explanation.words)
        } else {
            let popular = thing.signals.iter().any(|signal| signal.signal == Signal::Popular);
            let who = if popular { "users of a sample" } else { "similar users" };
            writeln!(out, "         {} of {} {who} acted on it", thing.neighbors, thing.asked)
        };
    }
    out
}
