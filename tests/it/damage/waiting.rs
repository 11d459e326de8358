//! How long who reads and who writes waits while damaged values are made anew.

use super::tamper::{entries, flip};
use crate::fixture::{bought, place, vector_options};
use kindred::{Options, Store};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

const EVENTS: i64 = 20;
/// Users of one commit.
const COMMIT: u32 = 250;

fn options() -> Options {
    vector_options(64).durability(kindred::Durability::Immediate)
}

/// Writes all users; their events are others each time.
fn fill(store: &Store, users: u32, round: i64) {
    for first in (0..users).step_by(COMMIT as usize) {
        let put = |tx: &mut kindred::Transaction<'_>| {
            for n in first..(first + COMMIT).min(users) {
                let id = format!("u{n}");
                tx.put_vector(&id, (0..64).map(|d| ((n * 31 + d * 7) % 101) as f32 - 50.0).collect())?;
                for event in 0..EVENTS {
                    tx.record(bought(
                        &id,
                        &format!("i{}", (n + event as u32) % 997),
                        round * EVENTS + event,
                    ))?;
                }
            }
            Ok(())
        };
        store.write(put).unwrap();
    }
}

/// Does something again and again until it is stopped; how often, and the longest time that it took.
fn longest(stop: &AtomicBool, mut work: impl FnMut(u64)) -> (u64, Duration) {
    let (mut times, mut longest) = (0, Duration::ZERO);
    while !stop.load(Ordering::Relaxed) {
        let started = Instant::now();
        work(times);
        (times, longest) = (times + 1, longest.max(started.elapsed()));
    }
    (times, longest)
}

fn bytes(folder: &Path) -> u64 {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    entries.map(|e| if e.path().is_dir() { bytes(&e.path()) } else { e.metadata().unwrap().len() }).sum()
}

#[test]
#[ignore = "a minute and more; prints figures"]
fn how_long_others_wait_while_values_are_made_anew() {
    let users = std::env::var("KINDRED_USERS").map_or(20_000, |users| users.parse().unwrap());
    let place = place();
    let store = options().open(&place.path).unwrap();
    fill(&store, users, 0);
    assert!(store.compact(&|_| {}, &AtomicBool::new(false)).unwrap());
    // So that there is a log behind the second copy.
    fill(&store, users, 1);
    drop(store);
    let key = entries(&place.path).into_iter().map(|(key, _)| key).find(|key| key[0] == b'e').unwrap();
    flip(&place.path, &[key], 90);
    println!("{users} users, {} bytes", bytes(&place.path));
    let store = options().open(&place.path).unwrap();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let writes = scope.spawn(|| {
            longest(&stop, |n| {
                store
                    .write(|tx| tx.put_user(&format!("w{}", n % 1_000), [("n", (n as i64).into())]))
                    .unwrap();
            })
        });
        let reads = scope.spawn(|| {
            longest(&stop, |n| drop(store.snapshot().profile(&format!("u{}", n % u64::from(users)))))
        });
        std::thread::sleep(Duration::from_secs(2));
        assert!(store.verify(&|_| {}).unwrap().heals);
        let started = Instant::now();
        while place.path.join("DAMAGED").exists() {
            std::thread::sleep(Duration::from_millis(20));
        }
        println!("made anew {:?} after it was verified", started.elapsed());
        std::thread::sleep(Duration::from_secs(2));
        stop.store(true, Ordering::Relaxed);
        println!(
            "{:?} writes, {:?} profiles: number, longest",
            writes.join().unwrap(),
            reads.join().unwrap()
        );
    });
    assert!(store.verify(&|_| {}).unwrap().is_sound());
}
