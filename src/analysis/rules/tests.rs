//! Rules beside damaged records.

use super::{Element, Rules};
use crate::engine::{Engine, Reader, Request};
use crate::model::{Event, Item, Metric, Record, Time};
use crate::storage::keys::{self, Key};
use crate::storage::{Disk, MemoryBackend, MemoryDisk, prefix_end};
use std::ops::ControlFlow;
use std::sync::Arc;

const USERS: u32 = 6;

/// Each of six users buys bread and butter, then bread again.
fn engine(backend: &Arc<MemoryBackend>) -> (tempfile::TempDir, Engine) {
    let folder = tempfile::tempdir().unwrap();
    let request = Request { dim: Some(2), metric: Some(Metric::Cosine), ..Request::default() };
    let disk: Arc<dyn Disk> = Arc::new(MemoryDisk::default());
    let engine = Engine::open_over(folder.path(), &request, &disk, &(Arc::clone(backend) as _)).unwrap();
    let item = |id: &str| {
        let attributes = [("brand".to_owned(), format!("{id}'s").into())].into();
        Record::Item(Item { id: id.into(), attributes, ..Item::default() })
    };
    let mut records = vec![item("bread"), item("butter")];
    for user in 0..USERS {
        for (item, day) in [("bread", 1), ("butter", 1), ("bread", 2)] {
            let time = Time::from_secs(day * 86_400).unwrap();
            records.push(Record::Event(Event::new(format!("u{user}"), "purchase", time).item(item)));
        }
    }
    engine.write(&records, &|_| {}).unwrap();
    engine.apply_waiting();
    (folder, engine)
}

/// How many baskets there are, and how many hold both bread and butter.
fn counted(engine: &Engine, by: Element, per_user: bool) -> (u64, u32) {
    let (view, settings) = (engine.view(), engine.settings());
    let nobody = |_: &_, _: &_, _: &_, _| Ok(roaring::RoaringBitmap::new());
    let rules = Rules::new(&view, &settings, nobody).by(by).per_user(per_user).min_lift(0.0);
    let found = rules.run().unwrap();
    (found.baskets, found.rules.first().map_or(0, |rule| rule.baskets))
}

fn last_key(engine: &Engine, prefix: &[u8]) -> Key {
    let mut last = None;
    engine
        .view()
        .scan_from(prefix, prefix_end(prefix).as_deref(), |key, _| {
            last = Some(key.to_vec());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    last.unwrap()
}

#[test]
fn whoever_has_a_damaged_value_has_no_basket() {
    let backend = Arc::new(MemoryBackend::default());
    let (_folder, engine) = engine(&backend);
    let no = |user: u32| engine.view().user_no(&format!("u{user}")).unwrap().unwrap();
    let flip = |bytes: &mut Vec<u8>| *bytes.last_mut().unwrap() ^= 1;
    assert_eq!(counted(&engine, Element::Item, false), (12, 6));
    assert_eq!(counted(&engine, Element::Item, true), (6, 6));
    // The last event of one, so that a basket of theirs was read before; the only bucket of another.
    backend.tamper(&last_key(&engine, &keys::events_of(no(2))), flip);
    backend.tamper(&last_key(&engine, &keys::contributions_of(no(4))), flip);
    assert_eq!(counted(&engine, Element::Item, false), (10, 5));
    assert_eq!(counted(&engine, Element::Item, true), (5, 5));
    backend.tamper(&last_key(&engine, &keys::events_of(no(USERS - 1))), flip);
    assert_eq!(counted(&engine, Element::Item, false), (8, 4));
}

#[test]
fn a_damaged_item_is_in_no_basket() {
    for by in [Element::Item, Element::Attribute("brand".into())] {
        let backend = Arc::new(MemoryBackend::default());
        let (_folder, engine) = engine(&backend);
        assert_eq!(counted(&engine, by.clone(), false), (12, 6));
        let butter = engine.view().item_no("butter").unwrap().unwrap();
        backend.tamper(&keys::item(butter), |bytes| *bytes.last_mut().unwrap() ^= 1);
        assert_eq!(counted(&engine, by, false), (12, 0));
    }
}
