//! Association rules against naive counting of what the store tells of each user.

use crate::fixture::{bought, day, place, vector_options};
use kindred::analysis::{Element, FoundRules, RuleOrder, Rules};
use kindred::model::{Event, Interval, Item, Time, attribute};
use kindred::{Error, Options, Snapshot, Store};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// An act: whose, when in minutes, of which kind, on which item.
type Act = (u8, u16, u8, u8);

const KINDS: [&str; 3] = ["purchase", "view", "cart"];

fn some_acts() -> impl Strategy<Value = Vec<Act>> {
    let minute = prop_oneof![0..4_u16, 0..400_u16];
    prop::collection::vec((0..4_u8, minute, 0..3_u8, 0..7_u8), 0..80)
}

/// Items 0 to 5 have a text, two and two the same, 0 to 4 a brand, 1 to 6 a category.
fn shelf() -> Vec<Item> {
    let item = |n: u8| {
        let mut item = Item { id: format!("i{n}"), ..Item::default() };
        item.text = (n < 6).then(|| format!("thing {}", n / 2));
        item.attributes.extend((n < 5).then(|| ("brand".to_owned(), format!("brand {}", n % 3).into())));
        item.attributes.extend((n > 0).then(|| ("category".to_owned(), i64::from(n % 2).into())));
        item
    };
    (0..7).map(item).collect()
}

fn store(options: &Options, acts: &[Act]) -> (crate::fixture::Place, Store) {
    let place = place();
    let store = options.open(&place.path).unwrap();
    store
        .write(|tx| {
            shelf().into_iter().try_for_each(|item| tx.put_item(item))?;
            (0..4).try_for_each(|n| tx.put_user(&format!("u{n}"), [("age", i64::from(n).into())]))?;
            acts.iter().enumerate().try_for_each(|(n, (user, minute, kind, item))| {
                let time = Time::from_secs(60 * i64::from(*minute))?;
                let event = Event::new(format!("u{user}"), KINDS[usize::from(*kind)], time);
                tx.record(event.item(format!("i{item}")).id(format!("e{n}")))
            })
        })
        .unwrap();
    (place, store)
}

/// How baskets are made.
#[derive(Clone, Debug)]
struct Way {
    kinds: Vec<&'static str>,
    by: Element,
    /// In minutes; none: one basket for each user.
    within: Option<u16>,
    older_than: Option<i64>,
}

fn some_way() -> impl Strategy<Value = Way> {
    let by = prop_oneof![
        Just(Element::Item),
        Just(Element::Group),
        Just(Element::Category),
        Just(Element::Attribute("brand".to_owned()))
    ];
    let kinds = prop::sample::subsequence(KINDS.to_vec(), 1..=3);
    let within = prop_oneof![Just(None), Just(Some(0)), (1..200_u16).prop_map(Some)];
    (kinds, by, within, prop_oneof![Just(None), (0..4_i64).prop_map(Some)])
        .prop_map(|(kinds, by, within, older_than)| Way { kinds, by, within, older_than })
}

