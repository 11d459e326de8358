//! Predicates in questions: whom they let through, held to what the store tells of everybody.

use crate::fixture::{all_profiles, bought, day, fill, item, store, user_ids, vector_options};
use kindred::model::{
    Acts, EventKind, Interval, KeepEvents, Predicate, Value, ago, attribute, count, first, id, last,
    quantity, sum, texts,
};
use kindred::{Like, Snapshot};
use std::collections::BTreeSet;

fn found(snapshot: &Snapshot, predicate: Predicate) -> Vec<String> {
    snapshot.users_where(predicate).unwrap().now(day(60)).run().unwrap()
}

#[test]
fn figures_are_those_of_profiles() {
    let (_place, store) = store();
    fill(&store);
    let snapshot = store.snapshot();
    for profile in all_profiles(&snapshot) {
        let mut is = id().eq(profile.user.as_str())
            & texts().eq(profile.texts as i64)
            & count(Acts::All).eq(profile.events as i64);
        for kind in &profile.kinds {
            is = is
                & count(&kind.kind).eq(kind.count as i64)
                & sum(&kind.kind).eq(kind.value)
                & quantity(&kind.kind).eq(kind.quantity)
                & first(&kind.kind).eq(kind.first)
                & last(&kind.kind).eq(kind.last);
        }
        assert_eq!(found(&snapshot, is), [profile.user]);
    }
    assert_eq!(found(&snapshot, count("share").gt(0) | last("share").gt(day(0))), [""; 0]);
    assert_eq!(found(&snapshot, count("share").eq(0) & last("share").is_null()).len(), 12);
}

#[test]
fn hits_are_those_that_match_whatever_else_is_asked() {
    let (_place, store) = store();
    fill(&store);
    store.fit().unwrap();
    let snapshot = store.snapshot();
    let predicate = || attribute("town").ne("Ulm") & attribute("age").between(23, 50);
    let matching: BTreeSet<String> = found(&snapshot, predicate()).into_iter().collect();
    assert!(matching.len() > 3 && matching.len() < 8, "{matching:?}");
    for user in user_ids(&snapshot) {
        for like in [Like::user(&user), Like::text("salmon")] {
            let all = snapshot.similar(like).limit(100).exact(true).run().unwrap();
            let expected: Vec<&str> =
                all.iter().map(|hit| hit.user.as_str()).filter(|id| matching.contains(*id)).collect();
            for limit in [0, 1, 3, 100] {
                let asked = snapshot.similar(like).filter(predicate()).unwrap().limit(limit);
                for hits in [
                    asked.run().unwrap(),
                    snapshot
                        .similar(like)
                        .filter(predicate())
                        .unwrap()
                        .limit(limit)
                        .exact(true)
                        .run()
                        .unwrap(),
                ] {
                    let users: Vec<&str> = hits.iter().map(|hit| hit.user.as_str()).collect();
                    assert_eq!(users, expected[..limit.min(expected.len())]);
                }
            }
        }
    }
    let nobody = snapshot.similar("u0").filter(attribute("age").gt(1000)).unwrap().run().unwrap();
    assert!(nobody.is_empty());
    let both = snapshot
        .similar("u0")
        .filter(attribute("town").eq("Ulm"))
        .unwrap()
        .filter(attribute("age").lt(40))
        .unwrap();
    let users: BTreeSet<String> = both.run().unwrap().into_iter().map(|hit| hit.user).collect();
    let one = found(&snapshot, attribute("town").eq("Ulm") & attribute("age").lt(40));
    assert_eq!(users, one.into_iter().collect());
}

