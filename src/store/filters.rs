//! Filters against a naive evaluation of what the store tells of each user.

use crate::model::predicate::arbitrary::{
    BOOL, ITEM_NUMBER, ITEM_SET, ITEM_TEXT, ITEMS, KIND, MIXED, NUMBER, SET, TEXT, TIME, a_number,
    a_predicate, a_set, a_text, a_time,
};
use crate::model::predicate::{Comparison, Figure, Interval, Node, Pattern, Term, TermKind, Truth};
use crate::model::{Attributes, Event, EventKind, Item, KeepEvents, Predicate, Text, Time, Value};
use crate::{Snapshot, Store, Transaction};
use proptest::prelude::*;
use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A user as the store tells of one.
pub(super) struct Person {
    pub(super) id: String,
    attributes: Attributes,
    events: Vec<Event>,
    texts: Vec<Text>,
    /// All items.
    items: Arc<BTreeMap<String, Item>>,
}

pub(super) fn people(snapshot: &Snapshot) -> Vec<Person> {
    let items = snapshot.items().map(Result::unwrap).map(|item| (item.id.clone(), item));
    let items = Arc::new(items.collect::<BTreeMap<_, _>>());
    let users = snapshot.users().map(Result::unwrap);
    users
        .map(|user| Person {
            items: Arc::clone(&items),
            events: snapshot.events(&user.id).unwrap().map(Result::unwrap).collect(),
            texts: snapshot.texts(&user.id).unwrap().map(Result::unwrap).collect(),
            id: user.id,
            attributes: user.attributes,
        })
        .collect()
}

/// SQL's three values: none is unknown.
pub(super) fn naive(node: &Node, person: &Person, now: Time) -> Option<bool> {
    naive_of(node, &|term| value_of(term, person, now))
}

fn naive_of(node: &Node, value: &dyn Fn(&Term) -> Option<Value>) -> Option<bool> {
    match node {
        Node::All(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| naive_of(part, value)).collect();
            if parts.contains(&Some(false)) {
                Some(false)
            } else if parts.contains(&None) {
                None
            } else {
                Some(true)
            }
        }
        Node::Any(parts) => {
            let parts: Vec<_> = parts.iter().map(|part| naive_of(part, value)).collect();
            if parts.contains(&Some(true)) {
                Some(true)
            } else if parts.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
        Node::Not(part) => naive_of(part, value).map(|holds| !holds),
        Node::Is(part, truth) => {
            let wanted = match truth {
                Truth::True => Some(true),
                Truth::False => Some(false),
                Truth::Unknown => None,
            };
            Some(naive_of(part, value) == wanted)
        }
        Node::Compare(left, how, right) => compared(&value(left)?, *how, &value(right)?),
        Node::In(term, values) => {
            let value = value(term)?;
            let each: Vec<_> = values.iter().map(|one| compared(&value, Comparison::Equal, one)).collect();
            if each.contains(&Some(true)) {
                Some(true)
            } else if each.contains(&None) {
                None
            } else {
                Some(false)
            }
        }
        Node::Like(term, pattern) => match value(term)? {
            Value::Text(text) => Some(is_like(pattern, &text)),
            _ => None,
        },
        Node::IsNull(term) => Some(value(term).is_none()),
        Node::Has(term, text) => match value(term)? {
            Value::Set(texts) => Some(texts.contains(text)),
            _ => None,
        },
        Node::InSegment(segment) => panic!("no predicate here asks for {segment}"),
    }
}

