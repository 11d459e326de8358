//! All or nothing, and what is refused at the door.

use crate::fixture::{all_profiles, bought, day, fill, item, options, place, store, vector_options};
use kindred::encoder::Encoder;
use kindred::model::{Event, Item, Metric, Record, Removal, Text, User, Value};
use kindred::{Error, ErrorKind, Fusion, Like, Result, Store};
use std::sync::Arc;

#[test]
fn an_error_out_of_the_closure_writes_nothing() {
    let (_place, store) = store();
    fill(&store);
    let before = (store.snapshot().stats().unwrap(), all_profiles(&store.snapshot()));
    let failed: Result<()> = store.write(|tx| {
        tx.record(bought("u1", "i1", 90))?;
        tx.remove_user("u2")?;
        Err(Error::host("out of coffee"))
    });
    assert_eq!(failed.unwrap_err().to_string(), "out of coffee");
    assert_eq!((store.snapshot().stats().unwrap(), all_profiles(&store.snapshot())), before);
    let value = store.write(|tx| tx.record(bought("u1", "i1", 90)).map(|()| 7)).unwrap();
    assert_eq!(value, 7);
    assert_eq!(store.snapshot().stats().unwrap().events, before.0.events + 1);
}

#[test]
fn a_panic_in_the_closure_leaves_the_store_usable() {
    let (_place, store) = store();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        store.write(|tx| -> Result<()> {
            tx.record(bought("u1", "i1", 90))?;
            panic!("the host's own")
        })
    }));
    assert!(panicked.is_err());
    store.write(|tx| tx.record(bought("u2", "i1", 90))).unwrap();
    assert_eq!(store.snapshot().stats().unwrap().users, 1);
}

#[test]
fn a_write_within_a_write_is_a_write_of_its_own() {
    let (_place, store) = store();
    store
        .write(|tx| {
            tx.record(bought("a", "i1", 1))?;
            store.write(|inner| inner.record(bought("b", "i1", 1)))
        })
        .unwrap();
    assert_eq!(store.snapshot().stats().unwrap().users, 2);
}

#[test]
fn duplicates_change_nothing_even_across_users() {
    let (place, store) = store();
    store.write(|tx| tx.record(bought("a", "i1", 1).id("e1"))).unwrap();
    store.write(|tx| tx.record(bought("b", "i2", 2).id("e1"))).unwrap();
    assert_eq!(store.snapshot().stats().unwrap().users, 1);
    store.write(|tx| tx.record(bought("c", "i3", 3))).unwrap();
    store.write(|tx| tx.record(bought("c", "i3", 3))).unwrap();
    drop(store);
    let store = options().open(&place.path).unwrap();
    let stats = store.snapshot().stats().unwrap();
    assert_eq!((stats.users, stats.items, stats.events), (2, 2, 2));
    assert!(store.snapshot().profile("b").is_err());
    assert_eq!(store.snapshot().events("c").unwrap().count(), 1);
}

#[test]
fn a_second_write_of_the_same_records_changes_nothing() {
    let (_place, store) = store();
    fill(&store);
    let before = (store.snapshot().stats().unwrap(), all_profiles(&store.snapshot()));
    fill(&store);
    assert_eq!((store.snapshot().stats().unwrap(), all_profiles(&store.snapshot())), before);
}

#[test]
fn ids_that_begin_alike_are_apart() {
    let (_place, store) = store();
    let ids = ["a", "ab", "abc", "a b", "A", "é", "e\u{301}", "a\u{10ffff}", "\u{10ffff}"];
    let longest = "x".repeat(256);
    let all: Vec<&str> = ids.into_iter().chain([longest.as_str()]).collect();
    store.write(|tx| all.iter().try_for_each(|id| tx.record(bought(id, id, 1).id(*id)))).unwrap();
    store.write(|tx| tx.remove_user("ab").and(tx.remove_item("a"))).unwrap();
    let snapshot = store.snapshot();
    for id in &all {
        let events = snapshot.events(id).map(Iterator::count).ok();
        let expected = match *id {
            "ab" => None,
            "a" => Some(0),
            _ => Some(1),
        };
        assert_eq!(events, expected, "{id}");
    }
}

fn user(id: &str, name: &str, value: Value) -> Record {
    Record::User(User { id: id.into(), attributes: [(name.to_owned(), value)].into(), vector: None })
}

fn vector(values: &[f32]) -> Record {
    Record::User(User { id: "v".into(), vector: Some(values.to_vec()), ..User::default() })
}

fn thing(id: &str) -> Record {
    Record::Item(Item { id: id.into(), ..Item::default() })
}

fn text(user: &str, text: String) -> Record {
    Record::Text(Text { user: user.into(), text, time: day(0) })
}

