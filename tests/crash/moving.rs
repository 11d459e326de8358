//! Processes killed, and machines stopped, while a store is backed up, restored, exported and imported beside a writer.

use crate::check::{States, last_step, scratch};
use crate::child::{Task, Word, Worker};
use crate::disk::Disk;
use crate::histories::{self, Tally};
use crate::kill::copy_folder;
use crate::known::Known;
use crate::moves::{BACKS_UP, House, MOVES, Move, clear, import};
use crate::plan::Plan;
use crate::random::Random;
use crate::settings::{amount, seed};
use crate::stops::{Point, Stopped, Work, stop_often, tell_of_another_start, trace_of, try_stops};
use crate::trace::Shim;
use kindred::{Error, Store};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;

/// Kills that one folder goes through.
const KILLS_OF_A_FOLDER: u64 = 10;
/// Longest time from the beginning of a move to a kill, in microseconds.
const LONGEST_US: u64 = 30_000;

/// Steps of which one wrote last.
type Steps = RangeInclusive<u64>;

/// What must be in a house, by what its child said.
#[derive(Debug)]
struct Expected {
    known: Known,
    /// What the last backup that came to its end may hold.
    whole: Option<Steps>,
    exported: Option<Steps>,
    /// Stores that were made of a backup or an export.
    made: Vec<(Move, Steps)>,
    /// What was begun, and the last step that was acknowledged before.
    moving: Option<(Move, u64)>,
}

impl Expected {
    /// A store holds all up to this step; and perhaps there is a backup of it.
    fn at(step: u64, backup: Option<u64>) -> Self {
        let whole = backup.map(|step| step..=step);
        Self { known: Known::at(step), whole, exported: None, made: Vec::new(), moving: None }
    }

    fn hear(&mut self, plan: Plan, word: &Word) -> Result<(), String> {
        match word {
            Word::Moving(what) => self.moving = Some((*what, self.known.done)),
            Word::Moved(what) => {
                let before = self.moving.take().ok_or("the end of what was not begun")?.1;
                let steps = before..=self.known.begun;
                match what {
                    Move::Backup => self.whole = Some(steps),
                    Move::Export(_) => self.exported = Some(steps),
                    Move::Restore(_) => self.made.push((*what, of(self.whole.as_ref())?)),
                    Move::Import(_) => self.made.push((*what, of(self.exported.as_ref())?)),
                }
            }
            word => self.known.hear(plan, word)?,
        }
        Ok(())
    }

    fn doing(&self) -> String {
        match self.moving {
            Some((Move::Backup, _)) if self.whole.is_none() => "the first backup".to_owned(),
            Some((what, _)) => what.name().to_owned(),
            None => self.known.doing.to_owned(),
        }
    }

    /// Whether a backup may hold this step.
    fn allows(&self, step: u64) -> bool {
        let new = match self.moving {
            Some((Move::Backup, before)) => before <= step && step <= self.known.begun,
            _ => false,
        };
        new || self.whole.as_ref().is_some_and(|steps| steps.contains(&step))
    }

    /// Looks through all that a child left in a house; says what is there from now on.
    fn check(&self, states: &mut States, plan: Plan, house: &House) -> Result<Self, String> {
        let told = |what: &'static str| move |e: String| format!("{what}: {e}");
        let backup = self.check_backup(states, plan, house).map_err(told("the backup"))?;
        let store = plan.options().open(house.store()).map_err(|e| format!("it does not open: {e}"))?;
        let step = states.check(&store, self.known.done, self.known.begun)?;
        if backup > Some(step) {
            return Err(format!("the backup holds step {backup:?}, the store {step}"));
        }
        self.check_made(states, plan, house).map_err(told("what was made"))?;
        self.finish(states, plan, house).map_err(told("what was broken off"))?;
        store.backup(house.backup()).map_err(|e| format!("the next backup: {e}"))?;
        drop(store);
        let next = house.0.join("next");
        restore(house, &next)?;
        holds(states, plan, &next, |held| held == step).map_err(told("the next backup"))?;
        Ok(Self::at(step, backup))
    }

