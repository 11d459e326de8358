//! Learning the model of the store.

use crate::fixture::{all_profiles, answers, bought, day, fill, item, options, place, store, user_ids};
use kindred::model::Event;
use kindred::{Like, Store};
use std::sync::atomic::{AtomicBool, Ordering};

const TASTES: usize = 6;
const WORDS: [&str; TASTES] =
    ["fish salmon sea", "dog puppy bone", "garden tree", "coffee cup", "book page", "shoe sock"];

/// Sixty users of six tastes, who buy of their taste's ten items, and now and then something else.
fn tastes(store: &Store, with_texts: bool) {
    store
        .write(|tx| {
            for n in 0..10 * TASTES {
                let text = format!("{0} {0} {n}", WORDS[n / 10]);
                if with_texts {
                    tx.put_item(item(&format!("i{n}"), &text))?;
                }
            }
            for user in 0..60 {
                let taste = user % TASTES;
                for n in 0..6 {
                    let thing =
                        if n == 5 { (user * 7 + n) % 60 } else { 10 * taste + (user / 6 + n * n) % 10 };
                    tx.record(bought(&format!("u{user}"), &format!("i{thing}"), (n * 3) as i64))?;
                }
            }
            Ok(())
        })
        .unwrap();
}

fn taste(user: &str) -> usize {
    user[1..].parse::<usize>().unwrap() % TASTES
}

fn nearest_of_own_taste(store: &Store) -> usize {
    let snapshot = store.snapshot();
    let users = user_ids(&snapshot);
    let near = |user: &&String| {
        let hits = snapshot.similar(*user).limit(1).run().unwrap();
        hits.first().is_some_and(|hit| taste(&hit.user) == taste(user))
    };
    users.iter().filter(near).count()
}

#[test]
fn users_of_one_taste_are_found_from_acts_alone() {
    let (_place, store) = store();
    tastes(&store, false);
    assert_eq!(store.snapshot().stats().unwrap().vectors, 0);
    let report = store.fit().unwrap();
    assert_eq!((report.version, report.users, report.items, report.texts), (1, 60, 60, 0));
    assert!(nearest_of_own_taste(&store) >= 54, "{}", nearest_of_own_taste(&store));
}

#[test]
fn users_of_one_taste_are_found_with_texts_before_and_after() {
    let (_place, store) = store();
    tastes(&store, true);
    let before = nearest_of_own_taste(&store);
    let report = store.fit().unwrap();
    assert_eq!((report.groups, report.texts), (60, 60));
    let after = nearest_of_own_taste(&store);
    assert!(before >= 40 && after >= 54, "{before} {after}");
    // Learning twice from the same is learning once.
    let first = all_profiles(&store.snapshot());
    assert_eq!(store.fit().unwrap().version, 2);
    crate::fixture::assert_same_profiles(&first, &all_profiles(&store.snapshot()), 1e-3);
}

