//! Failing disks and flipped bits.

use std::sync::Arc;

use super::super::disk::{Disk, SystemDisk};
use super::super::memory::MemoryBackend;
use super::super::{Database, Dice, Durability, MemoryDisk, Opened, Options};
use super::{contents, put};
use crate::error::{Error, Result};

struct Fixture {
    folder: tempfile::TempDir,
    backend: Arc<MemoryBackend>,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), backend: Arc::default() }
    }

    fn try_open(&self) -> Result<Database<u64>> {
        let backend = Arc::clone(&self.backend);
        let disk: Arc<dyn Disk> = Arc::new(SystemDisk);
        // What is damaged stays so, to be looked at.
        let options = Options { heal: false, ..Options::default() };
        let opened = Opened::open_over(self.folder.path(), &options, &disk, &(backend.clone() as _))?;
        let seq = opened.contents.seq();
        opened.start(seq)
    }

    fn open(&self) -> Database<u64> {
        self.try_open().unwrap()
    }
}

#[test]
fn a_failed_apply_makes_it_read_only_until_its_cause_is_gone() {
    for changes_done in 0..8 {
        let fixture = Fixture::new();
        let database = fixture.open();
        put(&database, &[(b"a", b"1"), (b"b", b"1")]).unwrap();
        database.checkpoint().unwrap();
        let old = database.view();
        fixture.backend.fail_changes_after(changes_done);
        put(&database, &[(b"a", b"2"), (b"b", &vec![2; 30_000]), (b"c", b"2")]).unwrap();
        assert!(database.checkpoint().is_err());
        assert!(matches!(put(&database, &[(b"a", b"3")]), Err(Error::ReadOnly { .. })));
        assert!(matches!(database.make_durable(0), Err(Error::ReadOnly { .. })), "as stats ask");
        let newest = database.view();
        assert_eq!((newest.waiting_commits(), newest.others()), (1, 1));
        assert_eq!(contents(&old).len(), 2);
        assert_eq!(old.get(b"b").unwrap(), Some(b"1".to_vec()));
        let now = contents(&database.view());
        assert_eq!((now.len(), now[&b"b"[..]].len()), (3, 30_000));
        drop(newest);
        fixture.backend.heal();
        put_when_open(&database, &[(b"d", b"4")]);
        database.checkpoint().unwrap();
        assert_eq!(contents(&old).len(), 2);
        assert_eq!(contents(&database.view()).len(), 4);
        drop((database, old));
        assert_eq!(contents(&fixture.open().view()).len(), 4, "{changes_done} changes done");
    }
}

#[test]
fn a_failed_sync_keeps_the_log() {
    let fixture = Fixture::new();
    let database = fixture.open();
    put(&database, &[(b"a", b"1")]).unwrap();
    fixture.backend.fail_syncs_after(0);
    assert!(database.checkpoint().is_err());
    assert!(matches!(database.begin().err(), Some(Error::ReadOnly { .. })));
    assert!(database.checkpoint().is_err());
    drop(database);
    assert!(fixture.try_open().is_err());
    fixture.backend.heal();
    assert_eq!(fixture.open().view().get(b"a").unwrap(), Some(b"1".to_vec()));
}

/// Trying again waits for a moment.
fn put_when_open(database: &Database<u64>, entries: &[(&[u8], &[u8])]) {
    loop {
        match put(database, entries) {
            Err(Error::ReadOnly { .. }) => std::thread::yield_now(),
            put => break put.unwrap(),
        }
    }
}

/// sled refuses to read once a write of its own has failed.
#[test]
fn reading_goes_on_past_files_that_have_failed() {
    let fixture = Fixture::new();
    let database = fixture.open();
    for n in 0..50_u8 {
        put(&database, &[(&[b'k', n], &vec![n; 900])]).unwrap();
    }
    database.checkpoint().unwrap();
    let old = database.view();
    let before = contents(&old);
    fixture.backend.faults.fail_after(0, true);
    // Their values before are known; others could not be read now.
    put(&database, &[(b"k\x07", b"new"), (b"k\x08", b"1")]).unwrap();
    assert!(database.checkpoint().is_err());
    // The thread that failed has something else put in the place of the files.
    let go_on = |_: &[u8], _: &[u8]| Ok(std::ops::ControlFlow::Continue(()));
    while old.scan(b"", go_on).is_err() {
        std::thread::yield_now();
    }
    assert_eq!(contents(&old), before);
    let now = contents(&database.view());
    assert_eq!((now.len(), &now[&b"k\x07"[..]]), (50, &b"new".to_vec()));
    fixture.backend.faults.heal();
    put_when_open(&database, &[(b"yet more", b"2")]);
    database.checkpoint().unwrap();
    assert_eq!((contents(&old), contents(&database.view()).len()), (before, 51));
}

