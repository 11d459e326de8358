//! Segments from outside: kept through openings, moves, damage and erasure, and told as they change.

use crate::damage::tamper::{copy, entries, flip, forget, with_tree};
use crate::fixture::{Place, bought, day, fill, item, options, place, store, vector_options};
use kindred::model::{
    Interval, Item, Value, ago, attribute, count, in_segment, item_text, last, similar_to, texts,
};
use kindred::{BackupOptions, ReadOnlyStore, Snapshot, Store};
use std::sync::atomic::AtomicBool;

const NAMES: [&str; 4] = ["from Ulm", "active", "lapsed", "from Ulm and active"];

fn define(store: &Store) {
    store.advance_segments(day(40), &|_| {}).unwrap();
    store
        .write(|tx| {
            tx.define_segment(NAMES[0], attribute("town").eq("Ulm"))?;
            tx.define_segment(NAMES[1], count("purchase").within(Interval::days(30)).ge(1))?;
            tx.define_segment(NAMES[2], last("purchase").lt(ago(Interval::months(1))) & !texts().eq(99))?;
            tx.define_segment(NAMES[3], in_segment(NAMES[0]) & in_segment(NAMES[1]))
        })
        .unwrap();
}

/// Everybody in each segment, as is kept and as is true.
fn members(snapshot: &Snapshot) -> Vec<Vec<String>> {
    let now = snapshot.segments_now().unwrap();
    let all = snapshot.segments().unwrap().into_iter();
    all.map(|segment| {
        let members = snapshot.members(&segment.name).unwrap();
        let expected = snapshot.users_where(&segment.predicate).unwrap().now(now).run().unwrap();
        assert_eq!(members, expected, "{}", segment.predicate);
        members
    })
    .collect()
}

fn filled() -> (Place, Store) {
    let (place, store) = store();
    fill(&store);
    define(&store);
    (place, store)
}

