//! Values: attributes, texts, events, vectors.

use super::{Change, Row, Victim, change};
use crate::fixture::day;
use kindred::model::{Event, Item, MAX_TEXT_BYTES, Metric, Time, User, Value};
use kindred::{Result, Transaction};
use std::collections::BTreeSet;

pub(super) const ATTRIBUTES: &[Row<Change>] = &[
    change(
        "attribute without a name",
        |tx| attribute(tx, "", 1.into()),
        "Invalid",
        &["attribute name is empty"],
    ),
    change(
        "attribute name of 257 bytes",
        |tx| attribute(tx, &"n".repeat(257), 1.into()),
        "Invalid",
        &["attribute name is 257 bytes long"],
    ),
    change(
        "attribute name with a line feed",
        |tx| attribute(tx, "a\nb", 1.into()),
        "Invalid",
        &["attribute name", "control"],
    ),
    change(
        "attribute NaN",
        |tx| attribute(tx, "age", f64::NAN.into()),
        "Invalid",
        &["attribute \"age\" is NaN", "finite"],
    ),
    change(
        "attribute infinity",
        |tx| attribute(tx, "age", f64::INFINITY.into()),
        "Invalid",
        &["attribute \"age\" is inf", "finite"],
    ),
    change(
        "item attribute minus infinity",
        |tx| {
            let attributes = [("price".to_owned(), Value::Float(f64::NEG_INFINITY))].into();
            tx.put_item(Item { id: "i1".into(), attributes, ..Item::default() })
        },
        "Invalid",
        &["attribute \"price\" is -inf", "finite"],
    ),
    change(
        "attribute text over 1 MiB",
        |tx| attribute(tx, "bio", "x".repeat(MAX_TEXT_BYTES + 1).into()),
        "Invalid",
        &["attribute \"bio\" is 1048577 bytes long", "at most 1048576"],
    ),
    change(
        "text of a set over 1 MiB",
        |tx| attribute(tx, "tags", set(["x".repeat(MAX_TEXT_BYTES + 1)])),
        "Invalid",
        &["attribute \"tags\"", "at most 1048576"],
    ),
    change(
        "set of 65537 texts",
        |tx| attribute(tx, "tags", set((0..65_537).map(|n| n.to_string()))),
        "Invalid",
        &["attribute \"tags\" is a set of 65537 texts", "at most 65536"],
    ),
    change(
        "attributes of a record over 2 MiB together",
        |tx| {
            let text = |n: usize| format!("{n}{}", "x".repeat(MAX_TEXT_BYTES / 2));
            let attributes: Vec<(String, Value)> =
                (0..4).map(|n| (format!("a{n}"), text(n).into())).collect();
            tx.put_user("u1", attributes.iter().map(|(name, value)| (name.as_str(), value.clone())))
        },
        "Invalid",
        &["attributes of a record", "at most 2097152 bytes"],
    ),
    change(
        "4097 attributes",
        |tx| {
            let names: Vec<String> = (0..4097).map(|n| format!("a{n}")).collect();
            tx.put_user("u1", names.iter().map(|name| (name.as_str(), true.into())))
        },
        "Invalid",
        &["number of attributes", "is 4097", "at most 4096"],
    ),
];

pub(super) const TEXTS: &[Row<Change>] = &[
    change(
        "text over 1 MiB",
        |tx| tx.add_text("u1", "x".repeat(MAX_TEXT_BYTES + 1), day(1)),
        "Invalid",
        &["text is 1048577 bytes long", "at most 1048576"],
    ),
    change(
        "text of 1 MiB and a byte in two-byte characters",
        |tx| tx.add_text("u1", format!("x{}", "é".repeat(MAX_TEXT_BYTES / 2)), day(1)),
        "Invalid",
        &["1048577 bytes"],
    ),
    change(
        "item text over 1 MiB",
        |tx| tx.put_item(crate::fixture::item("i1", &"x".repeat(MAX_TEXT_BYTES + 1))),
        "Invalid",
        &["text of an item", "at most 1048576"],
    ),
    change(
        "event text over 1 MiB",
        |tx| tx.record(event().text("x".repeat(MAX_TEXT_BYTES + 1))),
        "Invalid",
        &["text of an event", "at most 1048576"],
    ),
];

pub(super) const EVENTS: &[Row<Change>] = &[
    change(
        "unknown kind close to a known one",
        |tx| kind(tx, "purchse"),
        "Unknown",
        &["event kind \"purchse\"", "did you mean \"purchase\"?"],
    ),
    change("unknown kind close to none", |tx| kind(tx, "teleport"), "Unknown", &["event kind \"teleport\""]),
    change("kind in capitals", |tx| kind(tx, "View"), "Unknown", &["did you mean \"view\"?"]),
    change("kind with a space behind it", |tx| kind(tx, "view "), "Unknown", &["did you mean \"view\"?"]),
    change("empty kind", |tx| kind(tx, ""), "Invalid", &["event kind is empty"]),
    change("kind of a megabyte", |tx| kind(tx, &"k".repeat(1 << 20)), "Invalid", &["event kind", "256"]),
    change("kind with a line feed", |tx| kind(tx, "view\n"), "Invalid", &["event kind", r"'\n'"]),
    change(
        "event value NaN",
        |tx| tx.record(event().value(f64::NAN)),
        "Invalid",
        &["value", "NaN", "finite"],
    ),
    change(
        "event value infinity",
        |tx| tx.record(event().value(f64::INFINITY)),
        "Invalid",
        &["value of an event is inf", "finite"],
    ),
    change(
        "event quantity NaN",
        |tx| tx.record(event().quantity(f64::NAN)),
        "Invalid",
        &["quantity of an event is NaN"],
    ),
    change(
        "event quantity minus infinity",
        |tx| tx.record(event().quantity(f64::NEG_INFINITY)),
        "Invalid",
        &["quantity of an event is -inf"],
    ),
    change(
        "event before the year 1",
        |tx| tx.record(Event { time: Time::from_secs(-62_135_596_801)?, ..event() }),
        "Invalid",
        &["time is -62135596801000000", "years 1 to 9999"],
    ),
    change(
        "event after the year 9999",
        |tx| tx.record(Event { time: Time::from_micros(253_402_207_200_000_001)?, ..event() }),
        "Invalid",
        &["years 1 to 9999"],
    ),
    change(
        "event at the end of 64 bits",
        |tx| tx.record(Event { time: Time::from_micros(i64::MAX)?, ..event() }),
        "Invalid",
        &["time is 9223372036854775807"],
    ),
    change(
        "event at seconds that overflow",
        |tx| tx.record(Event { time: Time::from_secs(i64::MIN)?, ..event() }),
        "Invalid",
        &["time is -9223372036854775808"],
    ),
];

