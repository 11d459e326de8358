//! Searches through the index against exact ones.

use super::chart::{Axis, HEIGHT, Told, dotted, folded_table, framed, legend};
use super::words::{count, micros, percent};
use crate::cli::report::Report;
use crate::cli::report::search::{Search, Width};
use crate::eval::Latency;
use maud::{Markup, html};

pub(super) fn body(report: &Report) -> Markup {
    html! {
        @match &report.search {
            None => p.empty { "There are too few embeddings to search among." },
            Some(search) => {
                p {
                    "The " (search.k) " nearest of " (count(search.queries as u64, "user", "users")) ", looked for through the index at several widths ("
                    code { "ef_search" } "), and by comparing with everybody. " em { "Recall" } " is the share of the true nearest that the index found. "
                    strong { "Times were measured on this machine while the report was made" } ", one question at a time: compare them with each other, not with another day's."
                }
                div.columns { (recall(search)) (latency(search)) }
                (folded_table("Recall and latency by width", &table(search)))
            }
        }
    }
}

fn below(search: &Search) -> Vec<String> {
    search.widths.iter().map(|width| width.ef_search.to_string()).collect()
}

fn recall(search: &Search) -> Markup {
    let axis = Axis::up_to(1.0, percent_of);
    let heights: Vec<f64> = search.widths.iter().map(|width| axis.height(width.recall)).collect();
    let says = |at: usize| {
        search
            .widths
            .get(at)
            .map(|width| format!("width {}: recall {}", width.ef_search, percent(width.recall)))
            .unwrap_or_default()
    };
    let (first, last) = (search.widths.first(), search.widths.last());
    let share = |width: Option<&Width>| width.map(|width| percent(width.recall)).unwrap_or_default();
    let description =
        format!("A line from {} at the smallest width to {} at the largest.", share(first), share(last));
    let told = Told { id: "recall", title: "Recall by width of the search", description };
    framed(&told, &axis, heights.len() as f64, &below(search), &html! { g.c0 { (dotted(&heights, says)) } })
}

fn percent_of(share: f64) -> String {
    format!("{:.0}\u{a0}%", share * 100.0)
}

fn latency(search: &Search) -> Markup {
    let most = search.widths.iter().map(|width| width.latency.p95_us).fold(search.exact.p50_us, f64::max);
    let axis = Axis::up_to(most, micros);
    let line = |of: fn(&Latency) -> f64, what: &str| {
        let heights: Vec<f64> = search.widths.iter().map(|width| axis.height(of(&width.latency))).collect();
        let says = |at: usize| {
            let width = search.widths.get(at);
            width
                .map(|width| format!("width {}: {what} {}", width.ef_search, micros(of(&width.latency))))
                .unwrap_or_default()
        };
        dotted(&heights, says)
    };
    let exact = HEIGHT - axis.height(search.exact.p50_us);
    let width = search.widths.len();
    let marks = html! {
        path.line.exact d={ "M0 " (super::chart::short(exact)) "H" (width) } {}
        g.c1 { (line(|latency| latency.p95_us, "95 of 100 within")) }
        g.c0 { (line(|latency| latency.p50_us, "half within")) }
    };
    let description = format!(
        "Two lines over the widths; a dashed one shows an exact search, {}.",
        micros(search.exact.p50_us)
    );
    let told = Told { id: "latency", title: "Time of one question by width", description };
    html! {
        div {
            (framed(&told, &axis, width as f64, &below(search), &marks))
            (legend(&[html! { "half of all within" }, html! { "95 of 100 within" }]))
            p.note { "Dashed: comparing with everybody, half within " (micros(search.exact.p50_us)) "." }
        }
    }
}

fn table(search: &Search) -> Markup {
    let times = |latency: &Latency| {
        html! { @for time in [latency.p50_us, latency.p95_us, latency.p99_us] { td.n { (micros(time)) } } }
    };
    html! {
        table {
            thead {
                tr {
                    th scope="col" { "Width" }
                    @for column in ["Recall", "Half within", "95 of 100", "99 of 100"] { th.n scope="col" { (column) } }
                }
            }
            tbody {
                @for width in &search.widths {
                    tr { th scope="row" { (width.ef_search) } td.n { (percent(width.recall)) } (times(&width.latency)) }
                }
                tr { th scope="row" { "exact" } td.n { (percent(1.0)) } (times(&search.exact)) }
            }
        }
    }
}
