//! Users on a map, and segments by how far apart they lie.

use crate::fixture::{Place, fill, place, store, vector_options};
use kindred::analysis::UserMap;
use kindred::model::{Metric, attribute};
use kindred::{Error, Snapshot, Store};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// Users in a store that compares by distance.
fn placed(vectors: &[Vec<f32>]) -> (Place, Store) {
    let place = place();
    let store =
        vector_options(vectors.first().map_or(2, Vec::len)).metric(Metric::L2).open(&place.path).unwrap();
    store
        .write(|tx| {
            vectors.iter().enumerate().try_for_each(|(no, vector)| {
                tx.put_user(&format!("u{no}"), [("no", (no as i64).into())])?;
                tx.put_vector(&format!("u{no}"), vector.clone())
            })
        })
        .unwrap();
    (place, store)
}

fn map(snapshot: &Snapshot, sample: usize, seed: u64, threads: usize) -> UserMap {
    snapshot.map_users().sample(sample).seed(seed).threads(threads).run(&|_| {}).unwrap()
}

#[test]
fn the_same_seed_gives_the_same_map_on_however_many_threads() {
    let vectors: Vec<Vec<f32>> =
        (0..200).map(|no| (0..5).map(|at| ((no * (at + 3) * 37) % 101) as f32).collect()).collect();
    let (_place, store) = placed(&vectors);
    store.write(|tx| tx.put_user("without a vector", [])).unwrap();
    let snapshot = store.snapshot();
    let all = map(&snapshot, 1_000, 4, 1);
    assert_eq!((all.points.len(), all.users, all.without_vector), (200, 200, 1));
    assert_eq!(all, map(&snapshot, 1_000, 4, 3));
    assert!(all.variance[0] >= all.variance[1] && all.variance[1] > 0.0);
    let some = map(&snapshot, 50, 4, 2);
    assert_eq!((some.points.len(), some.users), (50, 200));
    assert_eq!(some, map(&snapshot, 50, 4, 1));
    let users = |map: &UserMap| map.points.iter().map(|point| point.user.clone()).collect::<Vec<_>>();
    assert_ne!(users(&some), users(&map(&snapshot, 50, 5, 1)));
    assert!(users(&some).iter().all(|user| users(&all).contains(user)));
}

#[test]
fn what_lies_apart_lies_apart_on_the_map() {
    let vectors: Vec<Vec<f32>> = (0..60_u8)
        .map(|no| vec![if no < 30 { -5.0 } else { 5.0 }, f32::from(no % 7) / 7.0, 1.0, 0.0])
        .collect();
    let (_place, store) = placed(&vectors);
    let map = map(&store.snapshot(), 100, 0, 1);
    let sides: Vec<bool> = map.points.iter().map(|point| point.x > 0.0).collect();
    assert!(
        sides[..30].iter().all(|side| *side == sides[0]) && sides[30..].iter().all(|side| *side != sides[0])
    );
    assert!(map.variance[0] > 0.99);
}

#[test]
fn stores_with_an_encoder_have_a_map_too() {
    let (_place, store) = store();
    assert_eq!(map(&store.snapshot(), 10, 0, 1).points, []);
    fill(&store);
    store.fit().unwrap();
    let map = map(&store.snapshot(), 10, 0, 1);
    assert_eq!((map.points.len(), map.users), (10, 12));
    assert!(map.variance.iter().sum::<f64>() <= 1.0 + 1e-9);
}

#[test]
fn samples_have_bounds() {
    let (_place, store) = placed(&[vec![1.0, 0.0]]);
    let snapshot = store.snapshot();
    assert!(matches!(snapshot.map_users().sample(0).run(&|_| {}), Err(Error::Invalid { .. })));
    assert!(matches!(snapshot.map_users().threads(0).run(&|_| {}), Err(Error::Invalid { .. })));
    for sample in [0, 1, 20_001] {
        assert!(matches!(snapshot.hold_together().sample(sample).run(&|_| {}), Err(Error::Invalid { .. })));
    }
}

/// The mean silhouette of members against the others, by its definition.
fn by_definition(users: &BTreeMap<String, Vec<f32>>, members: &[String]) -> Option<f64> {
    let distance =
        |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(a - b).powi(2)).sum::<f64>().sqrt();
    let (ours, others): (Vec<_>, Vec<_>) = users.iter().partition(|(user, _)| members.contains(user));
    if ours.len() < 2 || others.is_empty() {
        return None;
    }
    let mean = |from: &[f32], to: &[(&String, &Vec<f32>)], count: usize| {
        to.iter().map(|(_, vector)| distance(from, vector)).sum::<f64>() / count as f64
    };
    let width = |vector: &[f32]| {
        let (within, beside) = (mean(vector, &ours, ours.len() - 1), mean(vector, &others, others.len()));
        let wider = within.max(beside);
        if wider > 0.0 { (beside - within) / wider } else { 0.0 }
    };
    Some(ours.iter().map(|(_, vector)| width(vector)).sum::<f64>() / ours.len() as f64)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn segments_are_told_by_their_silhouettes(
        vectors in prop::collection::vec(prop::collection::vec((-9_i8..9).prop_map(f32::from), 2), 1..24),
        up_to in 0_i64..26,
    ) {
        let (_place, store) = placed(&vectors);
        store.write(|tx| {
            tx.define_segment("some", attribute("no").lt(up_to))?;
            tx.define_segment("nobody", attribute("no").lt(0))
        }).unwrap();
        let snapshot = store.snapshot();
        let users = snapshot.users().map(|user| user.map(|user| (user.id, user.vector.unwrap())).unwrap()).collect();
        for told in snapshot.hold_together().threads(1).run(&|_| {}).unwrap().groups {
            let members = snapshot.members(&told.name).unwrap();
            prop_assert_eq!((told.sample, told.users), (members.len() as u64, members.len() as u64));
            match (told.silhouette, by_definition(&users, &members)) {
                (Some(told), Some(expected)) => prop_assert!((told - expected).abs() < 1e-5, "{told} {expected}"),
                (told, expected) => prop_assert_eq!(told, expected),
            }
        }
    }
}
