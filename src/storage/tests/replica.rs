//! What who only reads finds, against what the database holds.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::AtomicBool;

use super::super::{Contents, Dice, Options, read_only};
use super::{Map, contents, open, open_with, put};
use crate::error::Error;
use crate::storage::prefix_end;

static GO_ON: AtomicBool = AtomicBool::new(false);

fn read(path: &Path) -> (Map, u64) {
    let found = read_only(path).unwrap();
    let mut map = Map::new();
    found
        .scan_between(b"", None, |key, value| {
            map.insert(key.to_vec(), value.to_vec());
            Ok(ControlFlow::Continue(()))
        })
        .unwrap();
    map.iter().for_each(|(key, value)| assert_eq!(found.get(key).unwrap().as_ref(), Some(value)));
    assert_eq!(found.get(b"never there").unwrap(), None);
    (map, found.seq())
}

/// The keys of a prefix, up to the third.
fn few(found: &Contents, prefix: &[u8]) -> Vec<Vec<u8>> {
    let mut keys = Vec::new();
    let visit = |key: &[u8], _: &[u8]| {
        keys.push(key.to_vec());
        Ok(if keys.len() < 3 { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    };
    found.scan_between(prefix, prefix_end(prefix).as_deref(), visit).unwrap();
    keys
}

#[test]
fn at_any_time_a_reader_finds_what_the_newest_view_shows() {
    for seed in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        let mut dice = Dice(seed);
        let database = open_with(folder.path(), &Options { log_bytes: 100_000, ..Options::default() });
        for step in 0..60_u8 {
            let mut writer = database.begin().unwrap();
            for _ in 0..dice.below(30) {
                let key = vec![b'a' + dice.below(4) as u8, dice.below(40) as u8];
                let len = [3, 300, 7_000, 7_001, 30_000][dice.below(5)];
                if dice.one_in(4) { writer.delete(key) } else { writer.put(key, vec![step; len]) }
            }
            writer.commit().unwrap().publish(1).unwrap();
            match dice.below(12) {
                0 => database.checkpoint().unwrap(),
                1 => assert!(database.renew_base(&|_| {}, &GO_ON).unwrap()),
                _ => {}
            }
            let view = database.view();
            let expected = contents(&view);
            assert_eq!(read(folder.path()), (expected.clone(), view.seq()), "seed {seed}, step {step}");
            let prefix = [b'a' + dice.below(4) as u8];
            let keys = expected.keys().filter(|key| key.starts_with(&prefix)).take(3).cloned();
            let found = few(&read_only(folder.path()).unwrap(), &prefix);
            assert_eq!(found, keys.collect::<Vec<_>>(), "seed {seed}, step {step}");
        }
    }
}

/// Contents that were read stay readable when the files that they were read from are gone.
#[test]
fn what_was_read_stays_when_the_files_go() {
    let folder = tempfile::tempdir().unwrap();
    let database = open(folder.path());
    (0..50_u8).for_each(|n| put(&database, &[(&[b'k', n], &vec![n; 9_000])]).unwrap());
    assert!(database.renew_base(&|_| {}, &GO_ON).unwrap());
    let expected = contents(&database.view());
    let found = read_only(folder.path()).unwrap();
    (0..50_u8).for_each(|n| put(&database, &[(&[b'k', n], b"another")]).unwrap());
    assert!(database.rewrite(&|_| {}, &GO_ON).unwrap());
    for (key, value) in &expected {
        assert_eq!(found.get(key).unwrap().as_ref(), Some(value));
    }
    drop(database);
    std::fs::write(folder.path().join("base/MANIFEST"), "junk").unwrap();
    assert!(matches!(read_only(folder.path()).map(drop), Err(Error::Damaged { .. })));
}