    /// What is there of a backup is the whole one before, the whole new one, or, before the first, none.
    fn check_backup(&self, states: &mut States, plan: Plan, house: &House) -> Result<Option<u64>, String> {
        let to = house.0.join("looked-at");
        match Store::restore(house.backup(), &to) {
            Ok(_) => holds(states, plan, &to, |step| self.allows(step)).map(Some),
            Err(Error::NotABackup { .. }) if self.whole.is_none() && !to.exists() => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    fn check_made(&self, states: &mut States, plan: Plan, house: &House) -> Result<(), String> {
        for (made, steps) in &self.made {
            holds(states, plan, &house.place(*made), |step| steps.contains(&step))
                .map_err(|e| format!("{made}: {e}"))?;
        }
        Ok(())
    }

    /// A restore that was broken off left nothing, or all; done again it leaves all. So does an import.
    fn finish(&self, states: &mut States, plan: Plan, house: &House) -> Result<(), String> {
        match self.moving {
            Some((broken_off @ Move::Restore(_), _)) => {
                let to = house.place(broken_off);
                if !to.exists() {
                    is_no_store(plan, &to)?;
                    is_no_store(plan, &to.with_extension("unfinished"))?;
                    restore(house, &to)?;
                }
                holds(states, plan, &to, |step| self.allows(step)).map(drop)
            }
            Some((Move::Import(n), _)) => {
                drop(import(plan, house, n).map_err(|e| e.to_string())?);
                let steps = of(self.exported.as_ref())?;
                holds(states, plan, &house.place(Move::Import(n)), |step| steps.contains(&step)).map(drop)
            }
            _ => Ok(()),
        }
    }
}

fn of(steps: Option<&Steps>) -> Result<Steps, String> {
    steps.cloned().ok_or_else(|| "it is made of nothing".to_owned())
}

fn restore(house: &House, to: &Path) -> Result<(), String> {
    Store::restore(house.backup(), to).map(drop).map_err(|e| format!("restored again: {e}"))
}

/// The store in a folder is that of a step that is `allowed`.
fn holds(
    states: &mut States,
    plan: Plan,
    folder: &Path,
    allowed: impl Fn(u64) -> bool,
) -> Result<u64, String> {
    let store = plan.options().must_exist().open(folder).map_err(|e| format!("it does not open: {e}"))?;
    let step = last_step(&store.snapshot()).map_err(|e| format!("the mark: {e}"))?;
    if !allowed(step) {
        return Err(format!("it holds step {step}"));
    }
    states.check(&store, step, step)
}

/// What is not finished is not taken for a store.
fn is_no_store(plan: Plan, folder: &Path) -> Result<(), String> {
    match plan.options().must_exist().open(folder) {
        Err(Error::NotAStore { .. }) => Ok(()),
        other => Err(format!("{} opens as {:?}", folder.display(), other.err())),
    }
}

/// Lets a child move about and kills it in one of its moves, or soon after.
fn kill_once(plan: Plan, house: &House, expected: &mut Expected, random: &mut Random) -> Result<(), String> {
    let worker = Worker::start_with(MOVES, &Task { plan, folder: house.0.clone(), steps: u64::MAX }, &[]);
    let mut moves = random.below(7);
    loop {
        let word = worker.next().ok_or("the child ended by itself")?;
        expected.hear(plan, &word)?;
        match word {
            Word::Moving(_) if moves == 0 => break,
            Word::Moving(_) => moves -= 1,
            _ => {}
        }
    }
    // Most of what is done takes a small part of the longest.
    let longest = LONGEST_US >> random.below(5);
    std::thread::sleep(Duration::from_micros(random.below(longest)));
    worker.kill().iter().try_for_each(|word| expected.hear(plan, word))
}

fn history_of_kills(plan: Plan, kills: u64, tally: &Tally) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    let house = House(place.path().join("house"));
    std::fs::create_dir(&house.0).unwrap();
    let (mut expected, mut states) = (Expected::at(0, None), States::new(plan));
    for kill in 1..=kills {
        let mut random = Random::new(plan.seed, &[5, kill]);
        let scratch = scratch();
        // What is looked at is a copy: the next child has to go on with what this one left.
        let copy = House(scratch.path().join("house"));
        kill_once(plan, &house, &mut expected, &mut random).map_err(|e| format!("kill {kill}: {e}"))?;
        let doing = expected.doing();
        tally.count(doing.clone());
        copy_folder(&house.0, &copy.0);
        expected = expected
            .check(&mut states, plan, &copy)
            .map_err(|e| format!("after kill {kill}, in {doing}: {e}"))?;
        clear(&house.0);
        if random.percent(30) && house.backup().exists() {
            std::fs::remove_dir_all(house.backup()).unwrap();
            expected.whole = None;
        }
    }
    Ok(())
}

#[test]
fn kills_while_a_store_moves_house_leave_each_copy_whole_or_none() {
    let (seed, kills) = (seed(), amount("KINDRED_KILLS", 40));
    let tally = Tally::default();
    let failures = histories::run(kills.div_ceil(KILLS_OF_A_FOLDER), |number| {
        let left = kills - number * KILLS_OF_A_FOLDER;
        history_of_kills(Plan::of_history(seed, number), left.min(KILLS_OF_A_FOLDER), &tally)
    });
    tally.print("killed in");
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_KILLS={kills}: {}", failures.join("\n"));
}

/// A house, stopped again and again.
struct History<'a> {
    shim: &'a Shim,
    plan: Plan,
    states: States,
    expected: Expected,
    /// What the next life begins with.
    house: House,
    place: TempDir,
    /// Whether the disk keeps its cache.
    trusts_ranges: bool,
    tally: &'a Tally,
}

