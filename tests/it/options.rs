//! What a store was made with: remembered, checked, and changed where it may be.

use crate::fixture::{
    all_profiles, assert_same_profiles, day, encoder, fill, fusion, options, place, rebuilt, store,
    vector_options,
};
use kindred::encoder::HashedEncoder;
use kindred::model::{Event, EventKind, Metric};
use kindred::{Error, Fusion, Like, Options, Store};
use std::path::Path;
use std::sync::Arc;

fn assert_mismatch(options: &Options, path: &Path, option: &str, stored: &str, given: &str) {
    let error = options.open(path).err().unwrap();
    let words = error.to_string();
    match error {
        Error::OptionMismatch { option: o, stored: s, given: g } => {
            assert_eq!(o, option);
            assert!(s.contains(stored) && g.contains(given), "{words}");
        }
        other => panic!("{other:?}"),
    }
    assert!(words.contains(stored) && words.contains(given), "{words}");
}

#[test]
fn a_store_with_an_encoder_refuses_another() {
    let (place, store) = store();
    fill(&store);
    store.fit().unwrap();
    drop(store);
    let path = &place.path;
    let other = Arc::new(HashedEncoder::new(64).unwrap());
    assert_mismatch(&options().encoder(other), path, "encoder", "v1/32", "v1/64");
    assert_mismatch(&Store::options().hashed(), path, "encoder", "v1/32", "v1/384");
    assert_mismatch(&Store::options().dim(3), path, "encoder", "v1/32", "3");
    assert_mismatch(&options().metric(Metric::L2), path, "metric", "cosine", "l2");
    let more = |change: fn(&mut Fusion)| {
        let mut fusion = fusion();
        change(&mut fusion);
        options().fusion(fusion)
    };
    assert_mismatch(&more(|f| f.item_dims = 9), path, "item_dims", "8", "9");
    assert_mismatch(&more(|f| f.group_dims = 9), path, "group_dims", "4", "9");
    let forgotten = Store::open(path).err().unwrap();
    assert!(forgotten.to_string().contains("Options::encoder"), "{forgotten}");
    assert_eq!(options().metric(Metric::Cosine).open(path).unwrap().snapshot().stats().unwrap().users, 12);
}

#[test]
fn a_store_of_own_vectors_refuses_other_shapes() {
    let place = place();
    drop(vector_options(3).metric(Metric::InnerProduct).open(&place.path).unwrap());
    let path = &place.path;
    assert_mismatch(&Store::options().dim(4), path, "dim", "3", "4");
    assert_mismatch(&Store::options().metric(Metric::L2), path, "metric", "ip", "l2");
    assert_mismatch(&Store::options().encoder(encoder()), path, "vectors of dim", "3", "v1/32");
    assert_mismatch(&Store::options().hashed(), path, "vectors of dim", "3", "built-in");
    Store::options().dim(3).metric(Metric::InnerProduct).open(path).unwrap();
}

#[test]
fn senseless_options_make_no_store() {
    let kind = |name: &str, weight, half_life_days| EventKind { name: name.into(), weight, half_life_days };
    let bad = [
        Store::options().dim(0),
        Store::options().dim(4097),
        Store::options().dim(3).hashed(),
        Store::options().dim(3).encoder(encoder()),
        Store::options().metric(Metric::L2),
        Store::options().kind(kind("", 1.0, 1.0)),
        Store::options().kind(kind("x", f32::NAN, 1.0)),
        Store::options().kind(kind("x", 1.0, 0.0)),
        Store::options().fusion(Fusion { text_weight: 1.5, ..fusion() }),
        Store::options().fusion(Fusion { item_dims: 0, ..fusion() }),
        Store::options().fusion(Fusion {
            text_weight: 0.0,
            item_weight: 0.0,
            group_weight: 0.0,
            attribute_weight: 0.0,
            ..fusion()
        }),
    ];
    for (n, options) in bad.iter().enumerate() {
        let place = place();
        let error = options.open(&place.path).err().unwrap();
        assert!(matches!(error, Error::Invalid { .. }), "{n}: {error:?}");
        // The folder is not spoilt for a store made with sense.
        assert!(Store::options().dim(2).open(&place.path).is_ok(), "{n}");
    }
}

#[test]
fn the_largest_dimension_works() {
    let place = place();
    let store = vector_options(4096).open(&place.path).unwrap();
    let vector = |n: usize| (0..4096).map(|i| ((i * n) % 7) as f32 + 1.0).collect::<Vec<f32>>();
    store.write(|tx| (1..6).try_for_each(|n| tx.put_vector(&format!("u{n}"), vector(n)))).unwrap();
    assert_eq!(store.snapshot().similar("u1").run().unwrap().len(), 4);
}

