//! Columns against a scan of all users' attributes, through any changes.

use super::*;
use crate::model::Time;
use crate::model::predicate::{Comparison, Family, compare};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NAMES: [&str; 3] = ["a", "b", "c"];
const COMPARISONS: [Comparison; 6] = [
    Comparison::Equal,
    Comparison::NotEqual,
    Comparison::Less,
    Comparison::LessOrEqual,
    Comparison::Greater,
    Comparison::GreaterOrEqual,
];

/// Few of each type, so that users share them: among them numbers that are the same, or differ by less than a float can tell.
fn a_value() -> BoxedStrategy<Value> {
    let large = 1_i64 << 53;
    let ints = proptest::sample::select(vec![-1, 0, 1, large, large + 1, i64::MAX, i64::MIN]);
    let floats = proptest::sample::select(vec![-1.0, -0.0, 0.0, 0.5, large as f64, 1e300, -1e300]);
    let texts = proptest::sample::select(vec!["", "a", "ab", "b", "ä"]);
    let sets = proptest::collection::btree_set(texts.clone().prop_map(str::to_owned), 0..3);
    prop_oneof![
        any::<bool>().prop_map(Value::from),
        ints.prop_map(Value::from),
        floats.prop_map(Value::from),
        texts.prop_map(Value::from),
        (-2_i64..3).prop_map(|secs| Time::from_secs(secs).unwrap().into()),
        sets.prop_map(Value::from),
    ]
    .boxed()
}

/// A user, and the new attributes, or none where the user goes.
fn a_change() -> BoxedStrategy<(u32, Option<Attributes>)> {
    let name = proptest::sample::select(NAMES.to_vec()).prop_map(str::to_owned);
    let attributes = proptest::collection::btree_map(name, a_value(), 0..3);
    // Beside each other, and in another container of the bitmaps.
    let user = prop_oneof![0_u32..8, 70_000_u32..70_004];
    (user, proptest::option::weighted(0.8, attributes)).boxed()
}

type Users = BTreeMap<u32, Attributes>;

fn apply(columns: &mut Columns, users: &mut Users, (user, now): (u32, Option<Attributes>)) {
    columns.replace(user, users.get(&user), now.as_ref());
    match now {
        Some(now) => drop(users.insert(user, now)),
        None => drop(users.remove(&user)),
    }
}

fn set(users: &RoaringBitmap) -> BTreeSet<u32> {
    users.iter().collect()
}

fn check(columns: &Columns, users: &Users, asked: &[Value]) -> Result<(), TestCaseError> {
    prop_assert_eq!(set(columns.all()), users.keys().copied().collect::<BTreeSet<_>>());
    let names: BTreeSet<&str> = users.values().flat_map(|all| all.keys().map(String::as_str)).collect();
    prop_assert_eq!(columns.names().collect::<BTreeSet<_>>(), names);
    for name in NAMES {
        let whose = |is_meant: &dyn Fn(&Value) -> bool| -> BTreeSet<u32> {
            let meant = users.iter().filter(|(_, all)| all.get(name).is_some_and(is_meant));
            meant.map(|(user, _)| *user).collect()
        };
        let Some(column) = columns.get(name) else {
            prop_assert!(whose(&|_| true).is_empty());
            continue;
        };
        prop_assert_eq!(set(&column.present()), whose(&|_| true));
        for family in Family::ALL {
            let of_family = column.of(family).map(|users| set(&users.to_set())).unwrap_or_default();
            prop_assert_eq!(of_family, whose(&|value| value.family() == family));
        }
        for value in asked.iter().filter(|value| value.family() != Family::Set) {
            for comparison in COMPARISONS {
                let expected = whose(&|one| compare(one, value).is_some_and(|order| comparison.holds(order)));
                prop_assert_eq!(
                    set(&column.compared(comparison, value)),
                    expected,
                    "{:?} {}",
                    comparison,
                    value
                );
            }
            let equal = whose(&|one| compare(one, value).is_some_and(std::cmp::Ordering::is_eq));
            prop_assert_eq!(column.equal(value).map_or(0, super::Users::len), equal.len() as u64);
        }
        let wanted: Vec<Value> =
            asked.iter().filter(|value| value.family() == Family::Number).cloned().collect();
        let is_among = |one: &Value| {
            wanted.iter().any(|value| compare(one, value).is_some_and(std::cmp::Ordering::is_eq))
        };
        prop_assert_eq!(set(&column.among(&wanted)), whose(&is_among));
        prop_assert_eq!(
            set(&column.texts_where(|text| text.starts_with('a'))),
            whose(&|value| value.as_text().is_some_and(|text| text.starts_with('a')))
        );
        for text in ["", "a", "c"] {
            let having = column.having(text).map(|users| set(&users.to_set())).unwrap_or_default();
            prop_assert_eq!(
                having,
                whose(&|value| matches!(value, Value::Set(texts) if texts.contains(text)))
            );
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]
    #[test]
    fn columns_tell_what_a_scan_does_and_copies_stay_as_they_were(
        first in proptest::collection::vec(a_change(), 0..40),
        then in proptest::collection::vec(a_change(), 0..40),
        asked in proptest::collection::vec(a_value(), 6),
    ) {
        let (mut columns, mut users) = (Columns::default(), Users::new());
        first.into_iter().for_each(|change| apply(&mut columns, &mut users, change));
        check(&columns, &users, &asked)?;
        let (copy, then_users) = (columns.clone(), users.clone());
        then.into_iter().for_each(|change| apply(&mut columns, &mut users, change));
        check(&columns, &users, &asked)?;
        check(&copy, &then_users, &asked)?;
        for (user, attributes) in users {
            columns.replace(user, Some(&attributes), None);
        }
        check(&columns, &Users::new(), &asked)?;
    }
}

/// Who could not be read at first comes in whole with the next change, and leaves nothing when gone.
#[test]
fn who_was_not_read_comes_in_with_the_next_change() {
    let attributes =
        |age: i64| Attributes::from([("a".to_owned(), age.into()), ("b".to_owned(), "x".into())]);
    for gone in [false, true] {
        let mut columns = Columns::default();
        columns.note_unread(7);
        let now = (!gone).then(|| attributes(2));
        columns.replace(7, Some(&attributes(1)), now.as_ref());
        assert!(columns.unread().is_empty());
        let users = now.into_iter().map(|now| (7, now)).collect();
        check(&columns, &users, &[1.into(), 2.into(), "x".into()]).unwrap();
    }
}
