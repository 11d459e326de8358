//! What a user is into, held to what a user would be who did nothing else.

use crate::fixture::{TEXTS, bought, day, fusion, item, options, place, store, vector_options};
use kindred::model::{Event, Item};
use kindred::query::{Hit, Interest, Like, LookalikeMethod};
use kindred::{Error, Fusion, Snapshot, Store};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const ITEMS: usize = 16;

/// Two items of each text, and one without.
fn put_items(store: &Store) {
    store
        .write(|tx| {
            for n in 0..ITEMS {
                tx.put_item(item(&format!("i{n}"), TEXTS[n / 2]))?;
            }
            tx.put_item(Item { id: "bare".into(), ..Item::default() })
        })
        .unwrap();
}

/// By user, item and day.
fn acts() -> impl Strategy<Value = Vec<(usize, usize, i64)>> {
    prop::collection::vec((0_usize..6, 0_usize..=ITEMS, 0_i64..300), 1..90)
}

fn thing(n: usize) -> String {
    if n == ITEMS { "bare".to_owned() } else { format!("i{n}") }
}

fn of(snapshot: &Snapshot, user: &str) -> Vec<Interest> {
    snapshot.interests(user).members(100).run().unwrap()
}

/// The texts, or the items without one, that interests are made of.
fn made_of(interest: &Interest) -> Vec<String> {
    let members = interest.members.iter();
    members.map(|member| member.text.clone().or_else(|| member.item.clone()).unwrap()).collect()
}

/// Of a user's acts those on what an interest is made of, by another user.
fn acts_of(interest: &Interest, acts: &[(usize, usize, i64)], (user, twin): (usize, &str)) -> Vec<Event> {
    let names = made_of(interest);
    let name = |n: usize| if n == ITEMS { "bare" } else { TEXTS[n / 2] };
    let own = acts.iter().filter(|act| act.0 == user && names.iter().any(|of| of == name(act.1)));
    // The store takes an event that is there for the same one.
    let own: BTreeSet<&(usize, usize, i64)> = own.collect();
    own.into_iter().map(|&(_, n, day_of)| bought(twin, &thing(n), day_of)).collect()
}

fn scores(hits: Vec<Hit>) -> BTreeMap<String, f32> {
    hits.into_iter().map(|hit| (hit.user, hit.score)).collect()
}

