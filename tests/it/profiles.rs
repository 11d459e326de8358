//! Profiles kept step by step equal those made anew from what is stored.

use crate::fixture::{TEXTS, all_profiles, assert_near, assert_same_profiles, day, options, place, rebuilt};
use kindred::model::{Event, EventKind, Item};
use kindred::{Snapshot, Store};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

const KINDS: [&str; 7] = ["view", "cart", "purchase", "review", "like", "share", "dismiss"];

#[derive(Clone, Debug)]
enum Op {
    Item { item: u8, text: Option<usize> },
    User { user: u8, attribute: u8, value: u8 },
    Event { user: u8, item: Option<u8>, kind: usize, time: i64, id: Option<u8>, text: Option<usize> },
    Text { user: u8, text: usize, time: i64 },
    RemoveUser(u8),
    RemoveItem(u8),
    RemoveAttribute { user: u8, attribute: u8 },
    Fit,
    Reopen,
}

fn op() -> impl Strategy<Value = Op> {
    let text = || prop::option::of(0..TEXTS.len());
    prop_oneof![
        4 => (0..6_u8, text()).prop_map(|(item, text)| Op::Item { item, text }),
        3 => (0..5_u8, 0..4_u8, 0..3_u8).prop_map(|(user, attribute, value)| Op::User { user, attribute, value }),
        14 => (0..5_u8, prop::option::weighted(0.9, 0..6_u8), 0..KINDS.len(), 0..40_i64,
            prop::option::weighted(0.3, 0..12_u8), prop::option::weighted(0.2, 0..TEXTS.len()))
            .prop_map(|(user, item, kind, time, id, text)| Op::Event { user, item, kind, time, id, text }),
        2 => (0..5_u8, 0..TEXTS.len(), 0..40_i64).prop_map(|(user, text, time)| Op::Text { user, text, time }),
        1 => (0..5_u8).prop_map(Op::RemoveUser),
        1 => (0..6_u8).prop_map(Op::RemoveItem),
        1 => (0..5_u8, 0..4_u8).prop_map(|(user, attribute)| Op::RemoveAttribute { user, attribute }),
        1 => Just(Op::Reopen),
    ]
}

/// What should be in the store, counted in the plainest way.
#[derive(Default)]
struct Naive {
    users: BTreeSet<String>,
    items: BTreeSet<String>,
    /// By id, else by content.
    events: BTreeMap<String, Event>,
    texts: BTreeSet<(String, usize, i64)>,
}

impl Naive {
    fn record(&mut self, event: &Event) {
        let key = event.id.clone().unwrap_or_else(|| format!("{event:?}"));
        if self.events.contains_key(&key) {
            return;
        }
        self.users.insert(event.user.clone());
        self.items.extend(event.item.clone());
        self.events.insert(key, event.clone());
    }

    fn check(&self, snapshot: &Snapshot) {
        let stats = snapshot.stats().unwrap();
        let counts = [self.users.len(), self.items.len(), self.events.len(), self.texts.len()];
        assert_eq!([stats.users, stats.items, stats.events, stats.texts], counts.map(|n| n as u64));
        let users: BTreeSet<String> = snapshot.users().map(|user| user.unwrap().id).collect();
        assert_eq!(users, self.users);
        let items: BTreeSet<String> = snapshot.items().map(|item| item.unwrap().id).collect();
        assert_eq!(items, self.items);
        for user in &self.users {
            let mut expected: Vec<String> =
                self.events.values().filter(|e| e.user == *user).map(|e| format!("{e:?}")).collect();
            let events: Vec<Event> = snapshot.events(user).unwrap().map(Result::unwrap).collect();
            assert!(events.is_sorted_by_key(|event| event.time));
            let mut found: Vec<String> = events.iter().map(|e| format!("{e:?}")).collect();
            found.sort();
            expected.sort();
            assert_eq!(found, expected);
            let texts = self.texts.iter().filter(|text| text.0 == *user).count();
            assert_eq!(snapshot.texts(user).unwrap().count(), texts);
            assert_eq!(snapshot.profile(user).unwrap().events, events.len() as u64);
        }
        assert!(snapshot.profile("nobody").is_err());
    }
}

struct World<'p> {
    path: &'p Path,
    store: Option<Store>,
    naive: Naive,
}

