//! Answers beside damaged records.

use super::{
    Contrast, Like, LookalikeMethod, Lookalikes, Seed, Selection, Similar, TraitOf, explain_segment,
};
use crate::engine::{Engine, Reader, Request};
use crate::model::{
    Event, Interval, Item, Metric, Predicate, Record, SegmentDefinition, Time, Truth, User, attribute, count,
    id,
};
use crate::storage::{Disk, MemoryBackend, MemoryDisk, keys, prefix_end};
use std::sync::Arc;

const USERS: u16 = 30;

/// Users on a quarter of a circle: u0 is closest to u1, then to u2, and so on.
fn engine(backend: &Arc<MemoryBackend>) -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let request = Request { dim: Some(2), metric: Some(Metric::Cosine), ..Request::default() };
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let engine = Engine::open_over(folder.path(), &request, &disk, &(Arc::clone(backend) as _)).unwrap();
    let user = |n: u16| {
        let angle = f32::from(n) / f32::from(USERS);
        let vector = Some(vec![angle.cos(), angle.sin()]);
        Record::User(User { id: format!("u{n}"), attributes: [].into(), vector })
    };
    engine.write(&(0..USERS).map(user).collect::<Vec<_>>(), &|_| {}).unwrap();
    engine.apply_waiting();
    (folder, engine)
}

#[test]
fn users_whose_records_are_damaged_are_left_out_and_others_come_in_their_place() {
    for exact in [true, false] {
        let backend = Arc::new(MemoryBackend::default());
        let (_folder, engine) = engine(&backend);
        let ask = |limit: usize, min_score: f32| {
            let (view, settings) = (engine.view(), engine.settings());
            let similar = Similar::new(&view, &settings, Like::user("u0")).limit(limit).exact(exact);
            let hits = similar.min_score(min_score).run().unwrap();
            hits.into_iter().map(|hit| hit.user).collect::<Vec<_>>()
        };
        let names = |which: &[u16]| which.iter().map(|n| format!("u{n}")).collect::<Vec<_>>();
        assert_eq!(ask(4, -1.0), names(&[1, 2, 3, 4]));
        let damage = |n: u16| {
            let no = engine.view().user_no(&format!("u{n}")).unwrap().unwrap();
            backend.tamper(&keys::user(no), |bytes| *bytes.last_mut().unwrap() ^= 1);
        };
        [1, 3, 4, 5, 6, 8].into_iter().for_each(damage);
        assert_eq!(ask(4, -1.0), names(&[2, 7, 9, 10]));
        assert_eq!(ask(1, -1.0), names(&[2]));
        assert_eq!(ask(4, (2.5 / f32::from(USERS)).cos()), names(&[2]), "the score still bounds");
        assert_eq!(ask(0, -1.0), names(&[]));
        assert_eq!(ask(100, -1.0).len(), usize::from(USERS) - 7);
        [2, 7].into_iter().chain(9..USERS).for_each(damage);
        assert_eq!(ask(4, -1.0), names(&[]));
    }
}

/// In the place of those who cannot be named come the next; vectors of the seed count whatever became of the records.
#[test]
fn lookalikes_whose_records_are_damaged_are_left_out() {
    for method in [LookalikeMethod::Centroid, LookalikeMethod::Classifier] {
        let backend = Arc::new(MemoryBackend::default());
        let (_folder, engine) = engine(&backend);
        let ask = || {
            let (view, settings) = (engine.view(), engine.settings());
            let asked = Lookalikes::new(&view, &settings, Seed::users(["u0", "u1"])).method(method).limit(3);
            asked.run().unwrap().users.into_iter().map(|hit| hit.user).collect::<Vec<_>>()
        };
        assert_eq!(ask(), ["u2", "u3", "u4"]);
        for n in [1, 2, 4] {
            let no = engine.view().user_no(&format!("u{n}")).unwrap().unwrap();
            backend.tamper(&keys::user(no), |bytes| *bytes.last_mut().unwrap() ^= 1);
        }
        assert_eq!(ask(), ["u3", "u5", "u6"], "{method:?}");
    }
}

fn day(n: u16) -> Time {
    Time::from_secs(i64::from(n) * 86_400).unwrap()
}

