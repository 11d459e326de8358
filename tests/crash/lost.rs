//! Lost writes: the machine stops at any point of a trace, and what was not synced is there in whole, in part or not at all.

use crate::check::{States, scratch};
use crate::child::{WORKS, Word};
use crate::disk::{Disk, Fate};
use crate::histories::Tally;
use crate::kill::copy_folder;
use crate::known::Known;
use crate::plan::Plan;
use crate::random::Random;
use crate::settings::{amount, seed};
use crate::stops::{Point, Stopped, Work, stop_often, tell_of_another_start, trace_of, try_stops};
use crate::trace::{Entry, Shim};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// Where the store lies below the traced folder: also the folders above it have to be there afterwards.
const STORE: &str = "above/it/store";

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
    tally: &'a Tally,
}

impl<'a> History<'a> {
    fn new(shim: &'a Shim, plan: Plan, trusts_ranges: bool, tally: &'a Tally) -> Self {
        let place = scratch();
        let root = place.path().join("root");
        std::fs::create_dir(&root).unwrap();
        let (states, known) = (States::new(plan), Known::at(0));
        Self { shim, plan, states, known, root, place, trusts_ranges, tally }
    }
}

impl Stopped for History<'_> {
    /// The step that was done.
    type Left = u64;

    fn plan(&self) -> Plan {
        self.plan
    }

    fn doing(&self) -> String {
        self.known.doing.to_owned()
    }

    fn hear(&mut self, word: &Word) -> Result<(), String> {
        self.known.hear(self.plan, word)
    }

    fn live(&mut self, life: u64, count: u64) -> Result<(), String> {
        let mut random = Random::new(self.plan.seed, &[1, life]);
        let root = self.root.clone();
        let disk = Disk::of_folder(&root, self.trusts_ranges);
        let work = Work {
            test: WORKS,
            root: &root,
            store: &root.join(STORE),
            steps: 5 + random.below(40),
            kill: random.percent(40).then(|| 1 + random.below(150)),
        };
        let entries = trace_of(self.shim, self.plan, &work)?;
        try_stops(self, (&root, disk), &entries, count, &mut random)
    }

    /// Makes what a stop leaves in `root`, and checks the store in a copy of it.
    fn stop(&mut self, disk: &Disk, point: Point, place: &TempDir, root: &Path) -> Result<u64, String> {
        disk.stop(root, point.data, point.names, &mut Random::new(point.chance, &[]));
        tell_of_another_start(&root.join(STORE));
        let copy = place.path().join("copy");
        copy_folder(root, &copy);
        let checked = self.states.check_folder(&copy.join(STORE), self.known.done, self.known.begun);
        std::fs::remove_dir_all(&copy).unwrap();
        self.tally.count(format!("{:?} data, {:?} names", point.data, point.names));
        checked
    }

    fn go_on(&mut self, place: TempDir, root: PathBuf, left: u64) {
        (self.place, self.root, self.known) = (place, root, Known::at(left));
    }
}

/// Stops of histories by some plans, of a seed and a number each, all hold.
fn all_hold(points: u64, trusts_ranges: bool, plan: impl Fn(u64, u64) -> Plan + Sync) {
    let Some(shim) = Shim::build() else { return };
    let (seed, count, tally) = (seed(), amount("KINDRED_POINTS", points), Tally::default());
    let start = |number| History::new(&shim, plan(seed, number), trusts_ranges, &tally);
    let failures = stop_often(count, start);
    tally.print(if trusts_ranges { "stopped with" } else { "stopped with its cache lost and" });
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_POINTS={count}: {}", failures.join("\n"));
}

#[test]
fn what_was_acknowledged_survives_a_stop_of_the_machine_and_nothing_else_does() {
    all_hold(800, true, Plan::of_history);
}

/// As long as sled does not use a part of its file again, its trust in `sync_file_range` costs nothing.
#[test]
fn a_store_whose_data_only_grows_survives_a_disk_that_loses_its_cache() {
    let plans = |seed, number| (0..3).map(move |n| Plan::of_history(seed, 2 * number + n));
    all_hold(800, false, |seed, number| plans(seed, number).find(|plan| !plan.is_bulky()).unwrap());
}

/// sled writes over parts of its file once what replaces them is "stable", which on Linux means `sync_file_range`. A disk that
/// loses its cache may then lose both, and sled's file with them: the data is made anew from the base and the log.
#[test]
fn a_store_whose_data_a_disk_without_its_cache_ruined_is_made_anew() {
    let plans = |seed, number| (0..3).map(move |n| Plan::of_history(seed, 3 * number + n));
    all_hold(400, false, |seed, number| plans(seed, number).find(|plan| plan.is_bulky()).unwrap());
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
