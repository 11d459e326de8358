//! Segments that are found: who is in which, what is written, and what is not moved by it.

use crate::fixture::{Place, bought, item, options, place, store, vector_options};
use kindred::model::{Metric, Value, attribute};
use kindred::{Error, Snapshot, Store};
use std::collections::BTreeMap;

/// Numbers that look like chance, −1 to 1.
fn noise(of: usize) -> f32 {
    ((of as f64 * 12.9898).sin() * 43_758.545_3).fract() as f32
}

/// Three clusters of 50, 40 and 30 users, by name.
fn planted(metric: Metric) -> (Place, Store) {
    let place = place();
    let store = vector_options(4).metric(metric).open(&place.path).unwrap();
    store
        .write(|tx| {
            for no in 0..120 {
                let of = truth(no);
                let mut vector: Vec<f32> = (0..4).map(|at| 0.1 * noise(no * 4 + at)).collect();
                vector[of] += 2.0;
                tx.put_vector(&format!("u{no}"), vector)?;
            }
            tx.put_user("nobody yet", [("age", 3.into())])
        })
        .unwrap();
    (place, store)
}

fn truth(no: usize) -> usize {
    [50, 90, 120].into_iter().position(|end| no < end).unwrap()
}

fn values(snapshot: &Snapshot, attribute: &str) -> BTreeMap<String, Value> {
    let users = snapshot.users().map(Result::unwrap);
    users.filter_map(|mut user| Some((user.id, user.attributes.remove(attribute)?))).collect()
}

#[test]
fn planted_clusters_are_found_and_written() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        let (_place, store) = planted(metric);
        store.write(|tx| tx.define_segment("first", attribute("_cluster").eq("c1"))).unwrap();
        let found = store.find_segments().seed(7).run(&|_| {}).unwrap();
        let sizes: Vec<u64> = found.clusters.iter().map(|cluster| cluster.users).collect();
        assert_eq!((sizes, found.written, found.without_vector), (vec![50, 40, 30], 120, 1), "{metric}");
        assert_eq!(found.tried.len(), 11);
        let best =
            found.tried.iter().max_by(|a, b| a.silhouette.partial_cmp(&b.silhouette).unwrap()).unwrap();
        assert_eq!((best.clusters, best.silhouette), (3, found.silhouette));
        let snapshot = store.snapshot();
        for (user, value) in values(&snapshot, "_cluster") {
            let no = user[1..].parse().unwrap();
            assert_eq!(value, Value::Text(format!("c{}", truth(no) + 1)));
        }
        assert_eq!(snapshot.members("first").unwrap().len(), 50);
        let first = &found.clusters[0];
        assert_eq!((&*first.name, first.medoids.len()), ("c1", 3));
        assert!((first.share - 50.0 / 120.0).abs() < 1e-9);
        let cohesion = if metric == Metric::L2 { -0.1..0.0 } else { 0.99..1.0 };
        assert!(cohesion.contains(&first.cohesion), "{first:?}");

        let again = store.find_segments().seed(7).threads(3).run(&|_| {}).unwrap();
        assert_eq!((again.written, &again.clusters), (0, &found.clusters));
        let dry = snapshot.find_segments().seed(7).attribute("other").run(&|_| {}).unwrap();
        assert_eq!((dry.written, &dry.clusters), (0, &found.clusters));
    }
}

#[test]
fn who_has_no_vector_any_more_is_in_no_cluster() {
    let (_place, store) = planted(Metric::Cosine);
    store.write(|tx| tx.put_user("nobody yet", [("_cluster", "c9".into())])).unwrap();
    let found = store.find_segments().clusters(3..=3).run(&|_| {}).unwrap();
    assert_eq!((found.tried.len(), found.written), (1, 121));
    assert!(!values(&store.snapshot(), "_cluster").contains_key("nobody yet"));
}

