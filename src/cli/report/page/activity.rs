//! What users did over time.

use super::chart::{Axis, HEIGHT, Told, area, bar, folded_table, framed, legend};
use super::words::{self, count, name};
use crate::analysis::{ActivityBin, ActivityReport};
use crate::cli::output::grouped;
use crate::cli::report::Report;
use maud::{Markup, html};

/// Kinds of events that have a color of their own.
const KINDS: usize = 7;

pub(super) fn body(report: &Report) -> Markup {
    let activity = &report.activity;
    html! {
        @if activity.bins.is_empty() { p.empty { "No events yet." } } @else {
            p {
                "By " (activity.bin) ", in UTC. "
                (count(activity.users, "user", "users")) " did something; "
                (count(activity.without_events, "user has", "users have")) " no event."
                @if activity.later > 0 {
                    " " (count(activity.later, "event lies", "events lie")) " after the instant of the report, and in none of the pictures."
                }
                @if activity.folded > 0 {
                    " " (count(activity.folded, "event is", "events are")) " folded into sums, and in none of the pictures."
                }
            }
            (events(activity))
            div.columns { (growth(activity)) (active(activity)) }
            (folded_table("Activity over time", &table(activity)))
        }
    }
}

/// The kinds that are shown, by name and place; those of few events are shown as one.
struct Shown {
    kinds: Vec<(String, Vec<usize>)>,
}

impl Shown {
    fn of(activity: &ActivityReport) -> Self {
        let total = |kind: usize| activity.bins.iter().filter_map(|bin| bin.events.get(kind)).sum::<u64>();
        let mut order: Vec<usize> = (0..activity.kinds.len()).collect();
        order.sort_by_key(|&kind| std::cmp::Reverse(total(kind)));
        let rest = if order.len() > KINDS + 1 { order.split_off(KINDS) } else { Vec::new() };
        let named =
            order.into_iter().filter_map(|kind| Some((activity.kinds.get(kind)?.clone(), vec![kind])));
        let mut kinds: Vec<_> = named.collect();
        if !rest.is_empty() {
            kinds.push((format!("{} other kinds", rest.len()), rest));
        }
        Self { kinds }
    }

    fn counts<'a>(&'a self, bin: &'a ActivityBin) -> impl Iterator<Item = (&'a str, u64)> {
        let sum = |kinds: &Vec<usize>| kinds.iter().filter_map(|&kind| bin.events.get(kind)).sum();
        self.kinds.iter().map(move |(name, kinds)| (name.as_str(), sum(kinds)))
    }
}

fn events(activity: &ActivityReport) -> Markup {
    let shown = Shown::of(activity);
    let most = activity.bins.iter().map(|bin| bin.events.iter().sum::<u64>()).max().unwrap_or(0);
    let axis = Axis::up_to(most as f64, label);
    let marks = html! {
        @for place in 0..shown.kinds.len() {
            g class={ "c" (place) } {
                @for (at, bin) in activity.bins.iter().enumerate() { (kind(&axis, &shown, place, (at, bin), activity)) }
            }
        }
    };
    let title = format!("Events by {}", activity.bin);
    let description = format!(
        "Bars of {} over {}, at most {} in one; the table below has each.",
        count(activity.events, "event", "events"),
        count(activity.bins.len() as u64, "stretch of time", "stretches of time"),
        grouped(most)
    );
    let told = Told { id: "events", title: &title, description };
    html! {
        (framed(&told, &axis, activity.bins.len() as f64, &below(activity), &marks))
        (legend(&shown.kinds.iter().map(|(kind, _)| name(kind)).collect::<Vec<_>>()))
    }
}

/// The bar of one kind upon those of the kinds before it.
fn kind(
    axis: &Axis,
    shown: &Shown,
    place: usize,
    (at, bin): (usize, &ActivityBin),
    activity: &ActivityReport,
) -> Markup {
    let below: u64 = shown.counts(bin).take(place).map(|(_, count)| count).sum();
    let Some((name, own)) = shown.counts(bin).nth(place).filter(|(_, own)| *own > 0) else {
        return html! {};
    };
    let says = format!("{}: {} {}", words::bin(activity.bin, bin.start), grouped(own), words::plain(name));
    bar(at, (axis.height(below as f64), axis.height((below + own) as f64)), &says)
}

/// All users so far.
fn growth(activity: &ActivityReport) -> Markup {
    let sums: Vec<u64> = activity
        .bins
        .iter()
        .scan(0, |sum, bin| {
            *sum += bin.new_users;
            Some(*sum)
        })
        .collect();
    let axis = Axis::up_to(activity.users as f64, label);
    let heights: Vec<f64> = sums.iter().map(|&sum| axis.height(sum as f64).min(HEIGHT)).collect();
    let description = format!(
        "A line that rises to {} with an event. A user comes in with the first event.",
        count(activity.users, "user", "users")
    );
    let told = Told { id: "growth", title: "Users so far, by their first event", description };
    framed(&told, &axis, heights.len() as f64, &below(activity), &html! { g.c0 { (area(&heights)) } })
}

fn active(activity: &ActivityReport) -> Markup {
    let most = activity.bins.iter().map(|bin| bin.active_users).max().unwrap_or(0);
    let axis = Axis::up_to(most as f64, label);
    let heights: Vec<f64> = activity.bins.iter().map(|bin| axis.height(bin.active_users as f64)).collect();
    let title = format!("Users who did something, by {}", activity.bin);
    let description = format!("A line of users who were active, at most {} in one stretch.", grouped(most));
    let told = Told { id: "active", title: &title, description };
    framed(&told, &axis, heights.len() as f64, &below(activity), &html! { g.c2 { (area(&heights)) } })
}

/// The first stretch of time, the middle one and the last.
fn below(activity: &ActivityReport) -> Vec<String> {
    let bins = &activity.bins;
    let mut places = vec![0, bins.len() / 2, bins.len().saturating_sub(1)];
    places.dedup();
    places.into_iter().filter_map(|at| bins.get(at)).map(|bin| words::bin(activity.bin, bin.start)).collect()
}

fn label(value: f64) -> String {
    if value >= 10_000.0 && value % 1_000.0 == 0.0 {
        return grouped((value / 1_000.0) as u64) + "k";
    }
    if value.fract() == 0.0 { grouped(value as u64) } else { format!("{value:.1}") }
}

fn table(activity: &ActivityReport) -> Markup {
    html! {
        table {
            thead {
                tr {
                    th scope="col" { (capital(activity)) }
                    @for kind in &activity.kinds { th.n scope="col" { (name(kind)) } }
                    th.n scope="col" { "Active users" }
                    th.n scope="col" { "New users" }
                }
            }
            tbody {
                @for bin in &activity.bins {
                    tr {
                        th scope="row" { (words::bin(activity.bin, bin.start)) }
                        @for events in &bin.events { td.n { (grouped(*events)) } }
                        td.n { (grouped(bin.active_users)) }
                        td.n { (grouped(bin.new_users)) }
                    }
                }
            }
        }
    }
}

fn capital(activity: &ActivityReport) -> String {
    let text = activity.bin.to_string();
    text.get(..1).map(str::to_uppercase).unwrap_or_default() + text.get(1..).unwrap_or_default()
}
