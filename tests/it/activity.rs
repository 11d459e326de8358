//! What users did over time, against counting by hand.

use crate::fixture::{bought, day, place, store, vector_options};
use kindred::Snapshot;
use kindred::analysis::{ActivityReport, TimeBin};
use kindred::model::{Event, Time};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const KINDS: [&str; 3] = ["view", "purchase", "like"];

/// What names the bin of an instant: no arithmetic of ours, but the text of its date, and for weeks the days since a Monday.
fn name(bin: TimeBin, time: Time) -> String {
    let text = time.to_string();
    match bin {
        TimeBin::Day => text[..10].to_owned(),
        TimeBin::Month => text[..7].to_owned(),
        TimeBin::Year => text[..4].to_owned(),
        TimeBin::Decade => text[..3].to_owned(),
        _ => {
            let monday: Time = "1900-01-01".parse().unwrap();
            ((time.micros() - monday.micros()).div_euclid(7 * 86_400_000_000)).to_string()
        }
    }
}

#[derive(Default, Debug, PartialEq)]
struct Counted {
    kinds: BTreeMap<String, u64>,
    active: BTreeSet<String>,
    new: BTreeSet<String>,
}

/// What every user's list of events says.
fn by_hand(snapshot: &Snapshot, bin: TimeBin, until: Option<Time>) -> (BTreeMap<String, Counted>, u64) {
    let (mut bins, mut later): (BTreeMap<String, Counted>, u64) = (BTreeMap::new(), 0);
    for user in snapshot.users().map(Result::unwrap) {
        let events = snapshot.events(&user.id).unwrap().map(Result::unwrap);
        let (kept, left): (Vec<Event>, Vec<Event>) =
            events.partition(|event| until.is_none_or(|until| event.time <= until));
        later += left.len() as u64;
        if let Some(first) = kept.iter().map(|event| event.time).min() {
            bins.entry(name(bin, first)).or_default().new.insert(user.id.clone());
        }
        for event in kept {
            let counted = bins.entry(name(bin, event.time)).or_default();
            *counted.kinds.entry(event.kind).or_default() += 1;
            counted.active.insert(user.id.clone());
        }
    }
    (bins, later)
}

fn check(snapshot: &Snapshot, told: &ActivityReport, until: Option<Time>) {
    let (mut expected, later) = by_hand(snapshot, told.bin, until);
    let sum = |counted: &Counted| counted.kinds.values().sum::<u64>();
    assert_eq!((told.later, told.events), (later, expected.values().map(sum).sum()));
    assert_eq!(told.users, expected.values().map(|counted| counted.new.len() as u64).sum::<u64>());
    assert_eq!(told.users + told.without_events, snapshot.stats().unwrap().users);
    assert!(told.bins.is_sorted_by(|a, b| a.start < b.start));
    for (at, bin) in told.bins.iter().enumerate() {
        let counted = expected.remove(&name(told.bin, bin.start)).unwrap_or_default();
        let is_edge = at == 0 || at + 1 == told.bins.len();
        assert!(!is_edge || !counted.active.is_empty(), "no bin is empty at either end");
        let kinds = told.kinds.iter().cloned().zip(bin.events.iter().copied());
        assert_eq!(kinds.filter(|(_, count)| *count > 0).collect::<BTreeMap<_, _>>(), counted.kinds);
        assert_eq!(
            (bin.active_users, bin.new_users),
            (counted.active.len() as u64, counted.new.len() as u64)
        );
    }
    assert_eq!(expected, BTreeMap::new(), "each is in a bin");
    assert!((0..told.kinds.len()).all(|kind| told.bins.iter().any(|bin| bin.events[kind] > 0)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn bins_hold_what_is_counted_by_hand(
        events in prop::collection::vec((0_u8..6, 0_usize..3, -40_000_000_i64..40_000_000), 0..60),
        scale in 1_i64..8,
        until in prop::option::of(-100_000_000_i64..100_000_000),
        silent in 0_u8..3,
    ) {
        let place = place();
        let store = vector_options(2).open(&place.path).unwrap();
        store.write(|tx| {
            (0..silent).try_for_each(|no| tx.put_user(&format!("silent {no}"), []))?;
            events.iter().try_for_each(|&(user, kind, secs)| {
                tx.record(Event::new(format!("u{user}"), KINDS[kind], Time::from_secs(secs * scale)?))
            })
        }).unwrap();
        let (snapshot, until) = (store.snapshot(), until.map(|until| Time::from_secs(until).unwrap()));
        for bin in [None, Some(TimeBin::Day), Some(TimeBin::Week), Some(TimeBin::Month), Some(TimeBin::Year), Some(TimeBin::Decade)] {
            let mut activity = snapshot.activity();
            if let Some(bin) = bin {
                activity = activity.bin(bin);
            }
            if let Some(until) = until {
                activity = activity.until(until);
            }
            let told = activity.run(&|_| {}).unwrap();
            prop_assert!(bin.is_none_or(|bin| bin == told.bin) && (bin.is_some() || told.bins.len() <= 120));
            check(&snapshot, &told, until);
        }
    }
}

#[test]
fn folded_events_are_told_of_and_first_ones_stay() {
    let (_place, store) = store();
    store
        .write(|tx| {
            for no in 0..4 {
                tx.record(bought("ann", "p1", 10 * no))?;
            }
            tx.record(bought("bob", "p1", 30))
        })
        .unwrap();
    store.expire(day(20)).unwrap();
    let told = store.snapshot().activity().bin(TimeBin::Month).run(&|_| {}).unwrap();
    assert_eq!((told.folded, told.events, told.users), (2, 3, 2));
    let months: Vec<_> = told.bins.iter().map(|bin| (bin.start.to_string(), bin.new_users)).collect();
    assert_eq!(months, [("1970-01-01T00:00:00Z".to_owned(), 2)]);
}

#[test]
fn a_store_of_nobody_and_one_of_all_times() {
    let (_place, store) = store();
    let none = store.snapshot().activity().run(&|_| {}).unwrap();
    assert_eq!((none.bins.len(), none.kinds.len(), none.users, none.bin), (0, 0, 0, TimeBin::Day));
    store
        .write(|tx| {
            tx.record(Event::new("ann", "view", "0001-01-01".parse()?))?;
            tx.record(Event::new("ann", "view", "9999-12-30".parse()?))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let all = snapshot.activity().run(&|_| {}).unwrap();
    assert_eq!((all.bin, all.bins.len(), all.events), (TimeBin::Decade, 1_000, 2));
    let refused = snapshot.activity().bin(TimeBin::Day).run(&|_| {}).unwrap_err();
    assert!(refused.to_string().contains("take a longer bin than a day"), "{refused}");
}
