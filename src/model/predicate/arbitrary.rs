//! Predicates of all forms over a few attributes, for property tests.

use super::{Comparison, Figure, Interval, Matcher, Node, Pattern, Predicate, Term, TermKind, Truth};
use crate::model::{Time, Value, ago, ahead, attribute, id, item, item_text, texts};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Attributes and what they hold; `mixed` holds numbers for some and texts for others.
pub(crate) const NUMBER: &str = "age";
pub(crate) const TEXT: &str = "home town";
pub(crate) const TIME: &str = "joined";
pub(crate) const BOOL: &str = "a \"quoted\" name";
pub(crate) const SET: &str = "tags";
pub(crate) const MIXED: &str = "mixed";
/// A kind of events, beside `view`.
pub(crate) const KIND: &str = "it's \"odd\"";

/// Attributes of items: a text, a number and a set.
pub(crate) const ITEM_TEXT: &str = "item";
pub(crate) const ITEM_NUMBER: &str = "price";
pub(crate) const ITEM_SET: &str = "labels";
/// Ids of items.
pub(crate) const ITEMS: [&str; 3] = ["i0", "i1", "i2"];

pub(crate) fn a_number() -> BoxedStrategy<Value> {
    prop_oneof![
        (-3_i64..4).prop_map(Value::Int),
        (-6_i32..7).prop_map(|halves| Value::Float(f64::from(halves) / 2.0)),
        prop_oneof![Just(i64::MIN), Just(i64::MAX)].prop_map(Value::Int),
        prop_oneof![Just(1e300), Just(-1e-7), Just(9_223_372_036_854_775_808.0)].prop_map(Value::Float),
    ]
    .boxed()
}

pub(crate) fn a_text() -> BoxedStrategy<String> {
    prop_oneof!["[abA]{0,3}", "[a'\"%_!é\n\\\\]{0,4}"].boxed()
}

pub(crate) fn a_time() -> BoxedStrategy<Time> {
    (0_i64..100).prop_map(|day| Time::from_secs(1_767_225_600 + day * 43_200).unwrap()).boxed()
}

pub(crate) fn a_set() -> BoxedStrategy<BTreeSet<String>> {
    proptest::collection::btree_set("[ab]{1,2}", 0..4).boxed()
}

pub(crate) fn an_interval() -> BoxedStrategy<Interval> {
    prop_oneof![
        (0_u16..60).prop_map(Interval::days),
        (0_u16..3).prop_map(Interval::months),
        (0_u16..99).prop_map(Interval::hours)
    ]
    .boxed()
}

fn of_events(figures: &'static [Figure]) -> BoxedStrategy<Term> {
    let kind = proptest::option::of(prop_oneof![Just("view".to_owned()), Just(KIND.to_owned())]);
    let of = proptest::option::weighted(0.4, an_item_predicate());
    (proptest::sample::select(figures), kind, proptest::option::of(an_interval()), of)
        .prop_map(|(figure, kind, within, of)| {
            let of = of.map(|items| Box::new(items.node));
            Term { within, of, ..TermKind::Events(figure, kind).into() }
        })
        .boxed()
}

/// A condition on items.
fn an_item_predicate() -> BoxedStrategy<Predicate> {
    let text = || prop_oneof![Just(item()), Just(item_text()), Just(attribute(ITEM_TEXT))];
    let number = || Just(attribute(ITEM_NUMBER));
    let a_text = || prop_oneof![proptest::sample::select(&ITEMS).prop_map(str::to_owned), a_text()];
    let leaf = prop_oneof![
        2 => (text(), a_comparison(), a_text()).prop_map(|(term, how, text)| term.compare(how, text)),
        2 => (number(), a_comparison(), a_number()).prop_map(|(term, how, number)| term.compare(how, number)),
        1 => (text(), proptest::collection::vec(a_text(), 1..4)).prop_map(|(term, texts)| term.one_of(texts)),
        1 => (text(), a_pattern()).prop_map(|(term, pattern)| term.like(pattern)),
        1 => prop_oneof![text(), number(), Just(attribute(ITEM_SET))].prop_map(|term| term.is_null()),
        1 => "[ab]{1,2}".prop_map(|text| attribute(ITEM_SET).has(text)),
        1 => Just(Predicate::everybody()),
    ];
    leaf.prop_recursive(2, 4, 2, |inner| {
        prop_oneof![
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left & right),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| left | right),
            inner.clone().prop_map(|part| !part),
            inner.prop_map(|part| part.is_true()),
        ]
    })
    .boxed()
}