#[test]
fn writers_and_readers_live_through_failures_that_come_and_go() {
    let fixture = Fixture::new();
    let database = fixture.open();
    let done = std::sync::atomic::AtomicBool::new(false);
    let written: Vec<Vec<u8>> = std::thread::scope(|scope| {
        let writers: Vec<_> = (0..3_u8)
            .map(|writer| {
                let (database, done) = (&database, &done);
                scope.spawn(move || {
                    let (mut last, mut n) = (0_u64, 0_u64);
                    while !done.load(std::sync::atomic::Ordering::Relaxed) {
                        n += 1;
                        match put(
                            database,
                            &[(&[b'w', writer], &n.to_be_bytes()), (&[b'x', writer], &n.to_be_bytes())],
                        ) {
                            Ok(()) => last = n,
                            Err(error) => assert!(matches!(error, Error::ReadOnly { .. }), "{error}"),
                        }
                        let view = database.view();
                        // While the files fail and nothing is in their place yet, a read may fail, but not lie.
                        if let (Ok(a), Ok(b)) = (view.get(&[b'w', writer]), view.get(&[b'x', writer])) {
                            assert_eq!(a, b);
                            assert_eq!(a, (last > 0).then(|| last.to_be_bytes().to_vec()));
                        }
                    }
                    last.to_be_bytes().to_vec()
                })
            })
            .collect();
        let mut dice = Dice(7);
        for _ in 0..12 {
            std::thread::sleep(std::time::Duration::from_millis(20));
            fixture.backend.faults.fail_after(dice.below(40) as u64, dice.one_in(2));
            std::thread::sleep(std::time::Duration::from_millis(dice.below(150) as u64));
            fixture.backend.faults.heal();
        }
        done.store(true, std::sync::atomic::Ordering::Relaxed);
        writers.into_iter().map(|writer| writer.join().unwrap()).collect()
    });
    put_when_open(&database, &[(b"end", b"1")]);
    drop(database);
    let found = contents(&fixture.open().view());
    for (writer, last) in (0_u8..).zip(written) {
        assert_eq!((&found[&[b'w', writer][..]], &found[&[b'x', writer][..]]), (&last, &last));
    }
}

#[test]
fn a_failed_read_fails_the_call_alone() {
    let fixture = Fixture::new();
    let database = fixture.open();
    put(&database, &[(b"a", b"1")]).unwrap();
    database.checkpoint().unwrap();
    fixture.backend.fail_gets_after(0);
    assert!(database.view().get(b"a").is_err());
    assert!(put(&database, &[(b"unread", b"2")]).is_err());
    fixture.backend.heal();
    assert_eq!(database.view().get(b"a").unwrap(), Some(b"1".to_vec()));
    put(&database, &[(b"a", b"3")]).unwrap();
}

#[test]
fn a_commit_that_is_not_published_makes_it_read_only() {
    let fixture = Fixture::new();
    let database = fixture.open();
    let mut writer = database.begin().unwrap();
    writer.put(b"a".to_vec(), b"1".to_vec());
    drop(writer.commit().unwrap());
    assert!(matches!(database.begin().err(), Some(Error::ReadOnly { .. })));
    assert_eq!(database.view().get(b"a").unwrap(), None);
}

/// The log in memory, too, and no thread.
fn open_on(fixture: &Fixture, disk: &Arc<MemoryDisk>, options: &Options) -> Database<u64> {
    let (disk, backend): (Arc<dyn Disk>, _) = (disk.clone(), Arc::clone(&fixture.backend));
    let opened = Opened::open_over(fixture.folder.path(), options, &disk, &(backend.clone() as _)).unwrap();
    opened.start_by_hand(0)
}

