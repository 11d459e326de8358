//! `kindred interests`: what a user is into.

use super::StoreArgs;
use super::output::{Output, grouped};
use crate::error::Result;
use crate::query::{Interest, Member};
use clap::Args;
use std::fmt::Write;

/// Whose interests are shown.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred interests shop ann
  kindred interests shop ann -k 3 --members 20
  kindred similar shop --user ann --interest 0      who is like her in the first of them
  kindred similar shop --user ann --by-interests    who is like her in any")]
pub(crate) struct InterestsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The user's id
    user: String,
    /// How many interests at most, 1 to 8
    #[arg(short = 'k', long = "limit", default_value_t = 8)]
    limit: usize,
    /// How many members of each are shown at most
    #[arg(long, default_value_t = 5)]
    members: usize,
}

pub(crate) fn run(args: &InterestsArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let interests = snapshot.interests(&args.user).limit(args.limit).members(args.members).run()?;
    output.result(&interests, |interests| text(interests))
}

/// Interests for people, each with its members.
pub(crate) fn text(interests: &[Interest]) -> String {
    if interests.is_empty() {
        return "none".to_owned();
    }
    let mut out = String::new();
    for (place, interest) in interests.iter().enumerate() {
        let Interest { name, share, acts, last, .. } = interest;
        let day: String = last.to_string().chars().take(10).collect();
        // Writing to a string cannot fail.
        let _ = writeln!(
            out,
            "{place}  {:>3.0} %  {name}: {} acts, the last on {day}",
            100.0 * share,
            grouped(*acts)
        );
        let members: Vec<String> = interest.members.iter().map(member).collect();
        let more = interest.size - interest.members.len();
        let more = if more == 0 { String::new() } else { format!(", and {more} more") };
        let _ = writeln!(out, "          {}{more}", members.join(", "));
    }
    out
}

fn member(member: &Member) -> String {
    let name = match (&member.text, &member.item) {
        (Some(text), Some(_)) => text.clone(),
        (Some(text), None) => format!("\u{201c}{text}\u{201d}"),
        (None, Some(item)) => item.clone(),
        (None, None) => "a text".to_owned(),
    };
    format!("{name} ({})", member.count)
}
