//! Stores of the host's own vectors.

use crate::fixture::{bought, day, dot, place, vector_options};
use kindred::model::{Metric, User};
use kindred::{Error, Like, Store};

fn vector(n: usize) -> Vec<f32> {
    (0..5).map(|i| ((n * 7 + i * 13) as f32).sin() * (1.0 + n as f32 / 40.0)).collect()
}

fn score(metric: Metric, a: &[f32], b: &[f32]) -> f32 {
    match metric {
        Metric::Cosine => dot(a, b) / (dot(a, a) * dot(b, b)).sqrt(),
        Metric::InnerProduct => dot(a, b),
        Metric::L2 => -a.iter().zip(b).map(|(x, y)| (x - y) * (x - y)).sum::<f32>(),
    }
}

fn filled(metric: Metric) -> (crate::fixture::Place, Store) {
    let place = place();
    let store = vector_options(5).metric(metric).head_rows(32).open(&place.path).unwrap();
    store.write(|tx| (0..200).try_for_each(|n| tx.put_vector(&format!("u{n}"), vector(n)))).unwrap();
    (place, store)
}

#[test]
fn answers_are_those_of_a_plain_reckoning() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        let (_place, store) = filled(metric);
        store.build_index(&|_| {}).unwrap();
        let snapshot = store.snapshot();
        assert_eq!(snapshot.stats().unwrap().vectors_in_graph, 200);
        for asked in [3, 77, 199] {
            let mut expected: Vec<(f32, usize)> = (0..200)
                .filter(|&n| n != asked)
                .map(|n| (score(metric, &vector(asked), &vector(n)), n))
                .collect();
            expected.sort_by(|a, b| b.0.total_cmp(&a.0));
            let hits = snapshot.similar(&format!("u{asked}")).limit(20).exact(true).run().unwrap();
            assert_eq!(hits.len(), 20);
            for (hit, (score, _)) in hits.iter().zip(&expected) {
                assert!((hit.score - score).abs() < 1e-4 * score.abs().max(1.0), "{metric} {hit:?} {score}");
            }
            let graph = snapshot.similar(&format!("u{asked}")).limit(20).run().unwrap();
            let found = graph.iter().filter(|hit| hits.iter().any(|exact| exact.user == hit.user)).count();
            assert!(found >= 19, "{metric} {found}");
        }
    }
}

#[test]
fn vectors_replaced_and_removed_are_gone_from_answers() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        let (place, store) = filled(metric);
        store
            .write(|tx| {
                (0..200).step_by(2).try_for_each(|n| tx.put_vector(&format!("u{n}"), vector(1000 + n)))?;
                (0..200).step_by(3).try_for_each(|n| tx.remove_user(&format!("u{n}")))
            })
            .unwrap();
        let check = |store: &Store| {
            let snapshot = store.snapshot();
            let hits = snapshot.similar(Like::vector(&vector(5))).limit(500).run().unwrap();
            assert_eq!(hits.len(), 133);
            for hit in hits {
                let n: usize = hit.user[1..].parse().unwrap();
                assert_ne!(n % 3, 0);
                let now = if n.is_multiple_of(2) { vector(1000 + n) } else { vector(n) };
                let expected = score(metric, &vector(5), &now);
                assert!((hit.score - expected).abs() < 1e-4 * expected.abs().max(1.0), "{metric} {hit:?}");
                assert_eq!(snapshot.profile(&hit.user).unwrap().embedding.unwrap(), now);
            }
        };
        check(&store);
        store.build_index(&|_| {}).unwrap();
        check(&store);
        drop(store);
        check(&Store::open(&place.path).unwrap());
    }
}

#[test]
fn everything_else_is_kept_as_with_an_encoder() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    store
        .write(|tx| {
            tx.put_vector("a", vec![1.0, 0.5])?;
            tx.put_user("a", [("town", "Bonn".into())])?;
            tx.record(bought("a", "i", 1).text("good").value(2.0))?;
            tx.record(bought("b", "i", 1))?;
            tx.add_text("a", "words", day(2))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let profile = snapshot.profile("a").unwrap();
    assert_eq!((profile.events, profile.texts, profile.embedding), (1, 1, Some(vec![1.0, 0.5])));
    assert_eq!(profile.top_items[0].name, "i");
    let users: Vec<User> = snapshot.users().map(Result::unwrap).collect();
    assert_eq!(users[0].vector, Some(vec![1.0, 0.5]));
    assert_eq!((users[1].id.as_str(), &users[1].vector), ("b", &None));
    // Who has no vector has no similar users, and is none.
    assert!(snapshot.similar("b").run().unwrap().is_empty());
    assert!(snapshot.similar("a").run().unwrap().is_empty());
    assert!(matches!(snapshot.similar(Like::text("x")).run(), Err(Error::NoEncoder { .. })));
    store.write(|tx| tx.remove_item("i").and(tx.remove_attribute("a", "town"))).unwrap();
    let profile = store.snapshot().profile("a").unwrap();
    assert_eq!((profile.events, profile.texts, profile.attributes.len()), (0, 1, 0));
    assert!(profile.embedding.is_some());
    store.write(|tx| tx.remove_user("a")).unwrap();
    assert_eq!(store.snapshot().stats().unwrap().vectors, 0);
    store.write(|tx| tx.record(bought("a", "i", 1))).unwrap();
    assert_eq!(store.snapshot().profile("a").unwrap().embedding, None);
}