impl World<'_> {
    fn store(&self) -> &Store {
        self.store.as_ref().unwrap()
    }

    fn reopen(&mut self, options: &kindred::Options) {
        self.store = None;
        self.store = Some(options.open(self.path).unwrap());
    }

    fn run(&mut self, op: &Op) {
        let user_name = |user: u8| format!("u{user}");
        let item_name = |item: u8| format!("i{item}");
        match op.clone() {
            Op::Item { item, text } => {
                let text = text.map(|text| TEXTS[text].to_owned());
                let put = Item { id: item_name(item), text, ..Item::default() };
                self.store().write(|tx| tx.put_item(put)).unwrap();
                self.naive.items.insert(item_name(item));
            }
            Op::User { user, attribute, value } => {
                let name = format!("a{attribute}");
                let value = match attribute {
                    0 => i64::from(value).into(),
                    1 => (value == 1).into(),
                    _ => format!("v{value}").into(),
                };
                self.store().write(|tx| tx.put_user(&user_name(user), [(name.as_str(), value)])).unwrap();
                self.naive.users.insert(user_name(user));
            }
            Op::Event { user, item, kind, time, id, text } => {
                // Twenty days apart: acts of a day or so could all but cancel out, where rounding shows.
                let mut event =
                    Event::new(user_name(user), KINDS[kind], day(20 * time)).value(0.25 * kind as f64);
                event.item = item.map(item_name);
                event.id = id.map(|id| format!("e{id}"));
                event.text = text.map(|text| TEXTS[text].to_owned());
                self.store().write(|tx| tx.record(event.clone())).unwrap();
                self.naive.record(&event);
            }
            Op::Text { user, text, time } => {
                self.store().write(|tx| tx.add_text(&user_name(user), TEXTS[text], day(20 * time))).unwrap();
                self.naive.users.insert(user_name(user));
                self.naive.texts.insert((user_name(user), text, time));
            }
            Op::RemoveUser(user) => {
                let user = user_name(user);
                self.store().write(|tx| tx.remove_user(&user)).unwrap();
                self.naive.users.remove(&user);
                self.naive.events.retain(|_, event| event.user != user);
                self.naive.texts.retain(|text| text.0 != user);
            }
            Op::RemoveItem(item) => {
                let item = item_name(item);
                self.store().write(|tx| tx.remove_item(&item)).unwrap();
                self.naive.items.remove(&item);
                self.naive.events.retain(|_, event| event.item.as_ref() != Some(&item));
            }
            Op::RemoveAttribute { user, attribute } => {
                let name = format!("a{attribute}");
                self.store().write(|tx| tx.remove_attribute(&user_name(user), &name)).unwrap();
            }
            Op::Fit => {
                self.store().fit().unwrap();
            }
            Op::Reopen => self.reopen(&options()),
        }
    }

    /// Profiles must survive being fused anew from what was kept of the acts.
    fn check_refused(&mut self) {
        let before = all_profiles(&self.store().snapshot());
        let cart = |weight| EventKind { name: "cart".into(), weight, half_life_days: 180.0 };
        self.reopen(&options().kind(cart(0.1)));
        self.reopen(&options().kind(cart(0.5)));
        assert_same_profiles(&before, &all_profiles(&self.store().snapshot()), 1e-5);
    }
}

fn sorted(mut profiles: Vec<kindred::query::Profile>) -> Vec<kindred::query::Profile> {
    profiles.sort_by(|a, b| a.user.cmp(&b.user));
    profiles
}

fn run(ops: &[Op]) {
    let place = place();
    let store = options().open(&place.path).unwrap();
    let mut world = World { path: &place.path, store: Some(store), naive: Naive::default() };
    for op in ops {
        world.run(op);
    }
    let snapshot = world.store().snapshot();
    world.naive.check(&snapshot);
    let (_place, anew) = rebuilt(&snapshot, &options());
    let (kept, made) = (sorted(all_profiles(&snapshot)), sorted(all_profiles(&anew.snapshot())));
    if ops.iter().any(|op| matches!(op, Op::Fit)) {
        for (kept, made) in kept.iter().zip(&made) {
            let figures =
                |p: &kindred::query::Profile| (p.user.clone(), p.kinds.clone(), p.top_items.clone());
            assert_eq!(figures(kept), figures(made));
        }
    } else {
        assert_same_profiles(&kept, &made, 1e-5);
    }
    drop(snapshot);
    world.check_refused();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn kept_profiles_equal_profiles_made_anew(ops in prop::collection::vec(op(), 5..60)) {
        run(&ops);
    }

    #[test]
    fn fitted_profiles_equal_profiles_fused_anew(
        ops in prop::collection::vec(op(), 5..40),
        fits in prop::collection::vec(any::<prop::sample::Index>(), 1..3),
    ) {
        let mut ops = ops;
        for fit in fits {
            ops.insert(fit.index(ops.len()), Op::Fit);
        }
        run(&ops);
    }
}

#[test]
fn one_write_of_many_records_equals_many_writes() {
    let (_place, one) = crate::fixture::store();
    crate::fixture::fill(&one);
    let (_other, many) = crate::fixture::store();
    for record in crate::fixture::records(&one.snapshot()) {
        many.write(|tx| tx.apply(record)).unwrap();
    }
    let (a, b) = (sorted(all_profiles(&one.snapshot())), sorted(all_profiles(&many.snapshot())));
    assert_same_profiles(&a, &b, 1e-5);
}

