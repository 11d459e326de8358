//! How good the store's answers are, as far as it was measured: a part for each kind of figure.

use super::chart::scrolled;
use super::words::{count, name, percent};
use crate::cli::eval::{Evaluated, Lists};
use crate::cli::output::grouped;
use crate::cli::report::Report;
use crate::cli::report::figures::SegmentQuality;
use maud::{Markup, html};

pub(super) fn body(report: &Report) -> Markup {
    let quality = &report.quality;
    html! {
        @if quality.segments.is_empty() && quality.recommendations.is_none() {
            p.empty { "There are no segments to be measured. " code { "kindred report --quality" } " measures recommendations." }
        }
        @if !quality.segments.is_empty() { h3 { "How far segments show in embeddings" } (segments(&quality.segments)) }
        @if let Some(evaluated) = &quality.recommendations { h3 { "Recommendations" } (recommendations(evaluated)) }
    }
}

fn segments(segments: &[SegmentQuality]) -> Markup {
    let known = |figure: Option<String>| figure.unwrap_or_else(|| "–".to_owned());
    html! {
        p {
            "Of the ten users nearest to a member, the share who are members, too, beside the share that chance would give. The "
            em { "silhouette" } " holds the mean distance among members against that to everybody else: 1 is tight and far apart, 0 no difference, below 0 farther from each other than from the rest. A segment need not show here: who is in it is told by a predicate, not by likeness."
        }
        (scrolled("How far segments show in embeddings", &html! {
            table {
                thead {
                    tr {
                        th scope="col" { "Segment" }
                        @for column in ["Members asked", "Nearest who are members", "By chance", "Members in the sample", "Silhouette"] { th.n scope="col" { (column) } }
                    }
                }
                tbody {
                    @for one in segments {
                        tr {
                            th scope="row" { (name(&one.segment)) }
                            td.n { (grouped(one.asked)) }
                            td.n { (known(one.near.map(percent))) }
                            td.n { (percent(one.chance)) }
                            td.n { (grouped(one.members)) }
                            td.n { (known(one.silhouette.map(signed))) }
                        }
                    }
                }
            }
        }))
    }
}

/// A number between −1 and 1.
fn signed(number: f64) -> String {
    let text = format!("{:.3}", number.abs());
    if number < 0.0 && text != "0.000" { format!("−{text}") } else { text }
}

fn recommendations(evaluated: &Evaluated) -> Markup {
    let figure = |figure: f64| format!("{figure:.3}");
    html! {
        p {
            "Each user's last event was held out, and " (evaluated.limit) " items recommended from what was before it; "
            (count(evaluated.users as u64, "user", "users")) " took up something new. Beside them, what is most popular, and what the nearest users by TF-IDF did."
        }
        (scrolled("Quality of recommendations", &html! {
            table {
                thead {
                    tr {
                        th scope="col" { "Lists of " (evaluated.limit) }
                        @for column in ["Recall", "Precision", "NDCG", "Coverage"] { th.n scope="col" { (column) } }
                    }
                }
                tbody {
                    @for Lists { by, quality, coverage, .. } in &evaluated.lists {
                        tr {
                            th scope="row" { (by) }
                            @for value in [quality.recall, quality.precision, quality.ndcg, *coverage] { td.n { (figure(value)) } }
                        }
                    }
                }
            }
        }))
    }
}
