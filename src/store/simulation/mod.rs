//! Random histories of writes, snapshots, seals, backups, crashes and faults, each decided by its seed and run in one thread, against
//! a model. The log and the data lie in memory, where a crash loses what was not synced; the index's files are real.
//!
//! `KINDRED_HISTORIES` says how many are run, `KINDRED_SEED` which is the first.

mod backups;
mod crash;
mod damage;
mod records;
mod world;

use crate::engine::OTHER_VECTOR;
use crate::error::Error;
use crate::index::{Problem, Wanted};
use crate::store::expected::check;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use world::World;

const HISTORIES: u64 = 1_000;
/// More than there are cores: a history waits for the threads that it starts and ends.
const THREADS: usize = 6;
/// Steps of the longest history.
const LONGEST: usize = 60;

#[test]
fn every_history_ends_as_its_model() {
    let number =
        |name: &str, default| std::env::var(name).ok().and_then(|n| n.parse().ok()).unwrap_or(default);
    let (first, count) = (number("KINDRED_SEED", 0), number("KINDRED_HISTORIES", HISTORIES));
    let next = AtomicU64::new(first);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let scratch = scratch();
                while let Some(seed) = take(&next, first + count).filter(|_| failed.lock().unwrap().len() < 3)
                {
                    if catch_unwind(AssertUnwindSafe(|| history(seed, scratch.path()))).is_err() {
                        failed.lock().unwrap().push(seed);
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap();
    assert!(failed.is_empty(), "repeat with KINDRED_HISTORIES=1 KINDRED_SEED=N, N being one of {failed:?}");
}

/// Seeds whose history failed once, each with what was wrong. A seed decides its history as long as the steps are as they
/// are, so that what each has found has a test of its own besides.
const FAILED_ONCE: [(u64, &str); 1] =
    [(7825, "the model took an event that a stop had lost for one that is folded")];

#[test]
fn every_seed_that_failed_once_holds() {
    let scratch = scratch();
    for (seed, found) in FAILED_ONCE {
        let ran = catch_unwind(AssertUnwindSafe(|| history(seed, scratch.path())));
        assert!(ran.is_ok(), "seed {seed} fails again; it had found that {found}");
    }
}

fn take(next: &AtomicU64, end: u64) -> Option<u64> {
    Some(next.fetch_add(1, Ordering::Relaxed)).filter(|seed| *seed < end)
}

/// In memory where there is such a place: the index's files are synced often.
fn scratch() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(place).unwrap()
}

/// Tells what was done where a history fails.
struct Told<'a>(&'a mut World, u64);

impl Drop for Told<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let world = &self.0;
            eprintln!("history {} with {:?}, relaxed: {}:", self.1, world.taste, world.is_relaxed());
            world.trace.iter().for_each(|step| eprintln!("  {}", step.chars().take(400).collect::<String>()));
        }
    }
}

fn history(seed: u64, scratch: &Path) {
    let folder: PathBuf = scratch.join(format!("{seed}"));
    let mut world = World::new(seed, &folder);
    let steps = 1 + world.dice.below(LONGEST);
    {
        let told = Told(&mut world, seed);
        (0..steps).for_each(|_| step(told.0));
        told.0.close_and_open();
        told.0.restore();
    }
    drop(world);
    for name in ["", "old", "kept", "backup"] {
        let _ = std::fs::remove_dir_all(folder.with_extension(name));
    }
}

fn step(world: &mut World) {
    match world.dice.below(110) {
        0..=47 => world.write().unwrap(),
        48..=49 => world.expire().unwrap(),
        50..=57 => world.apply_waiting(),
        58..=60 => {
            world.trace.push("checkpoint".to_owned());
            world.checkpoint().unwrap();
        }
        61..=64 => arrange(world, Wanted::Sealed),
        65..=66 => arrange(world, Wanted::Compact),
        67 => arrange(world, Wanted::Settled),
        68..=71 => world.hold(),
        72..=73 => drop(world.held.pop()),
        74..=75 => {
            world.trace.push("keep the index".to_owned());
            world.keep_old_index();
        }
        76..=80 => check_all(world),
        81..=83 => world.close_and_open(),
        84 => {
            world.trace.push("renew the base".to_owned());
            world.renew_base().unwrap();
        }
        85..=90 => world.crash(),
        91 => world.damage(),
        92..=97 => fail(world),
        98..=99 => fit(world),
        100..=103 => world.back_up().unwrap(),
        104..=107 => world.advance().unwrap(),
        _ => world.restore(),
    }
}

fn arrange(world: &mut World, wanted: Wanted) {
    world.trace.push(format!("{wanted:?}"));
    world.arrange(wanted).unwrap();
    let report = world.store().verify(&|_| {}).unwrap();
    assert!(report.is_sound(), "{:?}", report.problems);
}

fn fit(world: &mut World) {
    if world.taste.dim == 0 {
        world.trace.push("fit".to_owned());
        world.apply_waiting();
        world.store().fit().unwrap();
    }
}

fn check_all(world: &mut World) {
    let snapshot = world.store().snapshot();
    check::records(&snapshot, &world.model);
    check::answers(&snapshot, &world.model);
    for (snapshot, model) in &world.held {
        check::records(snapshot, model);
        check::answers(snapshot, model);
    }
    let report = world.store().verify(&|_| {}).unwrap();
    // Files of the index may be damaged, and users left out of it for a value that was; but nobody is in it as another.
    let is_other = |problem: &Problem| problem.what.contains(OTHER_VECTOR);
    assert!(!report.is_damaged() && !report.problems.iter().any(is_other), "{:?}", report.problems);
}

/// An operation of the disk or the backend fails, once or from then on, under one or two steps; then either the machine stops
/// or the cause goes away.
fn fail(world: &mut World) {
    let (left, lasting) = (world.dice.below(30) as u64, world.dice.one_in(2));
    let which = world.dice.below(3);
    world.trace.push(format!("fault {which} after {left}, lasting: {lasting}"));
    if which != 0 {
        world.disk.faults.fail_after(left, lasting);
    }
    if which != 1 {
        world.backend.faults.fail_after(left, lasting);
    }
    for _ in 0..=world.dice.below(2) {
        if let Err(error) = try_step(world) {
            world.trace.push(format!("failed: {error}"));
            assert!(is_told(&error), "{error:?}");
        }
    }
    if world.dice.one_in(2) {
        return world.crash();
    }
    world.disk.faults.heal();
    world.backend.faults.heal();
    world.trace.push("healed".to_owned());
    // Reading goes on, whatever became of writing.
    check_all(world);
    match world.write() {
        Ok(()) => check_all(world),
        Err(error) => {
            assert!(matches!(error, Error::ReadOnly { .. }), "{error:?}");
            world.held.clear();
            world.store = None;
            world.reopen();
        }
    }
}

fn try_step(world: &mut World) -> crate::Result<()> {
    match world.dice.below(12) {
        0..=3 => world.write(),
        4 => world.expire(),
        5 => {
            world.apply_waiting();
            Ok(())
        }
        6 => world.checkpoint(),
        7 => world.arrange(Wanted::Sealed),
        8 => world.renew_base(),
        9 => world.back_up(),
        10 => world.advance(),
        _ => world.store().verify(&|_| {}).map(drop),
    }
}

/// An error that says what failed, or that an earlier one has made the store read-only.
fn is_told(error: &Error) -> bool {
    matches!(error, Error::Storage { .. } | Error::Io { .. } | Error::ReadOnly { .. })
}
