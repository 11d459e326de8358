//! What sled 0.34 loses by itself, without a log before it: a measurement, for `docs/reliability.md`.

use crate::check::scratch;
use crate::child::{Task, Word};
use crate::disk::{Disk, Fate};
use crate::histories::{self, Tally};
use crate::known::Known;
use crate::plan::Plan;
use crate::random::Random;
use crate::settings::{amount, seed};
use crate::stops::{Work, points, trace_of};
use crate::trace::{Entry, Shim};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

const WRITES: &str = "sled_alone::writes_and_flushes";
const STEPS: u64 = 60;
const POINTS: u64 = 50;
const LAST: &[u8] = b"last";

/// What step `n` puts.
fn step(seed: u64, n: u64) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut random = Random::new(seed, &[n]);
    let mut puts: Vec<_> = (0..=random.below(40))
        .map(|_| {
            let key = format!("k{}", random.below(120)).into_bytes();
            (key, vec![random.next() as u8; random.below(6000) as usize])
        })
        .collect();
    puts.push((LAST.to_vec(), n.to_le_bytes().to_vec()));
    puts
}

fn open(folder: &Path) -> sled::Result<sled::Db> {
    sled::Config::new().path(folder).mode(sled::Mode::HighThroughput).flush_every_ms(None).open()
}

/// The child's side. Run by itself it has nothing to do.
#[test]
#[ignore = "a child of the other tests"]
fn writes_and_flushes() {
    let Some(task) = Task::given() else { return };
    let db = open(&task.folder).unwrap();
    for n in 1..=task.steps {
        Word::Begin(n).say();
        for (key, value) in step(task.plan.seed, n) {
            db.insert(key, value).unwrap();
        }
        db.flush().unwrap();
        Word::Done(n).say();
    }
    drop(db);
    Word::Closed.say();
}

/// What became of the data, in words.
fn fate(folder: &Path, seed: u64, known: &Known) -> &'static str {
    let read = catch_unwind(AssertUnwindSafe(|| {
        let db = open(folder)?;
        db.iter().map(|entry| entry.map(|(key, value)| (key.to_vec(), value.to_vec()))).collect()
    }));
    let found: BTreeMap<Vec<u8>, Vec<u8>> = match read {
        Ok(Ok(found)) => found,
        Ok(Err(_)) => return "does not open",
        Err(_) => return "panics",
    };
    let after = |last| (1..=last).flat_map(|n| step(seed, n)).collect::<BTreeMap<_, _>>();
    if found == after(known.done) || found == after(known.begun) {
        return "holds what was flushed";
    }
    let last = found.get(LAST).map_or(0, |bytes| u64::from_le_bytes(bytes[..8].try_into().unwrap()));
    if last < known.done {
        "lacks what was flushed"
    } else {
        "holds a part of what was in flight, or a mixture"
    }
}

fn history(shim: &Shim, plan: Plan, trusts_ranges: bool, tally: &Tally) -> Result<(), String> {
    let place = scratch();
    let root = place.path().join("root");
    std::fs::create_dir(&root).unwrap();
    let mut disk = Disk::of_folder(&root, trusts_ranges);
    let work = Work { test: WRITES, root: &root, store: &root.join("sled"), steps: STEPS, kill: None };
    let entries = trace_of(shim, plan, &work)?;
    let (mut known, mut at) = (Known::at(0), 0);
    for point in points(&entries, POINTS, &mut Random::new(plan.seed, &[3])) {
        for entry in &entries[at..point.at] {
            disk.apply(entry);
            let Entry::Said(text) = entry else { continue };
            for word in text.lines().filter_map(Word::parse) {
                match word {
                    Word::Begin(step) => known.begun = step,
                    Word::Done(step) => known.done = step,
                    _ => {}
                }
            }
        }
        at = point.at;
        let stopped = scratch();
        let folder = stopped.path().join("root");
        disk.stop(&folder, point.data, point.names, &mut Random::new(point.chance, &[]));
        let names = if point.names == Fate::Kept { "all names kept" } else { "names lost" };
        let data = if point.data == Fate::Kept { "all data kept" } else { "data lost" };
        let ranges = if trusts_ranges { "ranges synced" } else { "ranges not synced" };
        let fate = fate(&folder.join("sled"), plan.seed, &known);
        tally.count(format!("{ranges}, {names}, {data}: {fate}"));
    }
    Ok(())
}

#[test]
#[ignore = "a measurement of another crate"]
fn what_sled_loses_of_what_it_flushed() {
    let Some(shim) = Shim::build() else { return };
    let (seed, count) = (seed(), amount("KINDRED_POINTS", 1000));
    let tally = Tally::default();
    let failures = histories::run(count.div_ceil(POINTS), |number| {
        history(&shim, Plan::of_history(seed, number), number.is_multiple_of(2), &tally)
    });
    tally.print("sled alone");
    assert!(failures.is_empty(), "KINDRED_SEED={seed}: {}", failures.join("\n"));
}
