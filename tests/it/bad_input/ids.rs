//! Ids: empty, too long, with control characters; in every place that takes one.

use super::{Change, Row, Victim, change};
use crate::fixture::day;
use kindred::model::{Event, Item, Record, Removal};

const LENGTH: &[&str] = &["1 to 256 bytes"];

pub(super) const ROWS: &[Row<Change>] = &[
    change("empty user id", |tx| tx.put_user("", []), "Invalid", &["user id is empty", "1 to 256 bytes"]),
    change(
        "empty item id",
        |tx| tx.put_item(Item::default()),
        "Invalid",
        &["item id is empty", "1 to 256 bytes"],
    ),
    change("empty event id", |tx| tx.record(event().id("")), "Invalid", &["event id is empty"]),
    change("empty item id of an event", |tx| tx.record(event().item("")), "Invalid", &["item id is empty"]),
    change(
        "empty user id of an event",
        |tx| tx.record(Event { user: String::new(), ..event() }),
        "Invalid",
        &["user id is empty"],
    ),
    change(
        "empty user id of a text",
        |tx| tx.add_text("", "words", day(1)),
        "Invalid",
        &["user id is empty"],
    ),
    change("empty user id to remove", |tx| tx.remove_user(""), "Invalid", &["user id is empty"]),
    change("empty item id to remove", |tx| tx.remove_item(""), "Invalid", &["item id is empty"]),
    change(
        "empty attribute to remove",
        |tx| tx.remove_attribute("u1", ""),
        "Invalid",
        &["attribute name is empty"],
    ),
    change(
        "empty user of an attribute to remove",
        |tx| {
            tx.apply(Record::Remove(Removal::UserAttribute { user: String::new(), attribute: "age".into() }))
        },
        "Invalid",
        &["user id is empty"],
    ),
    change("user id of 257 bytes", |tx| tx.put_user(&"a".repeat(257), []), "Invalid", &["257 bytes"]),
    change("user id of a megabyte", |tx| tx.put_user(&"a".repeat(1 << 20), []), "Invalid", LENGTH),
    change(
        "user id of 86 characters in 258 bytes",
        |tx| tx.put_user(&"日".repeat(86), []),
        "Invalid",
        &["258 bytes", "1 to 256 bytes"],
    ),
    change(
        "item id of 65 characters in 260 bytes",
        |tx| tx.put_item(Item { id: "🐟".repeat(65), ..Item::default() }),
        "Invalid",
        &["260 bytes"],
    ),
    change("event id of 257 bytes", |tx| tx.record(event().id("e".repeat(257))), "Invalid", LENGTH),
    change("user id with NUL", |tx| tx.put_user("a\0b", []), "Invalid", &["control", r"'\0'"]),
    change("user id of two lines", |tx| tx.put_user("a\nb", []), "Invalid", &["control", r"'\n'"]),
    change(
        "item id with a carriage return at its end",
        |tx| tx.put_item(Item { id: "p1\r".into(), ..Item::default() }),
        "Invalid",
        &["control", r"'\r'"],
    ),
    change("user id with an escape", |tx| tx.put_user("\u{1b}[2J", []), "Invalid", &[r"'\u{1b}'"]),
    change("user id with delete", |tx| tx.put_user("a\u{7f}", []), "Invalid", &[r"'\u{7f}'"]),
    change(
        "event id with a control character beyond ASCII",
        |tx| tx.record(event().id("a\u{85}b")),
        "Invalid",
        &["event id", r"'\u{85}'"],
    ),
    change(
        "item id of an event with a tab",
        |tx| tx.record(event().item("a\tb")),
        "Invalid",
        &["item id", r"'\t'"],
    ),
];

fn event() -> Event {
    Event::new("u1", "view", day(1))
}

#[test]
fn bad_ids_are_refused() {
    Victim::with_encoder().refuses(ROWS);
}

#[test]
fn ids_at_the_bounds_are_taken() {
    let victim = Victim::with_encoder();
    for id in
        ["a".repeat(256), "é".repeat(128), "🐟".repeat(64), " ".into(), "../..".into(), "\u{feff}".into()]
    {
        victim.store().write(|tx| tx.put_user(&id, [])).unwrap();
        assert_eq!(victim.store().snapshot().profile(&id).unwrap().user, id);
    }
}
