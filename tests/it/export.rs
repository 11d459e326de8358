//! What goes out comes in again, and goes out the same.

use crate::fixture::{bought, day, encoder, fusion, item, options, place, store, vector_options};
use kindred::ingest::{self, Source};
use kindred::model::{
    Attributes, Erasure, Event, EventKind, Interval, Item, Metric, Record, Removal, SegmentDefinition, Text,
    Time, attribute, count,
};
use kindred::model::{Hex, Tombstone, User, Value};
use kindred::{Error, Fusion, Options, Snapshot, Store};
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::io::Cursor;

fn exported(snapshot: &Snapshot) -> String {
    let mut lines = Vec::new();
    let rows = snapshot.export(&mut lines, &|_| {}).unwrap();
    let text = String::from_utf8(lines).unwrap();
    assert_eq!(text.lines().count() as u64, rows);
    text
}

fn source(lines: &str) -> Source {
    Source::reader("export", Cursor::new(lines.to_owned()))
}

/// The export of a store that was made of an export.
fn again(lines: &str, options: &Options) -> String {
    let place = place();
    let (store, report) = options.import(&place.path, source(lines), &|_| {}).unwrap();
    assert_eq!((report.rejected, report.repaired), (0, 0), "{report}");
    exported(&store.snapshot())
}

fn kind(name: &str, weight: f32, half_life_days: f32) -> EventKind {
    EventKind { name: name.into(), weight, half_life_days }
}

/// Few ids, so that records meet; some that cleaning would change.
fn id() -> impl Strategy<Value = String> {
    let ids = ["a", "b", "c", " a", "1", "-0", "é\"\\", "&lt;", "ａ", "{\"time\":1}", "null", "\u{200b}"];
    prop::sample::select(ids.to_vec()).prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            " ",
            "x",
            "<b>fish</b>",
            "&amp;",
            "\u{0}\n\t",
            "Ａ\u{200b}",
            "\u{2028}",
            "12"
        ])
        .prop_map(str::to_owned),
        any::<String>(),
    ]
}

fn float() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<u64>().prop_map(f64::from_bits).prop_filter("finite", |number| number.is_finite()),
        prop::sample::select(vec![-0.0, 0.0, 3.0, 1e16, 1e300, 5e-324, f64::MAX, 0.1]),
    ]
}

fn time() -> impl Strategy<Value = Time> {
    let edges = [-62_135_596_800_000_000, -1, 0, 1, 100_000_000_000, 253_402_207_200_000_000];
    prop_oneof![
        prop::sample::select(edges.to_vec()),
        0..4_i64,
        any::<i64>().prop_map(|n| n % 253_402_207_200_000_000)
    ]
    .prop_filter_map("in range", |micros| Time::from_micros(micros).ok())
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        prop_oneof![any::<i64>(), Just(i64::MIN), Just(i64::MAX), Just(0)].prop_map(Value::Int),
        float().prop_map(Value::Float),
        text().prop_map(Value::Text),
        time().prop_map(Value::Time),
        prop::collection::btree_set(text(), 0..4).prop_map(Value::Set),
    ]
}

fn attributes() -> impl Strategy<Value = Attributes> {
    prop::collection::btree_map(id(), value(), 0..4)
}

fn event() -> impl Strategy<Value = Event> {
    let kinds = prop::sample::select(vec!["view", "purchase", "dismiss", " rent "]);
    (
        prop::option::of(id()),
        id(),
        prop::option::of(id()),
        kinds,
        time(),
        prop::option::of(float()),
        prop::option::of(float()),
        prop::option::of(text()),
    )
        .prop_map(|(id, user, item, kind, time, value, quantity, text)| {
            let kind = kind.to_owned();
            Event { id, user, item, kind, time, value, quantity, text }
        })
}

