//! `kindred eval twins`: does a half of what a user did find the other half?

use super::beside::{Writing, empty_like};
use crate::cli::StoreArgs;
use crate::cli::bench::scratch::Scratch;
use crate::cli::output::{Bars, Output, grouped};
use crate::error::{Error, Result};
use crate::eval::{mean_reciprocal_rank, top_1};
use crate::model::{Event, Progress, Record, Time};
use crate::{Snapshot, Store};
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;

/// How deep the twin is looked for.
const DEPTH: usize = 200;

/// Which store, and who takes part.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred eval twins shop
  kindred eval twins shop --min-baskets 5 --users 1000

Each user's baskets, which are events of one time, become by turns those of two users of a store that is made beside, and
fitted; so do texts. Then each first half looks for its second half among all second ones. Attributes and folded events take no part.")]
pub(crate) struct EvalTwinsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Only users with at least so many baskets, which are events of one time
    #[arg(long, value_name = "BASKETS", default_value_t = 20)]
    min_baskets: usize,
    /// At most so many users, the first that were seen
    #[arg(long, default_value_t = 10_000)]
    users: usize,
    /// Where the store of halves is made and removed again [default: the system's folder for such]
    #[arg(long, value_name = "FOLDER")]
    beside: Option<PathBuf>,
}

/// Who takes part.
#[derive(Clone, Copy)]
pub(in crate::cli) struct TakingPart {
    /// Only users with at least so many baskets.
    pub min_baskets: usize,
    /// At most so many, the first that were seen.
    pub users: usize,
}

impl TakingPart {
    pub(in crate::cli) fn check(self) -> Result<()> {
        if self.min_baskets >= 2 && self.users > 0 {
            return Ok(());
        }
        let expected = "2 baskets and 1 user, or more";
        let found = format!("{} and {}", self.min_baskets, self.users);
        Err(Error::invalid("--min-baskets and --users", found, expected))
    }
}

/// How well twins were found.
#[derive(Serialize)]
pub(in crate::cli) struct Twins {
    pub users: usize,
    /// Share of first halves whose nearest second half is their own.
    pub top_1: f64,
    pub mean_reciprocal_rank: f64,
}

pub(crate) fn run(args: &EvalTwinsArgs, output: &Output) -> Result<()> {
    let taking_part = TakingPart { min_baskets: args.min_baskets, users: args.users };
    taking_part.check()?;
    let bars = output.progress();
    let scratch = Scratch::new(args.beside.as_deref())?;
    let snapshot = args.store.read()?.snapshot();
    let store = empty_like(snapshot.settings(), &scratch, &args.store.options())?;
    let names = halve(taking_part, &snapshot, &store, &bars)?;
    store.fit_with_progress(&|p| bars.tell(p))?;
    let twins = find(&store.snapshot(), names.iter(), &bars)?;
    drop(bars);
    output.result(&twins, |twins| {
        let Twins { users, top_1, mean_reciprocal_rank } = twins;
        format!("{} users: top-1 {top_1:.4}, MRR {mean_reciprocal_rank:.4}", grouped(*users as u64))
    })
}

/// Writes the halves of all users who take part into a store; their names without what tells the halves apart.
pub(in crate::cli) fn halve(
    taking_part: TakingPart,
    from: &Snapshot,
    store: &Store,
    bars: &Bars,
) -> Result<Vec<String>> {
    let mut writing = Writing::into(store);
    for item in from.items() {
        writing.put(Record::Item(item?))?;
    }
    let (total, mut names) = (from.stats()?.users as usize, Vec::new());
    for (done, user) in from.users().enumerate() {
        bars.tell(Progress::of("halving users", done, total));
        let user = user?.id;
        let events: Vec<Event> = from.events(&user)?.collect::<Result<_>>()?;
        let places = places(events.iter().map(|event| event.time));
        if places.last().is_none_or(|last| last + 1 < taking_part.min_baskets)
            || names.len() == taking_part.users
        {
            continue;
        }
        // By number: with more behind it an id might be too long.
        let name = done.to_string();
        for (mut event, place) in events.into_iter().zip(places) {
            event.user = half(&name, place);
            writing.put(Record::Event(event))?;
        }
        for (place, text) in from.texts(&user)?.enumerate() {
            let mut text = text?;
            text.user = half(&name, place);
            writing.put(Record::Text(text))?;
        }
        names.push(name);
    }
    writing.flush()?;
    if names.is_empty() {
        let expected = format!("{} baskets of somebody", taking_part.min_baskets);
        return Err(Error::invalid("the store", "without enough events", expected));
    }
    Ok(names)
}

/// The number of the basket of each event, whose times come in order.
fn places(times: impl Iterator<Item = Time>) -> Vec<usize> {
    let (mut last, mut place) = (None, 0);
    let mut next = |time: Time| {
        place += usize::from(last.is_some_and(|last| last != time));
        last = Some(time);
        place
    };
    times.map(&mut next).collect()
}

/// The one of a user's two halves that a basket goes to.
pub(in crate::cli) fn half(user: &str, basket: usize) -> String {
    format!("{user}#{}", if basket.is_multiple_of(2) { "A" } else { "B" })
}

/// Has each first half look for its second half.
pub(in crate::cli) fn find<'u>(
    snapshot: &Snapshot,
    users: impl ExactSizeIterator<Item = &'u String>,
    bars: &Bars,
) -> Result<Twins> {
    let total = users.len();
    let mut ranks = Vec::with_capacity(total);
    for (done, user) in users.enumerate() {
        ranks.push(rank(snapshot, user)?);
        bars.tell(Progress::of("looking for twins", done + 1, total));
    }
    Ok(Twins { users: total, top_1: top_1(&ranks), mean_reciprocal_rank: mean_reciprocal_rank(&ranks) })
}

/// The rank of a user's second half among all second halves.
pub(in crate::cli) fn rank(snapshot: &Snapshot, user: &str) -> Result<Option<usize>> {
    let own = half(user, 1);
    let hits = snapshot.similar(half(user, 0).as_str()).limit(DEPTH).exact(true).run()?;
    Ok(hits.iter().filter(|hit| hit.user.ends_with("#B")).position(|hit| hit.user == own))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_of_one_time_are_one_basket() {
        let times = [3, 3, 5, 9, 9, 9].map(|secs| Time::from_secs(secs).unwrap());
        assert_eq!(places(times.into_iter()), [0, 0, 1, 2, 2, 2]);
        assert_eq!([half("u", 0), half("u", 1), half("u", 2)], ["u#A", "u#B", "u#A"]);
    }
}
