//! Segments through any writes, instants and openings: in each are just those of whom its predicate is true, and the feed tells how
//! they came there.

use super::filters::{put_all_types, some_attributes, some_items};
use crate::model::predicate::arbitrary::{KIND, NUMBER, a_predicate, a_time, an_interval};
use crate::model::{
    Attributes, Event, EventKind, Item, KeepEvents, Predicate, Time, Truth, attribute, count, in_segment,
};
use crate::{Snapshot, Store};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

#[derive(Clone, Debug)]
enum Step {
    Put(u8, Attributes),
    Forget(u8),
    Record(u8, bool, Time, u8),
    Items(Vec<Item>),
    Write(u8, Time),
    RemoveUser(u8),
    RemoveItem(u8),
    Define(u8, Predicate),
    /// One that asks for another.
    Nest(u8, u8, bool),
    Drop(u8),
    /// So much later.
    Advance(crate::model::Interval),
    Open,
}

fn a_step() -> BoxedStrategy<Step> {
    let user = 0_u8..5;
    prop_oneof![
        4 => (user.clone(), some_attributes()).prop_map(|(user, attributes)| Step::Put(user, attributes)),
        1 => user.clone().prop_map(Step::Forget),
        6 => (user.clone(), any::<bool>(), a_time(), 0_u8..3)
            .prop_map(|(user, view, time, item)| Step::Record(user, view, time, item)),
        3 => some_items().prop_map(Step::Items),
        1 => (user.clone(), a_time()).prop_map(|(user, time)| Step::Write(user, time)),
        1 => user.prop_map(Step::RemoveUser),
        1 => (0_u8..3).prop_map(Step::RemoveItem),
        4 => (0_u8..4, a_predicate()).prop_map(|(name, predicate)| Step::Define(name, predicate)),
        2 => (0_u8..4, 0_u8..4, any::<bool>()).prop_map(|(name, other, not)| Step::Nest(name, other, not)),
        1 => (0_u8..4).prop_map(Step::Drop),
        4 => an_interval().prop_map(Step::Advance),
        1 => Just(Step::Open),
    ]
    .boxed()
}

fn open(folder: &std::path::Path) -> Store {
    let kind = EventKind { name: KIND.to_owned(), weight: 1.0, half_life_days: 30.0 };
    Store::options().dim(2).kind(kind).keep_events(KeepEvents::last(4)).open(folder.join("store")).unwrap()
}

fn take(store: &Store, step: &Step) -> crate::Result<()> {
    let user = |user: &u8| format!("u{user}");
    let segment = |segment: &u8| format!("s{segment}");
    store.write(|tx| match step {
        Step::Put(no, attributes) => {
            let attributes = attributes.iter().map(|(name, value)| (name.as_str(), value.clone()));
            tx.put_user(&user(no), attributes)
        }
        Step::Forget(no) => tx.remove_attribute(&user(no), NUMBER),
        Step::Record(no, view, time, item) => {
            let event = Event::new(user(no), if *view { "view" } else { KIND }, *time);
            tx.record(event.item(format!("i{item}")).value(f64::from(*item)))
        }
        Step::Items(items) => items.iter().try_for_each(|item| tx.put_item(item.clone())),
        Step::Write(no, time) => tx.add_text(&user(no), "text", *time),
        Step::RemoveUser(no) => tx.remove_user(&user(no)),
        Step::RemoveItem(item) => tx.remove_item(&format!("i{item}")),
        Step::Define(name, predicate) => tx.define_segment(&segment(name), predicate),
        Step::Nest(name, other, not) => {
            let asked = in_segment(segment(other));
            let asked = if *not { !asked } else { asked };
            tx.define_segment(&segment(name), asked | count("view").ge(3))
        }
        Step::Drop(name) => tx.drop_segment(&segment(name)),
        Step::Advance(_) | Step::Open => Ok(()),
    })
}

/// What a host makes of the feed: who is in which segment.
#[derive(Default)]
struct Followed {
    position: u64,
    members: BTreeMap<String, BTreeSet<String>>,
}

impl Followed {
    fn follow(&mut self, snapshot: &Snapshot) {
        loop {
            let feed = snapshot.changes_since(self.position, 3).unwrap();
            for change in feed.changes {
                let members = self.members.entry(change.segment).or_default();
                let is_news =
                    if change.entered { members.insert(change.user) } else { members.remove(&change.user) };
                assert!(is_news, "told twice, at {}", change.position);
            }
            if feed.next == self.position {
                return;
            }
            self.position = feed.next;
        }
    }
}