fn record(dim: Option<usize>) -> impl Strategy<Value = Record> {
    let vector = move || {
        let number =
            any::<u32>().prop_map(f32::from_bits).prop_filter("short", |x| x.is_finite() && x.abs() < 1e17);
        let number = prop_oneof![number, prop::sample::select(vec![7.038_531e-26, 1e-45, -0.0, 1.0])];
        prop::option::of(prop::collection::vec(number, dim.unwrap_or(1)))
    };
    let user = (id(), attributes(), vector()).prop_map(move |(id, attributes, vector)| User {
        id,
        attributes,
        vector: vector.filter(|_| dim.is_some()),
    });
    prop_oneof![
        3 => (id(), prop::option::of(text()), attributes()).prop_map(|(id, text, attributes)| Record::Item(Item { id, text, attributes })),
        3 => user.prop_map(Record::User),
        8 => event().prop_map(Record::Event),
        3 => (id(), text(), time()).prop_map(|(user, text, time)| Record::Text(Text { user, text, time })),
        1 => id().prop_map(|user| Record::Remove(Removal::User { user })),
        1 => id().prop_map(|item| Record::Remove(Removal::Item { item })),
        1 => (id(), id()).prop_map(|(user, attribute)| Record::Remove(Removal::UserAttribute { user, attribute })),
        1 => id().prop_map(|user| Record::Erase(Erasure { user })),
        1 => id().prop_map(|user| Record::Readmit(Erasure { user })),
        1 => segment(),
        // As from another store's export, of a user who may be there.
        1 => id().prop_map(|user| Record::Erased(Tombstone::of(&user, Hex([7; 32])).unwrap())),
    ]
}

/// One that comes, or goes where predicates are not read as text.
fn segment() -> BoxedStrategy<Record> {
    let gone = id().prop_map(|segment| Record::Remove(Removal::Segment { segment }));
    if !cfg!(feature = "sql") {
        return gone.boxed();
    }
    let predicate = prop_oneof![
        (id(), any::<i64>()).prop_map(|(name, least)| attribute(name).ge(least)),
        (id(), text()).prop_map(|(name, text)| !attribute(name).eq(text)),
        (0..9_u16, 0..3_i64).prop_map(|(days, least)| count("view").within(Interval::days(days)).ge(least)),
    ];
    let defined = (id(), predicate, prop::option::of((1..9_i64).prop_map(day)))
        .prop_map(|(name, predicate, now)| Record::Segment(SegmentDefinition { name, predicate, now }));
    prop_oneof![4 => defined, 1 => gone].boxed()
}