pub(super) fn value_of(term: &Term, person: &Person, now: Time) -> Option<Value> {
    match &term.kind {
        TermKind::Id => Some(Value::Text(person.id.clone())),
        TermKind::Attribute(name) => person.attributes.get(name).cloned(),
        TermKind::Texts => Some(Value::Int(person.texts.len() as i64)),
        TermKind::Value(value) => Some(value.clone()),
        TermKind::Segment(_)
        | TermKind::Item
        | TermKind::ItemText
        | TermKind::SimilarTo(_)
        | TermKind::SimilarToText(_) => panic!("{term} is not asked for here"),
        TermKind::Now(interval) => Some(Value::Time(interval.after(now).unwrap())),
        TermKind::Events(figure, kind) => {
            let is_meant = |event: &&Event| {
                let in_time = |within: Interval| (within.before(now).unwrap()..=now).contains(&event.time);
                let is_of_kind = kind.as_ref().is_none_or(|kind| *kind == event.kind);
                is_of_kind && term.within.is_none_or(in_time) && is_on(term.of.as_deref(), event, person)
            };
            let events: Vec<&Event> = person.events.iter().filter(is_meant).collect();
            match figure {
                Figure::Count => Some(Value::Int(events.len() as i64)),
                Figure::Sum => Some(Value::Float(events.iter().filter_map(|event| event.value).sum())),
                Figure::Quantity => {
                    Some(Value::Float(events.iter().map(|event| event.quantity.unwrap_or(1.0)).sum()))
                }
                Figure::First => events.iter().map(|event| event.time).min().map(Value::Time),
                Figure::Last => events.iter().map(|event| event.time).max().map(Value::Time),
            }
        }
    }
}

/// Whether an event is on an item of which a condition is true, if there is one.
fn is_on(condition: Option<&Node>, event: &Event, person: &Person) -> bool {
    let item = event.item.as_ref().map(|item| &person.items[item]);
    let value = |term: &Term| match &term.kind {
        TermKind::Item => item.map(|item| Value::Text(item.id.clone())),
        TermKind::ItemText => item?.text.clone().map(Value::Text),
        TermKind::Attribute(name) => item?.attributes.get(name).cloned(),
        TermKind::Value(value) => Some(value.clone()),
        _ => panic!("no item has {term}"),
    };
    condition.is_none_or(|condition| item.is_some() && naive_of(condition, &value) == Some(true))
}

fn compared(left: &Value, how: Comparison, right: &Value) -> Option<bool> {
    let order = match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        (Value::Text(left), Value::Text(right)) => left.as_bytes().cmp(right.as_bytes()),
        (Value::Time(left), Value::Time(right)) => left.micros().cmp(&right.micros()),
        (Value::Int(left), Value::Int(right)) => left.cmp(right),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right).unwrap(),
        (Value::Int(left), Value::Float(right)) => exact(*left, *right),
        (Value::Float(left), Value::Int(right)) => exact(*right, *left).reverse(),
        _ => return None,
    };
    Some(match how {
        Comparison::Equal => order == Ordering::Equal,
        Comparison::NotEqual => order != Ordering::Equal,
        Comparison::Less => order == Ordering::Less,
        Comparison::LessOrEqual => order != Ordering::Greater,
        Comparison::Greater => order == Ordering::Greater,
        Comparison::GreaterOrEqual => order != Ordering::Less,
    })
}

/// By whole numbers of 128 bits, to which halves are brought; what is larger or finer decides by itself.
fn exact(int: i64, float: f64) -> Ordering {
    if float.abs() > 1e30 {
        return 0.0.partial_cmp(&float).unwrap();
    }
    let doubled = (float * 2.0).round();
    match (i128::from(int) * 2).cmp(&(doubled as i128)) {
        Ordering::Equal => doubled.partial_cmp(&(float * 2.0)).unwrap(),
        other => other,
    }
}

fn is_like(pattern: &Pattern, text: &str) -> bool {
    let (parts, chars): (Vec<char>, Vec<char>) = (pattern.text.chars().collect(), text.chars().collect());
    is_like_from(&parts, pattern, &chars)
}

fn is_like_from(parts: &[char], pattern: &Pattern, text: &[char]) -> bool {
    let lower = |char: &char| char.to_lowercase().to_string();
    let is_next = |wanted: &char| {
        text.first()
            .is_some_and(|char| char == wanted || pattern.ignores_case && lower(char) == lower(wanted))
    };
    match parts {
        [] => text.is_empty(),
        [sign, literal, rest @ ..] if Some(*sign) == pattern.escape => {
            is_next(literal) && is_like_from(rest, pattern, &text[1..])
        }
        ['%', rest @ ..] => (0..=text.len()).any(|from| is_like_from(rest, pattern, &text[from..])),
        ['_', rest @ ..] => !text.is_empty() && is_like_from(rest, pattern, &text[1..]),
        [literal, rest @ ..] => is_next(literal) && is_like_from(rest, pattern, &text[1..]),
    }
}

