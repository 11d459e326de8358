//! Lines of JSON.

use super::{Row, Victim, row};
use kindred::ingest::{Options, Source};
use kindred::model::{MAX_TEXT_BYTES, Metric};

/// What stands before each bad line: it is in the store already, and changes nothing.
const KNOWN: &str = r#"{"type":"user","id":"u1"}"#;

fn line(name: &'static str, text: impl Into<Vec<u8>>, words: &'static [&'static str]) -> Row<Vec<u8>> {
    row(name, text.into(), "Line", words)
}

/// A line of one type with further fields.
fn of(record_type: &str, fields: &str) -> String {
    format!(r#"{{"type":"{record_type}",{fields}}}"#)
}

fn event(fields: &str) -> String {
    of("event", &format!(r#""user":"u1","kind":"view",{fields}"#))
}

pub(super) fn segments() -> Vec<Row<Vec<u8>>> {
    vec![
        line(
            "segment without a predicate",
            of("segment", r#""name":"x""#),
            &["segment: not a segment", "where"],
        ),
        line(
            "segment with a field too many",
            of("segment", r#""name":"x","where":"true","form":1"#),
            &["segment: not a segment", "form"],
        ),
        #[cfg(feature = "sql")]
        line(
            "segment of half a predicate",
            of("segment", r#""name":"x","where":"age >""#),
            &["segment: not a segment", "found the end"],
        ),
    ]
}

pub(super) fn syntax() -> Vec<Row<Vec<u8>>> {
    const NOT_JSON: &[&str] = &["line: not JSON"];
    let nested = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
    vec![
        line("line of words", "nonsense", &["line: not JSON", "expected"]),
        line("line cut in a text", r#"{"type":"user","id":"a"#, &["line: not JSON", "EOF"]),
        line("line cut after a colon", r#"{"type":"user","id":"#, &["line: not JSON", "EOF"]),
        line(
            "line with a comma too many",
            r#"{"type":"user","id":"a",}"#,
            &["line: not JSON", "trailing comma"],
        ),
        line(
            "two objects in a line",
            r#"{"type":"user","id":"a"}{}"#,
            &["line: not JSON", "trailing characters"],
        ),
        line("line with single quotes", "{'type':'user'}", NOT_JSON),
        line("line with a comment", r#"{"type":"user","id":"a"} // ann"#, NOT_JSON),
        line("line with a list", "[1,2]", &["line: not a JSON object"]),
        line("line with a text", "\"user\"", &["line: not a JSON object"]),
        line("line with a number", "5", &["line: not a JSON object"]),
        line("line with null", "null", &["line: not a JSON object"]),
        line("line with NaN", event(r#""time":0,"value":NaN"#), NOT_JSON),
        line("line with a leading zero", event(r#""time":0,"value":01"#), NOT_JSON),
        line("line with a hexadecimal number", event(r#""time":0,"value":0x10"#), NOT_JSON),
        line("line with a number beyond all", event(r#""time":0,"value":1e999"#), &["number out of range"]),
        line("line with half a surrogate pair", of("user", r#""id":"\ud800""#), NOT_JSON),
        line("line with the second half alone", of("user", r#""id":"\udc00x""#), NOT_JSON),
        line("line with an unknown escape", of("user", r#""id":"\x41""#), &["line: not JSON", "escape"]),
        line("line with a raw tab in a text", of("user", "\"id\":\"a\tb\""), &["line: not JSON", "control"]),
        line("line with a raw NUL in a text", of("user", "\"id\":\"a\0b\""), &["line: not JSON", "control"]),
        line("line of NUL bytes", vec![0; 64], NOT_JSON),
        line(
            "line in Latin-1",
            b"{\"type\":\"user\",\"id\":\"J\xf6rg\"}".as_slice(),
            &["not UTF-8", "at byte 23"],
        ),
        line(
            "line with NUL in two bytes",
            b"{\"type\":\"user\",\"id\":\"\xc0\x80\"}".as_slice(),
            &["not UTF-8"],
        ),
        line("line with a surrogate in UTF-8", b"\"\xed\xa0\x80\"".as_slice(), &["not UTF-8", "at byte 2"]),
        line("line in UTF-16", b"\xff\xfe{\0}\0".as_slice(), &["not UTF-8", "at byte 1"]),
        line("byte order mark in the middle", format!("\u{feff}{KNOWN}"), NOT_JSON),
        line(
            "a known field 10,000 levels deep",
            of("user", &format!(r#""id":{}"#, nested(10_000))),
            NOT_JSON,
        ),
        line(
            "attributes 10,000 levels deep",
            of("user", &format!(r#""attributes":{{"a":{}}}"#, nested(10_000))),
            NOT_JSON,
        ),
        line("brackets that never close", "[".repeat(1 << 20), &["line:"]),
        line(
            "line over 16 MiB",
            of("user", &format!(r#""id":"{}""#, "a".repeat(16 << 20))),
            &["longer than 16 MiB"],
        ),
    ]
}

pub(super) fn types() -> Vec<Row<Vec<u8>>> {
    vec![
        line("object without anything", "{}", &["type: missing"]),
        line("type null", r#"{"type":null}"#, &["type: missing"]),
        line("type a number", r#"{"type":1}"#, &["type: unknown", "a number"]),
        line("type unknown", r#"{"type":"usr","id":"a"}"#, &["type: unknown", "usr"]),
        line("type in capitals", r#"{"type":"USER","id":"a"}"#, &["type: unknown", "USER"]),
        line("type of a megabyte", format!(r#"{{"type":"{}"}}"#, "t".repeat(1 << 20)), &["type: unknown"]),
    ]
}

pub(super) fn ids() -> Vec<Row<Vec<u8>>> {
    vec![
        line("user without an id", r#"{"type":"user"}"#, &["id: missing"]),
        line("item with id null", of("item", r#""id":null"#), &["id: missing"]),
        line("item with an id of spaces", of("item", r#""id":"  ""#), &["id: missing"]),
        line("id a bool", of("user", r#""id":true"#), &["id: not an id", "a bool"]),
        line("id a list", of("user", r#""id":["a"]"#), &["id: not an id", "a list"]),
        line("id an object", of("user", r#""id":{"a":1}"#), &["id: not an id", "an object"]),
        line("id a fraction", of("user", r#""id":1.5"#), &["id: not an id", "a number"]),
        line("id a number that is not exact", of("user", r#""id":1e300"#), &["id: not an id", "a number"]),
        line("id with an escaped NUL", of("user", r#""id":"a\u0000b""#), &["id: not an id", "control"]),
        line(
            "id of 257 bytes in a line",
            of("user", &format!(r#""id":"{}""#, "a".repeat(257))),
            &["id: not an id"],
        ),
        line("field given twice", of("user", r#""id":"a","id":"b""#), &["id: given twice"]),
        line("type given twice", of("user", r#""type":"item","id":"b""#), &["type: given twice"]),
    ]
}

pub(super) fn events() -> Vec<Row<Vec<u8>>> {
    vec![
        line("event without a user", of("event", r#""kind":"view","time":0"#), &["user: missing"]),
        line("event without a kind", of("event", r#""user":"u1","time":0"#), &["kind: missing"]),
        line("event without a time", of("event", r#""user":"u1","kind":"view""#), &["time: missing"]),
        line("event with an empty time", event(r#""time":"""#), &["time: missing"]),
        line("event with a bool for a time", event(r#""time":true"#), &["time: not a time", "a bool"]),
        line("event with a list for a time", event(r#""time":[0]"#), &["time: not a time", "a list"]),
        line("event with a time beyond numbers", event(r#""time":1e300"#), &["time: not a time"]),
        line(
            "event with a time beyond 64 bits",
            event(r#""time":18446744073709551615"#),
            &["time: not a time"],
        ),
        line(
            "event of an unknown kind in a line",
            of("event", r#""user":"u1","kind":"vew","time":0"#),
            &["event kind \"vew\"", "did you mean \"view\"?"],
        ),
        line("event with a bad item", event(r#""time":0,"item":[]"#), &["item: not an id"]),
        line("text without words", of("text", r#""user":"u1","time":0"#), &["text: missing"]),
        line(
            "text of nothing but tags",
            of("text", r#""user":"u1","time":0,"text":"<b></b>""#),
            &["text: missing"],
        ),
        line(
            "text over 1 MiB in a line of 5 MB",
            of("text", &format!(r#""user":"u1","time":0,"text":"{}""#, "word ".repeat(1_000_000))),
            &["text: longer than 1 MiB"],
        ),
    ]
}

pub(super) fn attributes() -> Vec<Row<Vec<u8>>> {
    vec![
        line(
            "attributes a list",
            of("user", r#""id":"a","attributes":[1]"#),
            &["attributes: not an object", "a list"],
        ),
        line(
            "attributes a text",
            of("user", r#""id":"a","attributes":"age""#),
            &["attributes: not an object", "a text"],
        ),
        line(
            "attributes given twice",
            of("user", r#""id":"a","attributes":{},"attributes":{}"#),
            &["attributes: given twice"],
        ),
        line(
            "one attribute given twice",
            of("user", r#""id":"a","attributes":{"age":1,"age":2}"#),
            &["attributes: given twice", "age"],
        ),
        line(
            "one attribute given twice but for a space",
            of("user", r#""id":"a","attributes":{"age":1," age":2}"#),
            &["attributes: given twice", "age"],
        ),
        line(
            "100,000 attributes in a line",
            of(
                "user",
                &format!(
                    r#""id":"a","attributes":{{{}"z":0}}"#,
                    (0..100_000).map(|n| format!(r#""{n}":0,"#)).collect::<Vec<_>>().concat()
                ),
            ),
            &["attributes"],
        ),
    ]
}

pub(super) fn removals() -> Vec<Row<Vec<u8>>> {
    vec![
        line(
            "nothing to remove",
            r#"{"type":"remove"}"#,
            &["remove: not one user, attribute of a user, or item"],
        ),
        line("user and item to remove", of("remove", r#""user":"u1","item":"i1""#), &["remove: not one"]),
        line(
            "attribute null to remove",
            of("remove", r#""user":"u1","attribute":null"#),
            &["remove: not one"],
        ),
        line("attribute of nobody to remove", of("remove", r#""attribute":"age""#), &["remove: not one"]),
        line(
            "removal with a field misspelt",
            of("remove", r#""user":"u1","atribute":"age""#),
            &["remove: unknown field", "atribute"],
        ),
        line(
            "vector for an encoder in a line",
            of("user", r#""id":"a","vector":[1.0]"#),
            &["takes no vector"],
        ),
    ]
}

/// Of a store of three dimensions under cosine.
pub(super) fn vectors() -> Vec<Row<Vec<u8>>> {
    const NUMBERS: &[&str] = &["vector: not 1 to 4096 finite numbers"];
    let user = |vector: &str| of("user", &format!(r#""id":"a","vector":{vector}"#));
    vec![
        line("vector empty in a line", user("[]"), &["vector: not 1 to 4096 finite numbers", "0 elements"]),
        line("vector of 4097 in a line", user(&format!("[{}0]", "0,".repeat(4096))), &["4097 elements"]),
        line(
            "vector of a million in a line",
            user(&format!("[{}0]", "0,".repeat(1_000_000))),
            &["more than 65536"],
        ),
        line("vector a number in a line", user("3"), NUMBERS),
        line("vector with a text in a line", user(r#"[1,"2",3]"#), &["at position 1"]),
        line("vector with null in a line", user("[null,2,3]"), &["at position 0"]),
        line("vector with a list in a line", user("[1,2,[3]]"), &["at position 2"]),
        line("vector beyond 32-bit floats in a line", user("[1,2,1e39]"), &["at position 2"]),
        line("vector of two in a line", user("[1,2]"), &["has 2 dimensions, the store has 3"]),
        line("vector of zeros in a line", user("[0,0,-0.0]"), &["all zeros"]),
        line("vector that overflows in a line", user("[1e20,0,0]"), &["at most 1e18"]),
    ]
}

/// Refused in strict mode only; else ignored, and counted.
pub(super) fn strict() -> Vec<Row<Vec<u8>>> {
    vec![
        line("unknown field", of("user", r#""id":"u1","nme":"x""#), &["unknown field \"nme\""]),
        line(
            "field of another type",
            of("user", r#""id":"u1","quantity":1"#),
            &["unknown field \"quantity\""],
        ),
        line(
            "unknown field 10,000 levels deep",
            of("user", &format!(r#""id":"u1","x":{}{}"#, "[".repeat(10_000), "]".repeat(10_000))),
            &["unknown field \"x\""],
        ),
        line("field without a name", of("user", r#""id":"u1","":1"#), &["unknown field \"\""]),
    ]
}

/// Every line is the second of a source: in strict mode the error names it, else it is written to the rejects.
pub(super) fn refuses_lines(victim: &mut Victim, rows: &[Row<Vec<u8>>]) {
    for row in rows {
        refuses_strictly(victim, row);
        let (report, reject) = victim.unchanged_by(row.name, |victim| {
            let mut rejects = Vec::new();
            let report = victim.store().ingest(source(victim, row), &Options::new(), &mut rejects, &|_| {});
            (report.unwrap(), serde_json::from_slice::<serde_json::Value>(&rejects).unwrap_or_default())
        });
        let told = (report.read, report.duplicate, report.rejected, &reject["source"], &reject["line"]);
        if told != (2, 1, 1, &"input".into(), &2.into()) {
            victim.failures.add(row.name, format!("not rejected as it should: {report} {reject}"));
        }
        let word = |field: &str| reject[field].as_str().unwrap_or_default().to_owned();
        row.check_message(&format!("{} ({})", word("reason"), word("detail")), &mut victim.failures);
    }
}

fn refuses_strictly(victim: &mut Victim, row: &Row<Vec<u8>>) {
    victim.refuses_one(row, |victim| {
        let (mut rejects, options) = (Vec::new(), Options::new().strict(true));
        let read = victim.store().ingest(source(victim, row), &options, &mut rejects, &|_| {});
        if let Err(error) = &read {
            assert!(error.to_string().starts_with("input:2: "), "{}: {error}", row.name);
        }
        read
    });
}

fn source(victim: &Victim, row: &Row<Vec<u8>>) -> Source {
    let known = if victim.store().snapshot().profile("u1").is_ok() {
        KNOWN.to_owned()
    } else {
        KNOWN.replace("u1", "ann")
    };
    let bytes = [known.as_bytes(), b"\n", &row.input, b"\n"].concat();
    Source::reader("input", std::io::Cursor::new(bytes))
}

#[test]
fn bad_lines_are_refused() {
    let mut victim = Victim::with_encoder();
    for rows in [syntax(), types(), ids(), events(), attributes(), removals(), segments()] {
        refuses_lines(&mut victim, &rows);
    }
    refuses_lines(&mut Victim::with_vectors(Metric::Cosine), &vectors());
}

#[test]
fn unknown_fields_are_refused_where_reading_is_strict() {
    let mut victim = Victim::with_encoder();
    for row in strict() {
        refuses_strictly(&mut victim, &row);
        let report = victim.unchanged_by(row.name, |victim| {
            victim.store().ingest(source(victim, &row), &Options::new(), &mut Vec::new(), &|_| {}).unwrap()
        });
        assert_eq!((report.duplicate, report.unknown_fields.len()), (2, 1), "{}", row.name);
    }
}

#[test]
fn what_needs_no_line_is_no_error() {
    let mut victim = Victim::with_encoder();
    for (name, bytes, read) in [
        ("an empty file", "", 0),
        ("white space", "\n  \r\n\t\n", 0),
        ("a byte order mark alone", "\u{feff}", 0),
        ("a byte order mark before a line", "\u{feff}{\"type\":\"user\",\"id\":\"u1\"}", 1),
    ] {
        let report = victim.unchanged_by(name, |victim| {
            let source = Source::reader("input", bytes.as_bytes());
            victim.store().ingest(source, &Options::new().strict(true), &mut Vec::new(), &|_| {}).unwrap()
        });
        assert_eq!((report.read, report.duplicate), (read, read), "{name}");
    }
    let long = "x".repeat(MAX_TEXT_BYTES);
    let text = of("text", &format!(r#""user":"u1","time":0,"text":"{long}""#));
    let report = victim.store().ingest(
        Source::reader("input", std::io::Cursor::new(text)),
        &Options::new().strict(true),
        &mut Vec::new(),
        &|_| {},
    );
    assert_eq!(report.unwrap().accepted, 1);
}
