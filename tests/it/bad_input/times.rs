//! Times as texts.

use super::lines::refuses_lines;
use super::{Failures, Row, Victim, row};
use kindred::model::Time;

const FORMS: &[&str] = &["RFC 3339", "a date", "an epoch"];
const RANGE: &[&str] = &["years 1 to 9999"];

pub(super) fn rows() -> Vec<Row<&'static str>> {
    let form = |name, text| row(name, text, "Invalid", FORMS);
    let range = |name, text| row(name, text, "Invalid", RANGE);
    vec![
        form("time in a word", "yesterday"),
        form("time with month 13", "2026-13-01"),
        form("time with month 0", "2026-00-10"),
        form("time with day 0", "2026-01-00"),
        form("time on 30 February", "2026-02-30"),
        form("time on 29 February of a common year", "2025-02-29"),
        form("time at 25 o'clock", "2026-01-01T25:00:00Z"),
        form("time at minute 60", "2026-01-01T12:60:00Z"),
        form("time at second 61", "2026-01-01T12:00:61Z"),
        form("time with an offset of days", "2026-01-01T12:00:00+99:00"),
        form("time with minute 60 in the offset", "2026-01-01T12:00:00+01:60"),
        form("time with half an offset", "2026-01-01T12:00:00+"),
        form("time with slashes", "2026/01/01"),
        form("time with points", "01.02.2026"),
        form("time with short month and day", "2026-1-1"),
        form("time with a year of two digits", "26-01-01"),
        form("time of day alone", "12:00:00"),
        form("time without its date", "T12:00:00Z"),
        form("time with letters for digits", "2O26-01-01"),
        form("time with the name of a zone", "2026-01-01T12:00:00 CET"),
        form("time of a zone without an offset", "2026-01-01T12:00:00[Europe/Berlin]"),
        form("time with something behind it", "2026-01-01T12:00:00Z and so on"),
        form("time with NUL", "2026-01-01\0"),
        form("time in full-width digits", "２０２６-01-01"),
        form("time with a typographic minus", "−5"),
        form("time with ten fractional digits", "2026-01-01T12:00:00.1234567890Z"),
        form("time in the year 10000", "10000-01-01"),
        form("time not a number", "NaN"),
        form("time infinite", "inf"),
        form("time in hexadecimal", "0x5f5e100"),
        form("time with thousands separated", "1,488,358,800"),
        form("epoch beyond 64 bits", "99999999999999999999"),
        form("time in the year -1", "-0001-01-01"),
        range("time in the year 0", "0000-12-31T00:00:00Z"),
        row("time at the very end of 9999", "9999-12-31T23:59:59Z", "Invalid", &["at most 9999-12-30"]),
        range("epoch in microseconds before the year 1", "-62135596800000001"),
        range("epoch in microseconds after the year 9999", "253402207200000001"),
    ]
}

#[test]
fn bad_times_are_refused() {
    let mut failures = Failures::default();
    for row in rows() {
        match row.input.parse::<Time>() {
            Err(error) => row.check(&error, &mut failures),
            Ok(time) => failures.add(row.name, format!("{:?} became {time}", row.input)),
        }
    }
    let megabyte = row("time of a megabyte", "9".repeat(1 << 20), "Invalid", FORMS);
    megabyte.check(&megabyte.input.parse::<Time>().unwrap_err(), &mut failures);
}

#[test]
fn lines_with_bad_times_are_refused() {
    const WORDS: &[&str] = &["time: not a time in the years 1 to 9999"];
    let line = |time: &str| {
        serde_json::json!({"type": "event", "user": "u1", "kind": "view", "time": time})
            .to_string()
            .into_bytes()
    };
    let lines: Vec<Row<Vec<u8>>> =
        rows().iter().map(|time| row(time.name, line(time.input), "Line", WORDS)).collect();
    refuses_lines(&mut Victim::with_encoder(), &lines);
}
