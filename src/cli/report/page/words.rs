//! Numbers, times and names as the page shows them.

use crate::analysis::TimeBin;
use crate::cli::output::grouped;
use crate::model::Time;
use maud::{Markup, html};

/// A text from the store: apart from the text around it, whichever way it runs.
pub(super) fn name(text: &str) -> Markup {
    html! { bdi { (plain(text)) } }
}

/// A text from the store where no elements may be. What would not be shown, or might turn what follows around, is.
pub(super) fn plain(text: &str) -> String {
    let turns = |c: char| matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || turns(c) { '\u{fffd}' } else { c }).collect()
}

/// A number of things.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{}\u{a0}{}", grouped(number), if number == 1 { one } else { many })
}

/// A share of 0 to 1.
pub(super) fn percent(share: f64) -> String {
    let percent = share * 100.0;
    if percent > 0.0 && percent < 0.1 {
        "under 0.1\u{a0}%".to_owned()
    } else {
        format!("{percent:.1}\u{a0}%")
    }
}

/// An instant, to the minute.
pub(super) fn instant(time: Time) -> Markup {
    let text = time.to_string();
    html! {
        time datetime=(text) {
            @match (text.get(..10), text.get(11..16)) {
                (Some(day), Some(minute)) => { (day) " " (minute) " UTC" }
                _ => (text),
            }
        }
    }
}

/// A stretch of time, by when it begins.
pub(super) fn bin(bin: TimeBin, start: Time) -> String {
    let text = start.to_string();
    let part = |len: usize| text.get(..len).unwrap_or(&text).to_owned();
    match bin {
        TimeBin::Month => part(7),
        TimeBin::Year => part(4),
        TimeBin::Decade => part(3) + "0s",
        _ => part(10),
    }
}

/// A time that was measured, in microseconds.
pub(super) fn micros(micros: f64) -> String {
    if micros < 1_000.0 {
        format!("{micros:.0}\u{a0}µs")
    } else if micros < 1e6 {
        format!("{:.1}\u{a0}ms", micros / 1e3)
    } else {
        format!("{:.1}\u{a0}s", micros / 1e6)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_can_be_read() {
        assert_eq!(plain("a\u{0}\u{202e}b\n"), "a\u{fffd}\u{fffd}b\u{fffd}");
        assert_eq!(name("<b>&\"").into_string(), "<bdi>&lt;b&gt;&amp;&quot;</bdi>");
        assert_eq!(
            [percent(0.0), percent(0.0001), percent(1.0)],
            ["0.0\u{a0}%", "under 0.1\u{a0}%", "100.0\u{a0}%"]
        );
        assert_eq!(
            [micros(12.4), micros(1_540.0), micros(2.5e6)],
            ["12\u{a0}µs", "1.5\u{a0}ms", "2.5\u{a0}s"]
        );
        let time: Time = "2026-03-09T08:05:00Z".parse().unwrap();
        let shown = "<time datetime=\"2026-03-09T08:05:00Z\">2026-03-09 08:05 UTC</time>";
        assert_eq!(instant(time).into_string(), shown);
        let of = [TimeBin::Day, TimeBin::Week, TimeBin::Month, TimeBin::Year, TimeBin::Decade];
        assert_eq!(of.map(|of| bin(of, time)), ["2026-03-09", "2026-03-09", "2026-03", "2026", "2020s"]);
    }
}