fn is_sound(store: &Store) {
    let report = store.verify(&|_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
}

#[test]
fn they_are_there_again_wherever_the_store_goes() {
    let (place, store) = filled();
    let snapshot = store.snapshot();
    let (kept, feed) = (members(&snapshot), snapshot.changes_since(0, 1_000).unwrap());
    assert!(kept.iter().all(|members| !members.is_empty() && members.len() < 12), "{kept:?}");
    assert_eq!(feed.next, kept.iter().map(Vec::len).sum::<usize>() as u64);
    assert_eq!(feed.next, snapshot.segments_position());

    let reader = ReadOnlyStore::open(&place.path);
    // A new store may have no second copy yet.
    if let Ok(reader) = &reader {
        assert_eq!(members(&reader.snapshot()), kept);
    }
    drop(reader);
    let [backup, moved] = ["backup", "moved"].map(|name| place.path.with_extension(name));
    store.backup_with(&backup, &BackupOptions::new(), &|_| {}).unwrap();
    drop((snapshot, store));
    Store::restore(&backup, &moved).unwrap();
    for path in [&place.path, &moved] {
        let store = options().open(path).unwrap();
        let snapshot = store.snapshot();
        assert_eq!(members(&snapshot), kept);
        assert_eq!(snapshot.changes_since(0, 1_000).unwrap(), feed);
        assert_eq!(snapshot.segments_now(), Some(day(40)));
        // What falls due is known, too.
        store.advance_segments(day(400), &|_| {}).unwrap();
        let later = members(&store.snapshot());
        assert!(later[1].is_empty() && later[2].len() > kept[2].len(), "{later:?}");
        is_sound(&store);
        assert!(store.compact(&|_| {}, &AtomicBool::new(false)).unwrap());
        drop((snapshot, store));
        assert_eq!(members(&options().open(path).unwrap().snapshot()), later);
    }
    for folder in [backup, moved] {
        std::fs::remove_dir_all(folder).unwrap();
    }
}

/// Who is in them is made anew where it is damaged; nobody comes or goes by that.
#[test]
fn damage_costs_no_member() {
    let (place, store) = filled();
    let snapshot = store.snapshot();
    let (kept, feed) = (members(&snapshot), snapshot.changes_since(0, 1_000).unwrap());
    drop((snapshot, store));
    let of_tag =
        |tag: u8| entries(&place.path).into_iter().map(|(key, _)| key).filter(move |key| key[0] == tag);
    let derived: Vec<Vec<u8>> = of_tag(b'm').chain(of_tag(b'r')).chain(of_tag(b'w')).collect();
    assert!(
        b"mrw".iter().all(|tag| derived.iter().any(|key| key[0] == *tag)) && derived.len() > 6,
        "{derived:?}"
    );
    for (n, key) in derived.iter().enumerate() {
        let damaged = place.path.with_extension("damaged");
        copy(&place.path, &damaged);
        forget(&damaged);
        flip(&damaged, std::slice::from_ref(key), 70 + n as u64);
        let report =
            Store::verify_closed(&damaged, &kindred::VerifyOptions::new(), &|_| {}, &AtomicBool::new(false));
        assert_eq!(report.unwrap().found, 1, "{key:?}");
        let store = options().open(&damaged).unwrap();
        assert_eq!(members(&store.snapshot()), kept, "{key:?}");
        let told = store.snapshot().changes_since(0, 1_000);
        if key[0] == b'w' {
            // Whoever followed a feed that is lost begins anew.
            let (error, position) = (told.unwrap_err().to_string(), store.snapshot().segments_position());
            assert!(error.contains("read the members of the segments anew"), "{error}");
            assert!(store.snapshot().changes_since(position, 1_000).unwrap().changes.is_empty());
        } else {
            assert_eq!(told.unwrap(), feed, "{key:?}");
        }
        is_sound(&store);
        drop(store);
        // It is made good on disk.
        let store = options().open(&damaged).unwrap();
        is_sound(&store);
        drop(store);
        std::fs::remove_dir_all(&damaged).unwrap();
    }
}

/// What is wrong without being damaged is found, and a repair makes it anew.
#[test]
fn a_member_too_few_is_found_and_repaired() {
    let (place, store) = filled();
    let kept = members(&store.snapshot());
    drop(store);
    let gone = entries(&place.path).into_iter().map(|(key, _)| key).find(|key| key[0] == b'm').unwrap();
    with_tree(&place.path, |tree| drop(tree.remove(&gone).unwrap().unwrap()));
    let verified =
        Store::verify_closed(&place.path, &kindred::VerifyOptions::new(), &|_| {}, &AtomicBool::new(false));
    let verified = verified.unwrap();
    // Four who are in it, and one who is in another only because of it.
    assert_eq!(verified.found, 5, "{:?}", verified.problems);
    assert!(
        verified.problems[0].what.contains("though its predicate is true of them"),
        "{:?}",
        verified.problems
    );
    let repaired = place.path.with_extension("repaired");
    options().repair(&place.path, &repaired, &|_| {}).unwrap();
    let store = options().open(&repaired).unwrap();
    assert_eq!(members(&store.snapshot()), kept);
    assert_eq!(store.snapshot().segments_now(), Some(day(40)));
    drop(store);
    std::fs::remove_dir_all(&repaired).unwrap();
}

#[test]
fn who_is_gone_is_in_no_segment_and_in_no_feed() {
    let (place, store) = filled();
    let before = members(&store.snapshot());
    let (removed, erased) = (before[0][0].clone(), before[0][1].clone());
    store.write(|tx| tx.remove_user(&removed).and_then(|()| tx.erase_user(&erased))).unwrap();
    let snapshot = store.snapshot();
    let after = members(&snapshot);
    assert_eq!(after[0], before[0][2..]);
    let feed = snapshot.changes_since(0, 1_000).unwrap();
    assert!(feed.changes.iter().all(|change| ![&removed, &erased].contains(&&change.user)));
    assert_eq!(feed.next, snapshot.segments_position());
    is_sound(&store);
    // Whoever comes back is somebody new.
    store.write(|tx| tx.put_user(&removed, [("town", "Ulm".into())])).unwrap();
    let news = store.snapshot().changes_since(feed.next, 10).unwrap();
    let told: Vec<(&str, &str)> =
        news.changes.iter().map(|change| (&*change.user, &*change.segment)).collect();
    assert_eq!(told, [(&*removed, NAMES[0])]);
    // Whom nobody can name any more is in nothing that says who is in a segment, either.
    let left = members(&store.snapshot())[0].clone();
    store.write(|tx| left.iter().try_for_each(|user| tx.erase_user(user))).unwrap();
    drop((snapshot, store));
    let of_first = entries(&place.path).into_iter().filter(|(key, _)| key.starts_with(b"m\0\0\0\0"));
    assert_eq!(of_first.count(), 0);
}

/// What a write does not touch is not asked for; what it does is known with it.
#[test]
fn changes_are_of_the_commit_that_made_them() {
    let place = place();
    let store = vector_options(2).open(&place.path).unwrap();
    store.advance_segments(day(10), &|_| {}).unwrap();
    let buyers = || count("purchase").ge(2);
    store.write(|tx| tx.define_segment("buyers", buyers())).unwrap();
    let told = |since: u64| {
        let feed = store.snapshot().changes_since(since, 100).unwrap();
        let told =
            |change: kindred::model::SegmentChange| (change.user, change.entered, change.now, change.version);
        feed.changes.into_iter().map(told).collect::<Vec<_>>()
    };
    store
        .write(|tx| {
            tx.put_item(item("p1", "salmon"))?;
            tx.record(bought("ann", "p1", 1))?;
            tx.record(bought("bob", "p1", 1))
        })
        .unwrap();
    assert!(told(0).is_empty());
    let old = store.snapshot();
    store.write(|tx| tx.record(bought("ann", "p1", 2))).unwrap();
    assert_eq!(told(0), [("ann".to_owned(), true, day(10), 1)]);
    assert!(old.members("buyers").unwrap().is_empty());
    assert_eq!(store.snapshot().members("buyers").unwrap(), ["ann"]);
    store.write(|tx| tx.remove_item("p1")).unwrap();
    assert_eq!(told(1), [("ann".to_owned(), false, day(10), 1)]);
    // Another predicate is another version, and tells only who comes and goes by it.
    store.write(|tx| tx.define_segment("buyers", !buyers())).unwrap();
    assert_eq!(told(2), [("ann".to_owned(), true, day(10), 2), ("bob".to_owned(), true, day(10), 2)]);
    store.write(|tx| tx.drop_segment("buyers")).unwrap();
    assert!(told(0).is_empty() && store.snapshot().segments().unwrap().is_empty());
    let set = Value::Set(["vip".to_owned()].into());
    store
        .write(|tx| {
            tx.put_user("ann", [("tags", set)])
                .and_then(|()| tx.define_segment("vip", attribute("tags").has("vip")))
        })
        .unwrap();
    assert_eq!(store.snapshot().segments_of("ann").unwrap(), ["vip"]);
    assert_eq!(store.snapshot().profile("ann").unwrap().segments, ["vip"]);
}

#[test]
fn they_follow_the_items_that_change() {
    let place = place();
    let open = || vector_options(2).open(&place.path).unwrap();
    let store = open();
    store.advance_segments(day(40), &|_| {}).unwrap();
    let thing = |id: &str, category: &str| Item {
        attributes: [("category".to_owned(), category.into())].into(),
        ..item(id, "thing")
    };
    let baby = || attribute("category").eq("baby");
    store
        .write(|tx| {
            tx.define_segment("parents", count("purchase").of(baby()).ge(2))?;
            tx.define_segment("lately", count("purchase").within(Interval::days(30)).of(baby()).ge(1))?;
            tx.define_segment("readers", count("purchase").of(item_text().like("book%")).ge(1))?;
            tx.define_segment("none", in_segment("parents") & !in_segment("lately"))?;
            tx.put_item(thing("p1", "baby"))?;
            tx.put_item(thing("p2", "drinks"))?;
            for (user, item, on) in [("ann", "p1", 1), ("ann", "p1", 20), ("bob", "p2", 5), ("bob", "p2", 15)]
            {
                tx.record(bought(user, item, on))?;
            }
            Ok(())
        })
        .unwrap();
    let after = |expected: [&[&str]; 4]| {
        assert_eq!(members(&store.snapshot()), expected);
        is_sound(&store);
    };
    let put = |item: Item| store.write(|tx| tx.put_item(item)).unwrap();
    after([&["ann"], &["ann"], &[], &[]]);
    put(thing("p2", "baby"));
    after([&["ann", "bob"], &["ann", "bob"], &[], &[]]);
    let feed = store.snapshot().changes_since(2, 10).unwrap();
    let told: Vec<_> = feed.changes.iter().map(|change| (&*change.user, &*change.segment)).collect();
    assert_eq!(told, [("bob", "parents"), ("bob", "lately")]);
    put(Item { text: Some("book of tea".to_owned()), ..thing("p1", "drinks") });
    after([&["bob"], &["bob"], &["ann"], &[]]);
    // Folded events count, but in no interval.
    store.expire(day(12)).unwrap();
    put(thing("p1", "baby"));
    after([&["ann", "bob"], &["ann", "bob"], &[], &[]]);
    store.advance_segments(day(46), &|_| {}).unwrap();
    after([&["ann", "bob"], &["ann"], &[], &["bob"]]);
    drop(store);
    let store = open();
    store.write(|tx| tx.put_item(thing("p2", "drinks"))).unwrap();
    assert_eq!(store.snapshot().members("parents").unwrap(), ["ann"]);
    store.write(|tx| tx.remove_item("p1")).unwrap();
    assert!(members(&store.snapshot()).iter().all(Vec::is_empty));
    is_sound(&store);
}

#[test]
fn a_segment_asks_for_nobodys_likeness() {
    let (_place, store) = filled();
    let error = store.write(|tx| tx.define_segment("x", similar_to("u1").gt(0.5))).unwrap_err();
    assert!(error.to_string().contains("a segment cannot ask how alike users are"), "{error}");
    assert_eq!(error.kind(), kindred::ErrorKind::Usage);
}

#[cfg(feature = "sql")]
#[test]
fn an_export_has_them_and_what_is_misspelt_is_refused() {
    use kindred::ingest::Source;
    let (place, store) = filled();
    let exported = |store: &Store| {
        let mut lines = Vec::new();
        store.snapshot().export(&mut lines, &|_| {}).unwrap();
        String::from_utf8(lines).unwrap()
    };
    let lines = exported(&store);
    assert_eq!(lines.matches(r#"{"type":"segment","#).count(), 4, "{lines}");
    let path = place.path.with_extension("imported");
    let source = Source::reader("export", std::io::Cursor::new(lines.clone().into_bytes()));
    let (imported, _) = options().import(&path, source, &|_| {}).unwrap();
    assert_eq!(members(&imported.snapshot()), members(&store.snapshot()));
    assert_eq!(exported(&imported), lines);
    drop(imported);
    std::fs::remove_dir_all(&path).unwrap();

    let refused = store.write(|tx| tx.define_segment("x", "towm = 'Ulm'")).unwrap_err().to_string();
    assert!(refused.contains("did you mean \"town\"?"), "{refused}");
    let refused = store.write(|tx| tx.define_segment("x", "in_segment('activ')")).unwrap_err().to_string();
    assert!(refused.contains("did you mean \"active\"?, at line 1, column 1"), "{refused}");
    let found = store
        .snapshot()
        .users_where("in_segment('active') and not in_segment('from Ulm')")
        .unwrap()
        .run()
        .unwrap();
    assert!(!found.is_empty() && found.iter().all(|user| members(&store.snapshot())[1].contains(user)));
}

/// Damage that has a second copy costs the feed nothing; a gap that has none is found.
#[test]
fn a_feed_is_healed_where_it_can_be_and_a_gap_in_it_is_found() {
    let (place, store) = filled();
    let (kept, feed) = (members(&store.snapshot()), store.snapshot().changes_since(0, 1_000).unwrap());
    store.checkpoint().unwrap();
    drop(store);
    let end = entries(&place.path).into_iter().map(|(key, _)| key).rfind(|key| key[0] == b'w').unwrap();
    flip(&place.path, std::slice::from_ref(&end), 5);
    let store = options().open(&place.path).unwrap();
    assert_eq!(members(&store.snapshot()), kept);
    assert_eq!(store.snapshot().changes_since(0, 1_000).unwrap(), feed);
    is_sound(&store);
    drop(store);
    let gap = place.path.with_extension("gap");
    copy(&place.path, &gap);
    with_tree(&gap, |tree| drop(tree.remove(&end).unwrap().unwrap()));
    let report = Store::verify_closed(&gap, &kindred::VerifyOptions::new(), &|_| {}, &AtomicBool::new(false));
    let report = report.unwrap();
    assert_eq!(report.found, 1, "{:?}", report.problems);
    assert!(report.problems[0].place.contains("of the feed of segments"), "{:?}", report.problems);
    std::fs::remove_dir_all(&gap).unwrap();
}
