//! What must hold in whatever order threads run. That none waits for ever is checked of each: the checker reports when nobody can
//! go on. Who opens a scope of threads does nothing but start them: the checker wakes it when they end, whatever it waits for.

use crate::error::Error;
use crate::storage::{Database, Durability, Options};
use crate::sync::thread;
use crate::world::{World, check, commit};
use shuttle::rand::{Rng, thread_rng};
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub(crate) const ALL: [(&str, fn()); 10] = [
    ("what_was_acknowledged_survives_a_stop", what_was_acknowledged_survives_a_stop),
    ("relaxed_commits_survive_up_to_the_last_sync", relaxed_commits_survive_up_to_the_last_sync),
    ("a_failed_sync_reaches_every_writer", a_failed_sync_reaches_every_writer),
    ("views_are_whole_commits_in_order_and_stay", views_are_whole_commits_in_order_and_stay),
    ("writing_goes_on_once_failed_data_opens", writing_goes_on_once_failed_data_opens),
    ("closing_ends_everything_and_loses_nothing", closing_ends_everything_and_loses_nothing),
    ("an_opening_that_fails_leaves_no_thread", an_opening_that_fails_leaves_no_thread),
    ("writers_wait_for_who_applies", writers_wait_for_who_applies),
    (
        "data_is_made_anew_from_a_base_renewed_beside_writers",
        data_is_made_anew_from_a_base_renewed_beside_writers,
    ),
    ("what_is_found_damaged_is_made_anew_beside_writers", what_is_found_damaged_is_made_anew_beside_writers),
];

/// Commits that may wait to be applied before writers do.
const MOST_WAITING: usize = 32;

fn relaxed() -> Options {
    // No time passes here, so none can be waited for.
    Options { durability: Durability::Within(Duration::ZERO), ..Options::default() }
}

/// The highest commit that was acknowledged. The checker knows nothing of this lock, which nobody holds where threads change.
#[derive(Default)]
struct Acknowledged(Mutex<u64>);

impl Acknowledged {
    fn note(&self, commit: u64) {
        let mut highest = self.0.lock().unwrap();
        *highest = commit.max(*highest);
    }

    fn highest(&self) -> u64 {
        *self.0.lock().unwrap()
    }
}

fn is_of_the_disk(error: &Error) -> bool {
    matches!(error, Error::ReadOnly { .. } | Error::Storage { .. } | Error::Io { .. })
}

/// Commits until one fails.
fn write(database: &Database<u64>, by: u8, commits: u64, acknowledged: &Acknowledged) -> Result<(), Error> {
    for _ in 0..commits {
        acknowledged.note(commit(database, by)?);
    }
    Ok(())
}

/// Where a checkpoint succeeds, all that was acknowledged before is set aside.
fn checkpoint(world: &World, database: &Database<u64>, acknowledged: &Acknowledged) -> Result<(), Error> {
    let before = acknowledged.highest();
    database.checkpoint()?;
    let until = world.set_aside_until();
    assert!(until > before, "the log still begins with commit {until} after a checkpoint behind {before}");
    Ok(())
}

fn what_was_acknowledged_survives_a_stop() {
    let (world, acknowledged) = (World::new(), Acknowledged::default());
    let database = world.open(&Options::default());
    let stopped = Mutex::default();
    thread::scope(|scope| {
        for by in 0..3 {
            let (database, acknowledged) = (&database, &acknowledged);
            // Failing is all that is left to them once the machine has stopped.
            scope.spawn(move || drop(write(database, by, 2, acknowledged)));
        }
        scope.spawn(|| drop(database.checkpoint()));
        scope.spawn(|| {
            let kept = acknowledged.highest();
            let shown = check(&database.view()).unwrap();
            *stopped.lock().unwrap() = Some((world.stop(), kept, shown));
        });
    });
    drop(database);
    let (left, kept, shown) = stopped.into_inner().unwrap().unwrap();
    let found = check(&left.open(&Options::default()).view()).unwrap();
    assert!(found >= kept, "commit {kept} was acknowledged, but {found} is the last");
    assert!(found >= shown, "commit {shown} was shown before it was on disk: {found} is the last");
}

