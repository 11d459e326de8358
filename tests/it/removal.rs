//! What is removed is gone, with all that hung on it.

use crate::fixture::{
    all_profiles, assert_near, assert_same_profiles, bought, day, fill, item, options, place, rebuilt, store,
    user_ids,
};
use kindred::model::{Event, Record};
use kindred::{Like, Store};

fn sorted(store: &Store) -> Vec<kindred::query::Profile> {
    let mut profiles = all_profiles(&store.snapshot());
    profiles.sort_by(|a, b| a.user.cmp(&b.user));
    profiles
}

#[test]
fn a_removed_item_leaves_no_contribution() {
    let (_place, store) = store();
    fill(&store);
    // Of the text of i1, so that the group stays.
    store
        .write(|tx| tx.put_item(item("twin", "smoked salmon")).and(tx.record(bought("u2", "twin", 5))))
        .unwrap();
    let kept: Vec<Record> = crate::fixture::records(&store.snapshot())
        .into_iter()
        .filter(|record| match record {
            Record::Item(item) => item.id != "i1" && item.id != "i3",
            Record::Event(event) => !matches!(event.item.as_deref(), Some("i1" | "i3")),
            _ => true,
        })
        .collect();
    store.write(|tx| tx.remove_item("i1").and(tx.remove_item("i3"))).unwrap();
    let place = place();
    let never = options().open(&place.path).unwrap();
    never.write(|tx| kept.iter().try_for_each(|record| tx.apply(record.clone()))).unwrap();
    assert_same_profiles(&sorted(&store), &sorted(&never), 1e-5);
    let counts = |store: &Store| {
        let stats = store.snapshot().stats().unwrap();
        (stats.users, stats.items, stats.events, stats.texts, stats.vectors)
    };
    assert_eq!(counts(&store), counts(&never));
}

#[test]
fn a_removed_user_is_forgotten_and_may_come_again() {
    for fitted in [false, true] {
        let (_place, store) = store();
        fill(&store);
        if fitted {
            store.fit().unwrap();
        }
        let before = store.snapshot().stats().unwrap();
        let events = store.snapshot().events("u4").unwrap().count() as u64;
        let texts = store.snapshot().texts("u4").unwrap().count() as u64;
        assert!(events > 0 && texts > 0);
        store.write(|tx| tx.remove_user("u4")).unwrap();
        let snapshot = store.snapshot();
        let after = snapshot.stats().unwrap();
        assert_eq!(
            (after.users, after.events, after.texts),
            (11, before.events - events, before.texts - texts)
        );
        assert_eq!((after.vectors, after.items), (before.vectors - 1, before.items));
        assert!(!user_ids(&snapshot).contains(&"u4".to_owned()));
        assert!(snapshot.profile("u4").is_err() && snapshot.similar("u4").run().is_err());
        assert!(snapshot.similar("u1").limit(100).run().unwrap().iter().all(|hit| hit.user != "u4"));
        assert!(
            snapshot.similar(Like::text("salmon")).limit(100).run().unwrap().iter().all(|h| h.user != "u4")
        );

        store.write(|tx| tx.record(bought("u4", "i0", 3)).and(tx.record(bought("fresh", "i0", 3)))).unwrap();
        let snapshot = store.snapshot();
        let (again, fresh) = (snapshot.profile("u4").unwrap(), snapshot.profile("fresh").unwrap());
        assert_eq!((again.events, again.texts, again.attributes.len()), (1, 0, 0));
        assert_near(again.embedding.as_deref(), fresh.embedding.as_deref(), 1e-6, "u4");
    }
}

#[test]
fn removing_and_adding_in_one_write_takes_place_in_order() {
    let (_place, store) = store();
    fill(&store);
    store
        .write(|tx| {
            tx.record(bought("u1", "i0", 200))?;
            tx.remove_user("u1")?;
            tx.record(bought("u1", "i2", 201))?;
            tx.remove_item("i2")?;
            tx.put_item(item("i2", "quite another thing"))?;
            tx.record(bought("u1", "i2", 202))?;
            tx.remove_attribute("u2", "age")?;
            tx.put_user("u2", [("age", 70.into())])
        })
        .unwrap();
    let snapshot = store.snapshot();
    let events: Vec<Event> = snapshot.events("u1").unwrap().map(Result::unwrap).collect();
    assert_eq!(events, [bought("u1", "i2", 202)]);
    assert_eq!(snapshot.profile("u2").unwrap().attributes["age"], 70.into());
    let mut anew = all_profiles(&rebuilt(&snapshot, &options()).1.snapshot());
    anew.sort_by(|a, b| a.user.cmp(&b.user));
    assert_same_profiles(&sorted(&store), &anew, 1e-5);
}