/// Whether it is a view, when, on which item, of which value and quantity.
type Act = (bool, Time, Option<usize>, Option<i8>, Option<u8>);

#[derive(Clone, Debug)]
pub(super) struct Made {
    attributes: Attributes,
    events: Vec<Act>,
    texts: Vec<Time>,
}

pub(super) fn some_attributes() -> BoxedStrategy<Attributes> {
    let maybe = |name: &'static str, value: BoxedStrategy<Value>| {
        proptest::option::weighted(0.7, value)
            .prop_map(move |value| value.map(|value| (name.to_owned(), value)))
    };
    (
        maybe(NUMBER, a_number()),
        maybe(TEXT, a_text().prop_map(Value::from).boxed()),
        maybe(TIME, a_time().prop_map(Value::from).boxed()),
        maybe(BOOL, any::<bool>().prop_map(Value::from).boxed()),
        maybe(SET, a_set().prop_map(Value::from).boxed()),
        maybe(MIXED, prop_oneof![a_number(), a_text().prop_map(Value::from)].boxed()),
    )
        .prop_map(|(a, b, c, d, e, f)| [a, b, c, d, e, f].into_iter().flatten().collect())
        .boxed()
}

/// What may be known of items: all of it, part of it, or nothing but ids.
pub(super) fn some_items() -> BoxedStrategy<Vec<Item>> {
    let text = proptest::option::weighted(0.7, a_text());
    let of_text = proptest::option::weighted(0.7, a_text().prop_map(Value::from));
    let of_number = proptest::option::weighted(0.7, a_number());
    let of_set = proptest::option::weighted(0.7, a_set().prop_map(Value::from));
    let item =
        (0..ITEMS.len(), text, of_text, of_number, of_set).prop_map(|(item, text, named, number, set)| {
            let named = [(ITEM_TEXT, named), (ITEM_NUMBER, number), (ITEM_SET, set)].into_iter();
            let attributes = named.filter_map(|(name, value)| Some((name.to_owned(), value?))).collect();
            Item { id: ITEMS[item].to_owned(), attributes, text: text.filter(|text| !text.trim().is_empty()) }
        });
    proptest::collection::vec(item, 0..4).boxed()
}

pub(super) fn a_person() -> BoxedStrategy<Made> {
    let item = proptest::option::weighted(0.8, 0..ITEMS.len());
    let (value, quantity) = (proptest::option::of(any::<i8>()), proptest::option::of(any::<u8>()));
    let event = (any::<bool>(), a_time(), item, value, quantity);
    let events = proptest::collection::vec(event, 0..6);
    (some_attributes(), events, proptest::collection::vec(a_time(), 0..3))
        .prop_map(|(attributes, events, texts)| Made { attributes, events, texts })
        .boxed()
}

/// Users who have every attribute, in each of its types, so that anything may be asked.
pub(super) fn put_all_types(tx: &mut Transaction<'_>) -> crate::Result<()> {
    let all = [(NUMBER, 1.into()), (TEXT, "a".into()), (BOOL, true.into()), (MIXED, "b".into())];
    let others = [(TIME, Time::from_secs(0)?.into()), (SET, Value::Set(["a".to_owned()].into()))];
    tx.put_user("all", all.into_iter().chain(others))?;
    tx.put_user("b", [(MIXED, 1.into())])
}