#[test]
fn times_go_by_the_instant_that_is_said() {
    let (_place, store) = store();
    store
        .write(|tx| {
            tx.put_item(item("p1", "fresh salmon"))?;
            tx.record(bought("ann", "p1", 10))?;
            tx.record(bought("ann", "p1", 40))?;
            tx.record(bought("bob", "p1", 20))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let lately = || count("purchase").within(Interval::days(15)).ge(1);
    for (at, expected) in [
        (9, vec![]),
        (10, vec!["ann"]),
        (20, vec!["ann", "bob"]),
        (25, vec!["ann", "bob"]),
        (26, vec!["bob"]),
        (36, vec![]),
        (55, vec!["ann"]),
        (56, vec![]),
    ] {
        let asked = snapshot.users_where(lately()).unwrap().now(day(at));
        assert_eq!(asked.run().unwrap(), expected, "day {at}");
        let hits = snapshot.similar("ann").filter(lately()).unwrap().now(day(at)).run().unwrap();
        assert_eq!(hits.len(), usize::from(expected.contains(&"bob")), "day {at}");
    }
    assert!(snapshot.users_where(lately()).unwrap().run().unwrap().is_empty(), "it is long after 1970");
    let lapsed = last(Acts::All).lt(ago(Interval::days(30)));
    for (at, expected) in [(50, vec![]), (51, vec!["bob"]), (70, vec!["bob"]), (71, vec!["ann", "bob"])] {
        let asked = snapshot.users_where(&lapsed).unwrap().now(day(at));
        assert_eq!(asked.run().unwrap(), expected, "day {at}");
    }
}

/// Sums are of all events, what is counted within a part of the time of those that are kept.
#[test]
fn folded_events_are_in_figures_and_in_no_part_of_the_time() {
    let place = crate::fixture::place();
    let store = crate::fixture::options().keep_events(KeepEvents::last(1)).open(&place.path).unwrap();
    store.write(|tx| (0..200).try_for_each(|n| tx.record(bought("ann", "p1", n)))).unwrap();
    let snapshot = store.snapshot();
    let kept = snapshot.events("ann").unwrap().count() as i64;
    assert!(kept < 200);
    assert_eq!(found(&snapshot, count("purchase").eq(200)), ["ann"]);
    let within = count("purchase").within(Interval::days(1000)).eq(kept);
    assert_eq!(snapshot.users_where(within).unwrap().now(day(200)).run().unwrap(), ["ann"]);
}

#[test]
fn a_stores_own_kinds_are_known_and_users_come_in_their_order() {
    let place = crate::fixture::place();
    let rent = EventKind { name: "pay rent".into(), weight: 1.0, half_life_days: 30.0 };
    let store = vector_options(2).kind(rent).open(&place.path).unwrap();
    store
        .write(|tx| {
            for user in ["zoe", "ann", "mia"] {
                tx.put_user(user, [("tags", Value::Set([user.to_owned()].into()))])?;
                tx.record(kindred::model::Event::new(user, "pay rent", day(1)))?;
            }
            Ok(())
        })
        .unwrap();
    let snapshot = store.snapshot();
    let asked = snapshot.users_where(count("pay rent").eq(1)).unwrap();
    assert_eq!(asked.run().unwrap(), ["zoe", "ann", "mia"]);
    let asked = asked.limit(2);
    assert_eq!((asked.run().unwrap().len(), asked.count().unwrap()), (2, 3));
    assert_eq!(found(&snapshot, attribute("tags").has("mia")), ["mia"]);
    // Nobody has a vector, so nobody is alike.
    let hits =
        snapshot.similar(Like::vector(&[1.0, 0.0])).filter(Predicate::everybody()).unwrap().run().unwrap();
    assert!(hits.is_empty());
}

#[test]
fn what_came_and_went_is_seen_in_the_next_snapshot() {
    let (_place, store) = store();
    let vip = || attribute("vip").eq(true);
    assert!(found(&store.snapshot(), vip()).is_empty());
    store
        .write(|tx| ["ann", "bob"].into_iter().try_for_each(|user| tx.put_user(user, [("vip", true.into())])))
        .unwrap();
    let before = store.snapshot();
    store
        .write(|tx| {
            tx.put_user("ann", [("vip", false.into())])?;
            tx.remove_user("bob")?;
            tx.put_user("cem", [("vip", true.into())])
        })
        .unwrap();
    assert_eq!(found(&store.snapshot(), vip()), ["cem"]);
    assert_eq!(found(&before, vip()), ["ann", "bob"]);
}

/// What takes the least and leaves the fewest comes first, and who is left is asked.
#[test]
fn a_plan_tells_how_a_predicate_is_answered() {
    let place = crate::fixture::place();
    let store = vector_options(2).open(&place.path).unwrap();
    store
        .write(|tx| {
            for n in 0..2_000_i64 {
                let (id, town) = (format!("u{n}"), if n % 100 == 7 { "Ulm" } else { "Bonn" });
                tx.put_user(&id, [("town", town.into()), ("no", n.into()), ("even", (n % 2 == 0).into())])?;
            }
            ["u7", "u107", "u3"].into_iter().try_for_each(|user| tx.record(bought(user, "p1", 1)))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let plan = |predicate: Predicate| snapshot.users_where(predicate).unwrap().plan().unwrap();
    let ulm = || attribute("town").eq("Ulm");
    let wanted = count("purchase").ge(1) & attribute("no").lt(1_900) & attribute("even").eq(false) & ulm();
    assert_eq!(
        plan(wanted).to_string(),
        r#"2 of 2000 users match, 20 of whom were asked
"town" = 'Ulm' and "even" = false and "no" < 1900 and count('purchase') >= 1  [by its parts: at most 20 users]
  "town" = 'Ulm'  [looked up: 20 users]
  "even" = false  [looked up: 1000 users]
  "no" < 1900  [each user that is left is asked]
  count('purchase') >= 1  [each user that is left is asked]"#
    );
    let wanted = attribute("no").lt(1_000) & attribute("even").eq(true) | !ulm();
    assert_eq!(
        plan(wanted).to_string(),
        r#"1980 of 2000 users match, 0 of whom were asked
not "town" = 'Ulm' or "even" = true and "no" < 1000  [by its parts: 1980 users]
  not "town" = 'Ulm'  [by its parts: 1980 users]
    "town" = 'Ulm'  [looked up: 1980 users]
  "even" = true and "no" < 1000  [by its parts: 500 users]
    "even" = true  [looked up: 1000 users]
    "no" < 1000  [up to 1000 values gone through: 1000 users]"#
    );
    let nobody = plan(attribute("town").eq("Rome") & attribute("no").gt(3));
    assert_eq!(nobody.root.parts[1].access, kindred::query::Access::Unneeded);
    let asked = plan(texts().eq(0));
    assert_eq!(
        (asked.matching, asked.asked, asked.root.access),
        (2_000, 2_000, kindred::query::Access::Records)
    );
}

#[cfg(feature = "sql")]
#[test]
fn text_and_builder_ask_the_same() {
    let (_place, store) = store();
    fill(&store);
    let snapshot = store.snapshot();
    let text = "town in ('Ulm', 'Bonn') and (age < 40 or count(review) > 0) and not town like 'B%'";
    let built = attribute("town").one_of(["Ulm", "Bonn"])
        & (attribute("age").lt(40) | count("review").gt(0))
        & !attribute("town").like("B%");
    let users = snapshot.users_where(text).unwrap().run().unwrap();
    assert!(!users.is_empty());
    assert_eq!(users, found(&snapshot, built));
    let error = snapshot.users_where("town = 'Ulm' and agee > 3").unwrap().run().unwrap_err();
    assert_eq!(
        error.to_string(),
        "there is no attribute \"agee\" in this store: did you mean \"age\"?, at line 1, column 18:\n  \
         town = 'Ulm' and agee > 3\n                   ^"
    );
    let error = snapshot.similar("u0").filter("town = \"Ulm\"").unwrap().run().unwrap_err().to_string();
    assert!(error.contains("A text stands between single quotes: 'Ulm'"), "{error}");
    let error = snapshot.users_where("count(purchse) > 3").unwrap().run().unwrap_err();
    assert!(matches!(error, kindred::Error::Predicate { column: 1, .. }), "{error}");
}
