//! How well attributes are told, on users of whom it is known how well they can be.

use crate::fixture::{bought, item, place, store, vector_options};
use kindred::analysis::{ToldAttribute, ToldBy};
use kindred::model::Metric;
use kindred::{Error, Store};

fn accuracy(told: &ToldAttribute, by: ToldBy) -> f64 {
    told.methods.iter().find(|method| method.by == by).unwrap().quality.accuracy
}

/// Users around four directions, which their attribute names; two have a value of their own, and one no vector.
fn fill(store: &Store) {
    store
        .write(|tx| {
            for no in 0..48_u8 {
                let (user, quarter) = (format!("u{no}"), no % 4);
                let angle = f32::from(quarter) * 1.5 + f32::from(no) / 100.0;
                tx.put_user(&user, [("_quarter", ["a", "b", "c", "d"][usize::from(quarter)].into())])?;
                tx.put_vector(&user, vec![angle.cos(), angle.sin()])?;
            }
            for user in ["u46", "u47"] {
                tx.put_user(user, [("_quarter", "rare".into())])?;
            }
            tx.put_user("nothing known", [("_quarter", "a".into())])
        })
        .unwrap();
}

#[test]
fn what_lies_apart_is_told_by_all_but_the_majority() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        let place = place();
        let store = vector_options(2).metric(metric).open(&place.path).unwrap();
        fill(&store);
        let snapshot = store.snapshot();
        let ask = || snapshot.tell_attribute("_quarter").folds(4).neighbors(3).seed(5);
        let told = ask().run(&|_| {}).unwrap();
        assert_eq!((told.users, told.without_vector), (46, 1));
        assert_eq!(told.values, ["a", "b", "c", "d"]);
        assert_eq!((&*told.left_out[0].value, told.left_out[0].users), ("rare", 2));
        assert!(!told.is_fused && !told.without_attributes);
        assert_eq!(accuracy(&told, ToldBy::Majority), 12.0 / 46.0);
        assert_eq!(accuracy(&told, ToldBy::Neighbors), 1.0, "{metric:?}");
        assert_eq!(accuracy(&told, ToldBy::Logistic), 1.0, "{metric:?}");
        assert_eq!(told.methods[0].quality.mean.auc, Some(0.5));
        assert_eq!(told.methods[2].quality.classes[0].samples, 12);
        assert_eq!(ask().threads(3).run(&|_| {}).unwrap(), told);
        assert!(ask().sample(30).run(&|_| {}).unwrap().users <= 30);
    }
}

/// All buy by chance what they buy: only the attribute itself tells the attribute.
#[test]
fn the_answer_is_taken_out_of_the_question() {
    let (_place, store) = store();
    store
        .write(|tx| {
            (0..8).try_for_each(|n| tx.put_item(item(&format!("i{n}"), &format!("thing {n}"))))?;
            for no in 0..60_i64 {
                let user = format!("u{no}");
                let town = if no % 2 == 0 { "Ulm" } else { "Bonn" };
                tx.put_user(&user, [("town", town.into()), ("_town", town.into())])?;
                for act in 0..3 {
                    tx.record(bought(&user, &format!("i{}", (no / 2 * 5 + act * act) % 8), act))?;
                }
            }
            Ok(())
        })
        .unwrap();
    store.fit().unwrap();
    let snapshot = store.snapshot();
    let ask = |attribute| snapshot.tell_attribute(attribute).neighbors(5);
    let hidden = ask("town").run(&|_| {}).unwrap();
    assert!(hidden.is_fused && hidden.without_attributes);
    let known = ask("town").as_they_are(true).run(&|_| {}).unwrap();
    assert!(known.is_fused && !known.without_attributes);
    let beside = ask("_town").run(&|_| {}).unwrap();
    assert!(!beside.is_fused && !beside.without_attributes);
    for by in [ToldBy::Neighbors, ToldBy::Logistic] {
        assert!(accuracy(&hidden, by) < 0.7, "{hidden:?}");
        assert_eq!(accuracy(&beside, by), accuracy(&known, by), "the other name of it is in there still");
    }
    // Neighbors go by what both bought, too; regression finds where in an embedding the attribute is.
    assert_eq!(accuracy(&known, ToldBy::Logistic), 1.0);
}

#[test]
fn what_cannot_be_told_is_an_error() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    fill(&store);
    store.write(|tx| tx.put_user("u1", [("_once", 1.into())])).unwrap();
    let snapshot = store.snapshot();
    let nobody = snapshot.tell_attribute("_qarter").run(&|_| {}).unwrap_err();
    assert!(matches!(nobody, Error::Unknown { .. }), "{nobody}");
    for asked in [snapshot.tell_attribute("_once"), snapshot.tell_attribute("_quarter").folds(100)] {
        let error = asked.run(&|_| {}).unwrap_err();
        assert!(error.to_string().contains("of 0 values"), "{error}");
    }
}
