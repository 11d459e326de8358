//! Lost writes: the machine stops at any point of a trace, and what was not synced is there in whole, in part or not at all.

use crate::check::{States, scratch};
use crate::child::{Task, WORKS, WORKS_IN, Word, Worker};
use crate::disk::{Disk, Fate};
use crate::histories::{self, Tally};
use crate::kill::copy_folder;
use crate::known::Known;
use crate::plan::Plan;
use crate::random::Random;
use crate::settings::{amount, seed};
use crate::trace::{self, Entry, Shim};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How often the machine stops and the store is opened again in one history, the first start included.
const LIVES: u64 = 4;
/// Points of one life's trace that are tried.
const POINTS_OF_A_LIFE: u64 = 25;
/// Where the store lies below the traced folder: also the folders above it have to be there afterwards.
const STORE: &str = "above/it/store";

/// One stop of the machine.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    /// Entries of the trace that had happened.
    pub at: usize,
    pub data: Fate,
    pub names: Fate,
    /// Seed of what is left to chance.
    pub chance: u64,
}

/// Points of a trace, in order: a third right behind something that was said, a third right before a sync, and others.
pub fn points(entries: &[Entry], count: u64, random: &mut Random) -> Vec<Point> {
    let behind = |wanted: fn(&Entry) -> bool, more: usize| -> Vec<usize> {
        (0..entries.len()).filter(|&at| wanted(&entries[at])).map(|at| at + more).collect()
    };
    let said = behind(|entry| matches!(entry, Entry::Said(_)), 1);
    let syncs = behind(|entry| matches!(entry, Entry::Sync { .. } | Entry::Rename { .. }), 0);
    let mut points: Vec<Point> = (0..count)
        .map(|_| {
            let at = match random.below(3) {
                0 => *random.pick(&said),
                1 => *random.pick(&syncs),
                _ => random.below(entries.len() as u64 + 1) as usize,
            };
            let (data, names) = (Fate::of_data(random), Fate::of_names(random));
            Point { at, data, names, chance: random.next() }
        })
        .collect();
    points.sort_by_key(|point| point.at);
    points
}

/// What becomes of a child that is traced.
pub struct Work<'a> {
    /// The test that is its side.
    pub test: &'a str,
    pub root: &'a Path,
    pub store: &'a Path,
    pub steps: u64,
    /// It is killed behind so many entries, if it does not end before, and another goes on.
    pub kill: Option<u64>,
}

/// Lets a child work to its end; returns its trace.
pub fn trace_of(shim: &Shim, plan: Plan, work: &Work<'_>) -> Result<Vec<Entry>, String> {
    let scratch = scratch();
    let file = scratch.path().join("trace");
    let environment = [
        ("LD_PRELOAD", shim.path.as_os_str()),
        ("KINDRED_SHIM_ROOT", work.root.as_os_str()),
        ("KINDRED_SHIM_TRACE", file.as_os_str()),
        (WORKS_IN, work.root.as_os_str()),
    ];
    let task = Task { plan, folder: work.store.to_owned(), steps: work.steps };
    if let Some(entries) = work.kill {
        let entries = OsString::from(entries.to_string());
        let environment = [&environment[..], &[("KINDRED_SHIM_KILL", entries.as_os_str())]].concat();
        Worker::start_with(work.test, &task, &environment).words();
    }
    match Worker::start_with(work.test, &task, &environment).words().pop() {
        Some(Word::Closed) => Ok(trace::read(&file)),
        other => Err(format!("the child's last word is {other:?}")),
    }
}

/// What is replayed to the end must be what the child left: else something went past the trace.
pub fn assert_complete(disk: &Disk, root: &Path) -> Result<(), String> {
    let scratch = scratch();
    let replayed = scratch.path().join("replayed");
    disk.stop(&replayed, Fate::Kept, Fate::Kept, &mut Random::new(0, &[]));
    if content(&replayed) == content(root) {
        Ok(())
    } else {
        Err("the trace does not make the folder that the child left".to_owned())
    }
}

