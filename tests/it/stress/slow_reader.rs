//! Whoever reads slowly holds up nobody.

use crate::fixture::{all_profiles, answers, bought, fill, options, place, records};
use kindred::{Durability, Store};
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;
use std::time::Duration;

static GO_ON: AtomicBool = AtomicBool::new(false);
const COMMITS: i64 = 200;
/// Far longer than the writer's work takes, however slow the machine is.
const PATIENCE: Duration = Duration::from_mins(3);

/// Everything that changes files or waits for something, over and over.
fn work(store: &Store, backup: &std::path::Path) -> u64 {
    for n in 0..COMMITS {
        store
            .write(|tx| {
                tx.record(bought(&format!("u{}", n % 12), &format!("i{}", n % 8), 100 + n))?;
                tx.record(bought(&format!("new{n}"), "i1", n))
            })
            .unwrap();
        match n % 50 {
            10 => assert!(store.seal(&|_| {}, &GO_ON).unwrap()),
            20 => store.checkpoint().unwrap(),
            30 => assert!(store.compact(&|_| {}, &GO_ON).unwrap()),
            40 => drop(store.backup(backup).unwrap()),
            45 => store.write(|tx| tx.erase_user(&format!("new{}", n - 1))).unwrap(),
            _ => {}
        }
    }
    store.snapshot().stats().unwrap().commit
}

#[test]
fn a_slow_reader_stops_nobody_and_sees_what_it_saw() {
    for durability in [Durability::Immediate, Durability::Within(Duration::from_millis(5))] {
        let (place, backup) = (place(), tempfile::tempdir().unwrap());
        let store = options().head_rows(2).durability(durability).open(&place.path).unwrap();
        fill(&store);
        let held = store.snapshot();
        let (records_before, profiles, hits) = (records(&held), all_profiles(&held), answers(&held));
        // In the middle of two iterations, and at the beginning of one.
        let (mut users, mut events, late) =
            (held.users(), held.events("u3").unwrap(), held.events("u4").unwrap());
        let first_users: Vec<_> = users.by_ref().take(3).map(Result::unwrap).collect();
        let first_event = events.next().unwrap().unwrap();
        std::thread::scope(|scope| {
            let (tell, told) = mpsc::channel();
            let (store, backup) = (&store, backup.path());
            scope.spawn(move || tell.send(work(store, backup)));
            let Ok(commit) = told.recv_timeout(PATIENCE) else {
                eprintln!("the writer has failed, or waits for a reader");
                std::process::exit(101);
            };
            assert!(commit >= held.stats().unwrap().commit + COMMITS as u64);
        });
        let rest: Vec<_> = users.map(Result::unwrap).collect();
        assert_eq!([first_users, rest].concat().len() as u64, held.stats().unwrap().users);
        let seen = 1 + events.map(Result::unwrap).filter(|event| *event != first_event).count();
        assert_eq!(seen as u64, held.profile("u3").unwrap().events);
        assert_eq!(late.map(Result::unwrap).count() as u64, held.profile("u4").unwrap().events);
        assert!(
            records(&held) == records_before && all_profiles(&held) == profiles && answers(&held) == hits
        );
        assert!(store.verify(&|_| {}).unwrap().is_sound());
    }
}
