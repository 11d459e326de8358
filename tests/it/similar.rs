//! Similar users, held to a plain reckoning.

use crate::fixture::{TEXT_DIM, day, dot, encoder, fill, fusion, item, store, user_ids};
use kindred::model::Event;
use kindred::query::Hit;
use kindred::{Error, Like, Snapshot, Store};

/// Scores of all others by the definition of [`Hit::score`], from nothing but the profiles' embeddings.
fn naive(snapshot: &Snapshot, user: &str) -> Vec<(String, f32)> {
    let embedding = |id: &str| snapshot.profile(id).unwrap().embedding;
    let own = embedding(user).unwrap();
    let blocks = own.len() - 1;
    let present = dot(&own[..blocks], &own[..blocks]);
    let others = user_ids(snapshot).into_iter().filter(|id| id != user);
    others
        .filter_map(|id| Some((id.clone(), dot(&own[..blocks], &embedding(&id)?[..blocks]) / present)))
        .collect()
}

fn assert_naive(mut expected: Vec<(String, f32)>, hits: &[Hit]) {
    assert_eq!(hits.len(), expected.len());
    assert!(hits.is_sorted_by(|a, b| a.score >= b.score), "{hits:?}");
    expected.sort_by(|a, b| b.1.total_cmp(&a.1));
    for (hit, (_, score)) in hits.iter().zip(&expected) {
        assert!((hit.score - score).abs() < 1e-5, "{hits:?} {expected:?}");
        let own = expected.iter().find(|(id, _)| *id == hit.user).unwrap();
        assert!((hit.score - own.1).abs() < 1e-5, "{hit:?} {own:?}");
    }
}

/// Stores before and after a fit, with users of whom more or less is known.
fn with_stores(test: impl Fn(&Store)) {
    for fits in 0..2 {
        let (_place, store) = store();
        fill(&store);
        store
            .write(|tx| {
                tx.put_user("attributes only", [("town", "Ulm".into())])?;
                tx.record(Event::new("no text", "purchase", day(3)).item("bare"))?;
                tx.put_user("nothing", [])
            })
            .unwrap();
        for _ in 0..fits {
            store.fit().unwrap();
        }
        test(&store);
    }
}

#[test]
fn every_answer_is_that_of_a_plain_reckoning() {
    with_stores(|store| {
        let snapshot = store.snapshot();
        for id in user_ids(&snapshot) {
            if snapshot.profile(&id).unwrap().embedding.is_none() {
                assert!(snapshot.similar(&id).run().unwrap().is_empty());
                continue;
            }
            for exact in [false, true] {
                let hits = snapshot.similar(&id).limit(100).exact(exact).run().unwrap();
                assert_naive(naive(&snapshot, &id), &hits);
                assert!(hits.iter().all(|hit| hit.user != id && hit.explanation.is_none()));
            }
        }
    });
}

#[test]
fn a_limit_is_kept_to_the_letter() {
    with_stores(|store| {
        let snapshot = store.snapshot();
        let vectors = snapshot.stats().unwrap().vectors as usize;
        for limit in [0, 1, 2, 5, vectors - 1, vectors, 1000, 100_000] {
            for exact in [false, true] {
                for ef in [0, 1, usize::MAX] {
                    let by_user =
                        snapshot.similar("u1").limit(limit).exact(exact).ef_search(ef).run().unwrap();
                    assert_eq!(by_user.len(), limit.min(vectors - 1));
                    let by_text =
                        snapshot.similar(Like::text("fish")).limit(limit).exact(exact).ef_search(ef);
                    assert_eq!(by_text.run().unwrap().len(), limit.min(vectors));
                }
            }
        }
        for limit in [100_001, usize::MAX] {
            assert!(matches!(snapshot.similar("u1").limit(limit).run(), Err(Error::Invalid { .. })));
        }
    });
}