pub(super) fn store_of(people: &[Made]) -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let kind = EventKind { name: KIND.to_owned(), weight: 1.0, half_life_days: 30.0 };
    let options = Store::options().dim(2).kind(kind).keep_events(KeepEvents::all());
    let store = options.open(folder.path().join("store")).unwrap();
    store
        .write(|tx| {
            put_all_types(tx)?;
            for (n, person) in people.iter().enumerate() {
                let id = format!("a{n}");
                let attributes = person.attributes.iter().map(|(name, value)| (name.as_str(), value.clone()));
                tx.put_user(&id, attributes)?;
                for (n, (view, time, item, value, quantity)) in person.events.iter().enumerate() {
                    let mut event = Event::new(id.clone(), if *view { "view" } else { KIND }, *time);
                    event.id = Some(format!("{id} {n}"));
                    event.item = item.map(|item| ITEMS[item].to_owned());
                    event.value = value.map(f64::from);
                    event.quantity = quantity.map(f64::from);
                    tx.record(event)?;
                }
                for (n, time) in person.texts.iter().enumerate() {
                    tx.add_text(&id, format!("text {n}"), *time)?;
                }
            }
            Ok(())
        })
        .unwrap();
    (folder, store)
}

/// Each predicate matches whom the naive evaluation says.
fn check(snapshot: &Snapshot, predicates: &[Predicate], now: Time) -> Result<(), TestCaseError> {
    let people = people(snapshot);
    for predicate in predicates {
        let expected: Vec<&str> = people
            .iter()
            .filter(|person| naive(&predicate.node, person, now) == Some(true))
            .map(|person| person.id.as_str())
            .collect();
        let selection = snapshot.users_where(predicate.clone()).unwrap().now(now);
        prop_assert_eq!(selection.run().unwrap(), expected.clone(), "{}", &predicate);
        prop_assert_eq!(selection.count().unwrap(), expected.len() as u64);
        let plan = selection.plan().unwrap();
        prop_assert_eq!((plan.matching, plan.users), (expected.len() as u64, people.len() as u64));
        // Who is left is asked, nobody else.
        prop_assert!(
            plan.root.users >= plan.matching && plan.root.users <= plan.asked + plan.matching,
            "{}",
            plan
        );
        prop_assert!(plan.asked == 0 || !plan.root.exact, "{}", plan);
    }
    Ok(())
}

/// Items as they are from now on.
fn put_items(store: &Store, items: &[Item]) {
    store.write(|tx| items.iter().try_for_each(|item| tx.put_item(item.clone()))).unwrap();
}

