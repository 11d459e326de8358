//! SIGKILL at any instant: while a store is made, opened, written, sealed, compacted, closed.

use crate::check::{States, scratch};
use crate::child::{Word, Worker};
use crate::plan::{Plan, Step};
use crate::random::Random;
use crate::settings::{amount, seed, workers};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Kills that one folder goes through.
const KILLS_OF_A_FOLDER: u64 = 10;

/// What the parent knows of a folder.
#[derive(Debug, Default)]
struct Known {
    /// The last step that is certainly there.
    done: u64,
    /// The last step that may be there.
    begun: u64,
    /// What was being done last.
    doing: &'static str,
}

impl Known {
    fn hear(&mut self, plan: Plan, word: &Word) -> Result<(), String> {
        match word {
            Word::Opening => self.doing = "opening",
            Word::Opened(step) if *step == self.done => self.doing = "between steps",
            Word::Begin(step) => {
                let (writes, doing) = described(&plan.step(*step));
                if writes {
                    self.begun = *step;
                }
                self.doing = doing;
            }
            Word::Done(step) => {
                if self.begun == *step {
                    self.done = *step;
                }
                self.doing = "between steps";
            }
            other => return Err(format!("at {self:?} the child says {other:?}")),
        }
        Ok(())
    }
}

/// Whether a step writes, and its name.
fn described(step: &Step) -> (bool, &'static str) {
    match step {
        Step::Write(_) => (true, "writing"),
        Step::Seal => (false, "sealing"),
        Step::Compact => (false, "compacting"),
        Step::Checkpoint => (false, "checkpointing"),
        Step::Reopen => (false, "closing"),
        Step::Rest(_) => (false, "resting"),
    }
}

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
    known.doing = "starting";
    let worker = Worker::start(plan, folder, u64::MAX);
    let (words, delay) = instant(random);
    for _ in 0..words {
        let word = worker.next().ok_or("the child ended by itself")?;
        known.hear(plan, &word)?;
    }
    std::thread::sleep(delay);
    worker.kill().iter().try_for_each(|word| known.hear(plan, word))
}

fn history(plan: Plan, kills: u64, tally: &Mutex<BTreeMap<&'static str, u64>>) -> Result<(), String> {
    let place = tempfile::tempdir().unwrap();
    let folder = place.path().join("store");
    let (mut known, mut states) = (Known::default(), States::new(plan));
    for kill in 1..=kills {
        let mut random = Random::new(plan.seed, &[0, kill]);
        kill_once(plan, &folder, &mut known, &mut random).map_err(|e| format!("kill {kill}: {e}"))?;
        *tally.lock().unwrap().entry(known.doing).or_default() += 1;
        // A copy is opened: the next child has to recover from what this one left.
        let scratch = scratch();
        let copy = scratch.path().join("store");
        copy_folder(&folder, &copy);
        let step = states.check_folder(&copy, known.done, known.begun);
        known.done = step.map_err(|e| format!("after kill {kill}, while {}: {e}", known.doing))?;
        known.begun = known.done;
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
    let (tally, failures) = (Mutex::new(BTreeMap::new()), Mutex::new(Vec::new()));
    let next = AtomicU64::new(0);
    std::thread::scope(|scope| {
        for _ in 0..workers() {
            scope.spawn(|| {
                loop {
                    let first = next.fetch_add(KILLS_OF_A_FOLDER, Ordering::Relaxed);
                    if first >= kills {
                        return;
                    }
                    let plan = Plan { seed: seed.wrapping_mul(1_000_000) + first / KILLS_OF_A_FOLDER };
                    let count = KILLS_OF_A_FOLDER.min(kills - first);
                    if let Err(failure) = history(plan, count, &tally) {
                        failures.lock().unwrap().push(format!("{plan:?}: {failure}"));
                    }
                }
            });
        }
    });
    let (tally, failures) = (tally.into_inner().unwrap(), failures.into_inner().unwrap());
    println!("killed while {tally:?}");
    assert!(failures.is_empty(), "KINDRED_SEED={seed} KINDRED_KILLS={kills}: {}", failures.join("\n"));
    assert_eq!(tally.values().sum::<u64>(), kills);
}
