//! What comes of it that recommendations were taken or dismissed.

use crate::fixture::{bought, day, item, options, place, store};
use kindred::model::{Blend, Event, EventKind};
use kindred::query::{Recommendation, Signal, Things};
use kindred::{Error, Snapshot, Store};

/// Things that go together in another way than neighbors have it.
fn fill(store: &Store) {
    store
        .write(|tx| {
            for n in 0..12 {
                tx.put_item(item(&format!("i{n}"), &format!("thing number {n}")))?;
            }
            for user in 0..20_usize {
                for n in 0..4 {
                    let thing = (user * 7 + n * n * 3 + user / 5) % 12;
                    tx.record(bought(&format!("u{user}"), &format!("i{thing}"), (user + n) as i64))?;
                }
            }
            Ok(())
        })
        .unwrap();
    store.fit().unwrap();
}

fn ask(snapshot: &Snapshot) -> Vec<Recommendation> {
    snapshot.recommend("u1").limit(6).exact(true).run().unwrap()
}

fn commits(store: &Store) -> u64 {
    store.snapshot().stats().unwrap().commit
}

fn value(thing: &Recommendation, signal: Signal) -> f32 {
    thing.signals.iter().find(|score| score.signal == signal).map_or(0.0, |score| score.value)
}

/// The list, of which that was taken of which what goes together knew more than neighbors did.
fn rewards(shown: &[Recommendation]) -> Vec<(&Recommendation, f32)> {
    let ahead = |thing: &Recommendation| value(thing, Signal::Together) - value(thing, Signal::Neighbors);
    let best = shown[1..].iter().max_by(|a, b| ahead(a).total_cmp(&ahead(b))).unwrap();
    shown.iter().map(|thing| (thing, f32::from(u8::from(thing.item == best.item)))).collect()
}

#[test]
fn weights_are_learned_of_what_is_taken_and_kept() {
    let place = place();
    let store = options().open(&place.path).unwrap();
    fill(&store);
    let before = store.snapshot();
    assert_eq!(before.blend(), Blend::default());
    let shown = ask(&before);
    assert!(shown.len() > 2);
    for thing in &shown {
        // What a signal says, times its weight, is what it adds.
        for score in &thing.signals {
            let weight = if score.signal == Signal::Neighbors { 0.8 } else { 0.2 };
            assert!((score.value * weight - score.score).abs() < 1e-5, "{thing:?}");
        }
    }
    let mut learned = Blend::default();
    for _ in 0..10 {
        let next = store.feedback("u1", rewards(&shown), day(100)).unwrap();
        assert!(next.together > learned.together && next.neighbors < learned.neighbors, "{next:?}");
        learned = next;
    }
    let after = store.snapshot();
    assert_eq!((before.blend(), after.blend()), (Blend::default(), learned));
    assert_eq!(ask(&before), shown, "a snapshot never changes");
    assert_ne!(ask(&after), shown);
    let own =
        |snapshot: &Snapshot| snapshot.recommend("u1").blend(Blend::default()).exact(true).run().unwrap();
    assert_eq!(own(&before), own(&after), "whoever says how much signals count is taken at their word");
    let read = options().open_read_only(&place.path).unwrap();
    assert_eq!(read.snapshot().blend(), learned);
    drop((read, before, after, store));
    let store = options().open(&place.path).unwrap();
    assert_eq!(store.snapshot().blend(), learned);
    assert!(store.verify(&|_| {}).unwrap().is_sound());
    drop(store);
    // What is saved of a store keeps what it learned.
    let again = place.path.with_extension("again");
    options().repair(&place.path, &again, &|_| {}).unwrap();
    assert_eq!(options().open(&again).unwrap().snapshot().blend(), learned);
}

#[test]
fn a_list_in_the_right_order_changes_nothing() {
    let (_place, store) = store();
    fill(&store);
    let shown = ask(&store.snapshot());
    let commit = commits(&store);
    let rewards = shown.iter().zip([1.0, 0.5]).chain(shown[2..].iter().zip([0.0; 9]));
    assert_eq!(store.feedback("u1", rewards, day(100)).unwrap(), Blend::default());
    assert_eq!(commits(&store), commit, "nor is it a commit");
    assert_eq!(store.feedback("u1", [], day(100)).unwrap(), Blend::default());
}