#[test]
fn events_of_an_item_replaced_in_one_write_are_kept() {
    let (_place, store) = store();
    let events = [bought("u", "p", 1), bought("u", "p", 2).id("e")];
    let put = |tx: &mut kindred::Transaction<'_>| {
        tx.put_item(item("p", "smoked salmon"))?;
        events.iter().try_for_each(|event| tx.record(event.clone()))
    };
    store.write(put).unwrap();
    let before = sorted(&store);
    store.write(|tx| tx.remove_item("p").and_then(|()| put(tx))).unwrap();
    let snapshot = store.snapshot();
    assert_eq!(snapshot.stats().unwrap().events, 2);
    assert_eq!(snapshot.events("u").unwrap().count(), 2);
    assert_same_profiles(&sorted(&store), &before, 1e-5);
}

#[test]
fn what_is_not_there_can_be_removed_without_harm() {
    let (_place, store) = store();
    fill(&store);
    let before = store.snapshot().stats().unwrap();
    store
        .write(|tx| {
            tx.remove_user("nobody")?;
            tx.remove_item("nothing")?;
            tx.remove_attribute("u1", "shoe size")?;
            tx.remove_attribute("nobody", "town")
        })
        .unwrap();
    assert_eq!(store.snapshot().stats().unwrap(), before);
}

#[test]
fn ids_of_removed_events_are_free_again() {
    let (_place, store) = store();
    store.write(|tx| tx.record(bought("a", "i", 1).id("e"))).unwrap();
    store.write(|tx| tx.remove_user("a")).unwrap();
    store.write(|tx| tx.record(bought("b", "i", 2).id("e"))).unwrap();
    store.write(|tx| tx.remove_item("i")).unwrap();
    store.write(|tx| tx.record(bought("c", "j", 3).id("e"))).unwrap();
    let stats = store.snapshot().stats().unwrap();
    assert_eq!((stats.users, stats.items, stats.events), (2, 1, 1));
}

/// A text's vector is kept as long as anything uses it: items, sentences, texts and events alike.
#[test]
fn a_text_in_many_places_outlives_all_but_the_last() {
    let shared = "town Bonn";
    let with_vectors = |store: &Store| {
        let snapshot = store.snapshot();
        snapshot.similar(Like::text(shared)).limit(100).run().unwrap();
        all_profiles(&snapshot)
    };
    let (_place, store) = store();
    store
        .write(|tx| {
            tx.put_item(item("one", shared))?;
            tx.put_item(item("two", shared))?;
            tx.put_user("bonn", [("town", "Bonn".into())])?;
            tx.add_text("writer", shared, day(1))?;
            tx.add_text("writer", shared, day(2))?;
            tx.record(Event::new("critic", "review", day(1)).item("one").text(shared))?;
            tx.record(bought("buyer", "two", 1))
        })
        .unwrap();
    let removals: [(&str, &str); 5] =
        [("item", "one"), ("user", "bonn"), ("user", "writer"), ("user", "critic"), ("item", "two")];
    for (what, id) in removals {
        store.write(|tx| if what == "item" { tx.remove_item(id) } else { tx.remove_user(id) }).unwrap();
        let (_other, anew) = rebuilt(&store.snapshot(), &options());
        assert_same_profiles(&sorted(&store), &sorted(&anew), 1e-5);
        with_vectors(&store);
        // A new use, cached or not, works as in a store that never lost one.
        store
            .write(|tx| tx.record(bought("buyer", "two", 3)).and(tx.add_text("late", shared, day(5))))
            .unwrap();
        let late = store.snapshot().profile("late").unwrap();
        assert!(late.embedding.is_some());
        store.write(|tx| tx.remove_user("late")).unwrap();
    }
    let (_other, anew) = rebuilt(&store.snapshot(), &options());
    assert_same_profiles(&sorted(&store), &sorted(&anew), 1e-5);
}

#[test]
fn an_item_put_again_takes_its_users_along() {
    let (_place, store) = store();
    store.write(|tx| tx.record(bought("a", "i", 1)).and(tx.record(bought("b", "j", 1)))).unwrap();
    store.write(|tx| tx.put_item(item("i", "dog food")).and(tx.put_item(item("j", "puppy food")))).unwrap();
    let first = store.snapshot().similar("a").run().unwrap()[0].score;
    store.write(|tx| tx.put_item(item("i", "garden chair"))).unwrap();
    let second = store.snapshot().similar("a").run().unwrap()[0].score;
    store.write(|tx| tx.put_item(item("i", "dog food"))).unwrap();
    let third = store.snapshot().similar("a").run().unwrap()[0].score;
    assert!((first - third).abs() < 1e-6 && second < first - 0.05, "{first} {second} {third}");
}