/// Opening with other options must give what a store made with them gives.
fn assert_changes_to(changed: &Options) {
    let (place, store) = store();
    fill(&store);
    drop(store);
    let store = changed.open(&place.path).unwrap();
    let (_other, anew) = rebuilt(&store.snapshot(), changed);
    assert_same_profiles(&all_profiles(&store.snapshot()), &all_profiles(&anew.snapshot()), 1e-5);
    let same =
        |store: &Store| store.snapshot().similar(Like::text("salmon")).run().map(|hits| hits.len()).ok();
    assert_eq!(same(&store), same(&anew));
    drop(store);
    // And back again.
    let store = options()
        .fusion(fusion())
        .kind(EventKind { name: "purchase".into(), weight: 1.0, half_life_days: 730.0 })
        .open(&place.path)
        .unwrap();
    let (_third, first) = crate::fixture::store();
    fill(&first);
    assert_same_profiles(&all_profiles(&store.snapshot()), &all_profiles(&first.snapshot()), 1e-5);
}

#[test]
fn other_kind_weights_and_half_lives_fuse_anew() {
    let purchase = |weight, half_life_days| EventKind { name: "purchase".into(), weight, half_life_days };
    for kind in [purchase(3.0, 730.0), purchase(1.0, 5.0), purchase(-1.0, f32::INFINITY), purchase(0.0, 1.0)]
    {
        assert_changes_to(&options().kind(kind));
    }
}

#[test]
fn other_fusion_weights_fuse_anew() {
    let changed = [
        Fusion { text_weight: 1.0, item_weight: 0.0, ..fusion() },
        Fusion { attribute_weight: 0.9, ..fusion() },
        Fusion { text_weight: 0.0, ..fusion() },
        Fusion { own_text_weight: 0.5, own_text_half_life_days: 3.0, ..fusion() },
        Fusion { sentence_share: 0.0, ..fusion() },
        Fusion { sentence_share: 1.0, ..fusion() },
        Fusion { category: "aisle".into(), ..fusion() },
    ];
    for fusion in changed {
        assert_changes_to(&options().fusion(fusion));
    }
}

#[test]
fn a_store_made_without_sentences_may_get_them_later() {
    let place = place();
    let without = options().fusion(Fusion { sentence_share: 0.0, ..fusion() });
    let store = without.open(&place.path).unwrap();
    fill(&store);
    store.write(|tx| tx.put_user("town only", [("town", "Ulm".into())])).unwrap();
    drop(store);
    let store = options().open(&place.path).unwrap();
    let (_other, anew) = rebuilt(&store.snapshot(), &options());
    assert_same_profiles(&all_profiles(&store.snapshot()), &all_profiles(&anew.snapshot()), 1e-5);
}

#[test]
fn kinds_may_be_added_later() {
    for own_vectors in [false, true] {
        let place = place();
        let options = || if own_vectors { vector_options(2) } else { options() };
        let store = options().open(&place.path).unwrap();
        if own_vectors {
            store
                .write(|tx| tx.put_vector("a", vec![1.0, 0.0]).and(tx.put_vector("b", vec![1.0, 1.0])))
                .unwrap();
            store.write(|tx| tx.put_user("a", [("town", "Ulm".into())])).unwrap();
        } else {
            fill(&store);
        }
        let before = all_profiles(&store.snapshot());
        let stream = || Event::new("a", "stream", day(3)).item("song");
        assert!(matches!(store.write(|tx| tx.record(stream())), Err(Error::Unknown { .. })));
        drop(store);
        let kind = EventKind { name: "stream".into(), weight: 0.3, half_life_days: 30.0 };
        let store = options().kind(kind).open(&place.path).unwrap();
        assert_same_profiles(&before, &all_profiles(&store.snapshot()), 1e-6);
        store.write(|tx| tx.record(stream())).unwrap();
        if own_vectors {
            assert_eq!(store.snapshot().similar("a").run().unwrap().len(), 1);
        }
        drop(store);
        let store = options().open(&place.path).unwrap();
        assert!(store.snapshot().stats().unwrap().kinds.find("stream").is_some());
        assert_eq!(store.snapshot().profile("a").unwrap().kinds[0].kind, "stream");
        store.write(|tx| tx.record(stream().value(2.0))).unwrap();
    }
}
