//! Predicates in questions: whom they let through, held to what the store tells of everybody.

use crate::fixture::{all_profiles, bought, day, fill, item, store, user_ids, vector_options};
use kindred::model::{
    Acts, Event, EventKind, Interval, Item, KeepEvents, Predicate, Value, ago, attribute, count, first, id,
    item_text, last, quantity, similar_to, similar_to_text, sum, texts,
};
use kindred::query::Access;
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

fn of_category(id: &str, text: &str, category: &str) -> Item {
    Item { attributes: [("category".to_owned(), category.into())].into(), ..item(id, text) }
}

#[test]
fn acts_are_counted_of_some_items() {
    let (_place, store) = store();
    store
        .write(|tx| {
            tx.put_item(of_category("p1", "rattle", "baby"))?;
            tx.put_item(of_category("p2", "beer", "drinks"))?;
            tx.record(bought("ann", "p1", 1).value(2.0))?;
            tx.record(bought("ann", "p1", 50).value(3.0))?;
            tx.record(bought("ann", "p2", 55).value(9.0))?;
            tx.record(bought("bob", "p2", 58))?;
            // On an item of which only the id is known, and on none.
            tx.record(bought("cem", "p9", 58))?;
            tx.record(Event::new("dan", "purchase", day(58)))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let baby = || attribute("category").eq("baby");
    let ids = |ids: &[&str]| kindred::model::item().one_of(ids.to_vec());
    for (items, expected) in [
        (baby(), &["ann"][..]),
        (!baby(), &["ann", "bob"]),
        (!baby().is_true(), &["ann", "bob", "cem"]),
        (attribute("category").is_null(), &["cem"]),
        (ids(&["p1", "p9"]), &["ann", "cem"]),
        (item_text().like("b%"), &["ann", "bob"]),
        (Predicate::everybody(), &["ann", "bob", "cem"]),
        (ids(&["p1"]) & ids(&["p2"]), &[]),
    ] {
        assert_eq!(found(&snapshot, count("purchase").of(&items).ge(1)), expected, "{items}");
    }
    let figures = sum("purchase").of(baby()).eq(5.0)
        & quantity(Acts::All).of(baby()).eq(2)
        & first("purchase").of(baby()).eq(day(1))
        & last(Acts::All).of(baby()).eq(day(50))
        & count("purchase").of(baby()).within(Interval::days(30)).eq(1)
        & count("view").of(baby()).eq(0);
    assert_eq!(found(&snapshot, figures), ["ann"]);
    assert_eq!(found(&snapshot, last("purchase").of(baby()).is_null()), ["bob", "cem", "dan"]);
    // The category is that of the item now.
    store.write(|tx| tx.put_item(of_category("p2", "beer", "baby"))).unwrap();
    assert_eq!(found(&store.snapshot(), count("purchase").of(baby()).ge(1)), ["ann", "bob"]);
    assert_eq!(found(&snapshot, count("purchase").of(baby()).ge(1)), ["ann"]);
}

#[cfg(feature = "sql")]
#[test]
fn what_is_wrong_about_items_is_shown() {
    let (_place, store) = store();
    let ask = |text: &str| match store.snapshot().users_where(text).and_then(|asked| asked.run()) {
        Ok(users) => panic!("{text}: {users:?}"),
        Err(error) => error.to_string(),
    };
    let misspelt = "age is null and count(purchase) filter (where categry = 'baby') >= 1";
    store.write(|tx| tx.put_user("ann", [("age", 3.into())])).unwrap();
    assert!(ask(misspelt).contains("no attribute of items \"categry\""));
    store.write(|tx| tx.put_item(of_category("p1", "rattle", "baby"))).unwrap();
    for (text, words) in [
        (misspelt, "did you mean \"category\"?, at line 1, column 47"),
        ("count(*) filter (where category = 3) > 1", "this is a text, and cannot be compared with a number"),
        ("count(*) filter (where has(category, 'x')) > 1", "this is a text, and only sets have texts"),
        ("count(*) filter (where item > 3) > 1", "this is a text, and cannot be compared with a number"),
        ("count(*) filter (where texts() > 3) > 1", "and no more, at line 1, column 24"),
        ("count(*) filter (where in_segment('x')) > 1", "and no more, at line 1, column 24"),
        ("similar_to('bob') > 0.5", "no user \"bob\" in this store, at line 1, column 1"),
        ("age > 1 and similar_to_text(' ') > 0.5", "at line 1, column 13"),
    ] {
        assert!(ask(text).contains(words), "{}", ask(text));
    }
}

#[test]
fn likeness_is_the_score_of_an_exact_question() {
    let (_place, store) = store();
    fill(&store);
    store.fit().unwrap();
    store.write(|tx| tx.put_user("new", [])).unwrap();
    let snapshot = store.snapshot();
    for user in user_ids(&snapshot).iter().filter(|user| *user != "new") {
        for (like, term) in
            [(Like::user(user), similar_to(user)), (Like::text("salmon"), similar_to_text("salmon"))]
        {
            let hits = snapshot.similar(like).exact(true).limit(100).run().unwrap();
            for hit in &hits {
                let is = term.clone().eq(f64::from(hit.score)) & id().eq(hit.user.as_str());
                assert_eq!(found(&snapshot, is), [hit.user.as_str()]);
            }
            let median = f64::from(hits[hits.len() / 2].score);
            let names = |is_meant: &dyn Fn(f64) -> bool| -> BTreeSet<String> {
                let meant = hits.iter().filter(|hit| is_meant(f64::from(hit.score)));
                meant.map(|hit| hit.user.clone()).filter(|name| name != user).collect()
            };
            let asked = |predicate: Predicate| -> BTreeSet<String> {
                found(&snapshot, predicate & id().ne(user.as_str())).into_iter().collect()
            };
            let above = || term.clone().gt(median);
            assert_eq!(asked(above()), names(&|score| score > median));
            assert_eq!(asked(!above()), names(&|score| score <= median));
            assert_eq!(asked(term.clone().between(median, 9)), names(&|score| score >= median));
            assert_eq!(asked(above() | count("like").ge(1) & above()), names(&|score| score > median));
            assert_eq!(asked(term.is_null()), BTreeSet::from(["new".to_owned()]));
            // Also where users are asked one by one.
            let by_one = term.clone().gt(attribute("age")) | above();
            assert_eq!(asked(by_one), names(&|score| score > median));
        }
        // Whoever is asked about is the most alike.
        assert!(found(&snapshot, similar_to(user).gt(0.999)).contains(user));
    }
    assert_eq!(found(&snapshot, similar_to("new").is_null()).len(), 13);
    let hits = snapshot.similar("u0").filter(similar_to("u1").gt(0.0)).unwrap().limit(100).run().unwrap();
    assert!(hits.iter().all(|hit| found(&snapshot, similar_to("u1").gt(0.0)).contains(&hit.user)));
    let asked = snapshot.users_where(attribute("town").eq("Ulm") & similar_to("u1").gt(0.0)).unwrap();
    let plan = asked.plan().unwrap();
    assert_eq!((plan.asked, plan.root.parts[1].access), (0, Access::Embeddings(12)), "{plan}");
    let reasons = asked.explain("u1").unwrap();
    assert_eq!(reasons.root.parts[1].values[0].term, "similar_to('u1')");
    let error = snapshot.users_where(similar_to("nobody").gt(0.5)).unwrap().run().unwrap_err();
    assert!(error.to_string().contains("no user \"nobody\""), "{error}");
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
                tx.record(Event::new(user, "pay rent", day(1)))?;
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
    assert_eq!(nobody.root.parts[1].access, Access::Unneeded);
    let asked = plan(texts().eq(0));
    assert_eq!((asked.matching, asked.asked, asked.root.access), (2_000, 2_000, Access::Records));
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
