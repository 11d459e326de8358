//! Old events are folded: out of the list, and into sums that give the same profiles, reasons and answers.

use crate::fixture::{
    TEXT_DIM, assert_near, bought, day, encoder, fusion, item, options, place, vector_options,
};
use kindred::encoder::{Encoder, HashedEncoder};
use kindred::ingest::{self, Source};
use kindred::model::{Event, Item, KeepEvents, Record, Removal, Text, Time};
use kindred::query::{Explanation, PartOf, Profile};
use kindred::{Error, Expired, Options, Snapshot, Store};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::io::Cursor;
use std::sync::Arc;
use std::time::Duration;

const DAY: Duration = Duration::from_hours(24);

/// The built-in encoder, but that it learns nothing: what it makes of folded texts stays what it would make of them now.
struct Plain(HashedEncoder);

impl Encoder for Plain {
    fn id(&self) -> &'static str {
        "plain"
    }

    fn dim(&self) -> usize {
        TEXT_DIM
    }

    fn encode(&self, texts: &[&str], progress: &(dyn Fn(usize) + Sync)) -> kindred::Result<Vec<f32>> {
        self.0.encode(texts, progress)
    }
}

fn plain() -> Options {
    options().encoder(Arc::new(Plain(HashedEncoder::new(TEXT_DIM).unwrap())))
}

fn events(snapshot: &Snapshot, user: &str) -> Vec<Event> {
    snapshot.events(user).unwrap().map(Result::unwrap).collect()
}

fn exported(store: &Store) -> String {
    let mut lines = Vec::new();
    store.snapshot().export(&mut lines, &|_| {}).unwrap();
    String::from_utf8(lines).unwrap()
}

fn import(lines: &str, options: &Options) -> (crate::fixture::Place, Store) {
    let place = place();
    let source = Source::reader("export", Cursor::new(lines.to_owned()));
    let (store, report) = options.import(&place.path, source, &|_| {}).unwrap();
    // The settings are those of the store made with them.
    assert_eq!((report.rejected, report.duplicate, report.expired), (0, 1, 0), "{report}");
    (place, store)
}

fn assert_sound(store: &Store) {
    let report = store.verify(&|_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
}

/// Figures to 1e-9 of what was summed up, embeddings to 1e-5.
fn assert_like(a: &Profile, b: &Profile) {
    let (mut x, mut y) = (a.clone(), b.clone());
    assert_near(x.embedding.take().as_deref(), y.embedding.take().as_deref(), 1e-5, &a.user);
    assert_eq!(x.kinds.len(), y.kinds.len(), "{a:?} {b:?}");
    for (x, y) in x.kinds.iter_mut().zip(&mut y.kinds) {
        assert!((x.value - y.value).abs() < 1e-9 && (x.quantity - y.quantity).abs() < 1e-9, "{x:?} {y:?}");
        (x.value, x.quantity) = (y.value, y.quantity);
    }
    assert_eq!(x, y);
}

/// Why each user is found for a user, by who is found.
fn reasons(snapshot: &Snapshot, user: &str) -> BTreeMap<String, (f32, Explanation)> {
    let hits = snapshot.similar(user).limit(20).exact(true).explain(true).run().unwrap();
    hits.into_iter().map(|hit| (hit.user, (hit.score, hit.explanation.unwrap()))).collect()
}

/// The words of a folded text are gone; for the rest reasons are the same.
fn assert_same_reasons(a: &Snapshot, b: &Snapshot, user: &str) {
    let (a, b) = (reasons(a, user), reasons(b, user));
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>());
    for (found, (score, why)) in &a {
        let (other_score, other) = &b[found];
        assert!((score - other_score).abs() < 1e-4, "{user} {found}: {score} {other_score}");
        assert_eq!(why.parts.len(), other.parts.len(), "{user} {found}: {why:?} {other:?}");
        for part in &why.parts {
            let alike = |other: &&kindred::query::Part| match (&part.of, &other.of) {
                (PartOf::Text(_), PartOf::Text(text)) if text.is_empty() => {
                    part.counts == other.counts && (part.score - other.score).abs() < 1e-4
                }
                (of, other) => of == other,
            };
            // Where two are as strong, either may be among the named.
            let Some(same) = other.parts.iter().find(alike) else { continue };
            assert_eq!(
                (same.counts, same.shared),
                (part.counts, part.shared),
                "{user} {found}: {why:?} {other:?}"
            );
            assert!((same.score - part.score).abs() < 1e-4, "{user} {found}: {why:?} {other:?}");
        }
    }
}