/// Of a store of three dimensions under cosine.
pub(super) const VECTORS: &[Row<Change>] = &[
    change(
        "vector too short",
        |tx| tx.put_vector("u1", vec![1.0, 2.0]),
        "Dimension",
        &["the vector of user \"u1\" has 2 dimensions, the store has 3"],
    ),
    change("vector too long", |tx| tx.put_vector("u1", vec![1.0; 4]), "Dimension", &["has 4 dimensions"]),
    change("empty vector", |tx| tx.put_vector("u1", vec![]), "Dimension", &["has 0 dimensions"]),
    change(
        "vector with NaN",
        |tx| tx.put_vector("u1", vec![1.0, f32::NAN, 0.0]),
        "NotFinite",
        &["user \"u1\"", "position 1"],
    ),
    change(
        "vector with infinity at its end",
        |tx| tx.put_vector("u1", vec![1.0, 0.0, f32::INFINITY]),
        "NotFinite",
        &["position 2"],
    ),
    change(
        "vector of zeros",
        |tx| tx.put_vector("u1", vec![0.0, -0.0, 0.0]),
        "Invalid",
        &["all zeros", "cosine"],
    ),
    change(
        "vector whose square overflows",
        |tx| tx.put_vector("u1", vec![1e30, 0.0, 0.0]),
        "Invalid",
        &["length of the vector", "at most 1e18", "scale"],
    ),
    change(
        "vector of a user without an id",
        |tx| tx.put_vector("", vec![1.0; 3]),
        "Invalid",
        &["user id is empty"],
    ),
];

/// Of a store with an encoder.
pub(super) const VECTORS_BESIDE_AN_ENCODER: &[Row<Change>] = &[
    change(
        "vector for a store that makes its own",
        |tx| tx.put_vector("u1", vec![1.0; 45]),
        "OwnEmbeddings",
        &["takes no vector", "--dim"],
    ),
    change(
        "attributes good, vector not welcome",
        |tx| {
            let attributes = [("age".to_owned(), 3.into())].into();
            tx.apply(kindred::model::Record::User(User { id: "u1".into(), attributes, vector: Some(vec![]) }))
        },
        "OwnEmbeddings",
        &["takes no vector"],
    ),
];

fn attribute(tx: &mut Transaction<'_>, name: &str, value: Value) -> Result<()> {
    tx.put_user("u1", [(name, value)])
}

fn set(texts: impl IntoIterator<Item = String>) -> Value {
    Value::Set(texts.into_iter().collect::<BTreeSet<_>>())
}

fn event() -> Event {
    Event::new("u1", "view", day(1))
}

fn kind(tx: &mut Transaction<'_>, kind: &str) -> Result<()> {
    tx.record(Event { kind: kind.to_owned(), ..event() })
}

#[test]
fn bad_values_are_refused() {
    let mut victim = Victim::with_encoder();
    for rows in [ATTRIBUTES, TEXTS, EVENTS, VECTORS_BESIDE_AN_ENCODER] {
        victim.refuses(rows);
    }
}

#[test]
fn bad_attributes_and_events_are_refused_without_an_encoder_too() {
    let mut victim = Victim::with_vectors(Metric::L2);
    for rows in [ATTRIBUTES, TEXTS, EVENTS] {
        victim.refuses(rows);
    }
}

#[test]
fn bad_vectors_are_refused() {
    Victim::with_vectors(Metric::Cosine).refuses(VECTORS);
    for metric in [Metric::L2, Metric::InnerProduct] {
        let mut victim = Victim::with_vectors(metric);
        let (zeros, others): (Vec<_>, Vec<_>) = VECTORS.iter().partition(|row| row.name == "vector of zeros");
        assert_eq!(zeros.len(), 1);
        victim.refuses(others);
        // A point like another, where direction alone does not count.
        victim.store().write(|tx| tx.put_vector("origin", vec![0.0; 3])).unwrap();
    }
}

#[test]
fn values_at_the_bounds_are_taken() {
    let victim = Victim::with_encoder();
    let store = victim.store();
    store.write(|tx| tx.add_text("u1", "x".repeat(MAX_TEXT_BYTES), day(1))).unwrap();
    store.write(|tx| attribute(tx, "tags", set((0..65_536).map(|n| n.to_string())))).unwrap();
    store.write(|tx| attribute(tx, "n", f64::MAX.into())).unwrap();
    store.write(|tx| tx.record(event().value(f64::MIN).quantity(f64::MIN_POSITIVE))).unwrap();
    let last = Time::from_micros(253_402_207_200_000_000).unwrap();
    store.write(|tx| tx.record(Event { time: last, ..event() })).unwrap();
    assert_eq!(store.snapshot().profile("u1").unwrap().newest, Some(last));
}