impl<'a> History<'a> {
    fn new(shim: &'a Shim, plan: Plan, trusts_ranges: bool, tally: &'a Tally) -> Self {
        let place = scratch();
        let house = House(place.path().join("house"));
        std::fs::create_dir(&house.0).unwrap();
        let (states, expected) = (States::new(plan), Expected::at(0, None));
        Self { shim, plan, states, expected, house, place, trusts_ranges, tally }
    }
}

impl Stopped for History<'_> {
    type Left = Expected;

    fn plan(&self) -> Plan {
        self.plan
    }

    fn doing(&self) -> String {
        self.expected.doing()
    }

    fn hear(&mut self, word: &Word) -> Result<(), String> {
        self.expected.hear(self.plan, word)
    }

    fn live(&mut self, life: u64, count: u64) -> Result<(), String> {
        let mut random = Random::new(self.plan.seed, &[6, life]);
        let root = self.house.0.clone();
        let disk = Disk::of_folder(&root, self.trusts_ranges);
        let work = Work { test: BACKS_UP, root: &root, store: &root, steps: 2 + random.below(4), kill: None };
        let entries = trace_of(self.shim, self.plan, &work)?;
        try_stops(self, (&root, disk), &entries, count, &mut random)
    }

    fn stop(&mut self, disk: &Disk, point: Point, place: &TempDir, root: &Path) -> Result<Expected, String> {
        self.tally.count(self.expected.doing());
        disk.stop(root, point.data, point.names, &mut Random::new(point.chance, &[]));
        for entry in std::fs::read_dir(root).unwrap() {
            tell_of_another_start(&entry.unwrap().path());
        }
        let copy = House(place.path().join("copy"));
        copy_folder(root, &copy.0);
        let checked = self.expected.check(&mut self.states, self.plan, &copy);
        std::fs::remove_dir_all(&copy.0).unwrap();
        checked
    }

    fn go_on(&mut self, place: TempDir, root: PathBuf, left: Expected) {
        clear(&root);
        (self.place, self.house, self.expected) = (place, House(root), left);
    }
}

#[test]
fn a_stop_of_the_machine_while_a_store_is_backed_up_leaves_each_copy_whole_or_none() {
    let Some(shim) = Shim::build() else { return };
    let (seed, count) = (seed(), amount("KINDRED_POINTS", 120));
    let tally = Tally::default();
    // A disk that keeps its cache, and one that does not.
    let failures = stop_often(count, |number| {
        History::new(&shim, Plan::of_history(seed, number), number.is_multiple_of(2), &tally)
    });
    tally.print("stopped in");
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_POINTS={count}: {}", failures.join("\n"));
}
