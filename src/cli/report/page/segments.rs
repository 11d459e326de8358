//! Segments: how large, what sets each apart, and how far they overlap.

use super::chart::{scrolled, share_bar};
use super::words::{count, name, percent, plain};
use crate::cli::output::grouped;
use crate::cli::report::Report;
use crate::cli::report::segments::Segment;
use crate::query::{Overlap, Trait};
use maud::{Markup, html};

pub(super) fn body(report: &Report) -> Markup {
    let segments = &report.segments;
    html! {
        @if segments.told.is_empty() {
            p.empty { "No segments are defined. " code { "kindred segment define" } " makes one of a predicate." }
        } @else {
            p {
                @if segments.told.len() < segments.count {
                    "The " (segments.told.len()) " largest of " (segments.count) ". "
                }
                "A segment is a predicate with a name. What sets its users apart is what they have more often than all users do: "
                em { "lift" } " says how many times as often. The surest comes first."
            }
            ol.segments { @for segment in &segments.told { li { (portrait(segment)) } } }
            @if !segments.overlaps.is_empty() {
                h3 { "Who is in two of them" }
                (overlaps(&segments.overlaps))
            }
        }
    }
}

fn portrait(segment: &Segment) -> Markup {
    html! {
        article.segment {
            h3 { (name(&segment.name)) }
            p.size { strong { (count(segment.members, "user", "users")) } " · " (percent(segment.share)) " of all" }
            (share_bar(segment.share))
            p.where { code { (name(&segment.predicate.to_string())) } }
            @if segment.traits.is_empty() {
                p.empty { "Nothing sets them apart with any certainty." }
            } @else { (traits(segment)) }
        }
    }
}

fn traits(segment: &Segment) -> Markup {
    let what = format!("What sets {} apart", plain(&segment.name));
    scrolled(
        &what,
        &html! {
            table.traits {
                thead {
                    tr {
                        th scope="col" { "What sets them apart" }
                        th.n scope="col" { "Of them" }
                        th.n scope="col" { "Of all" }
                        th.n scope="col" { "Lift" }
                    }
                }
                tbody {
                    @for Trait { of, share_of_members, share_of_users, lift, .. } in &segment.traits {
                        tr {
                            th scope="row" { (name(&of.to_string())) }
                            td.n { (percent(*share_of_members)) }
                            td.n { (percent(*share_of_users)) }
                            td.n { (format!("{lift:.1}")) }
                        }
                    }
                }
            }
        },
    )
}

fn overlaps(overlaps: &[Overlap]) -> Markup {
    scrolled(
        "Overlaps of segments",
        &html! {
            table {
                caption.hidden { "The pairs of segments that have most users in common" }
                thead {
                    tr {
                        th scope="col" { "One" }
                        th scope="col" { "The other" }
                        th.n scope="col" { "In both" }
                        th.n scope="col" { "Of the one" }
                        th.n scope="col" { "Of the other" }
                        th.n scope="col" { "Lift" }
                    }
                }
                tbody {
                    @for overlap in overlaps {
                        tr {
                            th scope="row" { (name(&overlap.segment)) }
                            td { (name(&overlap.other)) }
                            td.n { (grouped(overlap.both)) }
                            td.n { (percent(overlap.share)) }
                            td.n { (percent(overlap.share_of_other)) }
                            td.n { (format!("{:.1}", overlap.lift)) }
                        }
                    }
                }
            }
        },
    )
}
