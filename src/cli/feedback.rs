//! `kindred feedback`: how recommendations were taken.

use super::StoreArgs;
use super::output::Output;
use crate::error::{Error, Result};
use crate::model::{Blend, Time};
use crate::query::Recommendation;
use clap::Args;
use std::path::PathBuf;

/// What was shown, and what came of it.
#[derive(Args)]
#[command(after_help = "Example:
  kindred recommend shop --user ann --json > shown.json
  kindred feedback shop --user ann --shown shown.json --taken p3 --dismissed p7
  kindred feedback shop --forget                    # what was learned of the weights

What was dismissed is not recommended to the user any more. The weights of the signals are learned, for all users: where
something was taken that stood below what was not, those signals grow a little that would have had it above. Record what
was taken as the event that it is, too.")]
pub(crate) struct FeedbackArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// To whom it was shown
    #[arg(long, required_unless_present = "forget")]
    user: Option<String>,
    /// The answer of `kindred recommend --json`, in the order in which it was shown
    #[arg(long, value_name = "FILE", required_unless_present = "forget")]
    shown: Option<PathBuf>,
    /// Forget what was learned of the weights of signals
    #[arg(long, conflicts_with_all = ["user", "shown", "taken", "dismissed", "at"])]
    forget: bool,
    /// An item that was taken up
    #[arg(long, value_name = "ITEM")]
    taken: Vec<String>,
    /// An item that was dismissed
    #[arg(long, value_name = "ITEM")]
    dismissed: Vec<String>,
    /// When [default: now]
    #[arg(long, value_name = "TIME")]
    at: Option<Time>,
}

pub(crate) fn run(args: &FeedbackArgs, output: &Output) -> Result<()> {
    let (Some(user), Some(shown)) = (&args.user, &args.shown) else {
        let store = args.store.open()?;
        store.forget_feedback()?;
        return output.result(&store.snapshot().blend(), |blend| text(*blend));
    };
    let shown = read(shown)?;
    if let Some(item) = args.taken.iter().find(|item| args.dismissed.contains(item)) {
        let expected = "an item that is one of both";
        return Err(Error::invalid("--taken and --dismissed", format!("{item:?}"), expected));
    }
    for item in args.taken.iter().chain(&args.dismissed) {
        if !shown.iter().any(|thing| thing.item == *item) {
            let what = "--taken or --dismissed";
            return Err(Error::invalid(what, format!("{item:?}"), "an item that was shown"));
        }
    }
    let reward = |thing: &Recommendation| match (
        args.taken.contains(&thing.item),
        args.dismissed.contains(&thing.item),
    ) {
        (true, _) => 1.0,
        (false, true) => -1.0,
        (false, false) => 0.0,
    };
    let rewards = shown.iter().map(|thing| (thing, reward(thing)));
    let blend = args.store.open()?.feedback(user, rewards, args.at.unwrap_or_else(Time::now))?;
    output.result(&blend, |blend| text(*blend))
}

fn read(path: &std::path::Path) -> Result<Vec<Recommendation>> {
    let text = std::fs::read_to_string(path).map_err(|error| Error::io("read", path, error))?;
    serde_json::from_str(&text).map_err(|error| {
        let expected = "an answer of `kindred recommend --json`";
        Error::invalid(path.display().to_string(), format!("not such: {error}"), expected)
    })
}

fn text(blend: Blend) -> String {
    let Blend { neighbors, together, text, interests } = blend;
    format!(
        "Weights are now: neighbors {neighbors:.3}, together {together:.3}, texts {text:.3}, interests {interests:.3}."
    )
}
