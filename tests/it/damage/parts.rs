//! What is damaged costs what asks for it, and nothing else of the same user.

use super::tamper::{entries, flip, forget, owner};
use crate::fixture::{bought, fill, options, place, user_ids};
use kindred::model::{Blend, Item, attribute, count};
use kindred::query::{Recommendation, Things};
use kindred::{Store, VerifyOptions};
use std::path::Path;
use std::sync::atomic::AtomicBool;

/// Damages values in the store's files, of which there is no second copy any more.
fn damage(path: &Path, wanted: impl Fn(&[u8]) -> bool) {
    let keys: Vec<Vec<u8>> =
        entries(path).into_iter().map(|entry| entry.0).filter(|key| wanted(owner(key))).collect();
    assert!(!keys.is_empty());
    forget(path);
    flip(path, &keys[..1], 90);
}

#[test]
fn a_damaged_item_costs_the_segments_that_ask_for_it() {
    let place = place();
    let options = options();
    {
        let store = options.open(&place.path).unwrap();
        store
            .write(|tx| {
                let attributes = [("category".to_owned(), "tea".into())].into();
                tx.put_item(Item { id: "p1".into(), attributes, text: None })?;
                tx.put_user("ann", [("consent", true.into())])?;
                tx.record(bought("ann", "p1", 1))?;
                tx.define_segment("consents", attribute("consent").eq(true))?;
                tx.define_segment("tea", count("purchase").of(attribute("category").eq("tea")).ge(1))
            })
            .unwrap();
        store.compact(&|_| {}, &AtomicBool::new(false)).unwrap();
    }
    damage(&place.path, |key| key[0] == b'I');
    let store = options.clone().heal(false).open(&place.path).unwrap();
    let segments = |store: &Store| store.snapshot().segments_of("ann").unwrap();
    assert_eq!(segments(&store), ["consents", "tea"]);
    store.write(|tx| tx.record(bought("ann", "p2", 2))).unwrap();
    store.write(|tx| tx.put_user("ann", [("consent", false.into())])).unwrap();
    // What cannot be told stays as it was.
    assert_eq!(segments(&store), ["tea"]);
    store.write(|tx| tx.put_user("ann", [("consent", true.into())])).unwrap();
    assert_eq!(segments(&store), ["consents", "tea"]);
}

#[test]
fn damaged_weights_of_signals_are_those_of_the_beginning() {
    let place = place();
    let options = options();
    {
        let store = options.open(&place.path).unwrap();
        fill(&store);
        store.fit().unwrap();
        let user = user_ids(&store.snapshot()).remove(0);
        let shown = store.snapshot().recommend(&user).again(true).limit(8).run().unwrap();
        let rewards = shown.iter().zip((0..).map(|place| f32::from(u8::from(place > 2))));
        store.feedback(&user, rewards, crate::fixture::day(100)).unwrap();
        assert_ne!(store.snapshot().blend(), Blend::default());
        store.compact(&|_| {}, &AtomicBool::new(false)).unwrap();
    }
    damage(&place.path, |key| key == b"Mblend");
    let options = options.heal(false);
    assert_eq!(options.open(&place.path).unwrap().snapshot().blend(), Blend::default());
    let cancel = AtomicBool::new(false);
    let report = Store::verify_closed(&place.path, &VerifyOptions::new(), &|_| {}, &cancel).unwrap();
    assert_eq!(report.found, 1, "{:?}", report.problems);
    let again = place.path.with_extension("again");
    let repaired = options.repair(&place.path, &again, &|_| {}).unwrap();
    assert_eq!(repaired.found, 1);
    assert_eq!(options.open(&again).unwrap().snapshot().blend(), Blend::default());
}

/// That reasons are wanted changes nothing of what is recommended.
#[test]
fn reasons_cost_nothing_of_the_answer() {
    for kind in *b"Gfhv" {
        let place = place();
        let options = options();
        {
            let store = options.open(&place.path).unwrap();
            fill(&store);
            // Nobody's attributes make a sentence, whose vector an embedding would need.
            for user in user_ids(&store.snapshot()) {
                store
                    .write(|tx| ["age", "town"].iter().try_for_each(|name| tx.remove_attribute(&user, name)))
                    .unwrap();
            }
            store.fit().unwrap();
            store.compact(&|_| {}, &AtomicBool::new(false)).unwrap();
        }
        damage(&place.path, |key| key[0] == kind);
        let store = options.heal(false).open(&place.path).unwrap();
        let snapshot = store.snapshot();
        let ids = |found: Vec<Recommendation>| found.into_iter().map(|thing| thing.item).collect::<Vec<_>>();
        for user in user_ids(&snapshot) {
            for by in [Things::Items, Things::Categories] {
                let ask = || snapshot.recommend(&user).again(true).by(by);
                assert_eq!(ids(ask().run().unwrap()), ids(ask().explain(true).run().unwrap()), "{user}");
            }
        }
    }
}
