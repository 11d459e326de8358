//! Damaged values of data that opens, made anew from the base and the log.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::super::backend::Backend;
use super::super::disk::{Disk, SystemDisk};
use super::super::folder::DAMAGE_FILE;
use super::super::log::file;
use super::super::opened::Data;
use super::super::{Database, Dice, MemoryBackend, MemoryDisk, Opened, Options, base, folder};
use super::{Map, contents, put};
use crate::error::{Error, Result};

static GO_ON: AtomicBool = AtomicBool::new(false);

/// A store whose values can be damaged.
struct Fixture {
    folder: tempfile::TempDir,
    disk: Arc<dyn Disk>,
    backend: Arc<MemoryBackend>,
}

impl Fixture {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), disk: Arc::new(SystemDisk), backend: Arc::default() }
    }

    fn try_open(&self) -> Result<Database<u64>> {
        let data = Arc::clone(&self.backend) as _;
        let opened = Opened::open_over(self.folder.path(), &Options::default(), &self.disk, &data)?;
        let seq = opened.contents.seq();
        Ok(opened.start_by_hand(seq))
    }

    fn open(&self) -> Database<u64> {
        self.try_open().unwrap()
    }

    fn is_marked(&self) -> bool {
        self.disk.list(self.folder.path()).unwrap().contains(&self.folder.path().join(DAMAGE_FILE))
    }

    /// A closed store, with a base or with its log alone, and what it holds.
    fn filled(with_base: bool) -> (Self, Map) {
        let fixture = Self::new();
        let expected = fixture.fill(with_base);
        (fixture, expected)
    }

    fn fill(&self, with_base: bool) -> Map {
        let database = self.open();
        for n in 0..6_u8 {
            put(&database, &[(&[b'k', n], &vec![n; 1 + usize::from(n) * 4_000])]).unwrap();
        }
        database.checkpoint().unwrap();
        if with_base {
            assert!(database.renew_base(&|_| {}, &GO_ON).unwrap());
        }
        put(&database, &[(b"later", b"1"), (b"k\x01", b"again")]).unwrap();
        contents(&database.view())
    }

    /// A file with a part of the base.
    fn a_chunk(&self) -> PathBuf {
        let files = folder::list(&self.folder.path().join("base")).unwrap();
        files.into_iter().find(|path| path.extension().is_some()).unwrap()
    }

    fn flip(&self, key: &[u8]) {
        self.backend.tamper(key, |bytes| {
            let last = bytes.len() - 1;
            bytes[last] ^= 4;
        });
    }
}

fn is_damaged(database: &Database<u64>, key: &[u8]) -> bool {
    match database.view().get(key) {
        Err(Error::Damaged { .. }) => true,
        read => read.map(|_| false).unwrap(),
    }
}

#[test]
fn what_a_read_finds_damaged_the_next_opening_makes_anew() {
    // A whole value, one that is newer than the base, the head of one in parts, and a part.
    let part = [&[0xFF][..], b"k\x05", &1_u16.to_be_bytes()].concat();
    for with_base in [true, false] {
        for (stored, key) in
            [(&b"k\x00"[..], b"k\x00"), (b"k\x01", b"k\x01"), (b"k\x05", b"k\x05"), (&part, b"k\x05")]
        {
            let (fixture, expected) = Fixture::filled(with_base);
            fixture.flip(stored);
            let database = fixture.open();
            assert!(!fixture.is_marked());
            assert!(is_damaged(&database, key), "{stored:?}");
            assert!(fixture.is_marked(), "{stored:?}");
            put(&database, &[(b"goes", b"on")]).unwrap();
            drop(database);
            let database = fixture.open();
            let mut found = contents(&database.view());
            assert_eq!(found.remove(&b"goes"[..]), Some(b"on".to_vec()));
            assert_eq!(found, expected, "{stored:?}, with a base: {with_base}");
            assert!(!fixture.is_marked());
        }
    }
}

#[test]
fn every_way_of_reading_notices_damage() {
    let ways: [fn(&Database<u64>); 5] = [
        |database| drop(database.view().get(b"k\x02")),
        |database| drop(database.view().scan(b"k", |_, _| Ok(std::ops::ControlFlow::Continue(())))),
        |database| drop(database.begin().unwrap().get(b"k\x02")),
        |database| drop(database.begin().unwrap().scan(b"k", |_, _| Ok(std::ops::ControlFlow::Continue(())))),
        |database| {
            drop(base::renew(&database.core, || database.view(), base::Damaged::Refused, &|_| {}, &GO_ON));
        },
    ];
    for (n, way) in ways.into_iter().enumerate() {
        let (fixture, expected) = Fixture::filled(true);
        fixture.flip(b"k\x02");
        let database = fixture.open();
        way(&database);
        assert!(fixture.is_marked(), "way {n}");
        drop(database);
        assert_eq!(contents(&fixture.open().view()), expected, "way {n}");
    }
}