/// Each part of what a filter reads in turn: a record, a state, an event.
#[test]
fn whoever_has_damaged_values_is_left_out_of_a_filter_that_needs_them() {
    let backend = Arc::new(MemoryBackend::default());
    let (_folder, engine) = engine(&backend);
    let event = |n: u16| Record::Event(Event::new(format!("u{n}"), "purchase", day(n)));
    engine.write(&(0..USERS).map(event).collect::<Vec<_>>(), &|_| {}).unwrap();
    engine
        .write(
            &[Record::User(User {
                id: "u9".into(),
                attributes: [("vip".into(), true.into())].into(),
                vector: None,
            })],
            &|_| {},
        )
        .unwrap();
    engine.apply_waiting();
    let no = |n: u16| engine.view().user_no(&format!("u{n}")).unwrap().unwrap();
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    backend.tamper(&keys::user(no(1)), flip);
    backend.tamper(&keys::state(no(2)), flip);
    let events_of = keys::events_of(no(3));
    let mut event = Vec::new();
    engine
        .view()
        .scan_from(&events_of, prefix_end(&events_of).as_deref(), |key, _| {
            event = key.to_vec();
            Ok(std::ops::ControlFlow::Continue(()))
        })
        .unwrap();
    backend.tamper(&event, flip);

    let found = |predicate: &Predicate| {
        let (view, settings) = (engine.view(), engine.settings());
        let selected = Selection::new(&view, &settings, predicate.clone()).now(day(USERS)).run().unwrap();
        let similar = Similar::new(&view, &settings, Like::user("u0")).limit(5).filter(predicate).unwrap();
        let hits: Vec<String> =
            similar.now(day(USERS)).run().unwrap().into_iter().map(|hit| hit.user).collect();
        (selected, hits)
    };
    let all_but = |without: &[u16], from: u16, limit: usize| -> Vec<String> {
        (from..USERS).filter(|n| !without.contains(n)).take(limit).map(|n| format!("u{n}")).collect()
    };
    let of_all_time = count("purchase").eq(1);
    let within = count("purchase").within(Interval::days(USERS)).eq(1);
    for (predicate, without) in
        [(Predicate::everybody(), &[1][..]), (of_all_time, &[1, 2]), (within, &[1, 3])]
    {
        let (selected, hits) = found(&predicate);
        assert_eq!(selected, all_but(without, 0, usize::MAX), "{predicate}");
        assert_eq!(hits, all_but(without, 1, 5), "{predicate}");
    }
    // Whether its part was needed is for the parts before to say.
    assert_eq!(found(&(id().eq("u2") & count("purchase").eq(1))).0, [""; 0]);
    assert_eq!(found(&(id().eq("u2") | count("purchase").eq(7))).0, ["u2"]);
    // Those whom nobody can read may have it.
    assert_eq!(found(&attribute("vip").eq(true)).0, ["u9"]);
    backend.tamper(&keys::user(no(9)), flip);
    assert_eq!(found(&attribute("vip").eq(true)).0, [""; 0]);
}

/// Whoever has damaged values is in no figure of what sets a segment apart; an item with a damaged record has neither name nor category.
#[test]
fn what_is_damaged_is_in_no_portrait() {
    let backend = Arc::new(MemoryBackend::default());
    let (_folder, engine) = engine(&backend);
    let item = |n: u16| {
        let category = [("category".into(), format!("c{n}").into())].into();
        Record::Item(Item { id: format!("i{n}"), text: None, attributes: category })
    };
    let mut records: Vec<Record> = (0..3).map(item).collect();
    for n in 0..USERS {
        // The first ten are members; all of them, and two others, bought i0 and i2.
        let bought = if (10..USERS - 2).contains(&n) { ["i1", "i1"] } else { ["i0", "i2"] };
        for (hour, item) in (0..).zip(bought) {
            let time = Time::from_secs(hour * 3_600).unwrap();
            records.push(Record::Event(Event::new(format!("u{n}"), "purchase", time).item(item)));
        }
    }
    let predicate = id().one_of((0..10).map(|n| format!("u{n}")));
    records.push(Record::Segment(SegmentDefinition { name: "first".into(), predicate, now: Some(day(1)) }));
    engine.write(&records, &|_| {}).unwrap();
    engine.apply_waiting();
    let told = || {
        let (view, settings) = (engine.view(), engine.settings());
        let portrait = Contrast::new(&view, &settings, "first").run().unwrap();
        let traits = portrait.traits.into_iter().map(|told| (told.of, told.members, told.users)).collect();
        (portrait.members, portrait.users, traits)
    };
    let category = |n: u16| TraitOf::Category { name: format!("c{n}") };
    let item = |n: u16| TraitOf::Item { id: format!("i{n}"), text: None };
    let all = |with: u64, of_all: u64| {
        [category(0), category(2), item(0), item(2)].map(|of| (of, with, of_all)).to_vec()
    };
    assert_eq!(told(), (10, u64::from(USERS), all(10, 12)));
    let no = |n: u16| engine.view().user_no(&format!("u{n}")).unwrap().unwrap();
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    backend.tamper(&keys::state(no(1)), flip);
    assert_eq!(told(), (9, u64::from(USERS) - 1, all(9, 11)));
    backend.tamper(&keys::contributions(no(2), 0), flip);
    backend.tamper(&keys::contributions(no(USERS - 1), 0), flip);
    assert_eq!(told(), (8, u64::from(USERS) - 3, all(8, 9)));
    let of_item = engine.view().item_no("i0").unwrap().unwrap();
    backend.tamper(&keys::item(of_item), flip);
    let traits = vec![(category(2), 8, 9), (item(2), 8, 9)];
    assert_eq!(told(), (8, u64::from(USERS) - 3, traits));
}

/// A record that was damaged when the columns were made is in none of them.
#[test]
fn whose_record_is_damaged_is_in_no_portrait_and_is_not_explained() {
    let backend = Arc::new(MemoryBackend::default());
    let (_folder, engine) = engine(&backend);
    let predicate = id().one_of((0..10).map(|n| format!("u{n}")));
    let first = SegmentDefinition { name: "first".into(), predicate, now: Some(day(1)) };
    engine.write(&[Record::Segment(first)], &|_| {}).unwrap();
    engine.apply_waiting();
    let no = engine.view().user_no("u3").unwrap().unwrap();
    backend.tamper(&keys::user(no), |bytes| *bytes.last_mut().unwrap() ^= 1);
    let (view, settings) = (engine.view(), engine.settings());
    let portrait = Contrast::new(&view, &settings, "first").run().unwrap();
    assert_eq!((portrait.members, portrait.users), (9, u64::from(USERS) - 1));
    let error = explain_segment(&view, &settings, "u3", "first").unwrap_err();
    assert_eq!(error.kind(), crate::ErrorKind::Damage, "{error}");
    assert_eq!(explain_segment(&view, &settings, "u4", "first").unwrap().root.truth, Truth::True);
}