/// Writes the records one by one; those that the store refuses for who was erased are left out.
fn write_all(store: &Store, records: Vec<Record>) {
    store.write(|tx| tx.apply(Record::Erased(Tombstone::of("nobody", Hex([7; 32]))?))).unwrap();
    for record in records {
        match store.write(|tx| tx.apply(record)) {
            Ok(()) | Err(Error::Erased { .. }) => {}
            Err(error) => panic!("{error}"),
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]
    #[test]
    fn an_export_of_texts_and_events_comes_back_to_the_byte(records in prop::collection::vec(record(None), 0..60)) {
        let place = place();
        let odd = Fusion { own_text_half_life_days: f32::INFINITY, text_weight: 0.1, category: " c".into(), ..fusion() };
        let store = options().fusion(odd).kind(kind(" rent ", -0.3, f32::INFINITY)).kind(kind("view", 1e-9, 3e-5));
        let store = store.open(&place.path).unwrap();
        write_all(&store, records);
        let lines = exported(&store.snapshot());
        prop_assert_eq!(again(&lines, &Store::options().encoder(encoder())), lines);
    }

    #[test]
    fn an_export_of_vectors_comes_back_to_the_byte(records in prop::collection::vec(record(Some(3)), 0..60)) {
        let place = place();
        let store = vector_options(3).metric(Metric::L2).kind(kind(" rent ", 2.0, 1.0)).open(&place.path).unwrap();
        write_all(&store, records);
        let lines = exported(&store.snapshot());
        prop_assert_eq!(again(&lines, &Store::options()), lines);
    }
}

/// More than one record takes, put by and by.
#[test]
fn a_user_of_many_attributes_comes_back() {
    let (_place, store) = store();
    for part in 0..3 {
        let names: Vec<String> = (0..3000).map(|n| format!("a{part}-{n}")).collect();
        store.write(|tx| tx.put_user("ann", names.iter().map(|name| (name.as_str(), 1.into())))).unwrap();
    }
    let lines = exported(&store.snapshot());
    assert_eq!(lines.lines().filter(|line| line.contains(r#""type":"user""#)).count(), 3);
    assert_eq!(again(&lines, &Store::options().encoder(encoder())), lines);
}

#[test]
fn an_import_that_broke_off_is_done_again() {
    let (_place, store) = store();
    store.write(|tx| tx.record(bought("ann", "p1", 1)).and(tx.add_text("bob", "fish", day(2)))).unwrap();
    let lines = exported(&store.snapshot());
    let broken: String = lines.split_inclusive('\n').take(4).collect::<String>() + "{\"type\":";
    let options = Store::options().encoder(encoder());
    let place = place();
    let error = options.import(&place.path, source(&broken), &|_| {}).err().unwrap();
    assert!(matches!(error, Error::Line { line: 5, .. }), "{error}");
    let (store, report) = options.import(&place.path, source(&lines), &|_| {}).unwrap();
    assert_eq!((report.duplicate, report.accepted), (4, 2), "{report}");
    assert_eq!(exported(&store.snapshot()), lines);
}

#[test]
fn a_store_that_was_made_otherwise_refuses_an_import_and_is_left_as_it_was() {
    let (_place, original) = store();
    original.write(|tx| tx.put_item(item("p1", "fresh salmon"))).unwrap();
    let lines = exported(&original.snapshot());
    let base = || Store::options().encoder(encoder()).fusion(fusion());
    let others: [(&str, Options); 4] = [
        ("kinds of events", base().kind(kind("rent", 1.0, 1.0))),
        ("fusion", base().fusion(Fusion { text_weight: 0.5, ..fusion() })),
        ("encoder", Store::options().hashed().fusion(fusion())),
        ("encoder", vector_options(32)),
    ];
    for (what, options) in others {
        let place = place();
        drop(options.open(&place.path).unwrap());
        let error = options.import(&place.path, source(&lines), &|_| {}).err().unwrap();
        assert!(matches!(&error, Error::Line { line: 1, reason, .. } if reason.contains(what)), "{error}");
        assert_eq!(options.open(&place.path).unwrap().snapshot().stats().unwrap().items, 0);
    }
}

#[test]
fn a_new_store_is_made_with_the_encoder_of_the_export_or_not_at_all() {
    let (_place, store) = store();
    let lines = exported(&store.snapshot());
    let place = place();
    let error = Store::options().import(&place.path, source(&lines), &|_| {}).err().unwrap();
    assert!(matches!(error, Error::OptionMismatch { option: "encoder", .. }), "{error}");
    assert!(!place.path.exists());
}

/// Ingest reads on past settings that are not its store's, and says so.
#[test]
fn ingest_counts_the_settings_of_another_store_among_what_it_refuses() {
    let (_place, store) = store();
    store.write(|tx| tx.put_item(item("p1", "fresh salmon"))).unwrap();
    let lines = exported(&store.snapshot());
    let place = place();
    let other = options().kind(kind("rent", 1.0, 1.0)).open(&place.path).unwrap();
    let as_is = ingest::Options::new().as_is(true);
    let report = other.ingest(source(&lines), &as_is, &mut Vec::new(), &|_| {}).unwrap();
    assert_eq!((report.accepted, report.rejected), (1, 1), "{report}");
    assert_eq!(report.reasons.keys().collect::<Vec<_>>(), ["store: not made with the same kinds of events"]);
    let own = store.ingest(source(&lines), &as_is, &mut Vec::new(), &|_| {}).unwrap();
    assert_eq!((own.accepted, own.duplicate, own.rejected), (0, 2, 0), "{own}");
}

/// Of a build that did not say yet what the store was made with.
#[test]
fn an_export_without_settings_needs_a_store_and_fills_it() {
    let (_place, store) = store();
    store.write(|tx| tx.record(bought("ann", "p1", 1))).unwrap();
    let lines = exported(&store.snapshot());
    let (_, old) = lines.split_once('\n').unwrap();
    let place = place();
    let options = options();
    let error = options.import(&place.path, source(old), &|_| {}).err().unwrap();
    assert!(matches!(error, Error::Invalid { .. }) && !place.path.exists(), "{error}");
    drop(options.open(&place.path).unwrap());
    let (store, _) = options.import(&place.path, source(old), &|_| {}).unwrap();
    assert_eq!(exported(&store.snapshot()), lines);
}

#[test]
fn settings_that_are_not_understood_are_refused() {
    let (_place, store) = store();
    let lines = exported(&store.snapshot());
    let line = lines.lines().next().unwrap();
    let bad: BTreeSet<String> = [
        line.replace("\"dim\"", "\"dims\""),
        line.replace("\"encoder\"", "\"later\":1,\"encoder\""),
        line.replace("\"weight\":0.2", "\"weight\":1e9"),
        line.replace("cosine", "manhattan"),
    ]
    .into();
    assert_eq!(bad.len(), 4);
    for line in bad {
        let place = place();
        let error =
            Store::options().encoder(encoder()).import(&place.path, source(&line), &|_| {}).err().unwrap();
        assert!(matches!(error, Error::Line { line: 1, .. }), "{error}");
        assert!(!place.path.exists());
    }
}