fn relaxed_commits_survive_up_to_the_last_sync() {
    let (world, acknowledged) = (World::new(), Acknowledged::default());
    let database = world.open(&relaxed());
    let stopped = Mutex::default();
    thread::scope(|scope| {
        for by in 0..2 {
            let (database, acknowledged) = (&database, &acknowledged);
            scope.spawn(move || {
                for _ in 0..3 {
                    let Ok(commit) = commit(database, by) else { return };
                    if database.make_durable(commit).is_ok() {
                        acknowledged.note(commit);
                    }
                }
            });
        }
        scope.spawn(|| {
            let kept = acknowledged.highest();
            *stopped.lock().unwrap() = Some((world.stop(), kept));
        });
    });
    drop(database);
    let (left, kept) = stopped.into_inner().unwrap().unwrap();
    let found = check(&left.open(&Options::default()).view()).unwrap();
    assert!(found >= kept, "commit {kept} was made durable, but {found} is the last");
}

fn a_failed_sync_reaches_every_writer() {
    let (world, acknowledged) = (World::new(), Acknowledged::default());
    let database = world.open(&Options::default());
    thread::scope(|scope| {
        for by in 0..3 {
            let (database, acknowledged) = (&database, &acknowledged);
            scope.spawn(move || {
                // Where it was a new file that could not be synced, writing goes on; else it ends for all.
                let told =
                    (0..3).filter_map(|_| commit(database, by).map(|commit| acknowledged.note(commit)).err());
                told.for_each(|error| assert!(is_of_the_disk(&error), "{error}"));
            });
        }
        scope.spawn(|| drop(database.checkpoint()));
        scope.spawn(|| world.disk.next_sync_fails.store(true, Ordering::SeqCst));
    });
    let (kept, left) = (acknowledged.highest(), world.stop());
    drop(database);
    let found = check(&left.open(&Options::default()).view()).unwrap();
    assert!(found >= kept, "commit {kept} was acknowledged, but {found} is the last");
}

fn views_are_whole_commits_in_order_and_stay() {
    let (world, acknowledged) = (World::new(), Acknowledged::default());
    let database = world.open(&Options::default());
    commit(&database, 9).unwrap();
    thread::scope(|scope| {
        for by in 0..2 {
            let (database, acknowledged) = (&database, &acknowledged);
            scope.spawn(move || {
                for _ in 0..2 {
                    let own = commit(database, by).unwrap();
                    acknowledged.note(own);
                    let seen = check(&database.view()).unwrap();
                    assert!(seen >= own, "commit {own} had returned, but {seen} is shown");
                }
            });
        }
        scope.spawn(|| checkpoint(&world, &database, &acknowledged).unwrap());
        for _ in 0..2 {
            scope.spawn(|| {
                let held = database.view();
                let at = check(&held).unwrap();
                let later = check(&database.view()).unwrap();
                assert!(later >= at, "commit {later} is shown after {at}");
                assert_eq!(check(&held).unwrap(), at, "a view stays");
            });
        }
    });
    assert_eq!(check(&database.view()).unwrap(), 5);
}

fn writing_goes_on_once_failed_data_opens() {
    let (world, acknowledged) = (World::new(), Acknowledged::default());
    let options = Options { retry_after: Duration::ZERO, ..Options::default() };
    let database = world.open(&options);
    thread::scope(|scope| {
        for by in 0..2 {
            let (database, acknowledged) = (&database, &acknowledged);
            scope.spawn(move || {
                for _ in 0..2 {
                    while let Err(error) = commit(database, by).map(|commit| acknowledged.note(commit)) {
                        assert!(is_of_the_disk(&error), "{error}");
                        thread::yield_now();
                    }
                }
            });
        }
        scope.spawn(|| {
            // While nothing is in the place of the data yet, a read may fail, but not lie.
            drop(check(&database.view()));
        });
        scope.spawn(|| {
            world.backend.faults.fail_after(thread_rng().gen_range(0..12), true);
            drop(checkpoint(&world, &database, &acknowledged));
            world.backend.faults.heal();
        });
    });
    // The last commit may have failed to be applied after it was acknowledged.
    while checkpoint(&world, &database, &acknowledged).is_err() {
        thread::yield_now();
    }
    assert_eq!(check(&database.view()).unwrap(), 4);
    drop(database);
    assert_eq!(check(&world.open(&options).view()).unwrap(), 4);
}

