//! Opening, closing, locking and opening again.

use crate::fixture::{
    all_profiles, answers, assert_same_hits, assert_same_profiles, day, fill, options, place, store,
    vector_options,
};
use kindred::model::{Event, Metric};
use kindred::{Error, Like, Store};

#[test]
fn a_store_opened_again_answers_the_same() {
    for fits in 0..3 {
        let (place, store) = store();
        fill(&store);
        for _ in 0..fits {
            store.fit().unwrap();
            store.write(|tx| tx.record(Event::new("u1", "like", day(60)).item("i7"))).unwrap();
        }
        let before = (all_profiles(&store.snapshot()), answers(&store.snapshot()));
        let (stats, size) = (store.snapshot().stats().unwrap(), store.size_bytes().unwrap());
        assert!(size > 0);
        drop(store);
        let store = options().open(&place.path).unwrap();
        assert_same_profiles(&before.0, &all_profiles(&store.snapshot()), 0.0);
        for (a, b) in before.1.iter().zip(&answers(&store.snapshot())) {
            assert_same_hits(a, b, 1e-6);
        }
        let again = store.snapshot().stats().unwrap();
        assert_eq!((stats.users, stats.items, stats.events), (again.users, again.items, again.events));
        assert_eq!((stats.texts, stats.vectors), (again.texts, again.vectors));
        assert_eq!((stats.encoder, stats.model_version), (again.encoder, again.model_version));
        assert_eq!(again.model_version, fits);
    }
}

#[test]
fn a_store_of_own_vectors_opened_again_answers_the_same() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        let place = place();
        let store = vector_options(3).metric(metric).open(&place.path).unwrap();
        let vector = |n: u16| vec![f32::from(n).sin(), f32::from(n).cos(), f32::from(n) / 50.0];
        store
            .write(|tx| {
                (0..60).try_for_each(|n| tx.put_vector(&format!("u{n}"), vector(n)))?;
                tx.remove_user("u7")?;
                tx.put_vector("u8", vector(100))
            })
            .unwrap();
        let ask = |store: &Store| {
            let snapshot = store.snapshot();
            let by_user = snapshot.similar("u3").limit(70).run().unwrap();
            let by_vector = snapshot.similar(Like::vector(&[0.1, 0.2, 0.3])).run().unwrap();
            (by_user, by_vector, snapshot.profile("u8").unwrap())
        };
        let before = ask(&store);
        assert_eq!((before.0.len(), before.1.len()), (58, 10));
        drop(store);
        // Without options: what a store is made with is its own knowledge.
        assert_eq!(ask(&Store::open(&place.path).unwrap()), before, "{metric}");
    }
}

#[test]
fn a_second_handle_is_told_who_has_the_store() {
    let (place, store) = store();
    match options().open(&place.path).err() {
        Some(Error::Locked { holder, path }) => {
            assert!(holder.contains(&std::process::id().to_string()), "{holder}");
            assert_eq!(path, place.path);
        }
        other => panic!("{other:?}"),
    }
    drop(store);
    options().open(&place.path).unwrap();
}

#[test]
fn a_snapshot_outlives_its_store_and_keeps_the_folder_locked() {
    let (place, store) = store();
    fill(&store);
    let snapshot = store.snapshot();
    drop(store);
    let error = options().open(&place.path).err().unwrap();
    assert!(matches!(error, Error::Locked { .. }), "{error:?}");
    assert_eq!(snapshot.stats().unwrap().users, 12);
    assert_eq!(snapshot.users().count(), 12);
    drop(snapshot);
    options().open(&place.path).unwrap();
}

#[test]
fn what_is_no_store_is_refused_and_left_alone() {
    let place = place();
    let missing = Store::options().must_exist().open(&place.path).err().unwrap();
    assert!(matches!(missing, Error::NotAStore { .. }), "{missing}");
    assert!(!place.path.exists());
    std::fs::create_dir(&place.path).unwrap();
    let empty = Store::options().must_exist().open(&place.path).err().unwrap();
    assert!(matches!(empty, Error::NotAStore { .. }), "{empty}");
    assert_eq!(std::fs::read_dir(&place.path).unwrap().count(), 0);
    std::fs::write(place.path.join("diary.txt"), "dear diary").unwrap();
    let foreign = Store::open(&place.path).err().unwrap();
    assert!(foreign.to_string().contains("diary.txt"), "{foreign}");
    assert_eq!(std::fs::read_dir(&place.path).unwrap().count(), 1);
    let file = Store::open(place.path.join("diary.txt")).err().unwrap();
    assert!(matches!(file, Error::NotAStore { .. }), "{file}");
}

#[test]
fn a_new_store_is_empty_and_answers() {
    let place = place();
    let store = Store::open(&place.path).unwrap();
    let snapshot = store.snapshot();
    let stats = snapshot.stats().unwrap();
    assert_eq!([stats.users, stats.items, stats.events, stats.texts, stats.vectors], [0; 5]);
    assert_eq!(snapshot.users().count() + snapshot.items().count(), 0);
    assert!(snapshot.similar(Like::text("anything")).run().unwrap().is_empty());
    assert!(matches!(snapshot.profile("ann"), Err(Error::Unknown { what: "user", .. })));
    assert!(matches!(snapshot.similar("ann").run(), Err(Error::Unknown { what: "user", .. })));
    assert!(snapshot.events("ann").is_err() && snapshot.texts("ann").is_err());
    store.checkpoint().unwrap();
    store.build_index(&|_| {}).unwrap();
}

#[test]
fn a_store_can_be_shared_between_threads() {
    fn shared<T: Send + Sync>() {}
    shared::<Store>();
    shared::<kindred::Snapshot>();
    shared::<kindred::Options>();
}

#[test]
fn a_store_can_be_opened_as_soon_as_it_is_dropped() {
    let place = place();
    for n in 0..150 {
        let store = options().open(&place.path).unwrap();
        store.write(|tx| tx.record(Event::new("a", "like", day(n)).item("i"))).unwrap();
    }
    assert_eq!(options().open(&place.path).unwrap().snapshot().stats().unwrap().events, 150);
}
