//! Recommendations, held to what neighbors did as the store tells it.

use crate::fixture::{bought, day, fill, fusion, item, options, place, store, user_ids, vector_options};
use kindred::model::{Event, EventKind, Interval, Item, Metric, Time, attribute};
use kindred::query::{Blend, PartOf, Recommendation, Signal, Things};
use kindred::{Fusion, Like, Snapshot, Store};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

const NEIGHBORS: Blend = Blend::new(1.0, 0.0, 0.0);

fn ids(recommended: &[Recommendation]) -> Vec<&str> {
    recommended.iter().map(|thing| &*thing.item).collect()
}

/// What an act of each kind counts.
const KINDS: [(&str, f32); 4] = [("view", 0.2), ("purchase", 1.0), ("dismiss", -0.5), ("like", 0.7)];

/// What a user did with items: for each kind how often, and when last.
fn acts(snapshot: &Snapshot, user: &str) -> BTreeMap<String, BTreeMap<String, Time>> {
    let mut acts: BTreeMap<String, BTreeMap<String, Time>> = BTreeMap::new();
    for event in snapshot.events(user).unwrap() {
        let event = event.unwrap();
        if let Some(item) = event.item {
            acts.entry(item).or_default().insert(event.kind, event.time);
        }
    }
    acts
}

/// What the acts on one item count.
fn counted(kinds: &BTreeMap<String, Time>) -> f32 {
    let weight = |kind: &str| KINDS.iter().find(|(name, _)| *name == kind).unwrap().1;
    let weights = || kinds.keys().map(|kind| weight(kind));
    weights().fold(0.0, f32::max) + weights().fold(0.0, f32::min)
}

/// The share of each item, by what the store's other answers say.
fn expected(snapshot: &Snapshot, user: &str, neighbors: usize) -> BTreeMap<String, (f32, usize)> {
    let mut hits = snapshot.similar(user).limit(neighbors).exact(true).run().unwrap();
    hits.retain(|hit| hit.score > 0.0);
    let sum: f32 = hits.iter().map(|hit| hit.score).sum();
    let mut shares: BTreeMap<String, (f32, usize)> = BTreeMap::new();
    for hit in &hits {
        for (item, kinds) in acts(snapshot, &hit.user) {
            let act = counted(&kinds);
            let share = shares.entry(item).or_default();
            share.0 += hit.score / sum * act;
            share.1 += usize::from(act > 0.0);
        }
    }
    let had = acts(snapshot, user);
    shares.retain(|item, (share, _)| *share > 1e-6 && !had.contains_key(item));
    shares
}

fn events() -> impl Strategy<Value = Vec<(usize, usize, usize)>> {
    prop::collection::vec((0_usize..8, 0_usize..12, 0_usize..KINDS.len()), 1..80)
}

