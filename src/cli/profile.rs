//! `kindred profile`: all that is kept of a user.

use super::output::{Output, grouped};
use super::{StoreArgs, interests};
use crate::error::Result;
use crate::query::{Interest, Profile};
use clap::Args;
use serde::Serialize;
use std::fmt::Write;

/// Whose profile is shown.
#[derive(Args)]
#[command(after_help = "Example: kindred profile shop ann")]
pub(crate) struct ProfileArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The user's id
    user: String,
}

/// All that is kept of a user, and what it tells of them.
#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    profile: Profile,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    interests: Vec<Interest>,
}

pub(crate) fn run(args: &ProfileArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let profile = snapshot.profile(&args.user)?;
    // The host's own vectors do not tell what they are made of.
    let tells = snapshot.settings().encoder.is_some();
    let interests = if tells { snapshot.interests(&args.user).run()? } else { Vec::new() };
    output.result(&Shown { profile, interests }, |Shown { profile, interests }| {
        let told = text(profile);
        if interests.is_empty() { told } else { format!("{told}Interests\n{}", interests::text(interests)) }
    })
}

/// A profile for people.
pub(crate) fn text(profile: &Profile) -> String {
    let mut out = format!("User {}\n", profile.user);
    let mut line = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a string cannot fail.
            let _ = writeln!(out, "  {name:<12} {value}");
        }
    };
    let attributes: Vec<String> =
        profile.attributes.iter().map(|(name, value)| format!("{name} {value}")).collect();
    line("attributes", attributes.join(", "));
    line("segments", profile.segments.join(", "));
    for kind in &profile.kinds {
        let dates = [kind.first, kind.last].map(|time| time.to_string().chars().take(10).collect::<String>());
        let sum = if kind.value == 0.0 { String::new() } else { format!(", worth {:.2} in all", kind.value) };
        line(&kind.kind, format!("{} times, {} to {}{sum}", grouped(kind.count), dates[0], dates[1]));
    }
    let hours: Vec<String> = profile.active_hours.iter().map(|hour| format!("{hour}:00")).collect();
    line("active at", hours.join(", "));
    let categories: Vec<String> =
        profile.top_categories.iter().take(6).map(|(name, count)| format!("{name} ({count})")).collect();
    line("categories", categories.join(", "));
    let items: Vec<String> = profile
        .top_items
        .iter()
        .take(5)
        .map(|item| format!("{} ({})", item.text.as_deref().unwrap_or(&item.name), item.count))
        .collect();
    line("items", items.join(", "));
    line("texts", if profile.texts == 0 { String::new() } else { grouped(profile.texts) });
    line(
        "embedding",
        profile.embedding.as_ref().map_or("none yet".to_owned(), |e| format!("{} dimensions", e.len())),
    );
    out
}