/// Every second of them with new attributes or gone, and some who are new.
fn change(store: &Store, people: &[Made], others: &[Attributes]) {
    store
        .write(|tx| {
            for (n, attributes) in others.iter().enumerate() {
                let id = format!("a{}", 2 * n);
                if attributes.is_empty() && 2 * n < people.len() {
                    tx.remove_user(&id)?;
                } else {
                    tx.put_user(&id, attributes.iter().map(|(name, value)| (name.as_str(), value.clone())))?;
                    tx.remove_attribute(&id, NUMBER)?;
                }
            }
            Ok(())
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn filters_match_as_a_naive_evaluation_does(
        made in proptest::collection::vec(a_person(), 0..12),
        others in proptest::collection::vec(some_attributes(), 0..8),
        items in some_items(),
        other_items in some_items(),
        predicates in proptest::collection::vec(a_predicate(), 20),
        now in a_time(),
    ) {
        let (_folder, store) = store_of(&made);
        put_items(&store, &items);
        let snapshot = store.snapshot();
        check(&snapshot, &predicates, now)?;
        // From here on what was made for the first answers follows the writes.
        change(&store, &made, &others);
        put_items(&store, &other_items);
        check(&store.snapshot(), &predicates, now)?;
        check(&snapshot, &predicates, now)?;
    }

    #[test]
    fn folded_events_are_in_figures_of_all_time(
        made in proptest::collection::vec(a_person(), 1..8),
        items in some_items(),
        predicates in proptest::collection::vec(a_predicate(), 30),
        (before, now) in (a_time(), a_time()),
    ) {
        let (_folder, store) = store_of(&made);
        put_items(&store, &items);
        let people = people(&store.snapshot());
        store.expire(before).unwrap();
        let is_of_all_time = |of: &&Predicate| of.node.terms().iter().all(|term| term.within.is_none());
        for predicate in predicates.iter().filter(is_of_all_time) {
            let is_meant = |person: &&Person| naive(&predicate.node, person, now) == Some(true);
            let expected: Vec<&str> = people.iter().filter(is_meant).map(|person| person.id.as_str()).collect();
            let found = store.snapshot().users_where(predicate).unwrap().now(now).run().unwrap();
            prop_assert_eq!(found, expected, "{}", predicate);
        }
    }
}

#[test]
fn what_does_not_fit_the_store_is_refused() {
    use crate::model::{ago, attribute, count, id, item, last};
    let (_folder, store) = store_of(&[]);
    let refused: [(Predicate, &str); 17] = [
        (
            count("purchse").gt(3),
            "there is no event kind \"purchse\" in this store: did you mean \"purchase\"?",
        ),
        (attribute(NUMBER).gt("x"), "this is a number, and cannot be compared with a text"),
        (attribute(MIXED).gt(true), "this is a number or a text, and cannot be compared with true or false"),
        (attribute(TIME).gt("2026-01-01"), "timestamp '2026-01-01T12:00:00Z'"),
        (attribute(SET).eq("a"), "has(tags, 'vegan')"),
        (attribute(SET).eq(Value::Set([].into())), "has(tags, 'vegan')"),
        (attribute(NUMBER).like("a"), "this is a number, and only texts are like a pattern"),
        (attribute(TEXT).has("a"), "only sets have texts"),
        (last("view").one_of([1]), "this is a time, and cannot be compared with a number"),
        (attribute(MIXED).one_of([Value::from(1), Value::from("a")]), "of one type"),
        (attribute(NUMBER).lt(f64::NAN), "NaN is no number to compare with"),
        (attribute(NUMBER).within(Interval::days(1)).gt(1), "only what is made of events"),
        (attribute(NUMBER).of(item().eq("x")).gt(1), "only what is made of events is counted of some items"),
        (item().eq("x"), "a user is no item"),
        (count("view").of(id().eq("x")).gt(1), "an item has an id (item), a text (text) and attributes"),
        (
            count("view").of(count("view").gt(1)).gt(1),
            "an item has an id (item), a text (text) and attributes",
        ),
        (count("view").of(item().gt(3)).gt(1), "this is a text, and cannot be compared with a number"),
    ];
    let snapshot = store.snapshot();
    for (predicate, words) in refused {
        let error = snapshot.users_where(predicate.clone()).unwrap().run().expect_err(words);
        assert!(error.to_string().contains(words), "{predicate}: {error}");
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
        let asked = snapshot.similar(&[1.0, 0.0][..]).filter(predicate).unwrap().run();
        assert_eq!(asked.unwrap_err().to_string(), error.to_string());
    }
    let deep = (0..300).fold(attribute(NUMBER).gt(1), |inner, _| !inner);
    assert!(snapshot.users_where(deep).unwrap().run().unwrap_err().to_string().contains("too deep"));
    let ancient = attribute(TIME).gt(ago("9000 years".parse().unwrap()));
    assert!(
        snapshot.users_where(ancient).unwrap().run().unwrap_err().to_string().contains("the years 1 to 9999")
    );
}

/// What programs ask for may come later; what people write is misspelt.
#[test]
fn a_built_predicate_may_name_what_nobody_has_yet() {
    use crate::model::attribute;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::options().dim(2).open(folder.path().join("store")).unwrap();
    let found = |predicate: Predicate| store.snapshot().users_where(predicate).unwrap().run().unwrap();
    assert!(found(attribute("banned").eq(true)).is_empty());
    store.write(|tx| tx.put_user("ann", [("age", 31.into())])).unwrap();
    assert!(found(attribute("banned").eq(true) | attribute("banned").has("x")).is_empty());
    assert_eq!(found(!attribute("banned").eq(true).is_true()), ["ann"]);
    assert_eq!(found(attribute("banned").is_null()), ["ann"]);
    store.write(|tx| tx.put_user("bob", [("banned", true.into())])).unwrap();
    assert_eq!(found(attribute("banned").eq(true)), ["bob"]);
}