fn fill_with(store: &Store, events: &[(usize, usize, usize)]) {
    store
        .write(|tx| {
            for n in 0..12 {
                let category = ["fish", "dog", "garden"][n % 3];
                let text = Some(format!("{category} thing {}", n / 2));
                let attributes = [("category".to_owned(), category.into())].into();
                tx.put_item(Item { id: format!("i{n}"), text, attributes })?;
            }
            events.iter().enumerate().try_for_each(|(n, &(user, item, kind))| {
                let event = Event::new(format!("u{user}"), KINDS[kind].0, day(n as i64));
                tx.record(event.item(format!("i{item}")))
            })
        })
        .unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// Scores are the shares, over the largest; the order is theirs.
    #[test]
    fn items_are_those_that_neighbors_acted_on(events in events(), neighbors in 1_usize..8, fit in any::<bool>()) {
        let (_place, store) = store();
        fill_with(&store, &events);
        if fit {
            store.fit().unwrap();
        }
        let snapshot = store.snapshot();
        for user in user_ids(&snapshot) {
            if snapshot.similar(&user).exact(true).run().unwrap().iter().all(|hit| hit.score <= 0.0) {
                continue;
            }
            let ask = || snapshot.recommend(&user).neighbors(neighbors).exact(true).blend(NEIGHBORS);
            let found = ask().limit(100).run().unwrap();
            let expected = expected(&snapshot, &user, neighbors);
            let largest = expected.values().map(|(share, _)| *share).fold(0.0, f32::max);
            let names: BTreeSet<&str> = ids(&found).into_iter().collect();
            // What is next to nothing may be on either side.
            let sure = expected.iter().filter(|(_, (share, _))| *share > 1e-4).map(|(item, _)| &**item);
            let sure: Vec<&str> = sure.collect();
            prop_assert!(sure.iter().all(|item| names.contains(item)), "{user}: {names:?} of {expected:?}");
            for thing in &found {
                let Some((share, acted)) = expected.get(&thing.item) else {
                    prop_assert!(thing.score < 1e-3, "{user}: {thing:?} of {expected:?}");
                    continue;
                };
                prop_assert!((thing.score - share / largest).abs() < 1e-3, "{user}: {thing:?}: {share} / {largest}");
                prop_assert_eq!(thing.neighbors, *acted);
                prop_assert!(thing.asked <= neighbors);
            }
            prop_assert!(found.is_sorted_by(|a, b| a.score >= b.score));
            let first = ask().limit(3).run().unwrap();
            prop_assert_eq!(&first[..], &found[..found.len().min(3)]);
        }
    }

    /// Whatever is blended, the signals sum to the score, and so do the parts of its explanation.
    #[test]
    fn parts_sum_to_the_score(
        events in events(),
        (together, text) in (0.0_f32..2.0, 0.0_f32..2.0),
        by in prop::sample::select(vec![Things::Items, Things::Categories]),
        diversity in 0.0_f32..1.0,
    ) {
        let (_place, store) = store();
        fill_with(&store, &events);
        store.fit().unwrap();
        let snapshot = store.snapshot();
        let users = user_ids(&snapshot);
        let likes = users.iter().map(|user| Like::user(user)).chain([Like::text("a thing for the garden")]);
        for like in likes {
            let ask = || snapshot.recommend(like).by(by).blend(Blend::new(1.0, together, text)).diversity(diversity);
            for thing in ask().explain(true).run().unwrap() {
                let signals: f32 = thing.signals.iter().map(|signal| signal.score).sum();
                prop_assert!((signals - thing.score).abs() < 1e-5, "{thing:?}");
                let explanation = thing.explanation.as_ref().unwrap();
                let sum: f32 = explanation.parts.iter().map(|part| part.score).sum();
                prop_assert!((sum - thing.score).abs() < 1e-4, "{thing:?}");
                prop_assert!(explanation.words.contains("acted on it"), "{}", explanation.words);
                prop_assert_eq!(&explanation.parts.last().unwrap().of, &PartOf::Rest);
            }
        }
    }
}

#[test]
fn what_was_had_is_not_recommended_unless_asked_for() {
    let (_place, store) = store();
    store
        .write(|tx| {
            tx.put_item(item("a", "salmon"))?;
            for user in ["ann", "bob"] {
                tx.record(bought(user, "a", 1))?;
            }
            tx.record(Event::new("ann", "view", day(2)).item("seen"))?;
            tx.record(Event::new("ann", "purchase", day(2)).item("gone"))?;
            tx.record(Event::new("ann", "dismiss", day(3)).item("gone"))?;
            tx.record(Event::new("ann", "dismiss", day(2)).item("back"))?;
            tx.record(Event::new("ann", "purchase", day(3)).item("back"))?;
            for (n, thing) in ["seen", "gone", "back", "new"].into_iter().enumerate() {
                tx.record(bought("bob", thing, n as i64))?;
            }
            Ok(())
        })
        .unwrap();
    let snapshot = store.snapshot();
    let sorted = |recommend: kindred::query::Recommend<'_>| {
        let mut found: Vec<String> = recommend.run().unwrap().into_iter().map(|thing| thing.item).collect();
        found.sort();
        found
    };
    assert_eq!(sorted(snapshot.recommend("ann")), ["new"]);
    assert_eq!(sorted(snapshot.recommend("ann").had(["purchase"])), ["new", "seen"]);
    assert_eq!(sorted(snapshot.recommend("ann").again(true)), ["a", "back", "new", "seen"]);
    assert_eq!(
        sorted(snapshot.recommend("ann").again(true).exclude(["new", "nowhere"])),
        ["a", "back", "seen"]
    );
    // A dismissal at once: it is the next answer that goes by it.
    store.write(|tx| tx.record(Event::new("ann", "dismiss", day(9)).item("new"))).unwrap();
    assert!(store.snapshot().recommend("ann").run().unwrap().is_empty());
    assert_eq!(sorted(snapshot.recommend("ann")), ["new"], "a snapshot never changes");
}