/// A value that was replaced is nobody's: what a scan meets beside what hides it is not damage.
#[test]
fn what_is_hidden_by_a_newer_value_is_no_damage() {
    let (fixture, _) = Fixture::filled(true);
    let database = fixture.open();
    fixture.flip(b"k\x02");
    put(&database, &[(b"k\x02", b"new")]).unwrap();
    assert_eq!(contents(&database.view())[&b"k\x02"[..]], b"new");
    assert!(fixture.is_marked(), "the write read what was before");
    database.apply_waiting();
    drop(database);
    assert_eq!(contents(&fixture.open().view())[&b"k\x02"[..]], b"new");
}

#[test]
fn keys_that_are_missing_are_there_again_once_it_is_noted() {
    let (fixture, expected) = Fixture::filled(true);
    fixture.backend.lose(b"k\x03");
    let database = fixture.open();
    assert!(database.note_damage(0).unwrap());
    // What it would be made anew of is kept.
    put(&database, &[(b"goes", b"on")]).unwrap();
    database.checkpoint().unwrap();
    drop(database);
    let database = fixture.open();
    assert_eq!(contents(&database.view()).len(), expected.len() + 1);
    assert!(database.view().get(b"k\x03").unwrap().is_some());
}

#[test]
fn without_a_whole_base_and_log_it_opens_as_it_is() {
    for way in 0..3 {
        let (fixture, expected) = Fixture::filled(true);
        fixture.flip(b"k\x02");
        let database = fixture.open();
        assert!(is_damaged(&database, b"k\x02"));
        drop(database);
        let path = fixture.folder.path();
        let kept = || {
            folder::list(&path.join("log")).unwrap().into_iter().find(|path| file::kept_until(path).is_some())
        };
        match way {
            0 => fs::remove_file(kept().unwrap()).unwrap(),
            1 => fs::write(path.join("base/MANIFEST"), "junk").unwrap(),
            _ => fs::write(fixture.a_chunk(), "junk").unwrap(),
        }
        let database = fixture.open();
        assert!(is_damaged(&database, b"k\x02"), "way {way}");
        assert_eq!(database.view().get(b"k\x05").unwrap().as_ref(), expected.get(&b"k\x05"[..]), "way {way}");
        assert!(fixture.is_marked() && !database.is_healing(), "way {way}");
        put(&database, &[(b"goes", b"on")]).unwrap();
    }
}

/// A base that lacks what was damaged when it was made is not taken for the whole.
#[test]
fn a_base_without_the_damaged_values_heals_nothing() {
    let (fixture, _) = Fixture::filled(true);
    fixture.flip(b"k\x02");
    let database = fixture.open();
    assert!(database.renew_base(&|_| {}, &GO_ON).unwrap());
    assert!(fixture.is_marked() && !database.is_healing());
    drop(database);
    let database = fixture.open();
    assert!(is_damaged(&database, b"k\x02"), "and not silently gone");
    // Once nothing is damaged any more, that is noticed when the base is made anew.
    put(&database, &[(b"k\x02", b"new")]).unwrap();
    database.checkpoint().unwrap();
    assert!(database.renew_base(&|_| {}, &GO_ON).unwrap());
    assert!(!fixture.is_marked());
}

#[test]
fn compacting_makes_damaged_values_anew() {
    for noted in [true, false] {
        let (fixture, expected) = Fixture::filled(true);
        fixture.flip(b"k\x02");
        let database = fixture.open();
        let view = database.view();
        if noted {
            database.note_damage(0).unwrap();
        }
        put(&database, &[(b"goes", b"on")]).unwrap();
        assert!(database.rewrite(&|_| {}, &GO_ON).unwrap());
        assert!(!fixture.is_marked() && !database.core.base.is_held_back());
        assert_eq!(contents(&view), expected);
        assert_eq!(contents(&database.view()).len(), expected.len() + 1);
        drop((view, database));
        // The base has it, too.
        fixture.backend.ruin();
        assert_eq!(contents(&fixture.open().view()).len(), expected.len() + 1);
    }
}