#[test]
fn what_was_dismissed_does_not_come_back_and_lists_go_through_json() {
    let (_place, store) = store();
    fill(&store);
    let json = serde_json::to_string(&store.snapshot().recommend("u1").explain(true).run().unwrap()).unwrap();
    let shown: Vec<Recommendation> = serde_json::from_str(&json).unwrap();
    assert_eq!(serde_json::to_string(&shown).unwrap(), json);
    store.feedback("u1", [(&shown[0], -0.5)], day(100)).unwrap();
    let snapshot = store.snapshot();
    let last = snapshot.events("u1").unwrap().last().unwrap().unwrap();
    assert_eq!((&*last.kind, last.item.as_ref(), last.time), ("dismiss", Some(&shown[0].item), day(100)));
    assert!(ask(&snapshot).iter().all(|thing| thing.item != shown[0].item));
}

#[test]
fn what_was_learned_is_forgotten_at_once() {
    let (_place, store) = store();
    fill(&store);
    let shown = ask(&store.snapshot());
    assert_ne!(store.feedback("u1", rewards(&shown), day(100)).unwrap(), Blend::default());
    store.forget_feedback().unwrap();
    let snapshot = store.snapshot();
    assert_eq!((snapshot.blend(), ask(&snapshot)), (Blend::default(), shown));
}

/// Whoever asks for categories dismisses a category.
#[test]
fn a_dismissed_category_does_not_come_back_with_another_item() {
    let (_place, store) = store();
    store
        .write(|tx| {
            for (id, aisle) in [("f1", "fish"), ("t1", "tea"), ("t2", "tea"), ("p1", "pets")] {
                let attributes = [("category".to_owned(), aisle.into())].into();
                tx.put_item(kindred::model::Item {
                    id: id.into(),
                    text: Some(format!("{aisle} {id}")),
                    attributes,
                })?;
            }
            tx.record(bought("ann", "f1", 1))?;
            ["f1", "t1", "t2", "p1"].iter().try_for_each(|id| tx.record(bought("bob", id, 1)))
        })
        .unwrap();
    let categories = |had: &str| {
        let snapshot = store.snapshot();
        let found = snapshot.recommend("ann").by(Things::Categories).had([had]).run().unwrap();
        found.into_iter().collect::<Vec<_>>()
    };
    let names = |found: &[Recommendation]| {
        let mut names: Vec<String> = found.iter().filter_map(|thing| thing.category.clone()).collect();
        names.sort();
        names
    };
    let shown = categories("cart");
    assert_eq!(names(&shown), ["fish", "pets", "tea"]);
    let tea = shown.iter().find(|thing| thing.category.as_deref() == Some("tea")).unwrap();
    store.feedback("ann", [(tea, -1.0)], day(5)).unwrap();
    assert_eq!(names(&categories("cart")), ["fish", "pets"]);
    // The other item of it, taken up later, is a later word.
    store.write(|tx| tx.record(bought("ann", "t2", 9))).unwrap();
    assert_eq!(names(&categories("cart")), ["fish", "pets", "tea"]);
}

#[test]
fn what_is_no_reward_is_told_and_changes_nothing() {
    let (_place, store) = store();
    fill(&store);
    let shown = ask(&store.snapshot());
    let commit = commits(&store);
    for reward in [1.5, -2.0, f32::NAN] {
        let error = store.feedback("u1", [(&shown[0], -1.0), (&shown[1], reward)], day(100)).unwrap_err();
        assert!(error.to_string().contains("-1 (dismissed) to 1 (taken up)"), "{error}");
    }
    let mut json = serde_json::to_value(&shown[0]).unwrap();
    json["signals"][0]["value"] = 7.into();
    let forged: Recommendation = serde_json::from_value(json).unwrap();
    let error = store.feedback("u1", [(&forged, 1.0)], day(100)).unwrap_err();
    assert!(error.to_string().contains("what the store told"), "{error}");
    assert!(matches!(store.feedback("", [(&shown[0], 1.0)], day(100)), Err(Error::Invalid { .. })));
    assert!(matches!(store.feedback("typo", [(&shown[0], -1.0)], day(100)), Err(Error::Unknown { .. })));
    let many = std::iter::repeat_n((&shown[0], 0.0), 1_001);
    assert!(store.feedback("u1", many, day(100)).unwrap_err().to_string().contains("over 1000"));
    assert_eq!(commits(&store), commit);

    let place = place();
    let neutral = EventKind { name: "dismiss".into(), weight: 0.0, half_life_days: 9.0 };
    let store = options().kind(neutral).open(&place.path).unwrap();
    store.write(|tx| tx.record(Event::new("ann", "view", day(1)).item("i0"))).unwrap();
    let error = store.feedback("ann", [(&shown[0], -1.0)], day(2)).unwrap_err();
    assert!(error.to_string().contains("no kind of events of this store counts against"), "{error}");
}