#[test]
fn neighbors_and_their_acts_can_be_chosen() {
    let (_place, store) = store();
    store
        .write(|tx| {
            tx.put_item(item("p", "salmon"))?;
            for (user, town, thing, time) in
                [("ann", "Ulm", "p", 1), ("bob", "Ulm", "old", 10), ("cem", "Bonn", "fresh", 40)]
            {
                tx.put_user(user, [("town", town.into())])?;
                tx.record(bought(user, "p", 0))?;
                tx.record(bought(user, thing, time))?;
            }
            tx.record(Event::new("bob", "view", day(45)).item("looked"))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let ask = || snapshot.recommend("ann").blend(NEIGHBORS).now(day(50));
    assert_eq!(ids(&ask().filter(attribute("town").eq("Ulm")).unwrap().run().unwrap()), ["old", "looked"]);
    assert_eq!(ids(&ask().within(Interval::days(15)).run().unwrap()), ["fresh", "looked"]);
    assert_eq!(ids(&ask().kinds(["view"]).run().unwrap()), ["looked"]);
    assert_eq!(ask().kinds(["view"]).run().unwrap()[0].neighbors, 1);
    assert_eq!(ask().neighbors(1).run().unwrap()[0].asked, 1);
    assert!(ask().limit(0).run().unwrap().is_empty());
}

#[test]
fn categories_follow_their_items() {
    let place = place();
    let store = options().fusion(Fusion { category: "aisle".into(), ..fusion() }).open(&place.path).unwrap();
    let put = |id: &str, aisle: Option<&str>| {
        let attributes = aisle.map(|name| ("aisle".to_owned(), name.into())).into_iter().collect();
        store
            .write(|tx| tx.put_item(Item { id: id.into(), text: Some(format!("text of {id}")), attributes }))
            .unwrap();
    };
    for (id, aisle) in
        [("a", Some("fish")), ("b", Some("tea")), ("c", Some("tea")), ("d", None), ("e", Some("pets"))]
    {
        put(id, aisle);
    }
    store
        .write(|tx| {
            for (user, things) in [("ann", "a"), ("bob", "abcd"), ("cem", "abe"), ("dan", "ae")] {
                things.chars().try_for_each(|thing| tx.record(bought(user, &thing.to_string(), 1)))?;
            }
            Ok(())
        })
        .unwrap();
    let categories = |snapshot: &Snapshot| {
        let found =
            snapshot.recommend("ann").by(Things::Categories).blend(NEIGHBORS).exact(true).run().unwrap();
        let named = found.into_iter().map(|thing| (thing.category.unwrap(), thing.item, thing.neighbors));
        named.collect::<BTreeSet<_>>()
    };
    let named =
        |(category, item, neighbors): (&str, &str, usize)| (category.to_owned(), item.to_owned(), neighbors);
    let before = store.snapshot();
    assert_eq!(categories(&before), [("pets", "e", 2), ("tea", "b", 2)].map(named).into());
    // The item without a category gets one, and one changes to what was had.
    put("d", Some("toys"));
    put("e", Some("fish"));
    assert_eq!(categories(&store.snapshot()), [("tea", "b", 2), ("toys", "d", 1)].map(named).into());
    assert_eq!(categories(&before), [("pets", "e", 2), ("tea", "b", 2)].map(named).into());
    let snapshot = store.snapshot();
    let items = |only: &[&str], without: &[&str]| {
        let ask = snapshot.recommend("ann").categories(only.to_vec()).without_categories(without.to_vec());
        ids(&ask.run().unwrap()).into_iter().map(str::to_owned).collect::<BTreeSet<_>>()
    };
    assert_eq!(items(&["tea"], &[]), ["b", "c"].map(str::to_owned).into());
    assert_eq!(items(&[], &["tea"]), ["d", "e"].map(str::to_owned).into());
    assert!(items(&["toys"], &["toys"]).is_empty());
}

/// Of what is equally good the unlike come first.
#[test]
fn diversity_spreads_over_what_is_unlike() {
    let (_place, store) = store();
    store
        .write(|tx| {
            for (id, text) in
                [("s1", "fresh salmon"), ("s2", "fresh salmon fillet"), ("g", "wooden garden chair")]
            {
                tx.put_item(item(id, text))?;
            }
            for (user, things) in [("ann", vec![]), ("bob", vec!["s1", "s2", "g"]), ("cem", vec!["s1", "s2"])]
            {
                tx.add_text(user, "salmon", day(1))?;
                things.into_iter().try_for_each(|thing| tx.record(bought(user, thing, 1)))?;
            }
            Ok(())
        })
        .unwrap();
    let snapshot = store.snapshot();
    let ask = |diversity| snapshot.recommend("ann").blend(NEIGHBORS).diversity(diversity).run().unwrap();
    assert_eq!(ids(&ask(0.0)), ["s1", "s2", "g"]);
    assert_eq!(ids(&ask(0.7)), ["s1", "g", "s2"]);
}

#[test]
fn whom_nothing_is_known_of_gets_what_is_popular() {
    let (_place, store) = store();
    fill(&store);
    store.write(|tx| tx.put_user("new", [])).unwrap();
    let found = store.snapshot().recommend("new").limit(100).explain(true).run().unwrap();
    assert!(!found.is_empty());
    for thing in &found {
        assert_eq!((thing.signals.len(), thing.signals[0].signal), (1, Signal::Popular));
        assert_eq!(thing.asked, 12, "whoever did nothing says nothing");
        assert!(thing.explanation.as_ref().unwrap().words.contains("users of a sample"));
    }
}

/// Folded events are known by their contributions, and vectors of the host's own tell who is near.
#[test]
fn own_vectors_and_folded_events_serve_as_well() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    store
        .write(|tx| {
            for (user, vector) in [("ann", [1.0, 0.0]), ("bob", [0.9, 0.1]), ("cem", [-1.0, 0.1])] {
                tx.put_vector(user, vector.to_vec())?;
            }
            tx.record(bought("bob", "x", 1))?;
            tx.record(bought("bob", "y", 2))?;
            tx.record(bought("cem", "z", 2))
        })
        .unwrap();
    store.expire(day(2)).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.events("bob").unwrap().count(), 1);
    let found = snapshot.recommend("ann").neighbors(1).explain(true).run().unwrap();
    assert_eq!(ids(&found), ["x", "y"]);
    let parts = &found[0].explanation.as_ref().unwrap().parts;
    assert_eq!(parts[0].of, PartOf::User("bob".into()));
    let like = snapshot.recommend(Like::vector(&[-1.0, 0.0])).neighbors(1).run().unwrap();
    assert_eq!(ids(&like), ["z"]);
}

