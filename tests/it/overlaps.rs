//! How far segments overlap, against their members counted one by one.

use crate::fixture::{place, vector_options};
use kindred::model::{attribute, id};
use kindred::query::Overlap;
use kindred::{Snapshot, Store};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// Segments over users `u0` and on, of those whose bit is set.
fn filled(store: &Store, users: usize, segments: &[Vec<bool>]) {
    store
        .write(|tx| {
            (0..users).try_for_each(|n| tx.put_user(&format!("u{n}"), []))?;
            for (n, members) in segments.iter().enumerate() {
                let members = (0..users).filter(|user| members.get(*user) == Some(&true));
                tx.define_segment(&format!("s{n}"), id().one_of(members.map(|user| format!("u{user}"))))?;
            }
            Ok(())
        })
        .unwrap();
}

/// All pairs of those that are meant, in the order in which they were defined, counted by ids.
fn naive(snapshot: &Snapshot, of: Option<&str>) -> Vec<(String, String, [u64; 3], [f64; 4])> {
    let names: Vec<String> = snapshot.segments().unwrap().into_iter().map(|segment| segment.name).collect();
    let members = |name: &str| -> BTreeSet<String> { snapshot.members(name).unwrap().into_iter().collect() };
    let pairs: Vec<(&String, &String)> = match of {
        Some(of) => {
            let one = names.iter().find(|name| *name == of).unwrap();
            names.iter().filter(|name| *name != of).map(|other| (one, other)).collect()
        }
        None => (0..names.len())
            .flat_map(|n| names[n + 1..].iter().map(move |other| (n, other)))
            .map(|(n, other)| (&names[n], other))
            .collect(),
    };
    let all = snapshot.users().count() as f64;
    let ratio = |part: f64, whole: f64| if whole == 0.0 { 0.0 } else { part / whole };
    let count = |(one, other): (&String, &String)| {
        let (ours, theirs) = (members(one), members(other));
        let both = ours.intersection(&theirs).count();
        let either = ours.union(&theirs).count();
        let (a, b, shared) = (ours.len() as f64, theirs.len() as f64, both as f64);
        let ratios =
            [ratio(shared, either as f64), ratio(shared, a), ratio(shared, b), ratio(shared * all, a * b)];
        (one.clone(), other.clone(), [ours.len(), theirs.len(), both].map(|len| len as u64), ratios)
    };
    let mut pairs: Vec<_> = pairs.into_iter().map(count).collect();
    pairs.sort_by(|a, b| b.2[2].cmp(&a.2[2]).then(b.3[0].total_cmp(&a.3[0])));
    pairs
}

fn told(overlaps: Vec<Overlap>) -> Vec<(String, String, [u64; 3], [f64; 4])> {
    let told = |of: Overlap| {
        let ratios = [of.jaccard, of.share, of.share_of_other, of.lift];
        (of.segment, of.other, [of.members, of.members_of_other, of.both], ratios)
    };
    overlaps.into_iter().map(told).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]
    #[test]
    fn overlaps_are_those_of_the_members(
        users in 1_usize..20,
        segments in proptest::collection::vec(proptest::collection::vec(any::<bool>(), 0..20), 0..6),
        limit in 0_usize..8,
    ) {
        let place = place();
        let store = vector_options(2).open(&place.path).unwrap();
        filled(&store, users, &segments);
        let snapshot = store.snapshot();
        let expected = naive(&snapshot, None);
        prop_assert_eq!(told(snapshot.overlaps().run().unwrap()), expected.clone());
        prop_assert_eq!(
            told(snapshot.overlaps().limit(limit).run().unwrap()),
            expected.into_iter().take(limit).collect::<Vec<_>>()
        );
        for n in 0..segments.len() {
            let name = format!("s{n}");
            prop_assert_eq!(told(snapshot.overlaps().of(&name).run().unwrap()), naive(&snapshot, Some(&name)));
        }
    }
}

/// Users with far numbers lie in other parts of a segment's members, and those who are gone in none.
#[test]
fn overlaps_follow_who_comes_and_goes() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    assert!(store.snapshot().overlaps().run().unwrap().is_empty());
    store
        .write(|tx| {
            for n in 0..66_000 {
                tx.put_user(&format!("u{n}"), [("n", n.into())])?;
            }
            tx.define_segment("late", attribute("n").ge(65_000))?;
            tx.define_segment("most", attribute("n").ge(1_000))?;
            tx.define_segment("early", attribute("n").lt(2_000))
        })
        .unwrap();
    let before = store.snapshot();
    let both = |snapshot: &Snapshot| -> Vec<(String, u64)> {
        let of_most = snapshot.overlaps().of("most").run().unwrap();
        of_most.into_iter().map(|of| (of.other, of.both)).collect()
    };
    let expected = [("late".to_owned(), 1_000), ("early".to_owned(), 1_000)];
    assert_eq!(both(&before), expected);
    store.write(|tx| (65_900..66_000).try_for_each(|n| tx.remove_user(&format!("u{n}")))).unwrap();
    assert_eq!(both(&store.snapshot()), [("early".to_owned(), 1_000), ("late".to_owned(), 900)]);
    assert_eq!(both(&before), expected);

    let error = before.overlaps().of("lat").run().unwrap_err().to_string();
    assert!(error.contains("there is no segment \"lat\" in this store: did you mean \"late\"?"), "{error}");
}