fn check(snapshot: &Snapshot, followed: &Followed) -> Result<(), TestCaseError> {
    let Some(now) = snapshot.segments_now() else { return Ok(()) };
    let mut of_users: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for segment in snapshot.segments().unwrap() {
        let expected = snapshot.users_where(&segment.predicate).unwrap().now(now).run().unwrap();
        let members = snapshot.members(&segment.name).unwrap();
        prop_assert_eq!(&members, &expected, "{} at {}", &segment.predicate, now);
        prop_assert_eq!(segment.members, members.len() as u64);
        for user in snapshot.users() {
            let user = user.unwrap().id;
            let reasons = snapshot.explain_segment(&user, &segment.name).unwrap();
            let is_in = members.contains(&user);
            prop_assert_eq!(
                reasons.root.truth == Truth::True,
                is_in,
                "{} of {}",
                reasons,
                &segment.predicate
            );
            prop_assert_eq!((reasons.now, reasons.user), (now, user));
        }
        let told = followed.members.get(&segment.name).cloned().unwrap_or_default();
        prop_assert_eq!(
            told,
            members.iter().cloned().collect::<BTreeSet<_>>(),
            "the feed of {}",
            &segment.name
        );
        members.into_iter().for_each(|user| of_users.entry(user).or_default().push(segment.name.clone()));
    }
    for user in snapshot.users() {
        let user = user.unwrap().id;
        let expected = of_users.remove(&user).unwrap_or_default();
        prop_assert_eq!(snapshot.segments_of(&user).unwrap(), expected);
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]
    #[test]
    fn segments_hold_those_of_whom_they_are_true(
        first in a_time(),
        steps in proptest::collection::vec(a_step(), 1..40),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut store = open(folder.path());
        store.write(put_all_types).unwrap();
        store.advance_segments(first, &|_| {}).unwrap();
        let mut followed = Followed::default();
        for step in &steps {
            match step {
                Step::Open => {
                    drop(store);
                    store = open(folder.path());
                }
                Step::Advance(interval) => {
                    let now = store.snapshot().segments_now().unwrap();
                    if let Ok(later) = interval.after(now) && later >= now {
                        store.advance_segments(later, &|_| {}).unwrap();
                    }
                }
                // Some name what is not there, or ask for themselves.
                step => drop(take(&store, step)),
            }
            let snapshot = store.snapshot();
            // What is gone is for the host to take out.
            let users: BTreeSet<String> = snapshot.users().map(|user| user.unwrap().id).collect();
            followed.members.values_mut().for_each(|members| members.retain(|user| users.contains(user)));
            let names: BTreeSet<String> = snapshot.segments().unwrap().into_iter().map(|of| of.name).collect();
            followed.members.retain(|name, _| names.contains(name));
            followed.follow(&snapshot);
            check(&snapshot, &followed)?;
        }
        let report = store.verify(&|_| {}).unwrap();
        prop_assert!(report.is_sound(), "{:?}", report.problems);
    }
}

