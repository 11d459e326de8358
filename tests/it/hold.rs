//! How well groups hold together, of users of whom it is known how they lie.

use crate::fixture::{bought, place, store, vector_options};
use kindred::model::{Metric, attribute, count};
use kindred::{Error, Store};

/// Four bunches of users, whose number is an attribute; another attribute is dealt out by turns; one user has no vector.
fn fill(store: &Store) {
    store
        .write(|tx| {
            for no in 0..80_u16 {
                let (user, bunch) = (format!("u{no}"), no % 4);
                let angle = f32::from(bunch) * 1.5 + f32::from(no) / 400.0;
                let parity = i64::from(no / 4 % 2);
                tx.put_user(&user, [("_bunch", i64::from(bunch).into()), ("_parity", parity.into())])?;
                tx.put_vector(&user, vec![angle.cos(), angle.sin()])?;
            }
            tx.put_user("nothing known", [("_bunch", 0.into()), ("_only", "one".into())])?;
            tx.define_segment("first bunch", attribute("_bunch").eq(0))?;
            tx.define_segment("even", attribute("_parity").eq(0))?;
            tx.define_segment("everybody", attribute("_bunch").ge(0))?;
            tx.define_segment("nobody", attribute("_bunch").ge(9))
        })
        .unwrap();
}

#[test]
fn what_lies_together_holds_together() {
    for metric in [Metric::Cosine, Metric::InnerProduct, Metric::L2] {
        let place = place();
        let store = vector_options(2).metric(metric).open(&place.path).unwrap();
        fill(&store);
        let snapshot = store.snapshot();
        let held = snapshot.hold_together().run(&|_| {}).unwrap();
        assert_eq!((held.users, held.without_vector, held.sample), (80, 1, 80));
        let told: Vec<_> =
            held.groups.iter().map(|group| (&*group.name, group.users, group.sample)).collect();
        assert_eq!(
            told,
            [("first bunch", 21, 20), ("even", 40, 40), ("everybody", 81, 80), ("nobody", 0, 0)]
        );
        let with_vector: Vec<u64> = held.groups.iter().map(|group| group.with_vector).collect();
        assert_eq!(with_vector, [20, 40, 80, 0]);
        assert!(held.groups[0].silhouette.unwrap() > 0.8, "{metric:?}: {held:?}");
        assert!(held.groups[1].silhouette.unwrap().abs() < 0.05, "{metric:?}: {held:?}");
        assert_eq!((held.groups[2].silhouette, held.groups[3].silhouette), (None, None));
        assert!(held.silhouette.is_none() && held.stability.is_none());

        let ask = |name: &str| snapshot.hold_together().attribute(name).seed(3).runs(3);
        let bunches = ask("_bunch").run(&|_| {}).unwrap();
        assert!(bunches.silhouette.unwrap() > 0.7, "{bunches:?}");
        let stability = bunches.stability.clone().unwrap();
        assert_eq!((stability.clusters, stability.between_halves.mean), (4, 1.0));
        assert_eq!(stability.with_attribute.unwrap().mean, 1.0);
        let parity = ask("_parity").run(&|_| {}).unwrap().stability.unwrap();
        assert!(parity.with_attribute.unwrap().mean.abs() < 0.1, "{parity:?}");
        assert_eq!(ask("_bunch").threads(3).run(&|_| {}).unwrap(), bunches);
        let few = ask("_bunch").sample(7).run(&|_| {}).unwrap();
        assert_eq!((few.sample, few.stability), (7, None));
    }
}

#[test]
fn senseless_questions_are_refused() {
    let (_place, store) = store();
    let none = store.snapshot().hold_together().run(&|_| {}).unwrap();
    assert_eq!((none.users, none.groups.len()), (0, 0));
    store
        .write(|tx| {
            tx.put_user("ann", [("_only", "one".into())])?;
            tx.record(bought("ann", "p1", 1))?;
            tx.define_segment("buyers", count("purchase").ge(1))
        })
        .unwrap();
    let snapshot = store.snapshot();
    let ask = || snapshot.hold_together();
    let only = ask().attribute("_only").run(&|_| {}).unwrap();
    assert_eq!((only.groups[0].users, only.silhouette, only.stability), (1, None, None));
    assert!(matches!(ask().attribute("_onyl").run(&|_| {}), Err(Error::Unknown { .. })));
    for refused in [ask().sample(1), ask().sample(20_001), ask().runs(0), ask().runs(101), ask().threads(0)] {
        assert!(matches!(refused.run(&|_| {}), Err(Error::Invalid { .. })));
    }
    assert!(matches!(ask().attribute("").run(&|_| {}), Err(Error::Invalid { .. })));
}
