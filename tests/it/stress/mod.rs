//! Everything at once: writers, erasers, readers that hold snapshots, seals, checkpoints, compaction, backups, verification and readers
//! beside the store, for `KINDRED_STRESS_SECONDS`. What each does is decided by `KINDRED_SEED`; in what order, by the system.

mod slow_reader;
mod watch;
mod work;

use crate::fixture::{item, options, place};
use kindred::{Durability, Store};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};
use watch::{Watch, Watched};
use work::{Stress, Tally, Written};

const WRITERS: usize = 3;
const READERS: usize = 2;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// Lets everybody stop once one has failed, so that its panic is told.
struct StopAtPanic<'a>(&'a AtomicBool);

impl Drop for StopAtPanic<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.store(true, Ordering::SeqCst);
        }
    }
}

/// Runs all of them until time is up; returns what the writers had acknowledged.
fn run<'a>(stress: &Stress<'a>, watch: &Watch, seconds: u64) -> Vec<Written> {
    let started = Instant::now();
    std::thread::scope(|scope| {
        let spawn = |who: String, work: fn(&Stress<'a>, &Watched<'_>, usize), n: usize| {
            let watched = watch.take_on(who);
            scope.spawn(move || {
                let _stop = StopAtPanic(&stress.done);
                work(stress, &watched, n);
            });
        };
        (0..READERS).for_each(|n| spawn(format!("reader {n}"), Stress::read, n));
        spawn("beside".into(), Stress::read_beside, 0);
        spawn("eraser".into(), Stress::erase, 0);
        spawn("arranger".into(), Stress::arrange, 0);
        spawn("backup".into(), Stress::back_up, 0);
        let writers: Vec<_> = (0..WRITERS)
            .map(|n| {
                let watched = watch.take_on(format!("writer {n}"));
                scope.spawn(move || {
                    let _stop = StopAtPanic(&stress.done);
                    stress.write(&watched, n)
                })
            })
            .collect();
        watch.until_done(|| {
            if started.elapsed() >= Duration::from_secs(seconds) {
                stress.done.store(true, Ordering::SeqCst);
            }
        });
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    })
}

#[test]
fn everything_at_once() {
    let (seconds, seed) = (number("KINDRED_STRESS_SECONDS", 3), number("KINDRED_SEED", 1));
    for (durability, seconds) in [
        (Durability::Immediate, seconds.div_ceil(2)),
        (Durability::Within(Duration::from_millis(5)), seconds / 2),
    ] {
        println!("{durability:?}, {seconds} s, KINDRED_SEED={seed}");
        let (place, backups) = (place(), tempfile::tempdir().unwrap());
        let options = options().head_rows(8).durability(durability);
        let store = options.open(&place.path).unwrap();
        let texts = crate::fixture::TEXTS;
        store.write(|tx| (0..8).try_for_each(|n| tx.put_item(item(&format!("i{n}"), texts[n])))).unwrap();
        let stress = Stress::new(&store, &place.path, backups.path(), seed, WRITERS);
        let watch = Watch::default();
        let written = run(&stress, &watch, seconds);
        println!("{}", watch.told());
        let Stress { tally, .. } = stress;
        tally.check_end(&store, &written);
        let backup = backups.path().join("backup");
        drop(store);
        let again = options.open(&place.path).unwrap();
        tally.check_end(&again, &written);
        drop(again);
        check_restored(&tally, &backup, &options);
    }
}

/// The last backup is of some commit, whole.
fn check_restored(tally: &Tally, backup: &std::path::Path, options: &kindred::Options) {
    let restored = place();
    Store::restore(backup, &restored.path).unwrap();
    let store = options.open(&restored.path).unwrap();
    tally.counts(&store.snapshot());
    let report = store.verify(&|_| {}).unwrap();
    assert!(report.is_sound(), "{report:?}");
}