#[test]
fn what_makes_no_segment_is_refused() {
    use crate::model::{ago, now};
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write(|tx| tx.put_user("ann", [("age", 31.into())])).unwrap();
    let define = |name: &str, predicate: Predicate| store.write(|tx| tx.define_segment(name, predicate));
    define("grown", attribute("age").ge(18)).unwrap();
    define("both", in_segment("grown") & count("view").ge(1)).unwrap();
    let days = crate::model::Interval::days(1);
    for (name, predicate, words) in [
        ("", attribute("age").gt(1), "segment name"),
        ("x", in_segment("grwn"), "there is no segment \"grwn\" in this store: did you mean \"grown\"?"),
        ("x", in_segment("x"), "there is no segment \"x\""),
        ("grown", in_segment("both"), "it would ask for itself"),
        ("grown", !in_segment("grown"), "it would ask for itself"),
        ("x", count("vew").gt(1), "did you mean \"view\"?"),
        ("x", attribute("age").eq("old"), "cannot be compared"),
        ("x", now().gt(ago(days)), "compares now() with something of the user"),
        ("x", (0..100).fold(attribute("age").gt(1), |inner, _| !inner), "deeper"),
    ] {
        // What a text may say is known only to who reads texts.
        if words == "deeper" && !cfg!(feature = "sql") {
            continue;
        }
        let error = define(name, predicate.clone()).expect_err(words);
        assert!(error.to_string().contains(words), "{predicate}: {error}");
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
    }
    let error = store.write(|tx| tx.drop_segment("grown")).unwrap_err();
    assert!(error.to_string().contains("segment \"both\" asks for it"), "{error}");
    store.write(|tx| tx.drop_segment("nobody knows")).unwrap();
    let snapshot = store.snapshot();
    let names: Vec<String> = snapshot.segments().unwrap().into_iter().map(|segment| segment.name).collect();
    assert_eq!(names, ["grown", "both"]);
    let error = snapshot.members("grwn").unwrap_err().to_string();
    assert!(error.contains("did you mean \"grown\"?"), "{error}");
    assert!(snapshot.segments_of("bob").is_err());
    assert!(snapshot.changes_since(2, 1).unwrap_err().to_string().contains("from position 0 to 1"));
    let at = snapshot.segments_now().unwrap();
    let error = store.advance_segments(days.before(at).unwrap(), &|_| {}).unwrap_err();
    assert!(error.to_string().contains("and never back"), "{error}");
    // Where an interval would lead out of the calendar, segments do not go.
    define("long ago", count("view").within("4000 years".parse().unwrap()).ge(1)).unwrap_err();
    define("soon", attribute("born").gt(crate::model::ahead("4000 years".parse().unwrap()))).unwrap();
    let late = "8000-01-01".parse().unwrap();
    assert!(store.advance_segments(late, &|_| {}).unwrap_err().to_string().contains("the years 1 to 9999"));
    assert_eq!(store.snapshot().segments_now(), Some(at));
    // The same again is the same version, another the next.
    define("grown", attribute("age").ge(18)).unwrap();
    let version = || store.snapshot().segments().unwrap()[0].version;
    assert_eq!(version(), 1);
    define("grown", attribute("age").ge(21)).unwrap();
    assert_eq!(version(), 2);
}

/// An event that a month leaves behind may come back on the next day; that hides none that is left behind before.
#[test]
fn months_leave_each_event_behind_at_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    let at = |time: &str| time.parse::<Time>().unwrap();
    store.advance_segments(at("2026-06-15T09:00:00Z"), &|_| {}).unwrap();
    let lately = count("view").within(crate::model::Interval::months(1)).ge(1);
    store
        .write(|tx| {
            tx.define_segment("lately", lately)?;
            tx.record(Event::new("ann", "view", at("2026-05-13T10:00:00Z")))?;
            tx.record(Event::new("ann", "view", at("2026-05-15T11:00:00Z")))
        })
        .unwrap();
    let members = |time: &str| {
        store.advance_segments(at(time), &|_| {}).unwrap();
        store.snapshot().members("lately").unwrap()
    };
    assert_eq!(members("2026-06-15T10:00:00Z"), ["ann"]);
    assert_eq!(members("2026-06-15T11:00:00Z"), ["ann"]);
    assert_eq!(members("2026-06-15T11:00:00.000001Z"), [""; 0]);
    // The 30th of March goes back to the 28th of February at midnight, and to the hour of the day before that.
    store.write(|tx| tx.record(Event::new("bob", "view", at("2027-02-28T12:00:00Z")))).unwrap();
    assert_eq!(members("2027-03-28T12:00:00Z"), ["bob"]);
    assert_eq!(members("2027-03-28T13:00:00Z"), [""; 0]);
    assert_eq!(members("2027-03-29T00:00:00Z"), ["bob"]);
    assert_eq!(members("2027-03-29T13:00:00Z"), [""; 0]);
    assert_eq!(members("2027-03-30T06:00:00Z"), ["bob"]);
    assert_eq!(members("2027-04-01T00:00:00Z"), [""; 0]);
}

/// What a text defined is asked again as what a program built is: nobody has the text before them.
#[cfg(feature = "sql")]
#[test]
fn a_kept_predicate_may_name_what_nobody_has() {
    let folder = tempfile::tempdir().unwrap();
    let store = open(folder.path());
    store.write(|tx| tx.define_segment("nowhere", "town is null or town = 'Ulm'")).unwrap();
    store.write(|tx| tx.put_user("ann", [("age", 31.into())])).unwrap();
    let kept = store.snapshot().segments().unwrap().remove(0).predicate;
    assert_eq!(store.snapshot().users_where(&kept).unwrap().run().unwrap(), ["ann"]);
    assert_eq!(store.snapshot().members("nowhere").unwrap(), ["ann"]);
}