/// Users of three tastes, in a store with an encoder.
fn shop() -> (Place, Store) {
    let (place, store) = store();
    let texts = ["salmon cod herring", "dog puppy leash", "garden chair table"];
    store
        .write(|tx| {
            for no in 0..30 {
                tx.put_item(item(&format!("i{no}"), &format!("{} {no}", texts[no % 3])))?;
            }
            for user in 0..60 {
                let name = format!("u{user}");
                tx.put_user(&name, [("town", ["Bonn", "Ulm"][user % 2].into())])?;
                for no in 0..6 {
                    let thing = (user % 3) + 3 * ((user + no * no) % 10);
                    tx.record(bought(&name, &format!("i{thing}"), no as i64))?;
                }
            }
            tx.add_text("writer", "my dog is hungry", "2026-01-01".parse()?)
        })
        .unwrap();
    store.fit().unwrap();
    (place, store)
}

/// Everybody's score against everybody.
fn scores(store: &Store) -> Vec<Vec<(String, u32)>> {
    let snapshot = store.snapshot();
    let of = |no: usize| {
        let hits = snapshot.similar(&format!("u{no}")).limit(100).exact(true).run().unwrap();
        hits.into_iter().map(|hit| (hit.user, hit.score.to_bits())).collect()
    };
    (0..60).map(of).collect()
}

#[test]
fn what_is_written_moves_no_embedding_under_its_own_name() {
    let (place, store) = shop();
    let before = scores(&store);
    let found = store.find_segments().seed(1).run(&|_| {}).unwrap();
    assert_eq!((found.clusters.len(), found.written, found.users), (3, 61, 61), "{found:?}");
    assert_eq!(scores(&store), before);
    let cluster = |no: usize| values(&store.snapshot(), "_cluster")[&format!("u{no}")].clone();
    assert!((0..60).all(|no| cluster(no) == cluster(no % 3)));
    let explained = store.snapshot().similar("u0").limit(1).explain(true).run().unwrap();
    assert!(!format!("{explained:?}").contains("_cluster"));
    store.fit().unwrap();
    assert_eq!(store.find_segments().seed(1).run(&|_| {}).unwrap().written, 0);
    let report = store.verify(&|_| {}).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    let before = scores(&store);
    drop(store);
    let store = options().open(&place.path).unwrap();
    assert_eq!(scores(&store), before);

    let other = store.find_segments().seed(1).attribute("cluster").run(&|_| {}).unwrap();
    assert_eq!(other.clusters, found.clusters);
    assert_ne!(scores(&store), before);
    let report = store.verify(&|_| {}).unwrap();
    assert!(report.problems.is_empty(), "{:?}", report.problems);
}

#[test]
fn new_users_get_the_nearest_cluster_and_all_do_if_asked() {
    let (_place, store) = planted(Metric::Cosine);
    store.find_segments().seed(7).run(&|_| {}).unwrap();
    store
        .write(|tx| {
            tx.put_vector("new", vec![0.1, 3.0, 0.2, 0.0])?;
            // Has moved.
            tx.put_vector("u0", vec![0.0, 0.0, 1.0, 0.0])
        })
        .unwrap();
    let assigned = store.assign_segments("_cluster").run(&|_| {}).unwrap();
    assert_eq!((assigned.written, assigned.users, assigned.without_vector), (1, 121, 1));
    assert_eq!(
        (&*assigned.clusters[1].name, assigned.clusters[1].before, assigned.clusters[1].users),
        ("c2", 40, 41)
    );
    let of = |user: &str| values(&store.snapshot(), "_cluster")[user].clone();
    assert_eq!((of("new"), of("u0")), ("c2".into(), "c1".into()));
    let assigned = store.assign_segments("_cluster").all(true).threads(1).run(&|_| {}).unwrap();
    assert_eq!((assigned.written, of("u0")), (1, "c3".into()));
    assert_eq!(store.assign_segments("_cluster").all(true).run(&|_| {}).unwrap().written, 0);
}

