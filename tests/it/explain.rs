//! Reasons sum to the score and name what both sides have.

use crate::fixture::{bought, day, fill, item, store, user_ids};
use kindred::model::Event;
use kindred::query::{Hit, Part, PartOf};
use kindred::{Like, Store};

fn assert_sums(hits: &[Hit]) {
    for hit in hits {
        let explanation = hit.explanation.as_ref().unwrap();
        let sum: f32 = explanation.parts.iter().map(|part| part.score).sum();
        assert!((sum - hit.score).abs() < 1e-4, "{hit:?}");
        assert!(explanation.parts.iter().all(|part| part.score.is_finite()));
        assert!(matches!(explanation.parts.last().unwrap().of, PartOf::Rest));
        assert!(!explanation.words.is_empty());
    }
}

fn rest(hit: &Hit) -> f32 {
    hit.explanation.as_ref().unwrap().parts.last().unwrap().score
}

fn part<'h>(hit: &'h Hit, of: &PartOf) -> &'h Part {
    hit.explanation.as_ref().unwrap().parts.iter().find(|part| part.of == *of).unwrap()
}

fn explained(store: &Store, like: Like<'_>) -> Vec<Hit> {
    let hits = store.snapshot().similar(like).limit(100).explain(true).run().unwrap();
    assert_sums(&hits);
    hits
}

#[test]
fn parts_sum_to_the_score() {
    let (_place, store) = store();
    fill(&store);
    for _ in 0..2 {
        for id in user_ids(&store.snapshot()) {
            explained(&store, Like::user(&id));
        }
        explained(&store, Like::text("smoked salmon and coffee"));
        store.fit().unwrap();
    }
}

#[test]
fn what_both_have_is_marked_as_shared() {
    let (_place, store) = store();
    store
        .write(|tx| {
            tx.put_item(item("p1", "fresh salmon"))?;
            tx.put_item(item("p2", "salmon net"))?;
            for (user, day_of) in [("ann", 0), ("bob", 3)] {
                tx.put_user(user, [("town", "Bonn".into()), ("pet", user.into())])?;
                tx.record(bought(user, "p1", day_of))?;
                tx.record(bought(user, "p1", day_of + 1))?;
            }
            tx.record(bought("bob", "p1", 9))?;
            tx.record(bought("ann", "p2", 2))?;
            tx.record(Event::new("ann", "review", day(4)).text("salmon, fresh from the sea"))
        })
        .unwrap();
    let hits = explained(&store, Like::user("ann"));
    let salmon = part(&hits[0], &PartOf::Group("fresh salmon".into()));
    assert_eq!((salmon.shared, salmon.counts), (true, [2, 3]));
    let net = part(&hits[0], &PartOf::Group("salmon net".into()));
    assert_eq!((net.shared, net.counts), (false, [1, 0]));
    let town = part(&hits[0], &PartOf::Attribute("town".into()));
    assert!(town.shared && town.score > 0.0);
    let review = part(&hits[0], &PartOf::Text("salmon, fresh from the sea".into()));
    assert_eq!((review.shared, review.counts), (false, [1, 0]));
    let words = &hits[0].explanation.as_ref().unwrap().words;
    assert!(words.contains("both fresh salmon (2 and 3 times)"), "{words}");
    assert!(words.contains("both town"), "{words}");

    let hits = explained(&store, Like::text("salmon"));
    let bob = hits.iter().find(|hit| hit.user == "bob").unwrap();
    let salmon = part(bob, &PartOf::Group("fresh salmon".into()));
    assert_eq!((salmon.shared, salmon.counts), (false, [0, 3]));
}

#[test]
fn learned_factors_are_explained_by_their_items() {
    let (_place, store) = store();
    store
        .write(|tx| {
            for user in 0..20 {
                let taste = user % 2;
                for n in 0..3 {
                    let id = format!("t{taste}-{}", (user / 2 + n) % 4);
                    tx.record(bought(&format!("u{user}"), &id, n))?;
                }
            }
            Ok(())
        })
        .unwrap();
    store.fit().unwrap();
    let hits = explained(&store, Like::user("u0"));
    assert!(hits[0].user[1..].parse::<u32>().unwrap().is_multiple_of(2));
    let parts = &hits[0].explanation.as_ref().unwrap().parts;
    assert!(matches!(&parts[0].of, PartOf::Item(id) if id.starts_with("t0-")), "{parts:?}");
    assert!(parts[0].shared);
    assert!(rest(&hits[0]).abs() < 1e-4, "{parts:?}");
}

#[test]
fn dismissals_count_against_and_still_sum_up() {
    let (_place, store) = store();
    store
        .write(|tx| {
            tx.put_item(item("p1", "fresh salmon"))?;
            tx.put_item(item("p2", "dog food"))?;
            for user in ["ann", "bob"] {
                tx.record(bought(user, "p1", 0))?;
            }
            tx.record(bought("bob", "p2", 0))?;
            tx.record(Event::new("ann", "dismiss", day(0)).item("p2"))
        })
        .unwrap();
    let hits = explained(&store, Like::user("ann"));
    assert!(rest(&hits[0]) < -0.01, "{hits:?}");
}