#[test]
fn damaged_values_are_made_anew_while_the_store_is_open() {
    for (with_base, noted) in [(true, true), (true, false), (false, true), (false, false)] {
        let (fixture, expected) = Fixture::filled(with_base);
        fixture.flip(b"k\x02");
        let database = fixture.open();
        let view = database.view();
        database.heal_if_due().unwrap();
        if noted {
            assert!(database.note_damage(0).unwrap());
        } else {
            assert!(is_damaged(&database, b"k\x02"));
        }
        put(&database, &[(b"goes", b"on")]).unwrap();
        database.heal_if_due().unwrap();
        assert!(!fixture.is_marked() && !database.core.base.is_held_back());
        assert_eq!(contents(&view), expected, "with a base: {with_base}");
        put(&database, &[(b"and", b"on")]).unwrap();
        database.apply_waiting();
        assert_eq!(contents(&database.view()).len(), expected.len() + 2);
        drop((view, database));
        assert_eq!(contents(&fixture.open().view()).len(), expected.len() + 2);
        // The base is not held back any more, and has it, too.
        fixture.backend.ruin();
        let database = fixture.open();
        assert_eq!(contents(&database.view()).len(), expected.len() + 2);
    }
}

#[test]
fn where_the_base_is_damaged_too_nothing_changes() {
    let (fixture, expected) = Fixture::filled(true);
    fs::write(fixture.a_chunk(), "junk").unwrap();
    fixture.flip(b"k\x02");
    let database = fixture.open();
    assert!(is_damaged(&database, b"k\x02"));
    for _ in 0..2 {
        let refused = database.heal_if_due().unwrap_err();
        assert!(matches!(&refused, Error::Damaged { .. }), "{refused}");
        assert!(refused.to_string().contains("kindred repair"), "{refused}");
    }
    assert!(is_damaged(&database, b"k\x02") && fixture.is_marked());
    assert_eq!(fs::read(fixture.a_chunk()).unwrap(), b"junk");
    put(&database, &[(b"goes", b"on")]).unwrap();
    assert_eq!(database.view().get(b"k\x05").unwrap().as_ref(), expected.get(&b"k\x05"[..]));
}

/// Data of which it cannot be said, once it was made anew, which the next opening takes.
struct Undecided(Arc<MemoryBackend>);

impl Data for Undecided {
    fn open(self: Arc<Self>) -> Result<Arc<dyn Backend>> {
        Arc::clone(&self.0).open()
    }

    fn replace(
        self: Arc<Self>,
        fill: &dyn Fn(&dyn Backend) -> Result<u64>,
        _: bool,
    ) -> Result<Arc<dyn Backend>> {
        fill(&MemoryBackend::default())?;
        Err(Error::ReadOnly { reason: "the disk failed".to_owned() })
    }
}

#[test]
fn while_it_is_open_which_data_counts_nothing_is_written() {
    let (fixture, expected) = Fixture::filled(true);
    fixture.flip(b"k\x02");
    let data: Arc<dyn Data> = Arc::new(Undecided(Arc::clone(&fixture.backend)));
    let opened = Opened::open_over(fixture.folder.path(), &Options::default(), &fixture.disk, &data).unwrap();
    let database: Database<u64> = opened.start_by_hand(0);
    assert!(is_damaged(&database, b"k\x02"));
    assert!(matches!(database.heal_if_due(), Err(Error::ReadOnly { .. })));
    assert!(matches!(put(&database, &[(b"goes", b"on")]), Err(Error::ReadOnly { .. })));
    assert_eq!(database.view().get(b"k\x05").unwrap().as_ref(), expected.get(&b"k\x05"[..]));
    drop(database);
    assert_eq!(contents(&fixture.open().view()), expected);
}

#[test]
fn making_values_anew_can_be_cancelled() {
    let (fixture, expected) = Fixture::filled(true);
    fixture.flip(b"k\x02");
    let database = fixture.open();
    assert!(database.note_damage(0).unwrap());
    assert!(!database.rewrite(&|_| {}, &AtomicBool::new(true)).unwrap());
    assert!(fixture.is_marked() && is_damaged(&database, b"k\x02"));
    put(&database, &[(b"goes", b"on")]).unwrap();
    assert!(database.heal_if_due().unwrap());
    assert_eq!(contents(&database.view()).len(), expected.len() + 1);
}

/// A writer remembers what it has read.
#[test]
fn what_was_missing_and_is_made_anew_is_seen_by_the_next_writer() {
    let (fixture, expected) = Fixture::filled(true);
    let database = fixture.open();
    fixture.backend.lose(b"k\x03");
    assert_eq!(database.begin().unwrap().get(b"k\x03").unwrap(), None);
    assert!(database.note_damage(0).unwrap() && database.heal_if_due().unwrap());
    assert_eq!(database.begin().unwrap().get(b"k\x03").unwrap().as_ref(), expected.get(&b"k\x03"[..]));
}