impl Way {
    fn asked<'a>(&self, snapshot: &'a Snapshot) -> Rules<'a> {
        let mut rules = self.kinds.iter().fold(snapshot.rules(), |rules, kind| rules.kind(*kind));
        rules = rules.by(self.by.clone()).min_confidence(0.0).min_lift(0.0).limit(100_000);
        rules = match self.within {
            None => rules.per_user(true),
            Some(minutes) if minutes % 60 == 0 => rules.within(Interval::hours(minutes / 60)),
            Some(minutes) => rules.within(format!("{minutes} minutes").parse().unwrap()),
        };
        match self.older_than {
            None => rules,
            Some(age) => rules.filter(attribute("age").gt(age)).unwrap(),
        }
    }

    fn element(&self, item: &Item) -> Option<String> {
        let value = |name: &str| item.attributes.get(name).map(ToString::to_string);
        match &self.by {
            Element::Item => Some(item.id.clone()),
            Element::Group => item.text.clone(),
            Element::Category => value("category"),
            Element::Attribute(name) => value(name),
            other => panic!("{other:?} is not asked here"),
        }
    }

    fn baskets(&self, snapshot: &Snapshot) -> Vec<BTreeSet<String>> {
        let items: BTreeMap<String, Item> =
            snapshot.items().map(|item| item.unwrap()).map(|item| (item.id.clone(), item)).collect();
        let mut baskets = Vec::new();
        for user in snapshot.users().map(Result::unwrap) {
            if self.older_than.is_some_and(|age| user.attributes["age"].as_number() <= Some(age as f64)) {
                continue;
            }
            let mut open: Option<(Time, BTreeSet<String>)> = None;
            for event in snapshot.events(&user.id).unwrap().map(Result::unwrap) {
                let element = event.item.and_then(|id| self.element(&items[&id]));
                let Some(element) = element.filter(|_| self.kinds.contains(&&*event.kind)) else { continue };
                let is_late = |first: Time| {
                    self.within.is_some_and(|most| event.time.secs_since(first) > 60.0 * f64::from(most))
                };
                match &mut open {
                    Some((first, basket)) if !is_late(*first) => drop(basket.insert(element)),
                    other => {
                        baskets.extend(other.replace((event.time, [element].into())).map(|(_, full)| full));
                    }
                }
            }
            baskets.extend(open.map(|(_, full)| full));
        }
        baskets
    }
}

/// Each rule that a set of at most three elements makes, and in how many baskets both sides are.
fn naive(baskets: &[BTreeSet<String>], min_count: usize) -> BTreeMap<(Vec<String>, String), usize> {
    let mut sets: BTreeMap<BTreeSet<String>, usize> = BTreeMap::new();
    for basket in baskets {
        let elements: Vec<&String> = basket.iter().collect();
        let mut own: BTreeSet<BTreeSet<String>> = BTreeSet::new();
        for a in &elements {
            for b in &elements {
                for c in &elements {
                    own.insert([a, b, c].map(|element| (**element).clone()).into());
                }
            }
        }
        own.into_iter().for_each(|set| *sets.entry(set).or_default() += 1);
    }
    let mut rules = BTreeMap::new();
    for (set, count) in sets.iter().filter(|(set, count)| set.len() > 1 && **count >= min_count) {
        for then in set {
            let if_ = set.iter().filter(|element| *element != then).cloned().collect();
            rules.insert((if_, then.clone()), *count);
        }
    }
    rules
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn rules_are_those_of_counting(
        acts in some_acts(),
        ways in prop::collection::vec((some_way(), 1..4_u64), 1..6),
    ) {
        let (_place, store) = store(&vector_options(2), &acts);
        let snapshot = store.snapshot();
        for (way, min_count) in ways {
            let baskets = way.baskets(&snapshot);
            let found = way.asked(&snapshot).min_support(min_count).run().unwrap();
            let elements: BTreeSet<&String> = baskets.iter().flatten().collect();
            prop_assert_eq!((found.baskets, found.elements), (baskets.len() as u64, elements.len() as u64), "{:?}", way);
            let expected = naive(&baskets, min_count as usize);
            let rules: BTreeMap<(Vec<String>, String), usize> = found
                .rules
                .iter()
                .map(|rule| ((rule.if_.clone(), rule.then.clone()), rule.baskets as usize))
                .collect();
            prop_assert_eq!((found.matching, found.rules.len()), (rules.len() as u64, rules.len()));
            prop_assert_eq!(rules, expected, "{:?}", way);
            for rule in &found.rules {
                let share = |holds: &dyn Fn(&BTreeSet<String>) -> bool| {
                    baskets.iter().filter(|basket| holds(basket)).count() as f64 / baskets.len() as f64
                };
                let left = share(&|basket| rule.if_.iter().all(|element| basket.contains(element)));
                let right = share(&|basket| basket.contains(&rule.then));
                let close = [
                    rule.confidence - rule.support / left,
                    rule.lift - rule.support / left / right,
                    rule.leverage - (rule.support - left * right),
                    rule.support - f64::from(rule.baskets) / baskets.len() as f64,
                ];
                prop_assert!(close.iter().all(|difference| difference.abs() < 1e-9), "{:?}", rule);
            }
        }
    }
}

