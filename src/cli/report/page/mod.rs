//! The page: HTML, style and pictures in one file that asks nothing of the network, and runs no script.

mod activity;
mod chart;
mod holdings;
mod map;
mod quality;
mod search;
mod segments;
mod words;

use super::Report;
use maud::{DOCTYPE, Markup, PreEscaped, html};
use words::{instant, name};

const STYLE: &str = include_str!("style.css");
/// Nothing is loaded, run or sent; the one style is told by its hash, which a test holds against it.
const POLICY: &str = "default-src 'none'; style-src 'sha256-t+aIUPJCmddJ0m8xP8+o92l6U9bfmYzrCvFQZ//fkEk='; img-src data:; base-uri 'none'; form-action 'none'";
/// A drawing of five users, so that no browser asks for one.
const ICON: &str = "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cg fill='%231f6fb2'%3E%3Ccircle cx='4' cy='11' r='2.4'/%3E%3Ccircle cx='8.5' cy='12.5' r='2.4'/%3E%3Ccircle cx='6' cy='7' r='2.4'/%3E%3C/g%3E%3Cg fill='%23d9742b'%3E%3Ccircle cx='11' cy='4' r='2.4'/%3E%3Ccircle cx='13' cy='8' r='2.4'/%3E%3C/g%3E%3C/svg%3E";

/// The sections, by their anchors.
const SECTIONS: [(&str, &str); 6] = [
    ("holdings", "What the store holds"),
    ("activity", "Activity"),
    ("segments", "Segments"),
    ("map", "Map of users"),
    ("search", "Search"),
    ("quality", "Quality"),
];

/// A report as a page.
pub(in crate::cli) fn html(report: &Report) -> String {
    let bodies = [
        holdings::body(report),
        activity::body(report),
        segments::body(report),
        map::body(report),
        search::body(report),
        quality::body(report),
    ];
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            (head(report))
            body {
                a.skip href="#main" { "To the content" }
                header {
                    p.over { "Kindred report" }
                    h1 { (name(&report.title)) }
                    p.lede { (lede(report)) }
                    nav aria-label="Sections" {
                        ul { @for (anchor, title) in SECTIONS { li { a href={ "#" (anchor) } { (title) } } } }
                    }
                }
                main #main {
                    @for ((anchor, title), body) in SECTIONS.iter().zip(bodies) {
                        section id=(anchor) aria-labelledby={ (anchor) "-title" } {
                            h2 id={ (anchor) "-title" } { (title) }
                            (body)
                        }
                    }
                }
                footer {
                    p {
                        "Made by Kindred " (report.version) ", as of " (instant(report.now)) ", commit "
                        (report.store.stats.commit) ". Where chance was asked, seed " (report.seed)
                        ". All times are in UTC."
                    }
                }
            }
        }
    };
    page.into_string()
}

fn head(report: &Report) -> Markup {
    html! {
        head {
            meta charset="utf-8";
            meta http-equiv="Content-Security-Policy" content=(POLICY);
            meta name="viewport" content="width=device-width, initial-scale=1";
            meta name="color-scheme" content="light dark";
            meta name="referrer" content="no-referrer";
            title { (words::plain(&report.title)) " · Kindred report" }
            link rel="icon" href=(ICON);
            style { (PreEscaped(STYLE)) }
        }
    }
}

/// What there is to say in two sentences.
fn lede(report: &Report) -> Markup {
    let (stats, activity, segments) = (&report.store.stats, &report.activity, &report.segments);
    html! {
        (words::count(stats.users, "user", "users"))
        @if let (Some(first), Some(last)) = (activity.bins.first(), activity.bins.last()) {
            " and " (words::count(activity.events, "event", "events")) ", from "
            span.when { (words::bin(activity.bin, first.start)) } " to " span.when { (words::bin(activity.bin, last.start)) }
        } @else { " and no events" }
        ". "
        @if let Some(largest) = segments.told.first() {
            (words::count(segments.count as u64, "segment", "segments")) ", the largest of which is "
            (name(&largest.name)) " with " (words::percent(largest.share)) " of all users. "
        }
        "As of " (instant(report.now)) "."
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sha2::{Digest, Sha256};

    /// Base64 (RFC 4648) of whole groups and what is left of the last.
    fn base64(bytes: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let group = |group: &[u8]| {
            let bits = group.iter().fold(0_u32, |bits, byte| (bits << 8) | u32::from(*byte))
                << (8 * (3 - group.len()));
            let digit = move |at: usize| char::from(DIGITS[(bits >> (18 - 6 * at)) as usize & 63]);
            let digits = group.len() + 1;
            (0..4).map(move |at| if at < digits { digit(at) } else { '=' }).collect::<String>()
        };
        bytes.chunks(3).map(group).collect()
    }

    #[test]
    fn the_policy_lets_the_style_through_and_nothing_else() {
        assert_eq!(base64(b"Man") + &base64(b"Ma") + &base64(b"M"), "TWFuTWE=TQ==");
        let hash = base64(&Sha256::digest(STYLE));
        assert!(
            POLICY.contains(&format!("style-src 'sha256-{hash}';")),
            "the hash of the style is now sha256-{hash}"
        );
        assert!(!STYLE.contains("</") && !STYLE.contains("url(") && !STYLE.contains("@import"));
    }
}
