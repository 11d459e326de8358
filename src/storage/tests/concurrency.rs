//! Writers and readers at once: every view is one commit, whole.

use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::super::{Durability, Options};
use super::{Database, open_with, put};

const ACCOUNTS: u64 = 40;
const TOTAL: u64 = ACCOUNTS * 1_000;
const TRANSFERS: u64 = 300;

fn account(n: u64) -> Vec<u8> {
    (n % ACCOUNTS).to_be_bytes().to_vec()
}

fn balance(bytes: &[u8]) -> u64 {
    u64::from_be_bytes(bytes[..8].try_into().unwrap())
}

/// Balances are padded to different lengths, so that some lie in parts and change how many.
fn stored(balance: u64, n: u64) -> Vec<u8> {
    let mut bytes = balance.to_be_bytes().to_vec();
    bytes.resize(8 + (n as usize * 2_503) % 17_000, 7);
    bytes
}

fn transfer(database: &Database<u64>, n: u64) {
    let mut writer = database.begin().unwrap();
    let (from, to) = (account(n), account(n * 7 + 1));
    if from != to {
        let has = balance(&writer.get(&from).unwrap().unwrap());
        let amount = has.min(n % 100);
        writer.put(from, stored(has - amount, n));
        let has = balance(&writer.get(&to).unwrap().unwrap());
        writer.put(to, stored(has + amount, n + 1));
    }
    let pending = writer.commit().unwrap();
    let seq = pending.seq();
    pending.publish(seq).unwrap();
}

fn check(view: &super::View<u64>) {
    let (mut by_scan, mut accounts) = (0, 0);
    view.scan(b"", |_, value| {
        by_scan += balance(value);
        accounts += 1;
        Ok(ControlFlow::Continue(()))
    })
    .unwrap();
    assert_eq!((by_scan, accounts), (TOTAL, ACCOUNTS));
    let by_get: u64 = (0..ACCOUNTS).map(|n| balance(&view.get(&account(n)).unwrap().unwrap())).sum();
    assert_eq!(by_get, TOTAL);
    assert_eq!(*view.attachment(), view.seq());
}

fn run(durability: Durability) {
    let folder = tempfile::tempdir().unwrap();
    let database =
        open_with(folder.path(), &Options { durability, log_bytes: 1 << 20, ..Options::default() });
    let start: Vec<_> = (0..ACCOUNTS).map(|n| (account(n), stored(1_000, n))).collect();
    put(&database, &start.iter().map(|(k, v)| (k.as_slice(), v.as_slice())).collect::<Vec<_>>()).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let database = &database;
        let readers: Vec<_> = (0..2)
            .map(|_| {
                scope.spawn(|| {
                    let held = database.view();
                    let mut last = held.seq();
                    while !done.load(Ordering::SeqCst) {
                        let view = database.view();
                        assert!(view.seq() >= last, "a later view is not older");
                        last = view.seq();
                        check(&view);
                        check(&held);
                    }
                })
            })
            .collect();
        let writers: Vec<_> = (0..3_u64)
            .map(|w| scope.spawn(move || (0..TRANSFERS).for_each(|n| transfer(database, n * 3 + w))))
            .collect();
        writers.into_iter().for_each(|writer| writer.join().unwrap());
        done.store(true, Ordering::SeqCst);
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
    check(&database.view());
    drop(database);
    check(&open_with(folder.path(), &Options::default()).view());
}

#[test]
fn no_view_ever_shows_half_a_transfer() {
    run(Durability::Immediate);
}

#[test]
fn nor_with_relaxed_durability() {
    run(Durability::Within(Duration::from_millis(5)));
}