/// A history found by simulation: the store took no more writes until it was opened again.
#[test]
fn a_torn_record_that_could_not_be_taken_back_is_taken_back_by_the_next_write() {
    let (fixture, disk) = (Fixture::new(), Arc::<MemoryDisk>::default());
    let database = open_on(&fixture, &disk, &Options::default());
    put(&database, &[(b"a", b"1")]).unwrap();
    disk.faults.fail_after(0, true);
    for _ in 0..2 {
        assert!(matches!(put(&database, &[(b"a", b"2")]), Err(Error::Io { .. })));
    }
    assert_eq!(database.view().get(b"a").unwrap(), Some(b"1".to_vec()));
    disk.faults.heal();
    put(&database, &[(b"a", b"3")]).unwrap();
    let left = Arc::new(disk.crash(&mut Dice(1)));
    drop(database);
    let database = open_on(&fixture, &left, &Options::default());
    assert_eq!((database.view().seq(), database.view().get(b"a").unwrap()), (2, Some(b"3".to_vec())));
}

/// A history found by simulation: commits that could never become durable were acknowledged after the failure.
#[test]
fn with_relaxed_durability_too_nothing_is_taken_after_a_failed_sync() {
    let (fixture, disk) = (Fixture::new(), Arc::<MemoryDisk>::default());
    let durability = Durability::Within(std::time::Duration::from_hours(1));
    let database = open_on(&fixture, &disk, &Options { durability, ..Options::default() });
    put(&database, &[(b"a", b"1")]).unwrap();
    disk.faults.fail_after(0, false);
    assert!(database.make_durable(1).is_err());
    assert!(matches!(put(&database, &[(b"a", b"2")]), Err(Error::ReadOnly { .. })));
    assert_eq!(database.view().get(b"a").unwrap(), Some(b"1".to_vec()));
}

#[test]
fn any_flipped_bit_of_a_value_is_found_and_its_neighbours_are_read() {
    let fixture = Fixture::new();
    let database = fixture.open();
    put(&database, &[(b"a", b"1"), (b"b", b"2"), (b"c", &vec![3; 20_000]), (b"d", b"4")]).unwrap();
    database.checkpoint().unwrap();
    for (stored, key) in [(&b"b"[..], &b"b"[..]), (b"c", b"c"), (b"\xFFc\x00\x01", b"c")] {
        let size = fixture.backend.entries()[stored].len();
        for bit in (0..size * 8).step_by(if size > 100 { 1_009 } else { 1 }) {
            let flip = |bytes: &mut Vec<u8>| bytes[bit / 8] ^= 1 << (bit % 8);
            fixture.backend.tamper(stored, flip);
            let view = database.view();
            let error = view.get(key).unwrap_err();
            let hex = if stored.len() == 1 { format!("{:02x}", key[0]) } else { "ff630001".to_owned() };
            assert!(matches!(&error, Error::Damaged { place, .. } if place.contains(&hex)), "{error}");
            assert!(view.scan(b"", |_, _| Ok(std::ops::ControlFlow::Continue(()))).is_err());
            let mut sound = Vec::new();
            let visit = |key: &[u8], value: Result<Vec<u8>>| {
                sound.extend(value.is_ok().then(|| key.to_vec()));
                Ok(std::ops::ControlFlow::Continue(()))
            };
            view.scan_from(b"", None, visit).unwrap();
            assert_eq!(sound.len(), 3);
            assert!(!sound.iter().any(|found| found == key));
            assert_eq!(view.get(b"a").unwrap(), Some(b"1".to_vec()));
            assert_eq!(view.get(b"d").unwrap(), Some(b"4".to_vec()));
            fixture.backend.tamper(stored, flip);
        }
    }
    assert_eq!(contents(&database.view()).len(), 4);
}

#[test]
fn a_damaged_value_can_be_overwritten_and_deleted() {
    let fixture = Fixture::new();
    let database = fixture.open();
    put(&database, &[(b"a", b"1"), (b"b", b"2")]).unwrap();
    database.checkpoint().unwrap();
    fixture.backend.tamper(b"a", |bytes| bytes.truncate(2));
    fixture.backend.tamper(b"b", |bytes| bytes[0] = 9);
    let mut writer = database.begin().unwrap();
    writer.put(b"a".to_vec(), b"3".to_vec());
    writer.delete(b"b".to_vec());
    writer.commit().unwrap().publish(2).unwrap();
    database.checkpoint().unwrap();
    assert_eq!(contents(&database.view()), [(b"a".to_vec(), b"3".to_vec())].into());
}
