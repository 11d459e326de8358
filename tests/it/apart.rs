//! What sets a segment apart, against what its exported records say by brute force.

use crate::fixture::{day, fill, item, place, records, store, vector_options};
use kindred::model::{Attributes, Event, Interval, Item, Record, Time, Value, attribute, count, id};
use kindred::query::{Trait, TraitOf};
use kindred::{Snapshot, Store};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// What one user has and did.
#[derive(Default)]
struct Person {
    attributes: Attributes,
    traits: BTreeSet<String>,
}

fn key(of: &TraitOf) -> String {
    format!("{of:?}")
}

/// Everybody's traits but those of numbers, by the users' ids.
fn people(snapshot: &Snapshot) -> BTreeMap<String, Person> {
    let all = records(snapshot);
    let mut items: BTreeMap<String, Item> = BTreeMap::new();
    let mut people: BTreeMap<String, Person> = BTreeMap::new();
    for record in &all {
        match record {
            Record::Item(item) => drop(items.insert(item.id.clone(), item.clone())),
            Record::User(user) => {
                people.entry(user.id.clone()).or_default().attributes = user.attributes.clone();
            }
            _ => {}
        }
    }
    for person in people.values_mut() {
        for (name, value) in &person.attributes {
            let name = name.clone();
            match value {
                Value::Bool(_) | Value::Text(_) => {
                    person.traits.insert(key(&TraitOf::Attribute { name, value: value.clone() }));
                }
                Value::Set(texts) => person.traits.extend(
                    texts.iter().map(|text| key(&TraitOf::Has { name: name.clone(), text: text.clone() })),
                ),
                Value::Int(_) | Value::Float(_) | Value::Time(_) => {}
            }
        }
    }
    for record in all {
        let Record::Event(event) = record else { continue };
        let traits = &mut people.get_mut(&event.user).unwrap().traits;
        traits.insert(key(&TraitOf::Kind { name: event.kind.clone() }));
        let Some(item) = event.item.filter(|_| event.kind != "dismiss") else { continue };
        let Item { id, text, attributes } = items[&item].clone();
        traits.insert(key(&TraitOf::Item { id, text }));
        if let Some(category) = attributes.get("category") {
            traits.insert(key(&TraitOf::Category { name: category.to_string() }));
        }
    }
    add_ranges(&mut people);
    people
}

/// The order of two numbers, or of two times; none of others.
fn rank(value: &Value) -> Option<(bool, f64)> {
    match value {
        Value::Time(time) => Some((true, time.micros() as f64)),
        number => number.as_number().map(|number| (false, number)),
    }
}

/// Numbers lie in the quarter in which the first user with this value comes.
fn add_ranges(people: &mut BTreeMap<String, Person>) {
    let names: BTreeSet<String> = people.values().flat_map(|of| of.attributes.keys().cloned()).collect();
    for (name, is_time) in names.into_iter().flat_map(|name| [(name.clone(), false), (name, true)]) {
        let rank_of = |person: &Person| {
            let (of_time, rank) = person.attributes.get(&name).and_then(rank)?;
            (of_time == is_time).then_some(rank)
        };
        let ranks: Vec<f64> = people.values().filter_map(rank_of).collect();
        let quarter = |rank: f64| 4 * ranks.iter().filter(|other| **other < rank).count() / ranks.len();
        let values: Vec<(usize, f64, Value)> = people
            .values()
            .filter_map(|person| {
                let rank = rank_of(person)?;
                Some((quarter(rank), rank, person.attributes[&name].clone()))
            })
            .collect();
        for person in people.values_mut() {
            let Some(rank) = rank_of(person) else { continue };
            let range = values.iter().filter(|(of, ..)| *of == quarter(rank));
            let least = range.clone().min_by(|a, b| a.1.total_cmp(&b.1)).unwrap().2.clone();
            let most = range.max_by(|a, b| a.1.total_cmp(&b.1)).unwrap().2.clone();
            person.traits.insert(key(&TraitOf::Range { name: name.clone(), least, most }));
        }
    }
}

/// Twice the difference of the log-likelihoods of two rates and of one.
fn g2(members: [f64; 2], others: [f64; 2]) -> f64 {
    let log = |[with, all]: [f64; 2], p: f64| {
        let term = |count: f64, p: f64| if count == 0.0 { 0.0 } else { count * p.ln() };
        term(with, p) + term(all - with, 1.0 - p)
    };
    let one = (members[0] + others[0]) / (members[1] + others[1]);
    let two = log(members, members[0] / members[1]) + log(others, others[0] / others[1]);
    2.0 * (two - log(members, one) - log(others, one))
}