/// What a history does, one after the other.
#[derive(Clone, Debug)]
enum Op {
    Write(Vec<Act>),
    Fit,
    Reopen,
    Expire,
}

#[derive(Clone, Debug)]
enum Act {
    Event { user: u8, kind: u8, item: Option<u8>, text: Option<u8>, value: Option<i32>, hours: u8, id: bool },
    Text { user: u8, text: u8 },
    Item { item: u8, text: Option<u8> },
    RemoveItem(u8),
    RemoveUser(u8),
}

const WORDS: [&str; 6] =
    ["fresh salmon", "dry dog food", "garden chair", "espresso", "wooden table", "puppy"];
const KINDS: [&str; 4] = ["purchase", "view", "review", "dismiss"];

fn act() -> impl Strategy<Value = Act> {
    let hours = prop_oneof![2 => Just(0_u8), 3 => 1..30_u8, 1 => Just(240_u8)];
    let event = (
        0..4_u8,
        0..4_u8,
        prop::option::weighted(0.8, 0..5_u8),
        prop::option::weighted(0.3, 0..6_u8),
        prop::option::of(-50..50_i32),
        hours,
        any::<bool>(),
    );
    let text = prop::option::weighted(0.8, 0..6_u8);
    prop_oneof![
        40 => event.prop_map(|(user, kind, item, text, value, hours, id)| {
            Act::Event { user, kind, item, text, value, hours, id }
        }),
        3 => (0..4_u8, 0..6_u8).prop_map(|(user, text)| Act::Text { user, text }),
        4 => (0..5_u8, text).prop_map(|(item, text)| Act::Item { item, text }),
        1 => (0..5_u8).prop_map(Act::RemoveItem),
        1 => (0..4_u8).prop_map(Act::RemoveUser),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    prop_oneof![
        20 => prop::collection::vec(act(), 1..30).prop_map(Op::Write),
        1 => Just(Op::Fit),
        1 => Just(Op::Reopen),
        1 => Just(Op::Expire),
    ]
}

fn policy() -> impl Strategy<Value = (Option<u64>, Option<u64>)> {
    (prop::option::weighted(0.8, 1..30_u64), prop::option::weighted(0.4, 1..40_u64))
}

fn keep((last, days): (Option<u64>, Option<u64>)) -> KeepEvents {
    let last = last.map_or(KeepEvents::all(), KeepEvents::last);
    days.map_or(last, |days| last.and(KeepEvents::within(DAY * u32::try_from(days).unwrap())))
}

/// From which instant on a user's events are to be there, by the rule and all events that there are.
fn floor(policy: (Option<u64>, Option<u64>), before: Option<Time>, all: &[Event]) -> Option<Time> {
    let kept: Vec<&Event> =
        all.iter().filter(|event| before.is_none_or(|before| event.time >= before)).collect();
    let (Some(oldest), Some(newest)) = (kept.first(), all.last()) else { return before };
    let by_count = policy
        .0
        .filter(|&n| kept.len() as u64 > n + (n / 4).max(16))
        .map(|n| kept[kept.len() - n as usize].time);
    let by_age = policy.1.and_then(|days| {
        let age = newest.time.micros() - oldest.time.micros();
        let within = i64::try_from(days).unwrap() * 86_400_000_000;
        (age > within + within / 4).then(|| Time::from_micros(newest.time.micros() - within).unwrap())
    });
    before.max(by_count).max(by_age)
}

/// A store that folds beside one that does not, and what the first should list.
struct Twins {
    policy: (Option<u64>, Option<u64>),
    places: [crate::fixture::Place; 2],
    stores: Option<[Store; 2]>,
    /// From which instant on each user's events are there.
    floors: BTreeMap<String, Time>,
    now: i64,
    events: u32,
}

impl Twins {
    fn new(policy: (Option<u64>, Option<u64>)) -> Self {
        let (places, floors) = ([place(), place()], BTreeMap::new());
        let mut twins = Self { policy, places, stores: None, floors, now: 0, events: 0 };
        twins.open();
        twins
    }

    fn open(&mut self) {
        self.stores = None;
        let capped = plain().keep_events(keep(self.policy)).open(&self.places[0].path).unwrap();
        self.stores = Some([capped, plain().open(&self.places[1].path).unwrap()]);
    }

    fn stores(&self) -> &[Store; 2] {
        self.stores.as_ref().unwrap()
    }

    fn run(&mut self, op: Op) {
        match op {
            Op::Write(acts) => self.write(&acts),
            Op::Fit => self.stores().iter().for_each(|store| assert!(store.fit().unwrap().version > 0)),
            Op::Reopen => self.open(),
            Op::Expire => self.expire(),
        }
        self.check();
    }

    fn write(&mut self, acts: &[Act]) {
        let mut grown = BTreeSet::new();
        let records: Vec<Record> = acts.iter().map(|act| self.record(act, &mut grown)).collect();
        for store in self.stores() {
            store.write(|tx| records.iter().try_for_each(|record| tx.apply(record.clone()))).unwrap();
        }
        for record in &records {
            if let Record::Remove(Removal::User { user }) = record {
                self.floors.remove(user);
            }
        }
        let snapshot = self.stores()[1].snapshot();
        for user in grown {
            let Ok(all) = snapshot.events(&user) else { continue };
            let all: Vec<Event> = all.map(Result::unwrap).collect();
            let floor = floor(self.policy, self.floors.get(&user).copied(), &all);
            floor.map(|floor| self.floors.insert(user, floor));
        }
    }

    fn record(&mut self, act: &Act, grown: &mut BTreeSet<String>) -> Record {
        let name = |user: u8| format!("u{user}");
        let thing = |item: u8| format!("i{item}");
        let words = |text: u8| WORDS[usize::from(text)].to_owned();
        match *act {
            Act::Event { user, kind, item, text, value, hours, id } => {
                self.now += i64::from(hours) * 3600;
                self.events += 1;
                grown.insert(name(user));
                Record::Event(Event {
                    id: id.then(|| format!("e{}", self.events)),
                    user: name(user),
                    item: item.map(thing),
                    kind: KINDS[usize::from(kind)].to_owned(),
                    time: Time::from_secs(self.now).unwrap(),
                    value: value.map(|value| f64::from(value) / 7.0),
                    quantity: value.filter(|value| value % 2 == 0).map(|value| f64::from(value) / 3.0),
                    text: text.map(words),
                })
            }
            Act::Text { user, text } => Record::Text(Text {
                user: name(user),
                text: words(text),
                time: Time::from_secs(self.now).unwrap(),
            }),
            Act::Item { item, text } => {
                Record::Item(Item { id: thing(item), text: text.map(words), ..Item::default() })
            }
            Act::RemoveItem(item) => Record::Remove(Removal::Item { item: thing(item) }),
            Act::RemoveUser(user) => Record::Remove(Removal::User { user: name(user) }),
        }
    }

    /// All before the day before.
    fn expire(&mut self) {
        let before = Time::from_secs(self.now - 86_400).unwrap();
        let expired = self.stores()[0].expire(before).unwrap();
        let snapshot = self.stores()[1].snapshot();
        let mut told = (0, 0);
        for user in crate::fixture::user_ids(&snapshot) {
            let floor = self.floors.get(&user).copied();
            let due = |event: &Event| floor.is_none_or(|floor| event.time >= floor) && event.time < before;
            let folded = events(&snapshot, &user).iter().filter(|event| due(event)).count() as u64;
            if folded > 0 {
                told = (told.0 + 1, told.1 + folded);
                self.floors.insert(user, before);
            }
        }
        assert_eq!((expired.users, expired.events), told);
    }

    fn check(&self) {
        let [capped, whole] = self.stores();
        let (capped, whole) = (capped.snapshot(), whole.snapshot());
        let (mut kept, mut folded) = (0, 0);
        for user in crate::fixture::user_ids(&whole) {
            assert_like(&capped.profile(&user).unwrap(), &whole.profile(&user).unwrap());
            let floor = self.floors.get(&user);
            let (left, gone): (Vec<Event>, Vec<Event>) = events(&whole, &user)
                .into_iter()
                .partition(|event| floor.is_none_or(|floor| event.time >= *floor));
            (kept, folded) = (kept + left.len() as u64, folded + gone.len() as u64);
            assert_eq!(events(&capped, &user), left, "{user}");
        }
        let stats = capped.stats().unwrap();
        assert_eq!((stats.events, stats.events_folded), (kept, folded));
        assert_eq!(stats.texts, whole.stats().unwrap().texts);
    }

    /// Also what a store is that was made of the export.
    fn finish(&self) {
        let [capped, whole] = self.stores();
        assert_sound(capped);
        for user in crate::fixture::user_ids(&whole.snapshot()) {
            assert_same_reasons(&whole.snapshot(), &capped.snapshot(), &user);
        }
        let lines = exported(capped);
        let (_place, copy) = import(&lines, &plain());
        assert_eq!(exported(&copy), lines);
        assert_sound(&copy);
        // What a fit learned is not in an export, and its factors may have other signs where groups have other numbers.
        if capped.snapshot().stats().unwrap().model_version > 0 {
            return;
        }
        for user in crate::fixture::user_ids(&whole.snapshot()) {
            assert_like(&copy.snapshot().profile(&user).unwrap(), &capped.snapshot().profile(&user).unwrap());
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn a_store_that_folds_has_the_profiles_of_one_that_does_not(
        policy in policy(),
        ops in prop::collection::vec(op(), 1..16),
    ) {
        let mut twins = Twins::new(policy);
        ops.into_iter().for_each(|op| twins.run(op));
        twins.finish();
    }
}

/// A store with the last few of a hundred events of one user.
fn folded() -> (crate::fixture::Place, Store) {
    let place = place();
    let store = options().keep_events(KeepEvents::last(5)).open(&place.path).unwrap();
    let event = |n: i64| bought("ann", "p1", n).id(format!("e{n}")).value(1.0);
    store.write(|tx| tx.put_item(item("p1", "fresh salmon"))).unwrap();
    store.write(|tx| (0..100).try_for_each(|n| tx.record(event(n)))).unwrap();
    (place, store)
}

#[test]
fn an_event_that_may_be_folded_already_is_left_aside_and_told() {
    let (_place, store) = folded();
    let stats = store.snapshot().stats().unwrap();
    assert_eq!((stats.events, stats.events_folded), (5, 95));
    let lines = [
        r#"{"type":"event","id":"e3","user":"ann","item":"p1","kind":"purchase","time":"1970-01-04"}"#,
        r#"{"type":"event","id":"other","user":"ann","item":"p9","kind":"purchase","time":"1970-01-04"}"#,
        r#"{"type":"event","id":"e99","user":"ann","item":"p1","kind":"purchase","time":"1970-04-10"}"#,
        r#"{"type":"event","id":"new","user":"bob","item":"p1","kind":"purchase","time":"1970-01-04"}"#,
    ];
    let before = store.snapshot().profile("ann").unwrap();
    let source = Source::reader("late", Cursor::new(lines.join("\n")));
    let report = store.ingest(source, &ingest::Options::new(), &mut Vec::new(), &|_| {}).unwrap();
    assert_eq!((report.read, report.accepted, report.duplicate, report.expired), (4, 1, 1, 2), "{report}");
    assert_eq!(store.snapshot().profile("ann").unwrap(), before);
    assert_eq!(store.snapshot().stats().unwrap().items, 1);
    // A write of the host's own is not held up by it either.
    store.write(|tx| tx.record(bought("ann", "p1", 7))).unwrap();
    assert_eq!(store.snapshot().profile("ann").unwrap().events, 100);
    assert_sound(&store);
}

#[test]
fn events_of_one_instant_stay_or_go_together() {
    let place = place();
    let store = options().keep_events(KeepEvents::last(2)).open(&place.path).unwrap();
    let many = |n: i64| (0..30).map(move |item| bought("ann", &format!("p{item}"), n));
    store.write(|tx| many(1).try_for_each(|event| tx.record(event))).unwrap();
    assert_eq!(events(&store.snapshot(), "ann").len(), 30);
    store.write(|tx| tx.record(bought("ann", "p0", 2))).unwrap();
    assert_eq!(events(&store.snapshot(), "ann").len(), 31);
    store.write(|tx| tx.record(bought("ann", "p0", 3))).unwrap();
    assert_eq!(events(&store.snapshot(), "ann").len(), 2);
}

#[test]
fn a_policy_is_remembered_and_may_be_changed() {
    let place = place();
    let store = options().open(&place.path).unwrap();
    store.write(|tx| (0..100).try_for_each(|n| tx.record(bought("ann", "p1", n)))).unwrap();
    drop(store);
    let open = |options: Options| options.open(&place.path).unwrap();
    let kept =
        |store: &Store| (events(&store.snapshot(), "ann").len(), store.snapshot().settings().keep_events);
    assert_eq!(kept(&open(options())), (100, KeepEvents::all()));
    let thirty = KeepEvents::last(30);
    assert_eq!(kept(&open(options().keep_events(thirty))), (30, thirty));
    assert_eq!(kept(&open(options())), (30, thirty));
    let week = KeepEvents::within(7 * DAY);
    assert_eq!(kept(&open(options().keep_events(week))), (8, week));
    let store = open(options().keep_events(KeepEvents::all()));
    store.write(|tx| (100..200).try_for_each(|n| tx.record(bought("ann", "p1", n)))).unwrap();
    assert_eq!(kept(&store), (108, KeepEvents::all()));
    for bad in [KeepEvents::last(0), KeepEvents::within(Duration::ZERO)] {
        drop(options().keep_events(bad).open(place.path.with_extension("new")).err().unwrap());
    }
    assert!(!place.path.with_extension("new").exists());
}

#[test]
fn expiring_goes_over_many_users_and_events_of_one() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    store.write(|tx| (0..2_500).try_for_each(|n| tx.record(bought(&format!("u{n}"), "p", n % 2)))).unwrap();
    store
        .write(|tx| (0..25_000).try_for_each(|n| tx.record(Event::new("u1", "view", Time::from_secs(n)?))))
        .unwrap();
    let expired: Expired = store.expire(day(1)).unwrap();
    assert_eq!((expired.users, expired.events), (1_251, 26_250));
    assert_eq!(store.snapshot().stats().unwrap().events, 1_250);
    assert_eq!(store.expire(day(1)).unwrap().events, 0);
    assert_sound(&store);
}

/// What the encoder learned after the events were folded cannot be brought to their texts: these keep the vectors they had.
#[test]
fn texts_of_folded_events_survive_an_encoder_that_learns() {
    let place = place();
    let store = options().open(&place.path).unwrap();
    crate::fixture::fill(&store);
    let told = |n: i64| Event::new("ann", "review", day(n)).text(format!("a marvellous xylophone {n}"));
    store.write(|tx| (0..10).try_for_each(|n| tx.record(told(n)))).unwrap();
    store.expire(day(9)).unwrap();
    store.fit().unwrap();
    store.fit().unwrap();
    assert_sound(&store);
    let hits = store.snapshot().similar("ann").limit(3).explain(true).run().unwrap();
    assert!(!hits.is_empty());
    let lines = exported(&store);
    let (_place, copy) = import(&lines, &Store::options().encoder(encoder()));
    assert_eq!(exported(&copy), lines);
    assert_sound(&copy);
}

/// A text of which the words are kept somewhere is encoded anew by the store that reads an export.
#[test]
fn an_export_gives_each_vector_that_cannot_be_made_anew_once() {
    let place = place();
    let store = options().open(&place.path).unwrap();
    let said = |user: &str, text: &str, n| Event::new(user, "review", day(n)).text(text);
    store
        .write(|tx| {
            tx.record(said("ann", "only once said", 1))?;
            tx.record(said("ann", "also kept", 2))?;
            tx.record(said("bob", "only once said", 1).item("p1"))?;
            tx.add_text("cem", "also kept", day(1))
        })
        .unwrap();
    store.expire(day(3)).unwrap();
    let lines = exported(&store);
    assert_eq!(lines.matches("\"vector\":").count(), 1, "{lines}");
    let (_place, copy) = import(&lines, &Store::options().encoder(encoder()));
    assert_eq!(exported(&copy), lines);
    for user in ["ann", "bob", "cem"] {
        assert_like(&copy.snapshot().profile(user).unwrap(), &store.snapshot().profile(user).unwrap());
    }
    store.write(|tx| tx.remove_user("ann")).unwrap();
    store.write(|tx| tx.remove_item("p1")).unwrap();
    assert_sound(&store);
    assert!(!exported(&store).contains("\"vector\":"));
}

/// Also where many entries are in buckets that go.
#[test]
fn archives_of_any_size_come_back() {
    let place = place();
    let store = options().keep_events(KeepEvents::last(1)).open(&place.path).unwrap();
    let event = |n: i64| bought("ann", &format!("p{n}"), n);
    store.write(|tx| (0..1_000).try_for_each(|n| tx.record(event(n)))).unwrap();
    assert_eq!(store.snapshot().stats().unwrap().events_folded, 999);
    let lines = exported(&store);
    assert_eq!(lines.matches("\"type\":\"archive\"").count(), 8);
    let options = Store::options().encoder(encoder());
    let (copied, copy) = import(&lines, &options);
    assert_eq!(exported(&copy), lines);
    drop(copy);
    let source = Source::reader("export", Cursor::new(lines.clone()));
    let (copy, report) = options.import(&copied.path, source, &|_| {}).unwrap();
    assert_eq!((report.accepted, report.duplicate), (0, report.read), "{report}");
    copy.write(|tx| (0..990).try_for_each(|n| tx.remove_item(&format!("p{n}")))).unwrap();
    assert_sound(&copy);
    assert_eq!(copy.snapshot().stats().unwrap().events_folded, 9);
    copy.write(|tx| (990..1_000).try_for_each(|n| tx.remove_item(&format!("p{n}")))).unwrap();
    assert_sound(&copy);
    let stats = copy.snapshot().stats().unwrap();
    assert_eq!((stats.events, stats.events_folded), (0, 0));
    // The horizon stays.
    let lines = exported(&copy);
    assert!(
        lines.contains(r#"{"type":"archive","user":"ann","horizon":"1972-09-25T00:00:00Z","entries":[]}"#),
        "{lines}"
    );
    assert_eq!(exported(&import(&lines, &options).1), lines);
    copy.write(|tx| tx.record(bought("ann", "p", 998))).unwrap();
    assert_eq!(copy.snapshot().stats().unwrap().events, 0);
}

#[test]
fn an_archive_that_does_not_fit_is_refused() {
    let (_place, store) = folded();
    let lines = exported(&store);
    let archive = lines.lines().find(|line| line.contains("\"archive\"")).unwrap();
    let whole = place();
    let other = options().fusion(fusion()).open(&whole.path).unwrap();
    other.write(|tx| tx.record(bought("ann", "p1", 3))).unwrap();
    let before = exported(&other);
    let record: Record = serde_json::from_str(archive).unwrap();
    let error = other.write(|tx| tx.apply(record)).err().unwrap();
    assert!(matches!(error, Error::Invalid { .. }), "{error}");
    let read = |strict: bool| {
        let source = Source::reader("archive", Cursor::new(archive.to_owned()));
        other.ingest(source, &ingest::Options::new().strict(strict), &mut Vec::new(), &|_| {})
    };
    assert_eq!(read(false).unwrap().rejected, 1);
    assert!(matches!(read(true), Err(Error::Line { line: 1, .. })));
    assert_eq!(exported(&other), before);
}

/// A stricter policy than that of the export folds at the end.
#[test]
fn an_import_with_a_policy_of_its_own_loses_no_archive() {
    let place = place();
    let store = options().keep_events(KeepEvents::last(100)).open(&place.path).unwrap();
    for n in 0..300 {
        store.write(|tx| tx.record(bought("ann", "p1", n).value(1.0))).unwrap();
    }
    let (_copied, copy) =
        import(&exported(&store), &Store::options().encoder(encoder()).keep_events(KeepEvents::last(3)));
    assert_eq!(events(&copy.snapshot(), "ann").len(), 3);
    let profile = copy.snapshot().profile("ann").unwrap();
    assert_eq!((profile.events, profile.kinds[0].value), (300, 300.0));
    assert_sound(&copy);
}