fn closing_ends_everything_and_loses_nothing() {
    let world = World::new();
    let database = Arc::new(world.open(&relaxed()));
    let threads: Vec<_> = (0..2)
        .map(|by| {
            let database = Arc::clone(&database);
            thread::spawn(move || {
                commit(&database, by).unwrap();
                database.view()
            })
        })
        .collect();
    let asked = Arc::clone(&database);
    let checkpoint = thread::spawn(move || asked.checkpoint().unwrap());
    // Whoever comes last closes it.
    drop(database);
    let views: Vec<_> = threads.into_iter().map(|thread| thread.join().unwrap()).collect();
    checkpoint.join().unwrap();
    let newest = views.iter().map(|view| check(view).unwrap()).max();
    assert_eq!(newest, Some(2), "what is closed can be read as long as a view is there");
    drop(views);
    let entries = world.backend.entries();
    assert!(entries.contains_key(&b"echo"[..]), "all was applied");
    assert_eq!(check(&world.open(&Options::default()).view()).unwrap(), 2);
}

fn an_opening_that_fails_leaves_no_thread() {
    let world = World::new();
    for name in ["kindred-applier", "kindred-base"] {
        thread::refuse(Some(name));
        let error = world.try_open(&Options::default()).err().unwrap();
        assert!(matches!(error, Error::Storage { .. }), "{error}");
    }
    thread::refuse(None);
    commit(&world.open(&Options::default()), 0).unwrap();
    // Who is left waiting is told of by the checker.
}

fn writers_wait_for_who_applies() {
    const WRITERS: usize = 2;
    let world = World::new();
    let database = world.open(&relaxed());
    thread::scope(|scope| {
        for by in 0..WRITERS as u8 {
            let database = &database;
            scope.spawn(move || {
                for _ in 0..MOST_WAITING {
                    commit(database, by).unwrap();
                    let waiting = database.view().waiting_commits();
                    assert!(waiting <= 2 * (MOST_WAITING + WRITERS), "{waiting} commits wait");
                }
            });
        }
    });
    assert_eq!(check(&database.view()).unwrap(), (WRITERS * MOST_WAITING) as u64);
}

fn data_is_made_anew_from_a_base_renewed_beside_writers() {
    let (world, acknowledged) = (World::new(), Acknowledged::default());
    let options = Options { log_bytes: 1, ..Options::default() };
    let database = world.open(&options);
    let stopped = Mutex::default();
    thread::scope(|scope| {
        for by in 0..2 {
            let (database, acknowledged) = (&database, &acknowledged);
            scope.spawn(move || drop(write(database, by, 3, acknowledged)));
        }
        scope.spawn(|| (0..2).for_each(|_| drop(database.checkpoint())));
        scope.spawn(|| {
            let kept = acknowledged.highest();
            *stopped.lock().unwrap() = Some((world.stop(), kept));
        });
    });
    drop(database);
    let (left, kept) = stopped.into_inner().unwrap().unwrap();
    left.backend.ruin();
    let found = check(&left.open(&options).view()).unwrap();
    assert!(found >= kept, "commit {kept} was acknowledged, but {found} is the last");
}

fn what_is_found_damaged_is_made_anew_beside_writers() {
    let world = World::new();
    // With the base renewed at each checkpoint, and with the log alone.
    let options = Options { log_bytes: thread_rng().gen_range(1..4096), ..Options::default() };
    let database = world.open(&options);
    commit(&database, 9).unwrap();
    database.checkpoint().unwrap();
    world.flip_first();
    thread::scope(|scope| {
        for by in 0..2 {
            let database = &database;
            scope.spawn(move || write(database, by, 2, &Acknowledged::default()).unwrap());
        }
        scope.spawn(|| database.checkpoint().unwrap());
        scope.spawn(|| {
            let held = database.view();
            let at = loop {
                match check(&held) {
                    Ok(at) => break at,
                    Err(Error::Damaged { .. }) => thread::yield_now(),
                    Err(error) => panic!("{error}"),
                }
            };
            assert_eq!(check(&held).unwrap(), at, "a view stays");
        });
    });
    assert_eq!(check(&database.view()).unwrap(), 5);
    drop(database);
    assert_eq!(check(&world.open(&options).view()).unwrap(), 5);
}
