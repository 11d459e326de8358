//! What is told of why a predicate is true of a user, against a naive evaluation of each of its parts.

use super::filters::{Person, a_person, naive, people, put_all_types, store_of, value_of};
use crate::model::predicate::arbitrary::{a_predicate, a_time};
use crate::model::predicate::{Node, TermKind, compare};
use crate::model::{Interval, Time, Truth, ago, attribute, count, in_segment};
use crate::query::Clause;
use proptest::prelude::*;

fn truth(known: Option<bool>) -> Truth {
    known.map_or(Truth::Unknown, |holds| if holds { Truth::True } else { Truth::False })
}

/// With the values of lists in their order.
fn in_order(node: Node) -> Node {
    let each = |parts: Vec<Node>| parts.into_iter().map(in_order).collect();
    match node {
        Node::All(parts) => Node::All(each(parts)),
        Node::Any(parts) => Node::Any(each(parts)),
        Node::Not(part) => Node::Not(Box::new(in_order(*part))),
        Node::Is(part, truth) => Node::Is(Box::new(in_order(*part)), truth),
        Node::In(term, mut values) => {
            values.sort_by(|left, right| compare(left, right).unwrap());
            Node::In(term, values)
        }
        leaf => leaf,
    }
}

/// Each part is what it is by itself, with the values that it asks for.
fn check(clause: &Clause, node: &Node, person: &Person, now: Time) -> Result<(), TestCaseError> {
    prop_assert_eq!(&clause.clause, &in_order(node.clone()).to_string());
    prop_assert_eq!(clause.truth, truth(naive(node, person, now)), "{} of {}", &clause.clause, &person.id);
    let parts = match node {
        Node::All(parts) | Node::Any(parts) => &parts[..],
        Node::Not(part) | Node::Is(part, _) => std::slice::from_ref(&**part),
        leaf => {
            let asked = leaf.terms().into_iter().filter(|term| !matches!(term.kind, TermKind::Value(_)));
            let asked: Vec<_> = asked.map(|term| (term.to_string(), value_of(term, person, now))).collect();
            let told: Vec<_> =
                clause.values.iter().map(|given| (given.term.clone(), given.value.clone())).collect();
            prop_assert_eq!(told, asked);
            &[]
        }
    };
    prop_assert_eq!(clause.parts.len(), parts.len());
    prop_assert!(parts.is_empty() || clause.values.is_empty());
    clause.parts.iter().zip(parts).try_for_each(|(clause, part)| check(clause, part, person, now))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]
    #[test]
    fn each_part_is_told_as_a_naive_evaluation_has_it(
        made in proptest::collection::vec(a_person(), 0..8),
        predicates in proptest::collection::vec(a_predicate(), 12),
        now in a_time(),
    ) {
        let (_folder, store) = store_of(&made);
        let snapshot = store.snapshot();
        for predicate in &predicates {
            let asked = snapshot.users_where(predicate).unwrap().now(now);
            let matching = asked.run().unwrap();
            for person in people(&snapshot) {
                let reasons = asked.explain(&person.id).unwrap();
                prop_assert_eq!(reasons.root.truth == Truth::True, matching.contains(&person.id));
                check(&reasons.root, &predicate.node, &person, now)?;
            }
        }
    }
}

#[test]
fn reasons_are_told_in_words_and_mistakes_as_ever() {
    let folder = tempfile::tempdir().unwrap();
    let store = crate::Store::options().dim(2).open(folder.path().join("store")).unwrap();
    let now: Time = "2026-02-01".parse().unwrap();
    store.advance_segments(now, &|_| {}).unwrap();
    let wanted = (attribute("age").ge(18) | attribute("town").eq("Ulm"))
        & !in_segment("active")
        & attribute("joined").lt(ago(Interval::days(1)));
    store
        .write(|tx| {
            put_all_types(tx)?;
            tx.put_user("ann", [("town", "Ulm".into()), ("joined", now.into())])?;
            tx.define_segment("active", count("view").within(Interval::days(30)).ge(1))?;
            tx.define_segment("wanted", wanted)
        })
        .unwrap();
    let snapshot = store.snapshot();
    let lines = r#"ann, as of 2026-02-01T00:00:00Z:
false   ("age" >= 18 or "town" = 'Ulm') and not in_segment('active') and "joined" < now() - interval '1 day'
true      "age" >= 18 or "town" = 'Ulm'
unknown     "age" >= 18  ["age" is missing]
true        "town" = 'Ulm'  ["town" is 'Ulm']
true      not in_segment('active')
false       in_segment('active')  ['active' is false]
false     "joined" < now() - interval '1 day'  ["joined" is timestamp '2026-02-01T00:00:00Z', now() - interval '1 day' is timestamp '2026-01-31T00:00:00Z']"#;
    assert_eq!(snapshot.explain_segment("ann", "wanted").unwrap().to_string(), lines);
    let json = serde_json::to_value(snapshot.explain_segment("ann", "active").unwrap()).unwrap();
    let clause = "count('view', interval '30 days') >= 1";
    let values = serde_json::json!([{ "term": "count('view', interval '30 days')", "value": 0 }]);
    let root = serde_json::json!({ "clause": clause, "truth": "false", "values": values });
    assert_eq!(json, serde_json::json!({ "user": "ann", "now": now, "root": root }));

    let refused = [
        (snapshot.explain_segment("bob", "wanted"), "there is no user \"bob\""),
        (snapshot.explain_segment("ann", "wnted"), "did you mean \"wanted\"?"),
        (snapshot.users_where(count("vew").gt(1)).unwrap().explain("ann"), "did you mean \"view\"?"),
        (snapshot.users_where(attribute("town").gt(1)).unwrap().explain("ann"), "cannot be compared"),
    ];
    for (asked, words) in refused {
        let error = asked.expect_err(words);
        assert!(error.to_string().contains(words), "{error}");
        assert_eq!(error.kind(), crate::ErrorKind::Usage);
    }
}
