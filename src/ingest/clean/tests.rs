use crate::ingest::{Entry, Options, Reader, Report, Source, write_record};
use crate::model::{Erasure, Event, Hex, Item, Record, Removal, Text, Time, Tombstone, User, Value};
use proptest::prelude::*;

fn read(text: impl Into<Vec<u8>>, options: &Options) -> (Vec<Entry>, Report) {
    let source = Source::reader("t.jsonl", std::io::Cursor::new(text.into()));
    let mut reader = Reader::open(source, options).unwrap();
    let entries = reader.by_ref().map(Result::unwrap).collect();
    (entries, reader.into_report())
}

fn one(line: &str) -> (Result<Record, (String, String)>, Report) {
    let (mut entries, report) = read(line, &Options::new());
    assert_eq!(entries.len(), 1, "{line}");
    let outcome = match entries.remove(0) {
        Entry::Accepted(accepted) => Ok(accepted.record),
        Entry::Rejected(reject) => {
            assert_eq!(reject.record, line);
            Err((reject.reason, reject.detail))
        }
    };
    (outcome, report)
}

#[test]
fn each_malformed_line_has_its_reason() {
    let long_id = format!(r#"{{"type":"user","id":"{}"}}"#, "a".repeat(257));
    let long_text = format!(r#"{{"type":"item","id":"a","text":"{}"}}"#, "a".repeat((1 << 20) + 1));
    let deep = format!(r#"{{"type":"user","id":{}}}"#, "[".repeat(10_000));
    for (line, reason) in [
        ("x", "line: not JSON"),
        ("{", "line: not JSON"),
        (r#"{"type":"user","id":"a"} x"#, "line: not JSON"),
        (r#"{"type":"user","id":"\ud800"}"#, "line: not JSON"),
        (r#"{"type":"user","id":NaN}"#, "line: not JSON"),
        (deep.as_str(), "line: not JSON"),
        ("[]", "line: not a JSON object"),
        ("3", "line: not a JSON object"),
        ("{}", "type: missing"),
        (r#"{"type":null}"#, "type: missing"),
        (r#"{"type":"thing"}"#, "type: unknown"),
        (r#"{"type":3}"#, "type: unknown"),
        (r#"{"type":"user","type":"user","id":"a"}"#, "type: given twice"),
        (r#"{"type":"user","id":"a","attributes":{"x":1,"x":2}}"#, "attributes: given twice"),
        (r#"{"type":"user","id":"a","attributes":{},"attributes":null}"#, "attributes: given twice"),
        (r#"{"type":"user","id":"a","attributes":[1]}"#, "attributes: not an object"),
        (r#"{"type":"user"}"#, "id: missing"),
        (r#"{"type":"user","id":" "}"#, "id: missing"),
        (r#"{"type":"user","id":null}"#, "id: missing"),
        (r#"{"type":"user","id":true}"#, "id: not an id"),
        (r#"{"type":"user","id":1.5}"#, "id: not an id"),
        (r#"{"type":"user","id":1e300}"#, "id: not an id"),
        (r#"{"type":"user","id":"a\u0001b"}"#, "id: not an id"),
        (long_id.as_str(), "id: not an id"),
        (long_text.as_str(), "text: longer than 1 MiB"),
        (r#"{"type":"user","id":"a","vector":[]}"#, "vector: not 1 to 4096 finite numbers"),
        (r#"{"type":"user","id":"a","vector":[1,"2"]}"#, "vector: not 1 to 4096 finite numbers"),
        (r#"{"type":"user","id":"a","vector":[1e39]}"#, "vector: not 1 to 4096 finite numbers"),
        (r#"{"type":"event","kind":"view","time":0}"#, "user: missing"),
        (r#"{"type":"event","user":"a","time":0}"#, "kind: missing"),
        (r#"{"type":"event","user":"a","kind":"view"}"#, "time: missing"),
        (r#"{"type":"event","user":"a","kind":"view","time":""}"#, "time: missing"),
        (
            r#"{"type":"event","user":"a","kind":"view","time":"yesterday"}"#,
            "time: not a time in the years 1 to 9999",
        ),
        (
            r#"{"type":"event","user":"a","kind":"view","time":1e300}"#,
            "time: not a time in the years 1 to 9999",
        ),
        (
            r#"{"type":"event","user":"a","kind":"view","time":true}"#,
            "time: not a time in the years 1 to 9999",
        ),
        (r#"{"type":"text","user":"a","time":0}"#, "text: missing"),
        (r#"{"type":"text","user":"a","text":"<br> &nbsp;","time":0}"#, "text: missing"),
        (r#"{"type":"remove"}"#, "remove: not one user, attribute of a user, or item"),
        (r#"{"type":"remove","user":"a","item":"b"}"#, "remove: not one user, attribute of a user, or item"),
        (
            r#"{"type":"remove","item":"a","attribute":"b"}"#,
            "remove: not one user, attribute of a user, or item",
        ),
        (
            r#"{"type":"remove","user":"a","attribute":null}"#,
            "remove: not one user, attribute of a user, or item",
        ),
        (r#"{"type":"remove","user":"a","atribute":"b"}"#, "remove: unknown field"),
        (r#"{"type":"remove","user":"a","id":"b"}"#, "remove: unknown field"),
    ] {
        assert_refused(line, reason);
    }
}

#[test]
fn a_malformed_erasure_has_its_reason() {
    for (line, reason) in [
        (r#"{"type":"erase","user":"a","item":"b"}"#, "erase: unknown field"),
        (r#"{"type":"erase"}"#, "user: missing"),
        (r#"{"type":"readmit","user":"a","usr":"b"}"#, "readmit: unknown field"),
        (r#"{"type":"erased","hash":"00"}"#, "salt: missing"),
        (r#"{"type":"erased","salt":"00","hash":"00"}"#, "salt: not the hexadecimal digits of an export"),
    ] {
        assert_refused(line, reason);
    }
}

fn assert_refused(line: &str, reason: &str) {
    let (outcome, report) = one(line);
    let shown = &line[..line.len().min(100)];
    assert_eq!(outcome.map_err(|(reason, _)| reason), Err(reason.to_owned()), "{shown}");
    assert_eq!((report.read, report.rejected, report.reasons[reason]), (1, 1, 1), "{shown}");
}

#[test]
fn bytes_that_are_not_utf8_and_endless_lines_are_refused_and_the_next_line_is_read() {
    let mut bytes = b"{\"type\":\"user\",\"id\":\"\xff\"}\n".to_vec();
    bytes.extend(std::iter::repeat_n(b'x', 17 << 20));
    bytes.extend_from_slice(b"\n\n  \n{\"type\":\"user\",\"id\":\"a\"}");
    let (entries, report) = read(bytes, &Options::new());
    assert_eq!(report.reasons.keys().collect::<Vec<_>>(), ["line: longer than 16 MiB", "line: not UTF-8"]);
    assert!(matches!(&entries[2], Entry::Accepted(line) if line.number == 5));
    assert_eq!((report.read, report.accepted), (3, 1));
}

#[test]
fn what_can_be_mended_is_mended_and_counted() {
    let event = |extra: &str| format!(r#"{{"type":"event","user":"u","kind":"view","time":0{extra}}}"#);
    for (line, repair) in [
        (event(r#","value":"3.5""#), "value: number given as a text"),
        (event(r#","value":"much""#), "value: not a number"),
        (event(r#","value":"inf""#), "value: not finite"),
        (event(r#","quantity":[]"#), "quantity: not a number"),
        (event(r#","item":" p ""#), "item: white space around it"),
        (event(r#","text":"a  b""#), "text: text cleaned"),
        (event(r#","text":5"#), "text: number given for a text"),
        (event(r#","text":{}"#), "text: not a text"),
        (r#"{"type":"user","id":"a","attributes":{"x":{"y":1}}}"#.into(), "attributes.x: an object"),
        (
            r#"{"type":"user","id":"a","attributes":{"x":{"time":"z"}}}"#.into(),
            "attributes.x: an unreadable time",
        ),
        (r#"{"type":"user","id":"a","attributes":{"x":[1]}}"#.into(), "attributes.x: a set holds texts only"),
        (
            r#"{"type":"user","id":"a","attributes":{"x":["a","a"]}}"#.into(),
            "attributes.x: a text of a set given twice",
        ),
        (
            r#"{"type":"user","id":"a","attributes":{"x":18446744073709551615}}"#.into(),
            "attributes.x: number too large",
        ),
        (r#"{"type":"user","id":"a","attributes":{"":1}}"#.into(), "attributes: not a name"),
        (r#"{"type":"user","id":"a","attributes":{"x":"ﬁn"}}"#.into(), "attributes.x: text cleaned"),
    ] {
        let (outcome, report) = one(&line);
        assert!(outcome.is_ok(), "{line}");
        assert_eq!(report.repairs.keys().collect::<Vec<_>>(), [repair], "{line}");
        assert_eq!((report.accepted, report.repaired), (1, 1), "{line}");
    }
}

#[test]
fn missing_values_and_whole_ids_need_no_mending() {
    let (outcome, report) = one(
        r#"{"type":"event","id":7.0,"user":12,"item":null,"kind":"view","time":"1970-01-01","value":null,"text":""}"#,
    );
    assert_eq!(outcome.unwrap(), Record::Event(Event::new("12", "view", Time::default()).id("7")));
    assert_eq!(report.repaired, 0);
    assert_eq!(report.missing.keys().collect::<Vec<_>>(), ["item", "text", "value"]);
}

#[test]
fn unknown_fields_are_counted_and_strict_reading_stops_at_them() {
    let lines = "{\"type\":\"user\",\"id\":\"a\"}\n{\"type\":\"user\",\"id\":\"b\",\"kind\":\"x\",\"y\":[1]}\n{\"type\":\"user\"}\n";
    let (_, report) = read(lines, &Options::new());
    assert_eq!(report.unknown_fields.keys().collect::<Vec<_>>(), ["kind", "y"]);
    let strict = |lines: &'static str| {
        let reader =
            Reader::open(Source::reader("t.jsonl", lines.as_bytes()), &Options::new().strict(true)).unwrap();
        let all: Vec<_> = reader.collect();
        assert!(all[..all.len() - 1].iter().all(Result::is_ok));
        (all.len(), all.last().unwrap().as_ref().unwrap_err().to_string())
    };
    assert_eq!(strict(lines), (2, "t.jsonl:2: unknown field \"kind\"".into()));
    assert_eq!(strict("\n{\"type\":\"user\"}\n{}\n"), (1, "t.jsonl:2: id: missing".into()));
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-zé &<>;\u{200b}\"\\\\\n]{1,12}",
        any::<String>().prop_filter("empty", |text| !text.is_empty())
    ]
}

fn id() -> impl Strategy<Value = String> {
    "[a-zé .\"\\\\-]{1,20}".prop_filter("ids are trimmed", |id| id.trim() == id)
}

fn time() -> impl Strategy<Value = Time> {
    (-62_135_596_800_000_000_i64..253_402_207_200_000_000)
        .prop_map(|micros| Time::from_micros(micros).unwrap())
}

fn finite() -> impl Strategy<Value = f64> {
    any::<f64>().prop_filter("finite", |number| number.is_finite())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        any::<i64>().prop_map(Value::Int),
        finite().prop_map(Value::Float),
        text().prop_map(Value::Text),
        time().prop_map(Value::Time),
        prop::collection::btree_set(text(), 0..4).prop_map(Value::Set),
    ]
}

fn record() -> impl Strategy<Value = Record> {
    let optional = |text| prop::option::of(text);
    let attributes = || prop::collection::btree_map(id(), value(), 0..4);
    let vector = prop::collection::vec(any::<f32>().prop_filter("finite", |x| x.is_finite()), 1..4);
    let event = (
        (prop::option::of(id()), id(), prop::option::of(id()), id(), time()),
        (prop::option::of(finite()), prop::option::of(finite()), optional(text().boxed())),
    );
    prop_oneof![
        event.prop_map(|((id, user, item, kind, time), (value, quantity, text))| {
            Record::Event(Event { id, user, item, kind, time, value, quantity, text })
        }),
        (id(), prop::option::of(text()), attributes())
            .prop_map(|(id, text, attributes)| Record::Item(Item { id, text, attributes })),
        (id(), attributes(), prop::option::of(vector))
            .prop_map(|(id, attributes, vector)| Record::User(User { id, attributes, vector })),
        (id(), text(), time()).prop_map(|(user, text, time)| Record::Text(Text { user, text, time })),
        (id(), id()).prop_map(|(user, attribute)| Record::Remove(Removal::UserAttribute { user, attribute })),
        id().prop_map(|user| Record::Remove(Removal::User { user })),
        id().prop_map(|item| Record::Remove(Removal::Item { item })),
        id().prop_map(|user| Record::Erase(Erasure { user })),
        id().prop_map(|user| Record::Readmit(Erasure { user })),
        any::<([u8; 32], [u8; 16])>()
            .prop_map(|(salt, hash)| Record::Erased(Tombstone { salt: Hex(salt), hash: Hex(hash) })),
    ]
}

fn written(record: &Record) -> Vec<u8> {
    let mut line = Vec::new();
    write_record(record, &mut line).unwrap();
    line
}

fn accepted(bytes: Vec<u8>, options: &Options) -> Record {
    let (mut entries, report) = read(bytes, options);
    assert!(report.unknown_fields.is_empty());
    match entries.remove(0) {
        Entry::Accepted(line) => line.record,
        Entry::Rejected(reject) => panic!("{reject:?}"),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]
    #[test]
    fn what_was_written_is_read_back_equal(record in record()) {
        let bytes = written(&record);
        let back = accepted(bytes.clone(), &Options::new().as_is(true));
        prop_assert_eq!(&back, &record);
        prop_assert_eq!(written(&back), bytes.clone());
        let by_serde: Record = serde_json::from_slice(&bytes).unwrap();
        prop_assert_eq!(by_serde, record);
    }

    #[test]
    fn cleaning_twice_is_cleaning_once(record in record()) {
        let (entries, _) = read(written(&record), &Options::new());
        if let Entry::Accepted(once) = &entries[0] {
            let (again, report) = read(written(&once.record), &Options::new());
            prop_assert!(matches!(&again[0], Entry::Accepted(twice) if twice.record == once.record));
            prop_assert_eq!((report.repaired, report.missing.len()), (0, 0));
        }
    }

    #[test]
    fn every_line_is_accounted_for(lines in prop::collection::vec("[{}\\[\\]\":,a1 \r]{0,12}|\\{\"type\":\"user\",\"id\":\"a\"\\}", 0..20)) {
        let (entries, report) = read(lines.join("\n"), &Options::new());
        let not_blank = lines.iter().filter(|line| !line.trim_ascii().is_empty()).count() as u64;
        prop_assert_eq!(report.read, not_blank);
        prop_assert_eq!(entries.len() as u64, not_blank);
        prop_assert_eq!(report.read, report.accepted + report.rejected);
    }
}
