//! `kindred eval satisfaction`: what users say for and against what they get.

use crate::Snapshot;
use crate::cli::StoreArgs;
use crate::cli::output::{Bars, Output, grouped};
use crate::error::{Error, Result};
use crate::eval::{Bar, Feedback, Mean, Satisfaction};
use crate::model::{Event, Progress};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fmt::Write;

/// What counts, and for what.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred eval satisfaction shop
  kindred eval satisfaction shop --positive like,share --negative dismiss,return --rating review
  kindred eval satisfaction shop --rating stars --top 5 --json

Explicit feedback only: that somebody buys does not say that they are content. Unless said, likes speak for it, and all kinds of
events whose weight is negative against; ratings are the values of events of the kinds that --rating names. Segments are those that
users are in now, categories those of the events' items, months those of UTC. Folded events take no part.")]
pub(crate) struct EvalSatisfactionArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Kinds of events that speak for what users get [default: like]
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    positive: Vec<String>,
    /// Kinds that speak against it [default: those of a negative weight]
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    negative: Vec<String>,
    /// Kinds whose values are ratings
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    rating: Vec<String>,
    /// So many categories, those that most was said of
    #[arg(long, default_value_t = 20)]
    top: usize,
}

/// How content users say they are, overall and in parts.
#[derive(Serialize)]
struct Report {
    /// Events of each kind that counted.
    kinds: BTreeMap<String, u64>,
    /// Users who said something, of so many.
    said_something: u64,
    users: u64,
    overall: Satisfaction,
    ratings: Vec<Bar>,
    segments: Vec<Part>,
    categories: Vec<Part>,
    months: Vec<Part>,
}

#[derive(Serialize)]
struct Part {
    name: String,
    #[serde(flatten)]
    satisfaction: Satisfaction,
}

pub(crate) fn run(args: &EvalSatisfactionArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let kinds = Kinds::new(args, &snapshot)?;
    let bars = output.progress();
    let counted = Counted::of(&snapshot, kinds, &bars)?;
    drop(bars);
    output.result(&counted.report(args.top, snapshot.stats()?.users), text)
}

/// Which kinds count as what.
struct Kinds {
    positive: Vec<String>,
    negative: Vec<String>,
    rating: Vec<String>,
}

impl Kinds {
    fn new(args: &EvalSatisfactionArgs, snapshot: &Snapshot) -> Result<Self> {
        let kinds = snapshot.settings().kinds;
        let mut named = args.positive.iter().chain(&args.negative).chain(&args.rating);
        if let Some(unknown) = named.find(|name| kinds.find(name).is_none()) {
            return Err(Error::Unknown { what: "kind of event", name: unknown.clone(), nearest: None });
        }
        if let Some(both) = args.positive.iter().find(|name| args.negative.contains(name)) {
            return Err(Error::invalid("--positive and --negative", both, "each kind in one of them"));
        }
        let positive = if args.positive.is_empty() {
            ["like".to_owned()].into_iter().filter(|name| !args.negative.contains(name)).collect()
        } else {
            args.positive.clone()
        };
        let negative = if args.negative.is_empty() {
            let against = kinds.iter().filter(|kind| kind.weight < 0.0 && !positive.contains(&kind.name));
            against.map(|kind| kind.name.clone()).collect()
        } else {
            args.negative.clone()
        };
        Ok(Self { positive, negative, rating: args.rating.clone() })
    }

    /// Tells feedback of an event; whether it is any.
    fn tell(&self, event: &Event, feedback: &mut Feedback) -> bool {
        let before = feedback.len();
        if self.positive.contains(&event.kind) {
            feedback.say(true);
        } else if self.negative.contains(&event.kind) {
            feedback.say(false);
        }
        if self.rating.contains(&event.kind)
            && let Some(value) = event.value
        {
            feedback.rate(value);
        }
        feedback.len() > before
    }
}

/// What was said, as it is read.
struct Counted {
    by: Kinds,
    kinds: BTreeMap<String, u64>,
    said_something: u64,
    overall: Feedback,
    segments: BTreeMap<String, Feedback>,
    categories: BTreeMap<String, Feedback>,
    months: BTreeMap<String, Feedback>,
}