/// What was made anew since somebody began to look need not be made anew once more for what they found.
#[test]
fn damage_that_was_made_good_meanwhile_is_not_noted() {
    let (fixture, _) = Fixture::filled(true);
    fixture.flip(b"k\x02");
    let database = fixture.open();
    let before = database.heals();
    assert!(is_damaged(&database, b"k\x02") && database.heal_if_due().unwrap());
    assert!(database.note_damage(before).unwrap() && !fixture.is_marked());
    assert!(database.note_damage(database.heals()).unwrap() && fixture.is_marked());
}

/// The disk or the data fails at any operation while values are made anew, and the machine stops then or not.
#[test]
fn no_fault_on_the_way_of_making_values_anew_loses_anything() {
    let (mut met, mut healed) = (0, 0);
    for case in 0..160 {
        let (left, lasting, stops) = (case / 4 * 3, case % 2 == 0, case % 4 < 2);
        let mut dice = Dice(case);
        let disk = Arc::new(MemoryDisk::default());
        let mut fixture = Fixture { disk: disk.clone(), ..Fixture::new() };
        let expected = fixture.fill(true);
        fixture.flip(b"k\x02");
        let database = fixture.open();
        assert!(is_damaged(&database, b"k\x02"));
        let backend = Arc::clone(&fixture.backend);
        disk.faults.fail_after(left, lasting);
        backend.faults.fail_after(left, lasting);
        match database.heal_if_due() {
            Ok(_) => healed += 1,
            Err(error) => {
                met += 1;
                assert!(
                    matches!(error, Error::Storage { .. } | Error::Io { .. } | Error::ReadOnly { .. }),
                    "{error}"
                );
            }
        }
        disk.faults.heal();
        backend.faults.heal();
        if stops {
            fixture.disk = Arc::new(disk.crash(&mut dice));
            fixture.backend = Arc::new(backend.crash(&mut dice));
        }
        drop(database);
        let mut database = fixture.open();
        if is_damaged(&database, b"k\x02") {
            drop(database);
            database = fixture.open();
        }
        assert_eq!(contents(&database.view()), expected, "case {case}");
        assert!(!fixture.is_marked());
    }
    assert!(met > 10 && healed > 10, "{met} met, {healed} healed");
}

#[test]
fn where_the_base_is_damaged_too_compacting_is_refused() {
    let (fixture, _) = Fixture::filled(true);
    let chunk = fixture.a_chunk();
    fs::write(&chunk, "junk").unwrap();
    fixture.flip(b"k\x02");
    let database = fixture.open();
    let refused = database.rewrite(&|_| {}, &GO_ON).unwrap_err();
    assert!(matches!(&refused, Error::Damaged { .. }), "{refused}");
    assert!(refused.to_string().contains("kindred repair"), "{refused}");
    assert_eq!(fs::read(&chunk).unwrap(), b"junk");
    assert!(is_damaged(&database, b"k\x02"));
    put(&database, &[(b"goes", b"on")]).unwrap();
}

/// The disk fails at any operation while damage is noted, the machine stops, and the disk fails at any operation of the next opening:
/// in the end all is there.
#[test]
fn no_fault_and_no_stop_on_the_way_loses_anything() {
    let (mut met, mut healed) = (0, 0);
    for (first, second) in (0..8).flat_map(|first| (0..40).step_by(2).map(move |second| (first, second))) {
        let mut dice = Dice(first * 1_000 + second);
        let disk = Arc::new(MemoryDisk::default());
        let mut fixture = Fixture { disk: disk.clone(), ..Fixture::new() };
        let expected = fixture.fill(true);
        fixture.flip(b"k\x02");
        let database = fixture.open();
        disk.faults.fail_after(first, true);
        assert!(is_damaged(&database, b"k\x02"));
        let disk = Arc::new(disk.crash(&mut dice));
        let backend = Arc::new(fixture.backend.crash(&mut dice));
        drop(database);
        (fixture.disk, fixture.backend) = (disk.clone(), backend.clone());
        let marked = fixture.is_marked();
        disk.faults.fail_after(second, false);
        match fixture.try_open() {
            Ok(database) => drop(database),
            Err(error) => {
                met += 1;
                assert!(matches!(error, Error::Storage { .. } | Error::Io { .. }), "{error}");
            }
        }
        disk.faults.heal();
        let (disk, backend) = (Arc::new(disk.crash(&mut dice)), Arc::new(backend.crash(&mut dice)));
        (fixture.disk, fixture.backend) = (disk, backend);
        // Where the stop took the mark away, it is found once more.
        let database = fixture.open();
        if is_damaged(&database, b"k\x02") {
            assert!(!marked, "faults {first}, {second}");
            drop(database);
        } else {
            healed += 1;
            drop(database);
        }
        assert_eq!(contents(&fixture.open().view()), expected, "faults {first}, {second}");
        assert!(!fixture.is_marked());
    }
    assert!(met > 10 && healed > 10, "{met} met, {healed} healed");
}
