//! What the store holds: counts and sizes.

use super::chart::{scrolled, short, swatch};
use super::words::{count, name, percent};
use crate::cli::output::{bytes, grouped};
use crate::cli::report::Report;
use maud::{Markup, html};

pub(super) fn body(report: &Report) -> Markup {
    let (stats, folder) = (&report.store.stats, report.store.folder_bytes);
    let tiles = [
        ("Users", grouped(stats.users)),
        ("Items", grouped(stats.items)),
        ("Events", grouped(stats.events)),
        ("Texts", grouped(stats.texts)),
        ("Embeddings", grouped(stats.vectors)),
        ("On disk", bytes(folder)),
    ];
    html! {
        dl.tiles { @for (what, figure) in tiles { div { dt { (what) } dd { (figure) } } } }
        div.columns {
            div { h3 { "Where the bytes are" } (disk(report)) }
            div { h3 { "How users are compared" } (comparing(report)) }
        }
    }
}

/// The folder by its parts: a bar, and a table.
fn disk(report: &Report) -> Markup {
    let (folder, total) = (&report.store.folder, report.store.folder_bytes.max(1) as f64);
    let parts = [
        ("Data", "keys and values", folder.data),
        ("Log", "what the data or the base may lack", folder.log),
        ("Base", "a second copy of the data", folder.base),
        ("Index", "files that are searched", folder.index),
        ("Other", "what else is there", folder.other),
    ];
    let starts = parts.iter().scan(0.0, |start, (_, _, size)| {
        let before = *start;
        *start += *size as f64 / total * 100.0;
        Some(before)
    });
    html! {
        svg.disk role="img" aria-label="The folder's bytes by part; the table below has the figures"
            viewBox="0 0 100 1" preserveAspectRatio="none" {
            @for ((place, (part, _, size)), start) in parts.iter().enumerate().zip(starts) {
                rect class={ "c" (place) } x=(short(start)) width=(short(*size as f64 / total * 100.0)) height="1" {
                    title { (part) ": " (bytes(*size)) }
                }
            }
        }
        (scrolled("Bytes by part", &html! {
            table {
                caption.hidden { "Bytes of the store's folder by part" }
                thead { tr { th scope="col" { "Part" } th.n scope="col" { "Size" } th.n scope="col" { "Share" } } }
                tbody {
                    @for (place, (part, what, size)) in parts.iter().enumerate() {
                        tr {
                            th scope="row" { (swatch(place)) (part) small { (what) } }
                            td.n { (bytes(*size)) }
                            td.n { (percent(*size as f64 / total)) }
                        }
                    }
                }
            }
        }))
    }
}

fn comparing(report: &Report) -> Markup {
    let stats = &report.store.stats;
    let fits = match stats.model_version {
        0 => "none so far: only texts and attributes count".to_owned(),
        fits => count(u64::from(fits), "fit", "fits") + " so far",
    };
    html! {
        dl.facts {
            div { dt { "Vectors" } dd { (grouped(stats.dim as u64)) " dimensions, compared by " (stats.metric) } }
            div {
                dt { "Encoder" }
                dd {
                    @match &stats.encoder {
                        Some(encoder) => code { (name(encoder)) },
                        None => "none: vectors of the host's own",
                    }
                }
            }
            @if stats.encoder.is_some() { div { dt { "Model" } dd { (fits) } } }
            div {
                dt { "Index" }
                dd {
                    (grouped(stats.vectors_sealed)) " vectors in " (count(stats.sealed_files, "sealed file", "sealed files")) ", "
                    (grouped(stats.vectors - stats.vectors_sealed.min(stats.vectors))) " in memory; " (bytes(stats.index_bytes)) " of memory"
                }
            }
            @if stats.events_folded > 0 {
                div { dt { "Folded" } dd { (count(stats.events_folded, "event", "events")) ", of which sums are kept" } }
            }
            div { dt { "Commit" } dd { (grouped(stats.commit)) } }
        }
    }
}
