//! Lines of archives of folded events, as no export has them.

use super::lines::refuses_lines;
use super::{Row, Victim, row};
use kindred::model::Metric;

/// An honest entry: two events on an item, in two hours of the day.
const ENTRY: &str = r#"{"item":"i0","kind":"view","count":2,"value":1.5,"quantity":2.0,"first":"1970-01-02T03:00:00Z","last":"1970-01-03T04:00:00Z","hours":[[3,1],[4,1]]}"#;

fn archive(entries: &str) -> String {
    format!(r#"{{"type":"archive","user":"late","horizon":"1970-01-04","entries":[{entries}]}}"#)
}

fn bad(name: &'static str, text: String, words: &'static [&'static str]) -> Row<Vec<u8>> {
    row(name, text.into_bytes(), "Line", words)
}

/// The honest line with something else in the place of a part of it.
fn with(name: &'static str, part: &str, other: &str, words: &'static [&'static str]) -> Row<Vec<u8>> {
    let honest = archive(ENTRY);
    assert!(honest.contains(part), "{name}");
    bad(name, honest.replace(part, other), words)
}

const HOURS: &[&str] = &["hours of an archive's entry", "from 0 to 23"];
const FORM: &[&str] = &["archive: not an archive of folded events"];

pub(super) fn forms() -> Vec<Row<Vec<u8>>> {
    vec![
        with("archive without a user", r#""user":"late","#, "", &["not an archive", "missing field `user`"]),
        with("archive without a horizon", r#""horizon":"1970-01-04","#, "", &["missing field `horizon`"]),
        with("archive with a field too many", r#""user""#, r#""later":1,"user""#, &["unknown field `later`"]),
        with("archive with a user twice", r#""user""#, r#""user":"a","user""#, &["duplicate field"]),
        with(
            "archive with an entry of more fields",
            r#""kind""#,
            r#""text_id":1,"kind""#,
            &["unknown field"],
        ),
        with("archive with an entry without a kind", r#""kind":"view","#, "", &["missing field `kind`"]),
        with("archive with a count below 0", r#""count":2"#, r#""count":-2"#, FORM),
        with("archive with a count of a fraction", r#""count":2"#, r#""count":2.5"#, FORM),
        with("archive with a value beyond all", "1.5", "1e999", &["number out of range"]),
        with("archive with a value of null", "1.5", "null", FORM),
        with("archive with an hour of three", "[3,1]", "[3,1,1]", FORM),
        with("archive with an hour of 256", "[3,1]", "[256,1]", FORM),
        with("archive with an hour counted below 0", "[3,1]", "[3,-1]", FORM),
        with("archive with a horizon in no year", "1970-01-04", "12970-01-04", FORM),
        with("archive with a list of entries in a list", "[{", "[[{", &["line: not JSON"]),
        with("archive with a hash of a byte", r#""kind""#, r#""text":{"hash":"00"},"kind""#, FORM),
        with("archive with a hash of no digits", r#""kind""#, r#""text":{"hash":"zz"},"kind""#, FORM),
        bad("archive of entries that are none", archive("1,2"), FORM),
    ]
}

pub(super) fn sums() -> Vec<Row<Vec<u8>>> {
    let many = vec![ENTRY; 129].join(",");
    let long = "k".repeat(257);
    vec![
        with("archive of a user without an id", "late", "", &["user id is empty"]),
        with("archive of an item without an id", "i0", "", &["item id is empty"]),
        with("archive of an unknown kind", "view", "veiw", &["no event kind \"veiw\"", "view"]),
        with("archive of a kind of 257 bytes", "view", &long, &["257 bytes"]),
        with("archive of no events", r#""count":2"#, r#""count":0"#, HOURS),
        with("archive of more events than hours", r#""count":2"#, r#""count":3"#, HOURS),
        with("archive of all events there can be", r#""count":2"#, r#""count":18446744073709551615"#, HOURS),
        with("archive of hour 24", "[4,1]", "[24,1]", HOURS),
        with("archive of an hour without events", "[4,1]", "[4,1],[5,0]", HOURS),
        with("archive of an hour twice", "[4,1]", "[3,1]", HOURS),
        with("archive of hours in disorder", "[3,1],[4,1]", "[4,1],[3,1]", HOURS),
        with(
            "archive that ends before it begins",
            "1970-01-02T03",
            "1970-01-03T05",
            &["times of an archive"],
        ),
        with("archive behind its horizon", "1970-01-04", "1970-01-03", &["not after the horizon"]),
        bad("archive with an entry twice", archive(&format!("{ENTRY},{ENTRY}")), &["two alike"]),
        bad("archive of 129 entries", archive(&many), &["is 129", "at most 128"]),
    ]
}

fn texts(vector: &str) -> String {
    let text = format!(r#""text":{{"hash":"000102030405060708090a0b0c0d0e0f"{vector}}},"kind""#);
    archive(&ENTRY.replace(r#""kind""#, &text))
}

pub(super) fn vectors() -> Vec<Row<Vec<u8>>> {
    let of = |numbers: &str| texts(&format!(r#","vector":[{numbers}]"#));
    let unit = |last: &str| of(&format!("{}{last}", "0,".repeat(31)));
    vec![
        bad("archive of a text of which nothing is known", texts(""), &["not of one piece"]),
        bad("archive of a text with a short vector", of("1"), &["has 1 dimensions, the store has 32"]),
        bad("archive of a text with a vector beyond floats", unit("1e39"), &["not finite at position 31"]),
        bad("archive of a text with a long vector", unit("2"), &["length of the vector", "it is 1"]),
        bad("archive of a text with a vector of words", of(r#""a""#), FORM),
    ]
}

#[test]
fn bad_archives_are_refused() {
    let mut victim = Victim::with_encoder();
    for rows in [forms(), sums(), vectors()] {
        refuses_lines(&mut victim, &rows);
    }
    let unit = texts(r#","vector":[1,0,0]"#);
    let row = bad("archive of a text in a store of vectors", unit, &["keeps none of texts"]);
    refuses_lines(&mut Victim::with_vectors(Metric::Cosine), &[row]);
    let report = victim.store().ingest(
        kindred::ingest::Source::reader("honest", std::io::Cursor::new(archive(ENTRY))),
        &kindred::ingest::Options::new().strict(true),
        &mut Vec::new(),
        &|_| {},
    );
    assert_eq!(report.unwrap().accepted, 1, "the line that the others are made of");
}

/// Of a user of whom events are stored that may be in it.
#[test]
fn an_archive_of_a_user_with_old_events_is_refused() {
    let mut victim = Victim::with_encoder();
    let old = archive(ENTRY).replace("late", "u1").replace("1970-01-04", "1970-06-01");
    refuses_lines(&mut victim, &[bad("archive of a user with old events", old, &["not of one piece"])]);
}
