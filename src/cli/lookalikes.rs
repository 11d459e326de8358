//! `kindred lookalikes`: users who are like those of a seed.

use super::files::read_text;
use super::output::{Output, grouped};
use super::{StoreArgs, similar};
use crate::Snapshot;
use crate::error::{Error, Result};
use crate::model::{Predicate, Time};
use crate::query::{FoundLookalikes, LookalikeMethod, Lookalikes, Seed, Selection};
use clap::{Args, ValueEnum};
use std::path::Path;

/// Whose like is looked for, and how.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred lookalikes shop --segment loyal -k 100
  kindred lookalikes shop --users ann,bob,cem --explain
  kindred lookalikes shop --users subscribers.txt --filter \"country = 'DE'\"
  kindred lookalikes shop --where \"count(purchase, interval '30 days') >= 3\" --method centroid

Who is in the seed is never answered. Scores are log-odds of being one of the seed, if these were as many as the others
(classifier), or the cosine with the mean of the seed (centroid; in stores of vectors, by their metric).")]
pub(crate) struct LookalikesArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    seed: SeedArgs,
    /// How it is told who is alike
    #[arg(long, value_enum, default_value_t = MethodArg::Classifier)]
    method: MethodArg,
    #[command(flatten)]
    drawn: DrawnArgs,
    /// How many users at most
    #[arg(short = 'k', long = "limit", default_value_t = 20)]
    limit: usize,
    /// Only users of whom this is true: the WHERE clause of SQL
    #[arg(long, value_name = "PREDICATE", allow_hyphen_values = true)]
    filter: Option<String>,
    /// Leave these users out
    #[arg(long, value_delimiter = ',', value_name = "USER")]
    exclude: Vec<String>,
    /// The instant that --where and --filter go by; the present unless said
    #[arg(long, value_name = "TIME")]
    now: Option<Time>,
    /// Compare with every user, in full precision
    #[arg(long)]
    exact: bool,
    /// Say what makes each score
    #[arg(long)]
    explain: bool,
}

/// Whose like is looked for.
#[derive(Args)]
#[group(required = true, multiple = false)]
pub(super) struct SeedArgs {
    /// The users in this segment
    #[arg(long, value_name = "NAME")]
    segment: Option<String>,
    /// These users: ids with commas between, a file with one to a line, or - for such lines on standard input
    #[arg(long, value_name = "USERS")]
    users: Option<String>,
    /// The users of whom this is true: the WHERE clause of SQL
    #[arg(long = "where", value_name = "PREDICATE", allow_hyphen_values = true)]
    predicate: Option<String>,
}

/// Whom the classifier learns from.
#[derive(Args)]
pub(super) struct DrawnArgs {
    /// How many users of the seed, and how many others, the classifier learns from at most
    #[arg(long, value_name = "USERS", default_value_t = Lookalikes::SAMPLE)]
    sample: usize,
    /// What chance goes by
    #[arg(long, default_value_t = 0)]
    pub seed: u64,
}

#[derive(Clone, Copy, ValueEnum)]
enum MethodArg {
    Centroid,
    Classifier,
    Interests,
}

impl SeedArgs {
    /// Their ids.
    pub(super) fn ids(&self, snapshot: &Snapshot, now: Option<Time>) -> Result<Vec<String>> {
        match (&self.segment, &self.users, &self.predicate) {
            (Some(segment), _, _) => snapshot.members(segment),
            (_, Some(users), _) => read_users(users),
            (_, _, Some(predicate)) => chosen(snapshot, predicate, now)?.run(),
            (None, None, None) => Err(Error::Bug("the argument parser let nothing through".to_owned())),
        }
    }

    fn ask<'a>(&'a self, snapshot: &'a Snapshot, now: Option<Time>) -> Result<Lookalikes<'a>> {
        match (&self.segment, &self.users, &self.predicate) {
            (Some(segment), _, _) => Ok(snapshot.lookalikes(segment)),
            (_, Some(users), _) => Ok(snapshot.lookalikes(Seed::Users(read_users(users)?))),
            (_, _, Some(predicate)) => Ok(chosen(snapshot, predicate, now)?.lookalikes()),
            (None, None, None) => Err(Error::Bug("the argument parser let nothing through".to_owned())),
        }
    }
}

impl DrawnArgs {
    pub(super) fn apply<'a>(&self, query: Lookalikes<'a>) -> Lookalikes<'a> {
        query.sample(self.sample).seed(self.seed)
    }
}

impl From<MethodArg> for LookalikeMethod {
    fn from(method: MethodArg) -> Self {
        match method {
            MethodArg::Centroid => Self::Centroid,
            MethodArg::Classifier => Self::Classifier,
            MethodArg::Interests => Self::Interests,
        }
    }
}

pub(crate) fn run(args: &LookalikesArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let mut query = args
        .drawn
        .apply(args.seed.ask(&snapshot, args.now)?)
        .method(args.method.into())
        .limit(args.limit)
        .exclude(args.exclude.iter().cloned())
        .exact(args.exact)
        .explain(args.explain);
    if let Some(predicate) = &args.filter {
        query = query.filter(predicate)?;
    }
    if let Some(now) = args.now {
        query = query.now(now);
    }
    output.result(&query.run()?, text)
}

fn chosen<'a>(snapshot: &'a Snapshot, predicate: &str, now: Option<Time>) -> Result<Selection<'a>> {
    let chosen = snapshot.users_where(Predicate::parse(predicate)?)?;
    Ok(match now {
        Some(now) => chosen.now(now),
        None => chosen,
    })
}

/// Ids with commas between, or lines of a file.
fn read_users(users: &str) -> Result<Vec<String>> {
    let path = Path::new(users);
    let text = if users == "-" || path.is_file() { read_text(path)? } else { users.replace(',', "\n") };
    Ok(text.lines().map(str::trim).filter(|id| !id.is_empty()).map(ToOwned::to_owned).collect())
}

fn text(found: &FoundLookalikes) -> String {
    let FoundLookalikes { method, seed, without_vector, users } = found;
    let by = match method {
        LookalikeMethod::Centroid => "closeness to their mean",
        LookalikeMethod::Classifier => "log-odds of being one of them",
        LookalikeMethod::Interests => "closeness to any of their interests",
    };
    let mut out = format!("like {} users, by {by}\n", grouped(*seed));
    if *without_vector > 0 {
        out = format!("{out}{} of them have no vector, and say nothing\n", grouped(*without_vector));
    }
    out + &similar::text(users)
}