/// All files of a folder.
fn content(folder: &Path) -> BTreeMap<String, Option<Vec<u8>>> {
    let mut found = BTreeMap::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            found.extend(content(&path).into_iter().map(|(inner, bytes)| (format!("{name}/{inner}"), bytes)));
            found.insert(name, None);
        } else {
            found.insert(name, Some(std::fs::read(&path).unwrap()));
        }
    }
    found
}

/// A store tells by what its lock's file says that the machine was started anew, which these tests do not do.
pub fn tell_of_another_start(store: &Path) {
    if store.is_dir() {
        std::fs::write(store.join("LOCK"), "a process\nboot of another start\n").unwrap();
    }
}

/// One store, stopped again and again.
struct History<'a> {
    shim: &'a Shim,
    plan: Plan,
    states: States,
    known: Known,
    /// The folder that the next life begins with.
    root: PathBuf,
    place: TempDir,
    trusts_ranges: bool,
}

impl<'a> History<'a> {
    fn new(shim: &'a Shim, plan: Plan, trusts_ranges: bool) -> Self {
        let place = scratch();
        let root = place.path().join("root");
        std::fs::create_dir(&root).unwrap();
        Self { shim, plan, states: States::new(plan), known: Known::at(0), root, place, trusts_ranges }
    }

    /// Lets a child work, then tries what many stops of it leave. One of them is what the next life begins with.
    fn live(&mut self, life: u64, count: u64, tally: &Tally) -> Result<(), String> {
        let mut random = Random::new(self.plan.seed, &[1, life]);
        let mut disk = Disk::of_folder(&self.root, self.trusts_ranges);
        let work = Work {
            test: WORKS,
            root: &self.root,
            store: &self.root.join(STORE),
            steps: 5 + random.below(40),
            kill: random.percent(40).then(|| 1 + random.below(150)),
        };
        let entries = trace_of(self.shim, self.plan, &work)?;
        let chosen = random.below(count);
        let (mut next, mut at) = (None, 0);
        for (number, point) in (0..).zip(points(&entries, count, &mut random)) {
            for entry in &entries[at..point.at] {
                disk.apply(entry);
                self.hear(entry)?;
            }
            at = point.at;
            let place = scratch();
            let root = place.path().join("root");
            let step = match self.stop(&disk, point, &place, &root) {
                Ok(step) => step,
                Err(error) => {
                    let (doing, kept) = (self.known.doing, place.keep());
                    let of = entries.len();
                    return Err(format!(
                        "{point:?} of {of}, while {doing}, kept in {}: {error}",
                        kept.display()
                    ));
                }
            };
            tally.count(format!("{:?} data, {:?} names", point.data, point.names));
            if number == chosen {
                next = Some((place, root, step));
            }
        }
        entries[at..].iter().for_each(|entry| disk.apply(entry));
        assert_complete(&disk, &self.root)?;
        if let Some((place, root, step)) = next {
            (self.place, self.root, self.known) = (place, root, Known::at(step));
        }
        Ok(())
    }

    fn hear(&mut self, entry: &Entry) -> Result<(), String> {
        let Entry::Said(text) = entry else { return Ok(()) };
        text.lines().filter_map(Word::parse).try_for_each(|word| self.known.hear(self.plan, &word))
    }

    /// Makes what a stop leaves in `root`, and checks the store in a copy of it.
    fn stop(&mut self, disk: &Disk, point: Point, place: &TempDir, root: &Path) -> Result<u64, String> {
        disk.stop(root, point.data, point.names, &mut Random::new(point.chance, &[]));
        tell_of_another_start(&root.join(STORE));
        let copy = place.path().join("copy");
        copy_folder(root, &copy);
        let checked = self.states.check_folder(&copy.join(STORE), self.known.done, self.known.begun);
        std::fs::remove_dir_all(&copy).unwrap();
        checked
    }
}