impl Counted {
    fn of(snapshot: &Snapshot, by: Kinds, bars: &Bars) -> Result<Self> {
        let segments = snapshot.segments()?.into_iter().map(|segment| (segment.name, Feedback::default()));
        let mut counted = Self {
            by,
            kinds: BTreeMap::new(),
            said_something: 0,
            overall: Feedback::default(),
            segments: segments.collect(),
            categories: BTreeMap::new(),
            months: BTreeMap::new(),
        };
        let categories = categories(snapshot)?;
        let total = snapshot.stats()?.users as usize;
        for (done, user) in snapshot.users().enumerate() {
            let user = user?.id;
            let (before, mut within) = (counted.overall.len(), None);
            for event in snapshot.events(&user)? {
                let event = event?;
                if counted.by.tell(&event, &mut counted.overall) {
                    let within = match &within {
                        Some(within) => within,
                        None => within.insert(snapshot.segments_of(&user)?),
                    };
                    counted.count(&event, within, &categories);
                }
            }
            counted.said_something += u64::from(counted.overall.len() > before);
            bars.tell(Progress::of("reading feedback", done + 1, total));
        }
        Ok(counted)
    }

    fn count(&mut self, event: &Event, segments: &[String], categories: &BTreeMap<String, String>) {
        *self.kinds.entry(event.kind.clone()).or_default() += 1;
        // RFC 3339 begins with the year and the month.
        let month: String = event.time.to_string().chars().take(7).collect();
        self.by.tell(event, self.months.entry(month).or_default());
        for segment in segments {
            self.by.tell(event, self.segments.entry(segment.clone()).or_default());
        }
        if let Some(category) = event.item.as_ref().and_then(|item| categories.get(item)) {
            self.by.tell(event, self.categories.entry(category.clone()).or_default());
        }
    }

    fn report(self, top: usize, users: u64) -> Report {
        let mut categories: Vec<(String, Feedback)> = self.categories.into_iter().collect();
        // Behind a stable sort, what is equal stays in the order of names.
        categories.sort_by_key(|(_, feedback)| std::cmp::Reverse(feedback.len()));
        categories.truncate(top);
        Report {
            kinds: self.kinds,
            said_something: self.said_something,
            users,
            overall: self.overall.satisfaction(),
            ratings: self.overall.histogram(),
            segments: parts(self.segments),
            categories: parts(categories),
            months: parts(self.months),
        }
    }
}

fn parts(of: impl IntoIterator<Item = (String, Feedback)>) -> Vec<Part> {
    let part = |(name, feedback): (String, Feedback)| Part { name, satisfaction: feedback.satisfaction() };
    of.into_iter().map(part).collect()
}

/// The category of each item that has one.
fn categories(snapshot: &Snapshot) -> Result<BTreeMap<String, String>> {
    let attribute = snapshot.settings().fusion.category;
    let mut categories = BTreeMap::new();
    for item in snapshot.items() {
        let item = item?;
        categories.extend(item.attributes.get(&attribute).map(|category| (item.id, category.to_string())));
    }
    Ok(categories)
}

fn text(report: &Report) -> String {
    let (said, users) = (grouped(report.said_something), grouped(report.users));
    let mut out = format!("{said} of {users} users said something");
    for (kind, count) in &report.kinds {
        let _ = write!(out, ", {kind} {}", grouped(*count));
    }
    let _ = writeln!(
        out,
        "\n\n{:<28}{:>9}{:>9}{:>8}{:>16}{:>9}{:>9}{:>9}",
        "", "for", "against", "share", "95 %", "ratings", "mean", "± error"
    );
    row(&mut out, "all", &report.overall);
    let parts =
        [("segments", &report.segments), ("categories", &report.categories), ("months", &report.months)];
    for (title, parts) in parts.into_iter().filter(|(_, parts)| !parts.is_empty()) {
        let _ = writeln!(out, "\n{title}");
        parts.iter().for_each(|part| row(&mut out, &part.name, &part.satisfaction));
    }
    if !report.ratings.is_empty() {
        out.push_str("\nratings\n");
        for Bar { from, to, count } in &report.ratings {
            let name = if from < to { format!("{from:.2} to {to:.2}") } else { from.to_string() };
            let _ = writeln!(out, "{name:<28}{:>9}", grouped(*count as u64));
        }
    }
    out
}

fn row(out: &mut String, name: &str, of: &Satisfaction) {
    let name: String = name.chars().take(27).collect();
    let share = of.share_positive.map(|share| format!("{share:.3}")).unwrap_or_default();
    let interval = of.interval.map(|(low, high)| format!("{low:.3} to {high:.3}")).unwrap_or_default();
    let (positive, negative) = (grouped(of.positive), grouped(of.negative));
    let _ = write!(out, "{name:<28}{positive:>9}{negative:>9}{share:>8}{interval:>16}");
    if let Some(Mean { count, mean, standard_error }) = of.rating {
        let error = standard_error.map(|error| format!("{error:.3}")).unwrap_or_default();
        let _ = write!(out, "{:>9}{mean:>9.3}{error:>9}", grouped(count as u64));
    }
    out.push('\n');
}