fn event(change: impl FnOnce(&mut Event)) -> Record {
    let mut event = bought("u", "i", 0);
    change(&mut event);
    Record::Event(event)
}

/// Records that every store refuses, and a word that the error must hold.
fn bad_records() -> Vec<(Record, &'static str)> {
    let long = "x".repeat(257);
    let large = "x".repeat((1 << 20) + 1);
    let mut bad = vec![
        (event(|e| e.value = Some(f64::NAN)), "value"),
        (event(|e| e.value = Some(f64::INFINITY)), "value"),
        (event(|e| e.value = Some(f64::NEG_INFINITY)), "value"),
        (event(|e| e.quantity = Some(f64::NAN)), "quantity"),
        (event(|e| e.quantity = Some(f64::INFINITY)), "quantity"),
        (event(|e| e.text = Some(large.clone())), "1048576"),
        (text("u", large.clone()), "1048576"),
        (Record::Item(Item { id: "i".into(), text: Some(large.clone()), ..Item::default() }), "1048576"),
        (user("u", "n", Value::Float(f64::NAN)), "finite"),
        (user("u", "n", Value::Float(f64::INFINITY)), "finite"),
        (user("u", "n", Value::Text(large.clone())), "1048576"),
        (user("u", "n", Value::Set([large.clone()].into())), "1048576"),
        (
            Record::Item(Item {
                id: "i".into(),
                attributes: [(String::new(), Value::Int(1))].into(),
                ..Item::default()
            }),
            "attribute name",
        ),
    ];
    for id in ["", long.as_str(), "a\nb", "a\0", "\u{7f}", "\u{85}"] {
        bad.extend([
            (thing(id), "item id"),
            (user(id, "n", Value::Int(1)), "user id"),
            (user("u", id, Value::Int(1)), "attribute name"),
            (text(id, "words".into()), "user id"),
            (event(|e| e.user = id.into()), "user id"),
            (event(|e| e.item = Some(id.into())), "item id"),
            (event(|e| e.id = Some(id.into())), "event id"),
            (Record::Remove(Removal::User { user: id.into() }), "user id"),
            (Record::Remove(Removal::Item { item: id.into() }), "item id"),
            (
                Record::Remove(Removal::UserAttribute { user: "u".into(), attribute: id.into() }),
                "attribute name",
            ),
        ]);
    }
    bad
}

fn refuse_all(store: &Store) {
    let before = store.snapshot().stats().unwrap();
    let bad = bad_records();
    assert!(bad.len() > 60);
    for (record, word) in bad {
        let error =
            store.write(|tx| tx.record(bought("first", "i", 1)).and(tx.apply(record.clone()))).unwrap_err();
        assert!(matches!(error, Error::Invalid { .. }), "{error:?}");
        assert_eq!(error.kind(), ErrorKind::Usage);
        assert!(error.to_string().contains(word), "{word}: {error}");
        assert!(error.to_string().len() < 400, "{error}");
    }
    for (name, near) in [("purchse", Some("purchase")), ("Like", Some("like")), ("teleport", None)] {
        match store.write(|tx| tx.apply(event(|e| e.kind = name.into()))).unwrap_err() {
            Error::Unknown { what: "event kind", nearest, .. } => assert_eq!(nearest.as_deref(), near),
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(store.snapshot().stats().unwrap(), before);
}

#[test]
fn bad_records_are_refused_and_change_nothing() {
    let (_place, store) = store();
    fill(&store);
    refuse_all(&store);
    let error = store.write(|tx| tx.apply(vector(&[1.0, 2.0]))).unwrap_err();
    assert!(matches!(error, Error::OwnEmbeddings { .. }), "{error:?}");
}

#[test]
fn bad_vectors_are_refused_and_change_nothing() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        let place = place();
        let store = vector_options(2).metric(metric).open(&place.path).unwrap();
        refuse_all(&store);
        for (values, position) in
            [([f32::NAN, 0.0], 0), ([1.0, f32::INFINITY], 1), ([1.0, f32::NEG_INFINITY], 1)]
        {
            match store.write(|tx| tx.apply(vector(&values))).unwrap_err() {
                Error::NotFinite { position: found, .. } => assert_eq!(found, position),
                other => panic!("{other:?}"),
            }
        }
        for values in [&[][..], &[1.0], &[1.0, 2.0, 3.0]] {
            match store.write(|tx| tx.apply(vector(values))).unwrap_err() {
                Error::Dimension { expected: 2, found, .. } => assert_eq!(found, values.len()),
                other => panic!("{other:?}"),
            }
        }
        let zero = store.write(|tx| tx.apply(vector(&[0.0, -0.0])));
        assert_eq!(zero.is_err(), metric == Metric::Cosine);
        let huge = store.write(|tx| tx.apply(vector(&[f32::MAX, f32::MAX]))).unwrap_err();
        assert!(matches!(huge, Error::Invalid { .. }), "{huge:?}");
        store.write(|tx| tx.put_vector("tiny", vec![f32::from_bits(1), 0.0])).unwrap();
        let by_text = store.snapshot().similar(Like::text("words")).run().unwrap_err();
        assert!(matches!(by_text, Error::NoEncoder { .. }), "{by_text:?}");
        assert!(matches!(store.fit(), Err(Error::NoEncoder { .. })));
        drop(store);
        let store = Store::open(&place.path).unwrap();
        assert!(store.snapshot().profile("tiny").unwrap().embedding.is_some());
    }
}

