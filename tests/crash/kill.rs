//! SIGKILL at any instant: while a store is made, opened, written, sealed, compacted, closed.

use crate::check::{States, scratch};
use crate::child::Worker;
use crate::histories::{self, Tally};
use crate::known::Known;
use crate::plan::Plan;
use crate::random::Random;
use crate::settings::{amount, seed};
use std::path::Path;
use std::time::Duration;

/// Kills that one folder goes through.
const KILLS_OF_A_FOLDER: u64 = 10;

/// When a child is killed: so many words after it began to open, and then so much later.
fn instant(random: &mut Random) -> (u64, Duration) {
    match random.below(10) {
        // While it starts, makes the store or recovers.
        0..2 => (0, Duration::from_micros(random.below(30_000))),
        2..4 => (1, Duration::from_micros(random.below(25_000))),
        _ => (2 + random.below(60), Duration::from_micros(random.below(4_000))),
    }
}

/// Kills one child, wherever it is then.
fn kill_once(plan: Plan, folder: &Path, known: &mut Known, random: &mut Random) -> Result<(), String> {
    let worker = Worker::start(plan, folder, u64::MAX);
    let (words, delay) = instant(random);
    for _ in 0..words {
        let word = worker.next().ok_or("the child ended by itself")?;
        known.hear(plan, &word)?;
    }
    std::thread::sleep(delay);
    worker.kill().iter().try_for_each(|word| known.hear(plan, word))
}

fn history(plan: Plan, kills: u64, tally: &Tally) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("store");
    let (mut known, mut states) = (Known::at(0), States::new(plan));
    for kill in 1..=kills {
        let mut random = Random::new(plan.seed, &[0, kill]);
        kill_once(plan, &folder, &mut known, &mut random).map_err(|e| format!("kill {kill}: {e}"))?;
        tally.count(known.doing);
        // A copy is opened: the next child has to recover from what this one left.
        let scratch = scratch();
        let copy = scratch.path().join("store");
        copy_folder(&folder, &copy);
        let step = states.check_folder(&copy, known.done, known.begun);
        known = Known::at(step.map_err(|e| format!("after kill {kill}, while {}: {e}", known.doing))?);
    }
    Ok(())
}

pub fn copy_folder(from: &Path, to: &Path) {
    let Ok(entries) = std::fs::read_dir(from) else { return };
    std::fs::create_dir(to).unwrap();
    for entry in entries {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy_folder(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

#[test]
fn what_was_acknowledged_survives_kills_and_nothing_else_does() {
    let (seed, kills) = (seed(), amount("KINDRED_KILLS", 200));
    let tally = Tally::default();
    let failures = histories::run(kills.div_ceil(KILLS_OF_A_FOLDER), |number| {
        let left = kills - number * KILLS_OF_A_FOLDER;
        history(Plan::of_history(seed, number), left.min(KILLS_OF_A_FOLDER), &tally)
    });
    tally.print("killed while");
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_KILLS={kills}: {}", failures.join("\n"));
}
