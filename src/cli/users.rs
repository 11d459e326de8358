//! `kindred users`: users of whom a predicate is true.

use super::StoreArgs;
use super::output::{Output, grouped};
use crate::error::Result;
use crate::model::{Predicate, Time};
use clap::Args;
use serde::Serialize;

/// Which users.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred users shop --where \"country = 'DE' and age between 25 and 40\"
  kindred users shop --where \"count(purchase, interval '30 days') >= 3 and not has(tags, 'staff')\" --count
  kindred users shop --where \"count(purchase) filter (where category = 'baby food') >= 2\"
  kindred users shop --where \"similar_to('ann') > 0.6 and id() <> 'ann'\"
  kindred users shop --where \"last(purchase) < now() - interval '6 months'\" --now 2018-01-01
  kindred users shop --where \"age > 30 and country = 'DE'\" --plan     how it is answered, with counts")]
pub(crate) struct UsersArgs {
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    filter: WhereArgs,
    /// How many users at most; all unless said
    #[arg(short = 'k', long)]
    limit: Option<usize>,
    /// Only tell how many they are
    #[arg(long)]
    count: bool,
    /// Tell how it was answered: which parts the columns of attributes told, in which order, and how many users were asked
    #[arg(long, conflicts_with_all = ["count", "limit"])]
    plan: bool,
}

/// A predicate, and what `now()` is in it.
#[derive(Args)]
pub(super) struct WhereArgs {
    /// Only users of whom this is true: the WHERE clause of SQL, over attributes, count(purchase), last(view) and the like
    #[arg(long = "where", value_name = "PREDICATE", allow_hyphen_values = true)]
    pub predicate: Option<String>,
    /// The instant that the predicate goes by; the present unless said
    #[arg(long, value_name = "TIME", requires = "predicate")]
    pub now: Option<Time>,
}

#[derive(Serialize)]
struct Matching {
    matching: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    users: Option<Vec<String>>,
}

pub(crate) fn run(args: &UsersArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let predicate = args.filter.predicate.as_deref().map(Predicate::parse).transpose()?;
    let mut selection = snapshot.users_where(predicate.unwrap_or_else(Predicate::everybody))?;
    if let Some(now) = args.filter.now {
        selection = selection.now(now);
    }
    if args.plan {
        return output.result(&selection.plan()?, ToString::to_string);
    }
    if args.count {
        let answer = Matching { matching: selection.count()?, users: None };
        return output.result(&answer, |answer| grouped(answer.matching));
    }
    let mut users = selection.run()?;
    let matching = users.len() as u64;
    users.truncate(args.limit.unwrap_or(usize::MAX));
    output.result(&Matching { matching, users: Some(users) }, text)
}

fn text(answer: &Matching) -> String {
    if answer.matching == 0 {
        "nobody".to_owned()
    } else {
        answer.users.as_deref().unwrap_or_default().join("\n")
    }
}