fn assert_same(a: &BTreeMap<String, f32>, b: &BTreeMap<String, f32>, what: &str) {
    assert_eq!(a.keys().collect::<Vec<_>>(), b.keys().collect::<Vec<_>>(), "{what}");
    for (user, score) in a {
        assert!((score - b[user]).abs() < 1e-4, "{what}: {user} {score} {}", b[user]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// An interest is what a user would be who did nothing but that: its vector is theirs, and so are those who are like it.
    #[test]
    fn each_is_as_a_user_who_did_nothing_else(acts in acts(), fit in any::<bool>()) {
        let (_place, store) = store();
        put_items(&store);
        let events = acts.iter().map(|&(user, n, day_of)| bought(&format!("u{user}"), &thing(n), day_of));
        store.write(|tx| events.clone().try_for_each(|event| tx.record(event))).unwrap();
        if fit {
            store.fit().unwrap();
        }
        let user = acts[0].0;
        let name = format!("u{user}");
        let before = store.snapshot();
        let interests = of(&before, &name);
        let twins: Vec<String> = (0..interests.len()).map(|at| format!("twin{at}")).collect();
        for (interest, twin) in interests.iter().zip(&twins) {
            let events = acts_of(interest, &acts, (user, twin));
            prop_assert_eq!(interest.acts as usize, events.len());
            prop_assert_eq!(interest.last, events.iter().map(|event| event.time).max().unwrap());
            store.write(|tx| events.into_iter().try_for_each(|event| tx.record(event))).unwrap();
        }
        let after = store.snapshot();
        let mut best: BTreeMap<String, f32> = BTreeMap::new();
        for (at, (interest, twin)) in interests.iter().zip(&twins).enumerate() {
            let embedding = after.profile(twin).unwrap().embedding.unwrap();
            let cosine: f32 = embedding.iter().zip(&interest.vector).map(|(a, b)| a * b).sum();
            let length = |values: &[f32]| values.iter().map(|x| x * x).sum::<f32>().sqrt();
            let own = length(&embedding[..embedding.len() - 1]);
            prop_assert!((length(&interest.vector) - 1.0).abs() < 1e-4);
            prop_assert!((cosine - own).abs() < 1e-4, "{}: {cosine} of {own}", interest.name);
            let others = || after.similar(twin).limit(100).exact(true).exclude(twins.clone()).exclude([name.clone()]);
            let like = || after.similar(&name).limit(100).exact(true).exclude(twins.clone());
            let found = scores(like().interest(at).run().unwrap());
            assert_same(&found, &scores(others().run().unwrap()), &interest.name);
            for (user, score) in found {
                let known = best.entry(user).or_insert(score);
                *known = known.max(score);
            }
        }
        // Who is like any of them is as like it as the one that they are closest to.
        let any = after.similar(&name).limit(100).exact(true).exclude(twins.clone()).by_interests().explain(true);
        let any = any.run().unwrap();
        prop_assert!(any.is_sorted_by(|a, b| a.score >= b.score));
        for hit in &any {
            let explanation = hit.explanation.as_ref().unwrap();
            let sum: f32 = explanation.parts.iter().map(|part| part.score).sum();
            prop_assert!((sum - hit.score).abs() < 1e-4, "{hit:?}");
            prop_assert!(interests.iter().any(|interest| Some(&interest.name) == hit.interest.as_ref()));
        }
        assert_same(&scores(any), &best, "by any");
        let first = after.similar(&name).limit(2).exact(true).exclude(twins).by_interests().run().unwrap();
        let mut order: Vec<f32> = best.into_values().collect();
        order.sort_by(|a, b| b.total_cmp(a));
        prop_assert!(first.iter().zip(order).all(|(hit, score)| (hit.score - score).abs() < 1e-4));
    }

    /// What users are into together is what one would be who did all that they did.
    #[test]
    fn lookalikes_by_interests_are_like_who_did_it_all(
        acts in acts(),
        seed in prop::collection::btree_set(0_usize..6, 1..4),
        fit in any::<bool>(),
    ) {
        let (_place, store) = store();
        put_items(&store);
        let events = acts.iter().map(|&(user, n, day_of)| bought(&format!("u{user}"), &thing(n), day_of));
        store.write(|tx| events.clone().try_for_each(|event| tx.record(event))).unwrap();
        if fit {
            store.fit().unwrap();
        }
        let names: Vec<String> = seed.iter().map(|user| format!("u{user}")).collect();
        let before = store.snapshot();
        let known = |name: &String| before.profile(name).is_ok_and(|profile| profile.embedding.is_some());
        let names: Vec<String> = names.into_iter().filter(known).collect();
        if names.is_empty() {
            return Ok(());
        }
        let all = acts.iter().filter(|act| names.contains(&format!("u{}", act.0)));
        // The store takes an event that is there for the same one.
        let distinct: BTreeSet<&(usize, usize, i64)> = all.collect();
        store
            .write(|tx| {
                distinct.iter().enumerate().try_for_each(|(no, &&(_, n, day_of))| {
                    tx.record(bought("pool", &thing(n), day_of).id(no.to_string()))
                })
            })
            .unwrap();
        let after = store.snapshot();
        let without = || names.iter().cloned().chain(["pool".to_owned()]);
        let pool = after.similar("pool").by_interests().exact(true).limit(100).exclude(without()).run().unwrap();
        let ask = after.lookalikes(names.clone()).method(LookalikeMethod::Interests).exclude(["pool"]);
        let found = ask.limit(100).exact(true).explain(true).run().unwrap();
        for hit in &found.users {
            let explanation = hit.explanation.as_ref().unwrap();
            let sum: f32 = explanation.parts.iter().map(|part| part.score).sum();
            prop_assert!((sum - hit.score).abs() < 1e-4, "{hit:?}");
            prop_assert!(hit.interest.is_some());
        }
        prop_assert!(found.users.is_sorted_by(|a, b| a.score >= b.score));
        assert_same(&scores(found.users), &scores(pool), "the pool");
    }

    /// Each thing is in one interest at most; the largest come first, and no share is lost or there twice.
    #[test]
    fn they_share_out_what_the_user_did(acts in acts(), fit in any::<bool>(), limit in 1_usize..=8) {
        let (_place, store) = store();
        put_items(&store);
        let events = acts.iter().map(|&(user, n, day_of)| bought(&format!("u{user}"), &thing(n), day_of));
        store.write(|tx| events.clone().try_for_each(|event| tx.record(event))).unwrap();
        if fit {
            store.fit().unwrap();
        }
        let snapshot = store.snapshot();
        let name = format!("u{}", acts[0].0);
        let all = of(&snapshot, &name);
        let named: Vec<String> = all.iter().flat_map(made_of).collect();
        prop_assert_eq!(named.iter().collect::<BTreeSet<_>>().len(), named.len());
        prop_assert!(all.is_sorted_by(|a, b| a.share >= b.share));
        let sum: f32 = all.iter().map(|interest| interest.share).sum();
        prop_assert!(sum < 1.0 + 1e-4 && all.iter().all(|interest| interest.share > 0.0));
        for interest in &all {
            let sum: f32 = interest.members.iter().map(|member| member.share).sum();
            prop_assert!((sum - 1.0).abs() < 1e-4);
            prop_assert_eq!(interest.members.len(), interest.size);
            prop_assert!(interest.members[1..].is_sorted_by(|a, b| a.share >= b.share));
        }
        let few = snapshot.interests(&name).limit(limit).members(1).run().unwrap();
        prop_assert_eq!(few.len(), all.len().min(limit));
        for (few, all) in few.iter().zip(&all) {
            prop_assert_eq!((&few.name, few.share, few.size), (&all.name, all.share, all.size));
            prop_assert_eq!(&few.members[..], &all.members[..1]);
        }
    }
}

#[test]
fn tastes_are_told_apart_and_named() {
    let place = place();
    let store = options().fusion(Fusion { category: "aisle".into(), ..fusion() }).open(&place.path).unwrap();
    let things = [
        ("f1", "fresh salmon fillet", "fish"),
        ("f2", "smoked salmon fillet", "fish"),
        ("g1", "wooden garden chair", "garden"),
        ("g2", "wooden garden table", "garden"),
        ("g3", "wooden garden bench", "sale"),
        ("d1", "dry dog food", "pets"),
    ];
    store
        .write(|tx| {
            for (id, text, aisle) in things {
                let attributes = [("aisle".to_owned(), aisle.into())].into();
                tx.put_item(Item { id: id.into(), text: Some(text.into()), attributes })?;
            }
            ["f1", "f2", "g1", "g2", "g3"].iter().try_for_each(|id| tx.record(bought("ann", id, 1)))?;
            tx.record(bought("ann", "f1", 2))?;
            tx.record(Event::new("ann", "dismiss", day(5)).item("d1"))?;
            tx.record(Event::new("bob", "dismiss", day(6)).item("d1"))?;
            tx.add_text("ann", "my espresso machine broke down", day(7))?;
            tx.put_user("cem", [("age", 30.into())])
        })
        .unwrap();
    let snapshot = store.snapshot();
    let found = of(&snapshot, "ann");
    let by_name: BTreeMap<&str, &Interest> =
        found.iter().map(|interest| (&*interest.name, interest)).collect();
    // Two of three are of the garden; of what she wrote there is no category.
    assert_eq!(
        by_name.keys().copied().collect::<Vec<_>>(),
        ["fish", "garden", "my espresso machine broke down"],
        "{found:?}"
    );
    let fish = by_name["fish"];
    assert_eq!((fish.acts, fish.size, fish.last), (3, 2, day(2)));
    let salmon = fish.members.iter().find(|member| member.item.as_deref() == Some("f1")).unwrap();
    assert_eq!((salmon.text.as_deref(), salmon.count), (Some("fresh salmon fillet"), 2));
    let words = &by_name["my espresso machine broke down"].members[0];
    assert_eq!((words.item.as_deref(), words.count), (None, 1));
    // What counts against is no interest, nor is what is declared.
    assert!(of(&snapshot, "bob").is_empty() && of(&snapshot, "cem").is_empty());
    assert!(snapshot.similar("bob").by_interests().run().unwrap().is_empty());
    assert!(snapshot.similar("ann").interest(7).run().unwrap().is_empty());
}

#[test]
fn recommendations_name_the_interest_that_they_are_close_to() {
    let (_place, store) = store();
    put_items(&store);
    store
        .write(|tx| {
            for (user, things) in [("ann", vec![0, 8]), ("bob", vec![0, 1, 9, 14]), ("cem", vec![1, 9, 14])] {
                for n in things {
                    tx.record(bought(user, &thing(n), 1))?;
                }
            }
            Ok(())
        })
        .unwrap();
    let snapshot = store.snapshot();
    let found = snapshot.recommend("ann").explain(true).run().unwrap();
    let close: BTreeMap<&str, Option<&str>> =
        found.iter().map(|thing| (&*thing.item, thing.interest.as_deref())).collect();
    let names = [("i1", Some(TEXTS[0])), ("i9", Some(TEXTS[4])), ("i14", None)];
    assert_eq!(close, names.into(), "{found:?}");
    let salmon = found.iter().find(|thing| thing.item == "i1").unwrap();
    let words = &salmon.explanation.as_ref().unwrap().words;
    assert!(words.contains("close to the interest \u{201c}fresh salmon fillet\u{201d}"), "{words}");
}

#[test]
fn what_cannot_be_asked_is_told() {
    let (_place, store) = store();
    put_items(&store);
    store.write(|tx| tx.record(bought("ann", "i0", 1))).unwrap();
    let snapshot = store.snapshot();
    let ask = || snapshot.interests("ann");
    for (answer, what) in [
        (ask().limit(0).run().map(drop), "1 to 8"),
        (ask().limit(9).run().map(drop), "1 to 8"),
        (ask().members(101).run().map(drop), "at most 100"),
        (snapshot.interests("eve").run().map(drop), "no user \"eve\""),
        (snapshot.similar("ann").interest(8).run().map(drop), "below 8"),
        (snapshot.similar(Like::text("fish")).by_interests().run().map(drop), "ask about a user"),
        (snapshot.similar("eve").by_interests().run().map(drop), "no user \"eve\""),
    ] {
        let error = answer.unwrap_err().to_string();
        assert!(error.contains(what), "{error}");
    }
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    store.write(|tx| tx.put_vector("ann", vec![1.0, 0.0])).unwrap();
    let snapshot = store.snapshot();
    let refused = [
        snapshot.interests("ann").run().map(drop).unwrap_err(),
        snapshot.similar("ann").interest(0).run().map(drop).unwrap_err(),
        {
            store.write(|tx| tx.put_vector("bob", vec![0.0, 1.0])).unwrap();
            let snapshot = store.snapshot();
            let ask = snapshot.lookalikes(["ann"]).method(LookalikeMethod::Interests);
            ask.run().map(drop).unwrap_err()
        },
    ];
    assert!(refused.iter().all(|error| matches!(error, Error::NoEncoder { .. })), "{refused:?}");
}
