//! Values whose checksums are right, and which are not what they should be.

use super::super::buckets::Slot;
use super::super::contributions::Share;
use super::super::points::Points;
use super::super::reader::Reader;
use super::super::session::IndexChanges;
use super::super::settings::{EncoderChoice, Request};
use super::super::stored::State;
use super::{Engine, VerifyOptions, VerifyReport};
use crate::encoder::HashedEncoder;
use crate::model::{Event, EventKind, Fusion, Item, KeepEvents, Record, Text, Time, User};
use crate::profile::{Contribution, Sums};
use crate::storage::keys::{self, Key};
use crate::storage::{codec, hex};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

fn day(n: i64) -> Time {
    Time::from_secs(n * 86_400).unwrap()
}

/// Events that are folded and others, texts, attributes, items of one text, and a learned model.
fn records() -> Vec<Record> {
    let item = |id: &str, text: &str| {
        Record::Item(Item { id: id.into(), text: Some(text.into()), ..Item::default() })
    };
    let mut records = vec![item("a", "salmon"), item("b", "salmon"), item("c", "garden chair")];
    for n in 0..60_i64 {
        let user = format!("u{}", n % 3);
        let kind = ["purchase", "view"][n as usize % 2];
        let event = Event::new(&user, kind, day(n)).item(["a", "b", "c", "d"][n as usize % 4]);
        records.push(Record::Event(event.value(n as f64 / 7.0).quantity(0.1)));
        let text = ["fresh fish", "a puppy"][n as usize % 2];
        records.push(Record::Text(Text { user: user.clone(), text: text.into(), time: day(n) }));
        let attributes = [("town".to_owned(), "Ulm".into())].into();
        records.push(Record::User(User { id: user, attributes, vector: None }));
    }
    records
}

fn request() -> Request {
    Request {
        encoder: EncoderChoice::Host(Arc::new(HashedEncoder::new(16).unwrap())),
        fusion: Some(Fusion { item_dims: 4, group_dims: 2, ..Fusion::default() }),
        ..Request::default()
    }
}

fn embedded() -> (tempfile::TempDir, Engine) {
    let request = Request { keep_events: Some(KeepEvents::last(4)), ..request() };
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), &request).unwrap();
    // One by one, so that sums are added up in another order than they would be made anew.
    records().iter().for_each(|record| drop(engine.write(std::slice::from_ref(record), &|_| {}).unwrap()));
    engine.fit(&|_| {}).unwrap();
    engine.write(&[Record::Event(Event::new("u1", "purchase", day(70)).item("c"))], &|_| {}).unwrap();
    (folder, engine)
}

fn verify(engine: &Engine) -> VerifyReport {
    engine.verify(VerifyOptions::new(), &|_| {}, &AtomicBool::new(false)).unwrap()
}

/// Puts another value under a key, has the store verified, and puts the old one back.
fn told<T: bincode::Encode + bincode::Decode<()>>(
    engine: &Engine,
    key: &Key,
    change: impl FnOnce(&mut T),
) -> VerifyReport {
    let mut value: T = engine.view().read("value", key).unwrap().unwrap();
    let old = codec::encode(&value).unwrap();
    change(&mut value);
    assert_ne!(codec::encode(&value).unwrap(), old, "nothing was changed");
    engine.shared.put_aside([(key.clone(), value)]).unwrap();
    let report = verify(engine);
    engine.shared.put_aside([(key.clone(), codec::decode::<T>("value", &old).unwrap())]).unwrap();
    assert_eq!(verify(engine).problems, []);
    report
}

/// What the one problem says, which is with this key.
fn of(report: &VerifyReport, key: &Key) -> String {
    let [problem] = &report.problems[..] else { panic!("{report:?}") };
    assert_eq!(problem.key, Some(hex(key)), "{report:?}");
    problem.what.clone()
}

#[test]
fn figures_that_events_do_not_make_are_found() {
    let (_folder, engine) = embedded();
    assert_eq!(verify(&engine).problems, []);
    let key = keys::state(1);
    let found = |change: fn(&mut State)| of(&told(&engine, &key, change), &key);
    assert!(found(|state| state.figures.hours[0] += 1).contains("by the hour"));
    assert!(found(|state| state.figures.newest = Some(day(71))).contains("newest"));
    assert!(found(|state| state.figures.kinds[0].first = day(-1)).contains("of kind "));
    assert!(found(|state| state.figures.kinds[0].last = day(71)).contains("of kind "));
    assert!(
        found(|state| {
            state.figures.kinds[0].count -= 1;
            state.figures.kinds[1].count += 1;
        })
        .contains("of kind ")
    );
}

#[test]
fn sums_of_values_are_compared_but_for_rounding() {
    let folder = tempfile::tempdir().unwrap();
    let engine = Engine::open(folder.path(), &Request { dim: Some(2), ..Request::default() }).unwrap();
    let mut records = records();
    records.reverse();
    records.iter().for_each(|record| drop(engine.write(std::slice::from_ref(record), &|_| {}).unwrap()));
    assert_eq!(verify(&engine).problems, []);
    let key = keys::state(0);
    let value = |state: &mut State| state.figures.kinds[0].value *= 1.0 + 1e-9;
    assert!(of(&told(&engine, &key, value), &key).contains("value"));
    let quantity = |state: &mut State| state.figures.kinds[0].quantity += 1e-9;
    assert!(of(&told(&engine, &key, quantity), &key).contains("quantity"));
}