fn numbers() -> BoxedStrategy<Term> {
    prop_oneof![
        3 => Just(attribute(NUMBER)),
        1 => Just(attribute(MIXED)),
        1 => Just(texts()),
        2 => of_events(&[Figure::Count, Figure::Sum, Figure::Quantity]),
        4 => a_number().prop_map(Term::from),
    ]
    .boxed()
}

fn texts_of_users() -> BoxedStrategy<Term> {
    prop_oneof![
        3 => Just(attribute(TEXT)),
        1 => Just(attribute(MIXED)),
        1 => Just(id()),
        3 => a_text().prop_map(Term::from),
    ]
    .boxed()
}

fn times() -> BoxedStrategy<Term> {
    prop_oneof![
        3 => Just(attribute(TIME)),
        2 => of_events(&[Figure::First, Figure::Last]),
        2 => (an_interval(), any::<bool>()).prop_map(|(interval, before)| {
            if before { ago(interval) } else { ahead(interval) }
        }),
        3 => a_time().prop_map(Term::from),
    ]
    .boxed()
}

fn bools() -> BoxedStrategy<Term> {
    prop_oneof![2 => Just(attribute(BOOL)), 1 => any::<bool>().prop_map(Term::from)].boxed()
}

fn a_comparison() -> BoxedStrategy<Comparison> {
    use Comparison::{Equal, Greater, GreaterOrEqual, Less, LessOrEqual, NotEqual};
    proptest::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]).boxed()
}

fn compared(terms: fn() -> BoxedStrategy<Term>) -> BoxedStrategy<Predicate> {
    (terms(), a_comparison(), terms()).prop_map(|(left, how, right)| left.compare(how, right)).boxed()
}

fn a_pattern() -> BoxedStrategy<Pattern> {
    let escape = proptest::option::of(proptest::sample::select(vec!['!', 'a', 'B', '%', '\'']));
    ("[aAbB%_é']{0,5}", escape, any::<bool>())
        .prop_map(|(text, escape, ignores_case)| {
            let mut pattern = Pattern { text, escape, ignores_case };
            if Matcher::new(&pattern).is_err() {
                // The escape that stands last escapes something.
                pattern.text.push('%');
            }
            pattern
        })
        .boxed()
}

fn a_leaf() -> BoxedStrategy<Predicate> {
    let some = |of: BoxedStrategy<Value>| proptest::collection::vec(of, 1..4);
    prop_oneof![
        3 => compared(numbers),
        2 => compared(texts_of_users),
        2 => compared(times),
        1 => compared(bools),
        1 => (numbers(), some(a_number())).prop_map(|(term, values)| term.one_of(values)),
        1 => (texts_of_users(), some(a_text().prop_map(Value::from).boxed())).prop_map(|(term, values)| term.one_of(values)),
        1 => (texts_of_users(), a_pattern()).prop_map(|(term, pattern)| term.like(pattern)),
        1 => prop_oneof![numbers(), texts_of_users(), times(), Just(attribute(SET))].prop_map(|term| term.is_null()),
        1 => "[ab]{1,2}".prop_map(|text| attribute(SET).has(text)),
        1 => any::<bool>().prop_map(|all| if all { Predicate::everybody() } else { attribute(NUMBER).one_of(Vec::<i64>::new()) }),
    ]
    .boxed()
}

pub(crate) fn a_predicate() -> BoxedStrategy<Predicate> {
    let is = |(part, truth): (Predicate, Truth)| Predicate { node: Node::Is(Box::new(part.node), truth) };
    a_leaf()
        .prop_recursive(4, 24, 3, move |inner| {
            let truth = proptest::sample::select(vec![Truth::False, Truth::Unknown, Truth::True]);
            prop_oneof![
                3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| left & right),
                3 => (inner.clone(), inner.clone()).prop_map(|(left, right)| left | right),
                2 => inner.clone().prop_map(|part| !part),
                1 => (inner, truth).prop_map(is),
            ]
        })
        .boxed()
}