/// Of whom nothing is known gets what others did, but only of those of whom the filter is true, and nothing of their own.
#[test]
fn where_nobody_is_alike_a_sample_of_whom_the_filter_lets_through_is_asked() {
    let (_place, store) = store();
    store
        .write(|tx| {
            for (user, town, thing) in [("bob", "Ulm", "p"), ("cem", "Bonn", "q"), ("dan", "Ulm", "r")] {
                tx.put_user(user, [("town", town.into())])?;
                tx.record(bought(user, thing, 1))?;
            }
            tx.record(Event::new("new", "dismiss", day(1)).item("r"))?;
            tx.remove_user("dan")
        })
        .unwrap();
    let snapshot = store.snapshot();
    let ask = || snapshot.recommend("new").filter(attribute("town").eq("Ulm")).unwrap();
    let found = ask().run().unwrap();
    assert_eq!((ids(&found), found[0].asked), (vec!["p"], 1));
    assert_eq!(found[0].signals[0].signal, Signal::Popular);
    assert_eq!(ids(&snapshot.recommend("new").run().unwrap()), ["p", "q"]);
    let nobody = snapshot.recommend("new").filter(attribute("town").eq("Rom")).unwrap();
    assert!(nobody.run().unwrap().is_empty());

    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    store
        .write(|tx| {
            tx.record(bought("ann", "own", 1))?;
            tx.put_vector("bob", vec![1.0, 0.0])?;
            tx.record(bought("bob", "p", 1))
        })
        .unwrap();
    let found = store.snapshot().recommend("ann").again(true).run().unwrap();
    assert_eq!((ids(&found), found[0].asked), (vec!["p"], 1));
}

