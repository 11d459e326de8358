//! Stops of the machine: a child is traced, and at many points of that the folder is made as a machine that stops there may leave it. One of
//! these is what the next life begins with.

use crate::check::scratch;
use crate::child::{Task, WORKS_IN, Word, Worker};
use crate::disk::{Disk, Fate};
use crate::histories;
use crate::plan::Plan;
use crate::random::Random;
use crate::trace::{self, Entry, Shim};
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// How often the machine stops and the store is opened again in one history, the first start included.
const LIVES: u64 = 4;
/// Points of one life's trace that are tried.
const POINTS_OF_A_LIFE: u64 = 25;

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
fn assert_complete(disk: &Disk, root: &Path) -> Result<(), String> {
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

/// What is stopped again and again.
pub trait Stopped {
    /// What a stop has left.
    type Left;

    fn plan(&self) -> Plan;

    /// What it is at, for people.
    fn doing(&self) -> String;

    fn hear(&mut self, word: &Word) -> Result<(), String>;

    /// Lets a child work, then tries so many stops of it by [`try_stops`].
    fn live(&mut self, life: u64, count: u64) -> Result<(), String>;

    /// Makes what a stop leaves in `root`, and checks a copy of it.
    fn stop(&mut self, disk: &Disk, point: Point, place: &TempDir, root: &Path)
    -> Result<Self::Left, String>;

    /// The next life begins with what a stop left in `root`.
    fn go_on(&mut self, place: TempDir, root: PathBuf, left: Self::Left);
}

/// Tries what stops of a life leave that was traced in `root`.
pub fn try_stops<S: Stopped>(
    stopped: &mut S,
    (root, mut disk): (&Path, Disk),
    entries: &[Entry],
    count: u64,
    random: &mut Random,
) -> Result<(), String> {
    let chosen = random.below(count);
    let (mut next, mut at) = (None, 0);
    for (number, point) in (0..).zip(points(entries, count, random)) {
        for entry in &entries[at..point.at] {
            disk.apply(entry);
            if let Entry::Said(text) = entry {
                text.lines().filter_map(Word::parse).try_for_each(|word| stopped.hear(&word))?;
            }
        }
        at = point.at;
        let place = scratch();
        let left_in = place.path().join("root");
        match stopped.stop(&disk, point, &place, &left_in) {
            Ok(left) if number == chosen => next = Some((place, left_in, left)),
            Ok(_) => {}
            Err(error) => {
                let (of, doing, kept) = (entries.len(), stopped.doing(), place.keep());
                let kept = kept.display();
                return Err(format!("{point:?} of {of}, while {doing}, kept in {kept}: {error}"));
            }
        }
    }
    entries[at..].iter().for_each(|entry| disk.apply(entry));
    assert_complete(&disk, root)?;
    if let Some((place, root, left)) = next {
        stopped.go_on(place, root, left);
    }
    Ok(())
}

/// Tries so many stops in all, over histories of some lives; returns what failed.
pub fn stop_often<S: Stopped>(count: u64, start: impl Fn(u64) -> S + Sync) -> Vec<String> {
    histories::run(count.div_ceil(POINTS_OF_A_LIFE * LIVES), |number| {
        let mut history = start(number);
        (0..LIVES).try_for_each(|life| {
            let left = count.saturating_sub((number * LIVES + life) * POINTS_OF_A_LIFE);
            match left.min(POINTS_OF_A_LIFE) {
                0 => Ok(()),
                count => history
                    .live(life, count)
                    .map_err(|error| format!("{:?}, life {life}: {error}", history.plan())),
            }
        })
    })
}