/// Lets histories run over some plans; returns what failed.
fn stop_often(
    shim: &Shim,
    count: u64,
    trusts_ranges: bool,
    plan: impl Fn(u64) -> Plan + Sync,
    tally: &Tally,
) -> Vec<String> {
    histories::run(count.div_ceil(POINTS_OF_A_LIFE * LIVES), |number| {
        let mut history = History::new(shim, plan(number), trusts_ranges);
        (0..LIVES).try_for_each(|life| {
            let left = count.saturating_sub((number * LIVES + life) * POINTS_OF_A_LIFE);
            match left.min(POINTS_OF_A_LIFE) {
                0 => Ok(()),
                count => history
                    .live(life, count, tally)
                    .map_err(|e| format!("{:?}, life {life}: {e}", history.plan)),
            }
        })
    })
}

#[test]
fn what_was_acknowledged_survives_a_stop_of_the_machine_and_nothing_else_does() {
    let Some(shim) = Shim::build() else { return };
    let (seed, count) = (seed(), amount("KINDRED_POINTS", 800));
    let tally = Tally::default();
    let failures = stop_often(&shim, count, true, |number| Plan::of_history(seed, number), &tally);
    tally.print("stopped with");
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_POINTS={count}: {}", failures.join("\n"));
}

/// As long as sled does not use a part of its file again, its trust in `sync_file_range` costs nothing.
#[test]
fn a_store_whose_data_only_grows_survives_a_disk_that_loses_its_cache() {
    let Some(shim) = Shim::build() else { return };
    let (seed, count) = (seed(), amount("KINDRED_POINTS", 800));
    let tally = Tally::default();
    let grows = |number| (0..3).map(|n| Plan::of_history(seed, 2 * number + n)).find(|plan| !plan.is_bulky());
    let failures = stop_often(&shim, count, false, |number| grows(number).unwrap(), &tally);
    tally.print("stopped with its cache lost and");
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_POINTS={count}: {}", failures.join("\n"));
}

/// sled writes over parts of its file once what replaces them is "stable", which on Linux means `sync_file_range`. A disk that
/// loses its cache may then lose both, and sled's file with them: the data is made anew from the base and the log.
#[test]
fn a_store_whose_data_a_disk_without_its_cache_ruined_is_made_anew() {
    let Some(shim) = Shim::build() else { return };
    let (seed, count) = (seed(), amount("KINDRED_POINTS", 400));
    let tally = Tally::default();
    let bulky = |number| (0..3).map(|n| Plan::of_history(seed, 3 * number + n)).find(|plan| plan.is_bulky());
    let failures = stop_often(&shim, count, false, |number| bulky(number).unwrap(), &tally);
    tally.print("stopped with its cache lost and");
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_POINTS={count}: {}", failures.join("\n"));
}

/// The first commit of a new store was acknowledged, then the machine stopped, and nothing that was not synced is there.
fn first_commit(shim: &Shim, store: &str, made_by_host: bool, relative: bool) -> Result<u64, String> {
    let (place, plan) = (scratch(), Plan { seed: 1 });
    let root = place.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let mut disk = Disk::of_folder(&root, false);
    if made_by_host {
        std::fs::create_dir(root.join(store)).unwrap();
        disk.note_folder(&root, store);
    }
    let path = if relative { PathBuf::from(store) } else { root.join(store) };
    let work = Work { test: WORKS, root: &root, store: &path, steps: 1, kill: None };
    for entry in trace_of(shim, plan, &work)? {
        disk.apply(&entry);
        if matches!(&entry, Entry::Said(text) if text.contains("done 1")) {
            break;
        }
    }
    let stopped = place.path().join("stopped");
    disk.stop(&stopped, Fate::Lost, Fate::Lost, &mut Random::new(0, &[]));
    States::new(plan).check_folder(&stopped.join(store), 1, 1)
}

#[test]
fn the_folders_above_a_new_store_are_on_disk_with_its_first_commit() {
    let Some(shim) = Shim::build() else { return };
    for (store, made_by_host, relative) in [
        ("a/b/c/store", false, false),
        ("store", true, false),
        ("store", false, true),
        ("a/store", false, true),
    ] {
        let kept = first_commit(&shim, store, made_by_host, relative);
        assert_eq!(kept, Ok(1), "{store}, made by the host: {made_by_host}, relative: {relative}");
    }
}