#[test]
fn who_is_the_opposite_is_no_neighbor() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    store
        .write(|tx| {
            tx.put_vector("ann", vec![1.0, 0.0])?;
            tx.put_vector("bob", vec![-1.0, 0.0])?;
            tx.record(bought("bob", "p", 1))
        })
        .unwrap();
    let found = store.snapshot().recommend("ann").run().unwrap();
    assert_eq!((ids(&found), found[0].signals[0].signal), (vec!["p"], Signal::Popular));
}

#[test]
fn scores_are_numbers_however_small_or_large_what_they_are_made_of_is() {
    for length in [1e-22_f32, 1.0, 7e17] {
        let place = place();
        let weak = EventKind { name: "glance".into(), weight: 1e-40, half_life_days: 100.0 };
        let store = vector_options(2).metric(Metric::InnerProduct).kind(weak).open(&place.path).unwrap();
        store
            .write(|tx| {
                for n in 0..40 {
                    tx.put_vector(&format!("u{n}"), vec![length, length])?;
                    tx.record(Event::new(format!("u{n}"), "glance", day(1)).item(format!("i{}", n % 3)))?;
                }
                tx.put_vector("ann", vec![length, length])
            })
            .unwrap();
        let found = store.snapshot().recommend("ann").run().unwrap();
        assert_eq!(found.len(), 3, "{length}");
        for thing in found {
            assert!((0.5..=1.0).contains(&thing.score), "{length}: {thing:?}");
        }
    }
}

/// Only an act that counts for a thing, and that came after, takes a dismissal back.
#[test]
fn a_dismissal_holds_until_the_thing_is_taken_up() {
    let place = place();
    let rent = EventKind { name: "rent".into(), weight: 1.0, half_life_days: 100.0 };
    let seen = EventKind { name: "seen".into(), weight: 0.0, half_life_days: 100.0 };
    let store = options().kind(rent).kind(seen).open(&place.path).unwrap();
    store
        .write(|tx| {
            tx.put_item(item("p", "salmon"))?;
            let things = ["p", "bought then", "rented then", "seen later", "rented later"];
            things.iter().try_for_each(|thing| tx.record(bought("bob", thing, 1)))?;
            tx.record(bought("ann", "p", 1))?;
            for (thing, kind, time) in [
                ("bought then", "purchase", 2),
                ("rented then", "rent", 2),
                ("seen later", "seen", 3),
                ("rented later", "rent", 3),
            ] {
                tx.record(Event::new("ann", "dismiss", day(2)).item(thing))?;
                tx.record(Event::new("ann", kind, day(time)).item(thing))?;
            }
            Ok(())
        })
        .unwrap();
    let found = store.snapshot().recommend("ann").had(["cart"]).run().unwrap();
    let found: BTreeSet<&str> = ids(&found).into_iter().collect();
    assert_eq!(found, ["p", "rented later"].into());
}

#[test]
fn within_ends_with_the_instant_of_asking() {
    let (_place, store) = store();
    store
        .write(|tx| {
            tx.put_item(item("p", "salmon"))?;
            for (user, thing, time) in
                [("ann", "p", 1), ("bob", "p", 1), ("bob", "past", 90), ("bob", "to come", 110)]
            {
                tx.record(bought(user, thing, time))?;
            }
            Ok(())
        })
        .unwrap();
    let snapshot = store.snapshot();
    let found = snapshot.recommend("ann").within(Interval::days(30)).now(day(100)).run().unwrap();
    assert_eq!(ids(&found), ["past"]);
}

/// What somebody asked before makes no difference.
#[test]
fn a_category_that_no_item_has_any_more_is_unknown() {
    for asked_before in [false, true] {
        let (_place, store) = store();
        let put = |category: &str| {
            let attributes = [("category".to_owned(), category.into())].into();
            store.write(|tx| tx.put_item(Item { id: "a".into(), attributes, text: None })).unwrap();
        };
        put("pets");
        store.write(|tx| tx.record(bought("ann", "a", 1))).unwrap();
        if asked_before {
            store.snapshot().recommend("ann").categories(["pets"]).run().unwrap();
        }
        put("fish");
        let error = store.snapshot().recommend("ann").categories(["pets"]).run().unwrap_err();
        assert!(error.to_string().contains("no category of items \"pets\""), "{error}");
    }
}