#[test]
fn what_cannot_be_assigned_is_an_error() {
    let (_place, store) = planted(Metric::L2);
    let unknown = store.assign_segments("_cluster").run(&|_| {}).unwrap_err();
    assert!(matches!(unknown, Error::Unknown { what: "attribute", .. }), "{unknown}");
    // Nobody with a vector has it.
    assert!(matches!(store.assign_segments("age").run(&|_| {}), Err(Error::Unknown { .. })));
    store.write(|tx| tx.put_user("u1", [("age", 4.into()), ("town", "Ulm".into())])).unwrap();
    assert!(matches!(store.assign_segments("age").run(&|_| {}), Err(Error::Invalid { .. })));
    assert!(matches!(store.assign_segments("").run(&|_| {}), Err(Error::Invalid { .. })));
    assert!(matches!(store.assign_segments("_c").threads(0).run(&|_| {}), Err(Error::Unknown { .. })));
    let lost = store.find_segments().attribute("town").run(&|_| {}).unwrap_err();
    assert!(lost.to_string().contains("values would be lost"), "{lost}");
    assert_eq!(values(&store.snapshot(), "town").len(), 1);
}

#[test]
fn without_vectors_nothing_is_found() {
    let (_place, empty) = store();
    assert!(matches!(empty.find_segments().run(&|_| {}), Err(Error::Invalid { .. })));
    empty.write(|tx| tx.put_user("ann", [])).unwrap();
    assert!(matches!(empty.find_segments().clusters(1..=1).run(&|_| {}), Err(Error::Invalid { .. })));
    let place = place();
    let store = vector_options(2).metric(Metric::InnerProduct).open(&place.path).unwrap();
    store
        .write(|tx| {
            tx.put_vector("zero", vec![0.0, 0.0])?;
            (0..5).try_for_each(|no| tx.put_vector(&format!("u{no}"), vec![1.0, 1.0]))
        })
        .unwrap();
    let found = store.find_segments().run(&|_| {}).unwrap();
    assert_eq!(
        (found.clusters.len(), found.silhouette, found.without_vector, found.written),
        (1, None, 1, 5)
    );
}

#[test]
fn whoever_was_removed_meanwhile_stays_removed() {
    let (_place, store) = planted(Metric::Cosine);
    let is_first = std::sync::atomic::AtomicBool::new(true);
    let found = store.find_segments().seed(7).run(&|progress| {
        if progress.stage == "sharing out users" && is_first.swap(false, std::sync::atomic::Ordering::Relaxed)
        {
            store.write(|tx| tx.remove_user("u0").and_then(|()| tx.erase_user("u1"))).unwrap();
        }
    });
    assert_eq!(found.unwrap().written, 118);
    let snapshot = store.snapshot();
    assert_eq!(snapshot.stats().unwrap().users, 119);
    assert!(snapshot.profile("u0").is_err() && snapshot.profile("u1").is_err());
}

#[cfg(feature = "hdbscan")]
#[test]
fn noise_is_in_no_cluster() {
    use kindred::analysis::Method;
    let (_place, store) = planted(Metric::L2);
    store.write(|tx| tx.put_vector("far", vec![40.0, -40.0, 9.0, 9.0])).unwrap();
    store.find_segments().clusters(3..=3).seed(7).run(&|_| {}).unwrap();
    assert!(values(&store.snapshot(), "_cluster").contains_key("far"));
    for (sample, most_noise) in [(5_000, 1), (60, 20)] {
        let search = store.find_segments().method(Method::Hdbscan).min_cluster_size(8).sample(sample);
        let found = search.run(&|_| {}).unwrap();
        assert!(found.tried.is_empty() && found.clusters.len() == 3, "{found:?}");
        assert!((0..=most_noise).contains(&found.noise), "{found:?}");
        let values = values(&store.snapshot(), "_cluster");
        assert_eq!(values.len() as u64, found.users - found.noise);
        if sample == 5_000 {
            assert!(!values.contains_key("far"));
        }
    }
    let too_large = store.find_segments().method(Method::Hdbscan).min_cluster_size(200).run(&|_| {});
    assert!(matches!(too_large, Err(Error::Invalid { .. })));
}