/// Three users buy bread and butter in one go, a fourth tea, then bread a day later.
fn breakfast(options: &Options) -> (crate::fixture::Place, Store) {
    let place = place();
    let store = options.open(&place.path).unwrap();
    store
        .write(|tx| {
            for user in ["ann", "bob", "cem"] {
                tx.record(bought(user, "bread", 10))?;
                tx.record(bought(user, "butter", 10))?;
            }
            tx.record(bought("dan", "tea", 10))?;
            tx.record(bought("dan", "bread", 11))
        })
        .unwrap();
    (place, store)
}

fn shown(found: &FoundRules) -> Vec<String> {
    found.rules.iter().map(|rule| format!("{} > {}", rule.if_.join(" "), rule.then)).collect()
}

#[test]
fn bounds_and_orders_choose_among_rules() {
    let (_place, store) = breakfast(&vector_options(2));
    let snapshot = store.snapshot();
    let found = snapshot.rules().run().unwrap();
    assert_eq!((found.baskets, found.min_baskets, found.itemsets), (5, 2, 3));
    // Alike in lift, the surer comes first.
    assert_eq!(shown(&found), ["butter > bread", "bread > butter"]);
    assert_eq!((found.rules[0].conviction, found.rules[1].conviction), (None, Some(1.6)));
    assert!(found.texts.is_empty());
    let sure = snapshot.rules().min_confidence(1.0).run().unwrap();
    assert_eq!((shown(&sure), sure.matching), (vec!["butter > bread".to_owned()], 1));
    assert_eq!(snapshot.rules().min_lift(1.26).run().unwrap().matching, 0);
    let one = snapshot.rules().limit(1).run().unwrap();
    assert_eq!((one.rules.len(), one.matching), (1, 2));
    assert_eq!(snapshot.rules().limit(0).run().unwrap().matching, 2);
    for share in [0.6, 0.600_000_1] {
        let count = snapshot.rules().min_support(share).run().unwrap().matching;
        assert_eq!(count, if share > 0.6 { 0 } else { 2 }, "{share}");
    }
    assert_eq!(snapshot.rules().min_support(u64::MAX).run().unwrap().itemsets, 0);

    let all = || snapshot.rules().per_user(true).min_support(1).min_confidence(0.0).min_lift(0.0);
    assert_eq!(
        shown(&all().sort(RuleOrder::Support).limit(2).run().unwrap()),
        ["butter > bread", "bread > butter"]
    );
    let surest = all().sort(RuleOrder::Confidence).run().unwrap();
    assert!(surest.rules.is_sorted_by(|left, right| left.confidence >= right.confidence), "{surest:?}");
    // Bread is in every basket of a user, so nothing says more of it than chance.
    assert_eq!((surest.baskets, surest.rules[0].lift, surest.rules[0].conviction), (4, 1.0, None));
}

#[test]
fn rules_name_the_texts_of_their_items() {
    let (_place, store) = breakfast(&vector_options(2));
    store.write(|tx| tx.put_item(crate::fixture::item("bread", "rye bread"))).unwrap();
    let found = store.snapshot().rules().run().unwrap();
    assert_eq!(found.texts, [("bread".to_owned(), "rye bread".to_owned())].into());
    let json = serde_json::to_value(&found).unwrap();
    assert_eq!(json["rules"][0]["if"], serde_json::json!(["butter"]));
}

