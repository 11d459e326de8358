//! `kindred similar`: users like a user, a sentence or a vector.

use super::StoreArgs;
use super::output::Output;
use super::users::WhereArgs;
use crate::error::{Error, Result};
use crate::ingest::vectors::read_vectors;
use crate::query::{Hit, Like};
use clap::Args;
use std::fmt::Write;
use std::path::PathBuf;

/// Whom to look for.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred similar shop --user ann --explain
  kindred similar shop --text \"families with a baby\" -k 5
  kindred similar shop --user ann --where \"country = 'DE' and age between 25 and 40\"
  kindred similar shop --user ann --by-interests
  kindred similar vectors --vector 0.1,0.2,0.3
  kindred similar vectors --vector query.npy")]
pub(crate) struct SimilarArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    like: LikeArgs,
    /// Users like one of the user's interests alone, by its number
    #[arg(long, value_name = "NUMBER", requires = "user", conflicts_with = "by_interests")]
    interest: Option<usize>,
    /// Users who are like any of the user's interests
    #[arg(long, requires = "user")]
    by_interests: bool,
    /// How many users at most
    #[arg(short = 'k', long = "limit", default_value_t = 10)]
    limit: usize,
    /// Leave these users out
    #[arg(long, value_delimiter = ',', value_name = "USER")]
    exclude: Vec<String>,
    #[command(flatten)]
    filter: WhereArgs,
    /// Only users with at least this score
    #[arg(long, allow_negative_numbers = true)]
    min_score: Option<f32>,
    /// How many candidates the graph search keeps
    #[arg(long)]
    ef: Option<usize>,
    /// Compare with every user, in full precision
    #[arg(long)]
    exact: bool,
    /// Say what makes each score
    #[arg(long)]
    explain: bool,
}

#[derive(Args)]
#[group(required = true, multiple = false)]
struct LikeArgs {
    /// Users like this user
    #[arg(long)]
    user: Option<String>,
    /// Users whom this sentence describes
    #[arg(long)]
    text: Option<String>,
    /// Users close to this vector: numbers with commas between, or a .npy or .fvecs file of one row
    #[arg(long, allow_hyphen_values = true)]
    vector: Option<String>,
}

pub(crate) fn run(args: &SimilarArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let vector = args.like.vector.as_deref().map(parse_vector).transpose()?;
    let like = match (&args.like.user, &args.like.text, &vector) {
        (Some(user), _, _) => Like::user(user),
        (_, Some(text), _) => Like::text(text),
        (_, _, Some(vector)) => Like::vector(vector),
        (None, None, None) => return Err(Error::Bug("the argument parser let nothing through".to_owned())),
    };
    let mut query = snapshot
        .similar(like)
        .limit(args.limit)
        .exclude(args.exclude.iter().cloned())
        .exact(args.exact)
        .explain(args.explain);
    if let Some(predicate) = &args.filter.predicate {
        query = query.filter(predicate)?;
    }
    if let Some(place) = args.interest {
        query = query.interest(place);
    }
    if args.by_interests {
        query = query.by_interests();
    }
    if let Some(now) = args.filter.now {
        query = query.now(now);
    }
    if let Some(score) = args.min_score {
        query = query.min_score(score);
    }
    if let Some(ef) = args.ef {
        query = query.ef_search(ef);
    }
    output.result(&query.run()?, |hits| text(hits))
}

/// Hits for people, one to a line, each with its reasons.
pub(crate) fn text(hits: &[Hit]) -> String {
    if hits.is_empty() {
        return "nobody".to_owned();
    }
    let mut out = String::new();
    for hit in hits {
        // Writing to a string cannot fail.
        let interest = hit.interest.as_ref().map(|name| format!("  ({name})")).unwrap_or_default();
        let _ = writeln!(out, "{:>7.4}  {}{interest}", hit.score, hit.user);
        if let Some(explanation) = &hit.explanation {
            let _ = writeln!(out, "         because: {}", explanation.words);
        }
    }
    out
}

fn parse_vector(text: &str) -> Result<Vec<f32>> {
    let path = PathBuf::from(text);
    if path.extension().is_some() && path.is_file() {
        let vectors = read_vectors(&path)?;
        let rows = vectors.len();
        return match vectors.iter().next() {
            Some(row) if rows == 1 => Ok(row.to_vec()),
            _ => Err(Error::invalid("--vector", format!("a file of {rows} rows"), "it has one row")),
        };
    }
    text.split(',')
        .map(|number| {
            let number = number.trim();
            number.parse().map_err(|_| {
                Error::invalid(
                    "--vector",
                    format!("{number:?}"),
                    "numbers with commas between, or a .npy file",
                )
            })
        })
        .collect()
}