/// A bucket of contributions, as it is stored.
type Bucket = Vec<(u8, u64, u8, Contribution)>;

#[test]
fn contributions_that_events_do_not_make_are_found() {
    let (_folder, engine) = embedded();
    let key = Share::key(1, 0);
    let found = |change: fn(&mut Bucket)| of(&told(&engine, &key, change), &key);
    assert!(found(|bucket| bucket[0].3.count += 1).contains("acts"));
    assert!(found(|bucket| bucket[0].3.last = day(0)).contains("acts"));
    assert!(found(|bucket| bucket[0].1 += 99).contains("none"));
}

#[test]
fn sums_that_contributions_do_not_make_are_found() {
    let (_folder, engine) = embedded();
    let space = Arc::clone(&engine.view().attachment().space);
    let key = keys::sums(space.learned.epoch, 1);
    let more = |sums: &mut Sums| {
        let len = space.layout.summed_dim();
        let (_, half_life) = space.weight_and_half_life(0);
        sums.class(half_life, day(70), len).part_mut(0..1)[0] += 5.0;
    };
    assert!(of(&told(&engine, &key, more), &key).contains("in dimension 0 they are"));
    let not_a_number = |sums: &mut Sums| {
        let len = space.layout.summed_dim();
        let (_, half_life) = space.weight_and_half_life(0);
        sums.class(half_life, day(70), len).part_mut(0..1)[0] = f32::NAN;
    };
    assert!(of(&told(&engine, &key, not_a_number), &key).contains("in dimension 0 they are NaN"));
    let mass = |sums: &mut Sums| {
        let (_, half_life) = space.weight_and_half_life(0);
        sums.class(half_life, day(70), space.layout.summed_dim()).count(9.0);
    };
    assert!(of(&told(&engine, &key, mass), &key).contains("added up"));
}

#[test]
fn sums_that_have_faded_to_nothing_are_sound() {
    for days in [131, 140, 147, 155, 163, 169, 300] {
        let kind = |name: &str, weight| EventKind { name: name.into(), weight, half_life_days: 1.0 };
        let kinds = vec![kind("purchase", 1.0), kind("login", 0.5)];
        let (folder, request) = (tempfile::tempdir().unwrap(), Request { kinds, ..request() });
        let engine = Engine::open(folder.path(), &request).unwrap();
        engine.write(&records()[..3], &|_| {}).unwrap();
        let act = |item: &str, n| Record::Event(Event::new("u", "purchase", day(n)).item(item));
        let late = Time::from_secs(days * 86_400 + 30_000).unwrap();
        for record in [act("c", 0), act("a", 20), Record::Event(Event::new("u", "login", late))] {
            engine.write(&[record], &|_| {}).unwrap();
        }
        assert_eq!(verify(&engine).problems, [], "{days}");
    }
}

#[test]
fn vectors_of_the_index_that_profiles_do_not_make_are_found_and_made_anew() {
    let (_folder, engine) = embedded();
    let put = |changes: IndexChanges| {
        let core = engine.shared.core().unwrap();
        let tx = engine.shared.db.begin().unwrap();
        engine.shared.commit(core, tx, changes, |_| {}).unwrap();
    };
    let dim = engine.view().attachment().space.layout.dim();
    let mut other = vec![0.0; dim];
    other[0] = 1.0;
    let cases = [
        (
            IndexChanges::from([(1, Some(other.clone()))]),
            "it has another vector than the profile of user \"u1\"",
        ),
        (IndexChanges::from([(2, None)]), "it lacks the vector of user \"u2\""),
        (
            IndexChanges::from([(77, Some(other.clone()))]),
            "it has another vector than the profile of user number 77",
        ),
        (
            IndexChanges::from([(0, Some(other.clone())), (1, Some(other))]),
            "it has another vector than the profile of user \"u0\" and of another user",
        ),
    ];
    for (changes, expected) in cases {
        put(changes);
        let report = verify(&engine);
        assert!(report.finished && !report.is_damaged(), "{report:?}");
        let told: Vec<&str> = report.problems.iter().map(|problem| &problem.what[..]).collect();
        assert!(told.contains(&expected), "{told:?}");
        assert_eq!(verify(&engine).problems, [], "{expected}");
    }
}

/// As a write that was refused between a fit's commit and its publication once left them.
#[test]
fn points_of_another_model_are_not_taken() {
    let (_folder, engine) = embedded();
    let old = Arc::clone(&engine.view().attachment().space);
    for n in 0..4 {
        engine
            .write(&[Record::Event(Event::new(format!("late{n}"), "view", day(71)).item("a"))], &|_| {})
            .unwrap();
    }
    engine.fit(&|_| {}).unwrap();
    engine.shared.core().unwrap().points = Points::new(old);
    engine.write(&[Record::Event(Event::new("u1", "purchase", day(72)).item("a"))], &|_| {}).unwrap();
    assert_eq!(verify(&engine).problems, []);
}