#[test]
fn all_of_time_fits_in_one_profile() {
    let (_place, store) = crate::fixture::store();
    let times = ["9999-12-30", "0001-01-01", "2020-01-01", "1969-12-31T23:59:59Z"];
    let last = ["9999-12-30"];
    store
        .write(|tx| {
            tx.put_item(crate::fixture::item("i0", TEXTS[0]))?;
            tx.put_item(crate::fixture::item("i1", TEXTS[2]))?;
            for (n, time) in times.iter().enumerate() {
                let thing = if n == 0 { "i0" } else { "i1" };
                tx.record(Event::new("all", "purchase", time.parse()?).item(thing))?;
            }
            tx.record(Event::new("last", "purchase", last[0].parse()?).item("i0"))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let (all, last) = (snapshot.profile("all").unwrap(), snapshot.profile("last").unwrap());
    // What lies eight thousand years back has faded altogether.
    assert_near(all.embedding.as_deref(), last.embedding.as_deref(), 1e-6, "all");
    assert_eq!(all.events, 4);
}

#[test]
fn half_lives_without_end_and_without_length_are_borne() {
    let place = place();
    let kind = |name: &str, half_life_days| EventKind { name: name.into(), weight: 1.0, half_life_days };
    let options = options().kind(kind("for-ever", f32::INFINITY)).kind(kind("at-once", f32::MIN_POSITIVE));
    let store = options.open(&place.path).unwrap();
    store
        .write(|tx| {
            tx.put_item(crate::fixture::item("i0", TEXTS[0]))?;
            tx.put_item(crate::fixture::item("i1", TEXTS[2]))?;
            for (n, time) in ["2020-01-01", "2021-01-01", "9999-01-01"].iter().enumerate() {
                tx.record(Event::new("a", "for-ever", time.parse()?).item("i0"))?;
                tx.record(Event::new("b", "at-once", time.parse()?).item(format!("i{}", n % 2)))?;
            }
            Ok(())
        })
        .unwrap();
    let snapshot = store.snapshot();
    let profiles = all_profiles(&snapshot);
    assert_same_profiles(&profiles, &all_profiles(&rebuilt(&snapshot, &options).1.snapshot()), 1e-5);
    for profile in profiles {
        let embedding = profile.embedding.unwrap();
        assert!(embedding.iter().all(|x| x.is_finite()), "{}", profile.user);
    }
}

#[test]
fn a_like_and_an_equal_unlike_leave_nothing() {
    let place = place();
    let unlike = EventKind { name: "unlike".into(), weight: -0.7, half_life_days: 365.0 };
    let store = options().kind(unlike).open(&place.path).unwrap();
    store
        .write(|tx| {
            tx.put_item(crate::fixture::item("i0", TEXTS[0]))?;
            tx.record(Event::new("a", "like", day(3)).item("i0"))?;
            tx.record(Event::new("a", "unlike", day(3)).item("i0"))
        })
        .unwrap();
    assert_eq!(store.snapshot().profile("a").unwrap().embedding, None);
}

#[test]
fn figures_say_what_happened() {
    let (_place, store) = crate::fixture::store();
    store
        .write(|tx| {
            let mut thing = crate::fixture::item("i0", TEXTS[0]);
            thing.attributes.insert("category".into(), "fish".into());
            tx.put_item(thing)?;
            tx.record(Event::new("a", "purchase", "2020-01-01T10:00:00Z".parse()?).item("i0").value(2.5))?;
            tx.record(Event::new("a", "purchase", "2020-01-03T10:30:00Z".parse()?).item("i0").quantity(3.0))?;
            tx.record(Event::new("a", "view", "2020-01-02T23:00:00Z".parse()?).item("i1"))
        })
        .unwrap();
    let profile = store.snapshot().profile("a").unwrap();
    let kinds: Vec<(&str, u64, f64, f64)> =
        profile.kinds.iter().map(|k| (k.kind.as_str(), k.count, k.value, k.quantity)).collect();
    assert_eq!(kinds, [("view", 1, 0.0, 1.0), ("purchase", 2, 2.5, 4.0)]);
    assert_eq!(profile.active_hours, [10, 23]);
    assert_eq!(profile.top_categories, [("fish".to_owned(), 2)]);
    let items: Vec<(&str, u32)> = profile.top_items.iter().map(|i| (i.name.as_str(), i.count)).collect();
    assert_eq!(items, [("i0", 2), ("i1", 1)]);
    assert_eq!(profile.newest.unwrap().to_string(), "2020-01-03T10:30:00Z");
}