#[test]
fn the_largest_values_are_taken() {
    let (place, store) = store();
    store
        .write(|tx| {
            for n in 0..3 {
                tx.record(bought("a", "i", n).value(f64::MAX).quantity(-f64::MAX))?;
            }
            tx.put_user("a", [("n", f64::MAX.into()), ("t", "x".repeat(1 << 20).into())])?;
            tx.put_user("b", [("n", (-f64::MAX).into()), ("m", i64::MIN.into())])?;
            tx.put_item(item("i", &"long ".repeat(1 << 17)))
        })
        .unwrap();
    store.fit().unwrap();
    store.write(|tx| tx.put_user("c", [("n", 1.5.into())])).unwrap();
    let profile = store.snapshot().profile("a").unwrap();
    assert_eq!((profile.kinds[0].value, profile.kinds[0].quantity), (f64::MAX, f64::MIN));
    drop(store);
    let store = options().open(&place.path).unwrap();
    assert_eq!(store.snapshot().similar("a").run().unwrap().len(), 2);
}

/// An encoder that gives whatever it is told to.
struct Broken {
    dim: usize,
    give: fn(usize) -> Vec<f32>,
}

impl Encoder for Broken {
    fn id(&self) -> &'static str {
        "broken"
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn encode(&self, texts: &[&str], _: &(dyn Fn(usize) + Sync)) -> Result<Vec<f32>> {
        Ok((self.give)(texts.len()))
    }
}

#[test]
fn strict_ingest_stores_what_came_before_a_line_that_the_store_refuses() {
    let (_place, store) = store();
    let lines = "{\"type\":\"user\",\"id\":\"ann\"}\n\
        {\"type\":\"event\",\"user\":\"ann\",\"kind\":\"no such kind\",\"time\":0}\n\
        {\"type\":\"user\",\"id\":\"bob\"}\n";
    let source = kindred::ingest::Source::reader("test", lines.as_bytes());
    let options = kindred::ingest::Options::new().strict(true);
    let error = store.ingest(source, &options, &mut std::io::sink(), &|_| {}).unwrap_err();
    assert!(matches!(error, Error::Line { line: 2, .. }), "{error}");
    let users: Vec<_> = store.snapshot().users().map(|user| user.unwrap().id).collect();
    assert_eq!(users, ["ann"]);
}

#[test]
fn a_broken_encoder_cannot_spoil_a_store() {
    let broken: [fn(usize) -> Vec<f32>; 4] =
        [|n| vec![f32::NAN; 2 * n], |n| vec![f32::INFINITY; 2 * n], |_| Vec::new(), |n| vec![0.5; 2 * n + 1]];
    for give in broken {
        let place = place();
        let options =
            Store::options().encoder(Arc::new(Broken { dim: 2, give })).fusion(crate::fixture::fusion());
        let store = options.open(&place.path).unwrap();
        let error = store.write(|tx| tx.put_item(item("i", "words"))).unwrap_err();
        assert!(error.to_string().contains("broken"), "{error}");
        assert!(store.snapshot().similar(Like::text("words")).run().is_err());
        store.write(|tx| tx.record(bought("u", "i", 1))).unwrap();
        assert_eq!(store.snapshot().stats().unwrap().items, 1);
    }
    for dim in [0, 5000] {
        let place = place();
        let options = Store::options().encoder(Arc::new(Broken { dim, give: |_| Vec::new() }));
        assert!(matches!(options.open(&place.path), Err(Error::Invalid { .. })));
        assert!(!place.path.exists());
    }
    let place = place();
    let loud = Broken { dim: 2, give: |n| vec![3e30; 2 * n] };
    let options =
        Store::options().encoder(Arc::new(loud)).fusion(Fusion { item_dims: 8, ..Fusion::default() });
    let store = options.open(&place.path).unwrap();
    store.write(|tx| tx.put_item(item("i", "words")).and(tx.record(bought("u", "i", 1)))).unwrap();
    store.write(|tx| tx.record(bought("v", "i", 1))).unwrap();
    let hits = store.snapshot().similar("u").run().unwrap();
    assert!((hits[0].score - 1.0).abs() < 1e-5, "{hits:?}");
}