#[test]
fn items_that_come_after_a_fit_take_part_by_their_texts() {
    let (_place, store) = store();
    tastes(&store, true);
    store.fit().unwrap();
    store
        .write(|tx| {
            tx.put_item(item("new", "sea fish, salmon"))?;
            tx.put_item(item("mute", ""))?;
            tx.record(bought("newcomer", "new", 30))?;
            tx.record(bought("quiet", "mute", 30))?;
            tx.record(bought("blank", "never described", 30))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let hits = snapshot.similar("newcomer").limit(5).run().unwrap();
    assert!(hits.iter().filter(|hit| taste(&hit.user) == 0).count() >= 4, "{hits:?}");
    let embedding = snapshot.profile("newcomer").unwrap().embedding.unwrap();
    let items = &embedding[crate::fixture::TEXT_DIM..crate::fixture::TEXT_DIM + 8];
    assert!(items.iter().any(|&x| x != 0.0));
    // Nothing is known of these two, and nothing is made up.
    assert_eq!(snapshot.profile("blank").unwrap().embedding, None);
    assert_eq!(snapshot.profile("quiet").unwrap().embedding, None);
    store.fit().unwrap();
}

#[test]
fn odd_stores_can_be_fitted() {
    type Make = fn(&Store) -> kindred::Result<()>;
    let stores: [Make; 8] = [
        |_| Ok(()),
        |store| store.write(|tx| tx.put_user("a", [("age", 3.into())])),
        |store| store.write(|tx| tx.put_item(item("i", "words"))),
        |store| store.write(|tx| tx.record(bought("a", "i", 1))),
        |store| store.write(|tx| tx.put_item(item("i", "words")).and(tx.record(bought("a", "i", 1)))),
        |store| store.write(|tx| tx.add_text("a", "words", day(1))),
        |store| {
            store.write(|tx| {
                (0..3).try_for_each(|n| tx.record(Event::new(format!("u{n}"), "dismiss", day(n)).item("i")))
            })
        },
        |store| {
            store.write(|tx| {
                tx.put_item(item("i", "")).and(tx.record(Event::new("a", "view", day(1)).text("")))
            })
        },
    ];
    for (n, make) in stores.iter().enumerate() {
        let (place, store) = store();
        make(&store).unwrap();
        for version in 1..3 {
            let report = store.fit().unwrap_or_else(|error| panic!("store {n}: {error}"));
            assert_eq!(report.version, version);
        }
        fill(&store);
        store.fit().unwrap();
        assert!(
            all_profiles(&store.snapshot())
                .iter()
                .filter_map(|p| p.embedding.as_ref())
                .all(|e| e.iter().all(|x| x.is_finite()))
        );
        let before = answers(&store.snapshot());
        drop(store);
        assert_eq!(answers(&options().open(&place.path).unwrap().snapshot()), before);
    }
}

#[test]
fn progress_is_told_in_order() {
    let (_place, store) = store();
    fill(&store);
    let stages = std::sync::Mutex::new(Vec::new());
    store
        .fit_with_progress(&|progress| {
            assert!(progress.total.is_none_or(|total| progress.done <= total), "{progress:?}");
            stages.lock().unwrap().push(progress.stage);
        })
        .unwrap();
    let stages = stages.into_inner().unwrap();
    assert!(stages.contains(&"learning factors") && stages.last() == Some(&"fusing profiles"), "{stages:?}");
}

#[test]
fn a_fit_among_writers_loses_nothing() {
    let place = place();
    let store = options().head_rows(8).open(&place.path).unwrap();
    tastes(&store, true);
    let done = AtomicBool::new(false);
    let written = std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            let mut written = 0_i64;
            while !done.load(Ordering::Relaxed) || written < 20 {
                store
                    .write(|tx| {
                        tx.put_item(item(&format!("late{written}"), &format!("late thing {written}")))?;
                        tx.record(bought("late", &format!("late{written}"), written))?;
                        tx.record(bought(&format!("u{}", written % 60), "i1", 50 + written))?;
                        tx.remove_item(&format!("late{}", written - 3))
                    })
                    .unwrap();
                written += 1;
            }
            written
        });
        for _ in 0..3 {
            store.fit().unwrap();
        }
        done.store(true, Ordering::Relaxed);
        writer.join().unwrap()
    });
    let check = |store: &Store| {
        let snapshot = store.snapshot();
        assert_eq!(snapshot.stats().unwrap().events as i64, 360 + written + 3);
        assert_eq!(snapshot.events("late").unwrap().count(), 3);
        assert_eq!(snapshot.similar(Like::text("late thing")).limit(1).run().unwrap()[0].user, "late");
        all_profiles(&snapshot)
    };
    let before = check(&store);
    drop(store);
    let store = options().open(&place.path).unwrap();
    crate::fixture::assert_same_profiles(&before, &check(&store), 0.0);
    drop(store);
    // Fused anew from what was kept of the acts, nothing differs either.
    let cart = |weight| kindred::model::EventKind { name: "cart".into(), weight, half_life_days: 180.0 };
    drop(options().kind(cart(0.1)).open(&place.path).unwrap());
    let store = options().kind(cart(0.5)).open(&place.path).unwrap();
    crate::fixture::assert_same_profiles(&before, &check(&store), 1e-5);
}