/// All traits of a segment, as they are told and as they are.
fn check(snapshot: &Snapshot, segment: &str) -> Vec<Trait> {
    let portrait = snapshot.sets_apart(segment).limit(usize::MAX).min_support(0).min_g2(0.0).run().unwrap();
    let (people, members) = (people(snapshot), snapshot.members(segment).unwrap());
    let size = |all: usize| all as u64;
    assert_eq!((portrait.members, portrait.users), (size(members.len()), size(people.len())));
    let (ours, all) = (members.len() as f64, people.len() as f64);
    let mut expected: BTreeMap<String, [u64; 2]> = BTreeMap::new();
    for (id, person) in &people {
        for of in &person.traits {
            let having = expected.entry(of.clone()).or_default();
            having[0] += u64::from(members.contains(id));
            having[1] += 1;
        }
    }
    expected.retain(|_, [with, of_all]| *with as f64 / ours > *of_all as f64 / all + 1e-12);
    let told: BTreeMap<String, [u64; 2]> =
        portrait.traits.iter().map(|told| (key(&told.of), [told.members, told.users])).collect();
    assert_eq!(told, expected);
    assert_eq!(told.len(), portrait.traits.len(), "each is told once");
    for told in &portrait.traits {
        let (with, of_all) = (told.members as f64, told.users as f64);
        assert_eq!((told.share_of_members, told.share_of_users), (with / ours, of_all / all));
        assert!((told.lift - (with * all) / (of_all * ours)).abs() < 1e-9, "{told:?}");
        assert!((told.g2 - g2([with, ours], [of_all - with, all - ours])).abs() < 1e-6, "{told:?}");
    }
    assert!(portrait.traits.is_sorted_by(|a, b| a.g2 >= b.g2));
    portrait.traits
}

#[derive(Clone, Debug)]
struct Made {
    attributes: Attributes,
    /// Kind, item.
    events: Vec<(usize, Option<u8>)>,
    is_member: bool,
}

const KINDS: [&str; 4] = ["view", "purchase", "dismiss", "review"];

fn a_value() -> BoxedStrategy<Value> {
    prop_oneof![
        any::<bool>().prop_map(Value::Bool),
        (0_i64..6).prop_map(Value::Int),
        (0_i64..6).prop_map(|halves| Value::Float(halves as f64 + 0.5)),
        "[ab]".prop_map(Value::Text),
        (0_i64..9).prop_map(|n| Value::Time(day(n))),
        proptest::collection::btree_set("[ab]", 0..3).prop_map(Value::Set),
    ]
    .boxed()
}

fn a_person() -> BoxedStrategy<Made> {
    let attributes = proptest::collection::btree_map("[xyz]", a_value(), 0..4);
    let events = proptest::collection::vec((0..KINDS.len(), proptest::option::of(0_u8..5)), 0..6);
    (attributes, events, any::<bool>())
        .prop_map(|(attributes, events, is_member)| Made { attributes, events, is_member })
        .boxed()
}

fn fill_with(store: &Store, people: &[Made]) {
    let put_item = |n: u8| {
        // The last has no category, and the first two one that they share.
        let category = (n < 4).then(|| ("category".to_owned(), format!("c{}", n / 2).into()));
        Item { attributes: category.into_iter().collect(), ..item(&format!("i{n}"), &format!("thing {n}")) }
    };
    store
        .write(|tx| {
            (0..5).try_for_each(|n| tx.put_item(put_item(n)))?;
            for (n, made) in people.iter().enumerate() {
                let user = format!("u{n}");
                tx.put_user(
                    &user,
                    made.attributes.iter().map(|(name, value)| (name.as_str(), value.clone())),
                )?;
                for (at, (kind, item)) in (0..).zip(&made.events) {
                    let mut event = Event::new(&user, KINDS[*kind], day(at));
                    event.item = item.map(|item| format!("i{item}"));
                    tx.record(event)?;
                }
            }
            let members = people.iter().zip(0..).filter(|(made, _)| made.is_member);
            tx.define_segment("those", id().one_of(members.map(|(_, n)| format!("u{n}"))))
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, ..ProptestConfig::default() })]
    #[test]
    fn traits_are_those_that_the_records_have(people in proptest::collection::vec(a_person(), 0..24)) {
        let place = place();
        let store = vector_options(2).open(&place.path).unwrap();
        fill_with(&store, &people);
        let all = check(&store.snapshot(), "those");
        let snapshot = store.snapshot();
        let some = snapshot.sets_apart("those").limit(3).min_support(2).min_g2(1.0).run().unwrap();
        let expected: Vec<Trait> =
            all.into_iter().filter(|told| told.members >= 2 && told.g2 >= 1.0).take(3).collect();
        prop_assert_eq!(some.traits, expected);
    }
}

