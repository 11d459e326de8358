//! A snapshot never changes; the next one shows everything.

use crate::fixture::{all_profiles, answers, bought, day, fill, item, options, place, records, store};
use kindred::model::Event;

#[test]
fn a_snapshot_stays_as_it_is_whatever_happens_after() {
    let place = place();
    let store = options().head_rows(4).open(&place.path).unwrap();
    fill(&store);
    for fitted in [false, true] {
        let snapshot = store.snapshot();
        let look =
            || (records(&snapshot), all_profiles(&snapshot), answers(&snapshot), snapshot.stats().unwrap());
        let before = look();
        for n in 0..40_i64 {
            store
                .write(|tx| tx.record(bought(&format!("u{}", n % 12), &format!("i{}", n % 9), 100 + n)))
                .unwrap();
        }
        store
            .write(|tx| {
                tx.remove_user(if fitted { "u3" } else { "u4" })?;
                tx.remove_item(if fitted { "i1" } else { "i2" })?;
                tx.remove_attribute("u5", "town")?;
                tx.put_item(item("i0", "something else entirely"))?;
                tx.put_user("u6", [("age", 99.into())])?;
                tx.add_text("u7", "a late word", day(300))
            })
            .unwrap();
        store.fit().unwrap();
        store.build_index(&|_| {}).unwrap();
        store.checkpoint().unwrap();
        assert_eq!(look(), before);
        assert_ne!(store.snapshot().stats().unwrap(), before.3);
        assert_ne!(all_profiles(&store.snapshot()), before.1);
    }
}

#[test]
fn a_snapshot_taken_in_the_midst_of_writes_stays_as_it_is() {
    let (_place, store) = store();
    fill(&store);
    let mut kept = Vec::new();
    for n in 0..30_i64 {
        store.write(|tx| tx.record(bought("u1", &format!("i{}", n % 8), n * 7))).unwrap();
        let snapshot = store.snapshot();
        kept.push((snapshot.profile("u1").unwrap(), snapshot.similar("u2").run().unwrap(), snapshot));
    }
    for (profile, hits, snapshot) in kept {
        assert_eq!(snapshot.profile("u1").unwrap(), profile);
        assert_eq!(snapshot.similar("u2").run().unwrap(), hits);
        assert_eq!(snapshot.events("u1").unwrap().count() as u64, profile.events);
    }
}

#[test]
fn a_change_shows_in_the_first_snapshot_after_its_write() {
    let place = place();
    let store = options().head_rows(2).open(&place.path).unwrap();
    fill(&store);
    for n in 0..30 {
        let name = format!("new{n}");
        let twin = format!("twin{n}");
        store
            .write(|tx| {
                for user in [&name, &twin] {
                    tx.put_item(item(&format!("p{n}"), &format!("thing number {n}")))?;
                    tx.record(Event::new(user, "purchase", day(n)).item(format!("p{n}")))?;
                }
                Ok(())
            })
            .unwrap();
        let hits = store.snapshot().similar(&name).limit(1).run().unwrap();
        assert_eq!(hits[0].user, twin);
        store.write(|tx| tx.remove_user(&twin)).unwrap();
        let hits = store.snapshot().similar(&name).limit(100).run().unwrap();
        assert!(hits.iter().all(|hit| hit.user != twin));
        assert_eq!(hits.len() as i64, 12 + n);
    }
}