#[test]
fn exclusion_and_least_scores_leave_the_others() {
    with_stores(|store| {
        let snapshot = store.snapshot();
        let all = snapshot.similar("u1").limit(100).run().unwrap();
        let some = snapshot.similar("u1").limit(100).exclude(["u2", "u3", "not there", ""]).run().unwrap();
        let expected: Vec<&Hit> = all.iter().filter(|hit| hit.user != "u2" && hit.user != "u3").collect();
        assert_eq!(some.iter().collect::<Vec<_>>(), expected);
        let filled = snapshot.similar("u1").limit(3).exclude([all[0].user.as_str()]).run().unwrap();
        assert_eq!(filled.len(), 3);
        assert_eq!(filled[0], all[1]);
        let between = all[2].score.midpoint(all[3].score);
        let above = snapshot.similar("u1").limit(100).min_score(between).run().unwrap();
        assert_eq!(above, all[..3]);
        assert!(snapshot.similar("u1").min_score(f32::INFINITY).run().unwrap().is_empty());
        assert_eq!(snapshot.similar("u1").limit(100).min_score(f32::NEG_INFINITY).run().unwrap(), all);
        assert!(matches!(snapshot.similar("u1").min_score(f32::NAN).run(), Err(Error::Invalid { .. })));
    });
}

#[test]
fn a_sentence_is_scored_by_its_cosine_with_texts() {
    let (_place, store) = store();
    fill(&store);
    let snapshot = store.snapshot();
    let sentence = "fresh smoked salmon";
    let raw = encoder().encode(&[sentence], &|_| {}).unwrap();
    let f = fusion();
    let weight = f.text_weight / (f.text_weight + f.item_weight + f.group_weight + f.attribute_weight);
    let expected = user_ids(&snapshot)
        .into_iter()
        .map(|id| {
            let embedding = snapshot.profile(&id).unwrap().embedding.unwrap();
            let score = dot(&raw, &embedding[..TEXT_DIM]) / weight.sqrt();
            (id, score)
        })
        .collect();
    let hits = snapshot.similar(Like::text(sentence)).limit(100).run().unwrap();
    assert_naive(expected, &hits);
    assert!(hits.iter().all(|hit| (-1.0..=1.0).contains(&hit.score)));
}

#[test]
fn questions_that_make_no_sense_are_refused() {
    with_stores(|store| {
        let snapshot = store.snapshot();
        for text in ["", "  \n", "…", "!!!"] {
            let error = snapshot.similar(Like::text(text)).run().unwrap_err();
            assert!(matches!(error, Error::Invalid { .. }), "{text:?} {error}");
        }
        for user in ["u", "u100", "U1", "not there"] {
            match snapshot.similar(user).run().unwrap_err() {
                Error::Unknown { what: "user", name, .. } => assert_eq!(name, user),
                other => panic!("{other:?}"),
            }
        }
        assert!(matches!(snapshot.similar("").run(), Err(Error::Invalid { .. })));
        let dim = snapshot.stats().unwrap().dim;
        let mut vector = vec![0.1; dim];
        assert_eq!(snapshot.similar(Like::vector(&vector)).run().unwrap().len(), 10);
        vector[3] = f32::NAN;
        assert!(matches!(
            snapshot.similar(Like::vector(&vector)).run(),
            Err(Error::NotFinite { position: 3, .. })
        ));
        assert!(matches!(snapshot.similar(&vector[1..]).run(), Err(Error::Dimension { .. })));
        assert!(matches!(snapshot.similar(Like::vector(&vec![0.0; dim])).run(), Err(Error::Invalid { .. })));
    });
}

#[test]
fn a_users_own_embedding_finds_that_user() {
    with_stores(|store| {
        let snapshot = store.snapshot();
        let embedding = snapshot.profile("u5").unwrap().embedding.unwrap();
        let hits = snapshot.similar(Like::vector(&embedding)).limit(1).run().unwrap();
        assert_eq!(hits[0].user, "u5");
        assert!((hits[0].score - 1.0).abs() < 1e-5);
    });
}

#[test]
fn ids_may_be_borrowed_or_owned() {
    let (_place, store) = store();
    fill(&store);
    store.write(|tx| tx.put_item(item("x", "x"))).unwrap();
    let owned = String::from("u1");
    let snapshot = store.snapshot();
    assert_eq!(snapshot.similar(&owned).run().unwrap(), snapshot.similar(Like::user("u1")).run().unwrap());
}