/// Folded events count as they did, removed items and users no more.
#[test]
fn traits_follow_what_becomes_of_the_store() {
    let (_place, store) = store();
    fill(&store);
    store.write(|tx| tx.define_segment("from Ulm", attribute("town").eq("Ulm"))).unwrap();
    let snapshot = store.snapshot();
    let before = check(&snapshot, "from Ulm");
    assert_eq!(before[0].of, TraitOf::Attribute { name: "town".into(), value: "Ulm".into() });
    store.expire(day(60)).unwrap();
    let told = store.snapshot().sets_apart("from Ulm").limit(usize::MAX).min_support(0).min_g2(0.0).run();
    assert_eq!(told.unwrap().traits, before);
    // What was asked first is carried on by the writes, and an older snapshot stays as it was.
    store.write(|tx| tx.remove_item("i0").and_then(|()| tx.remove_user("u2"))).unwrap();
    let after = store.snapshot().sets_apart("from Ulm").min_support(1).min_g2(0.0).run().unwrap();
    assert_eq!((after.members, after.users), (3, 11));
    assert!(after.traits.iter().all(|told| !matches!(&told.of, TraitOf::Item { id, .. } if id == "i0")));
    assert_eq!(check(&snapshot, "from Ulm"), before);
}

#[test]
fn segments_of_nobody_or_everybody_are_not_told_apart() {
    let (_place, store) = store();
    fill(&store);
    let lately = count("view").within(Interval::days(1)).ge(1);
    store
        .write(|tx| {
            tx.define_segment("nobody", lately)?;
            tx.define_segment("everybody", attribute("age").ge(0))
        })
        .unwrap();
    for (name, members) in [("nobody", 0), ("everybody", 12)] {
        let portrait = store.snapshot().sets_apart(name).min_support(0).min_g2(0.0).run().unwrap();
        assert_eq!((portrait.members, portrait.users, portrait.traits), (members, 12, vec![]));
    }
    let error = store.snapshot().sets_apart("nobdy").run().unwrap_err().to_string();
    assert!(
        error.contains("there is no segment \"nobdy\" in this store: did you mean \"nobody\"?"),
        "{error}"
    );
    for least in [f64::NAN, f64::INFINITY, -1.0] {
        let error = store.snapshot().sets_apart("nobody").min_g2(least).run().unwrap_err();
        assert_eq!(error.kind(), kindred::ErrorKind::Usage, "{error}");
    }
}

/// A trait of two users, though only members have it, does not come before one of many.
#[test]
fn few_do_not_come_first() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    let at: Time = day(1);
    store
        .write(|tx| {
            for n in 0..100 {
                let user = format!("u{n}");
                tx.put_user(&user, [("child", (n < 40).into())])?;
                // Most parents buy food for babies, few others; two parents, and nobody else, buy tents.
                if n < 30 || n % 10 == 9 {
                    tx.record(Event::new(&user, "purchase", at).item("baby food"))?;
                }
                if n < 2 {
                    tx.record(Event::new(&user, "purchase", at).item("tent"))?;
                }
            }
            tx.define_segment("parents", attribute("child").eq(true))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let ids = |support: u64, g2: f64| -> Vec<String> {
        let portrait = snapshot.sets_apart("parents").min_support(support).min_g2(g2).run().unwrap();
        portrait.traits.iter().map(ToString::to_string).collect()
    };
    let food = "acted on item baby food: 77.5 % of members, 37.0 % of all, lift 2.1 (31 users)";
    let told = ids(5, 10.83);
    assert_eq!(told[..2], ["child is yes: 100.0 % of members, 40.0 % of all, lift 2.5 (40 users)", food]);
    let told = ids(0, 0.0);
    assert_eq!(told[1], food, "{told:?}");
    assert!(
        told.last().unwrap().starts_with("acted on item tent: 5.0 % of members, 2.0 % of all"),
        "{told:?}"
    );
}