/// A basket that is folded is gone; what its user bought is not.
#[test]
fn folded_events_are_in_no_basket_but_in_that_of_their_user() {
    let (place, store) = breakfast(&vector_options(2));
    let before = store.snapshot().rules().per_user(true).run().unwrap();
    store.write(|tx| tx.record(bought("ann", "jam", 20))).unwrap();
    store.expire(day(11)).unwrap();
    for store in [None, Some(&store)] {
        // Both as the writer sees it, and as it was put down.
        let reader = kindred::ReadOnlyStore::open(&place.path);
        let snapshot = match store {
            Some(store) => store.snapshot(),
            None => reader.unwrap().snapshot(),
        };
        let found = snapshot.rules().min_support(1).run().unwrap();
        assert_eq!((found.baskets, found.folded, found.matching), (2, 7, 0));
        assert_eq!(snapshot.rules().kind("view").run().unwrap().folded, 0);
        let of_few = snapshot.rules().filter(kindred::model::id().eq("bob")).unwrap().run().unwrap();
        assert_eq!((of_few.baskets, of_few.folded), (0, 2));
        let whole = snapshot.rules().per_user(true).run().unwrap();
        assert_eq!((&whole.rules, whole.folded), (&before.rules, 0));
    }
}

#[test]
fn an_attribute_that_no_item_has_is_misspelt() {
    let (_place, store) = store(&vector_options(2), &[]);
    let error = store.snapshot().rules().by(Element::Attribute("brnd".into())).run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no attribute of items \"brnd\" in this store: did you mean \"brand\"?"
    );
    let error = store.snapshot().rules().by(Element::Attribute("x".repeat(1 << 20))).run().unwrap_err();
    assert!(matches!(&error, Error::Unknown { name, nearest: None, .. } if name.len() < 100), "{error}");
}

#[test]
fn nothing_is_no_basket() {
    let (_place, store) = store(&vector_options(2), &[]);
    for rules in [store.snapshot().rules(), store.snapshot().rules().per_user(true)] {
        assert_eq!(rules.run().unwrap().baskets, 0);
    }
    let place = place();
    let empty = vector_options(2).open(&place.path).unwrap();
    // Where no item has any attribute, none is misspelt.
    let found =
        empty.snapshot().rules().by(Element::Attribute("brnd".into())).min_support(0.5).run().unwrap();
    assert_eq!((found.baskets, found.min_baskets), (0, 1));
}

#[test]
fn too_many_sets_are_told_with_what_to_raise() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    store
        .write(|tx| {
            for user in ["ann", "bob"] {
                (0..200).try_for_each(|n| tx.record(bought(user, &format!("i{n}"), 1)))?;
            }
            Ok(())
        })
        .unwrap();
    let snapshot = store.snapshot();
    let error = snapshot.rules().run().unwrap_err();
    assert!(
        matches!(&error, Error::Invalid { what, .. } if what == "number of frequent itemsets"),
        "{error}"
    );
    assert!(error.to_string().contains("more than 1000000: raise min_support, or lower max_len"), "{error}");
    let pairs = snapshot.rules().max_len(2).limit(1).run().unwrap();
    assert_eq!((pairs.itemsets, pairs.matching), (200 + 200 * 199 / 2, 200 * 199));
}

#[test]
fn how_far_it_is_is_told() {
    let (_place, store) = breakfast(&vector_options(2));
    let told = std::sync::Mutex::new(Vec::new());
    store.snapshot().rules().run_with_progress(&|p| told.lock().unwrap().push(p)).unwrap();
    let told = told.into_inner().unwrap();
    let stages: Vec<&str> = told.iter().map(|progress| progress.stage).collect();
    assert!(
        stages.contains(&"reading baskets") && stages.contains(&"finding what goes together"),
        "{stages:?}"
    );
    assert!(told.iter().all(|progress| Some(progress.done) <= progress.total), "{told:?}");
}
