//! The storage under a checker that decides in what order its threads run. The lower floors are compiled here once more, from the
//! same files, with the checker's locks and threads as `crate::sync`; no other code is different, and a normal build knows
//! nothing of it.
//!
//! Each check runs in so many schedules, half of them drawn by chance, half by the PCT algorithm (Burckhardt et al., 2010), which
//! finds what takes few switches at the right places. `KINDRED_SEED` and `KINDRED_SCHEDULES` say which and how many.

#![allow(
    dead_code,
    unused_imports,
    unused_macros,
    reason = "whole floors are compiled, of which the checks use a part"
)]
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test that cannot go on must fail")]
#![allow(clippy::struct_field_names, reason = "what is public in the library is private here")]

#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/model/mod.rs"]
mod model;
#[path = "../../src/storage/mod.rs"]
mod storage;
mod sync;
#[path = "../../src/telemetry/mod.rs"]
mod telemetry;

mod checks;
mod world;

use error::{Error, ErrorKind, Result};
use shuttle::scheduler::{PctScheduler, RandomScheduler, Scheduler};
use shuttle::{Config, Runner};
use std::time::Instant;

/// Deep enough for what takes this many switches at the right places, and one.
const PCT_DEPTH: usize = 4;
/// Bytes of a thread's stack: files are opened on it.
const STACK: usize = 512 << 10;
const DEFAULT_SCHEDULES: usize = 200;

fn number(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

fn run(scheduler: impl Scheduler + 'static, check: fn()) {
    let mut config = Config::new();
    config.stack_size = STACK;
    config.silence_warnings = true;
    Runner::new(scheduler, config).run(check);
}

fn main() {
    let filter = std::env::args().skip(1).find(|argument| !argument.starts_with('-')).unwrap_or_default();
    let (seed, schedules) =
        (number("KINDRED_SEED", 1), number("KINDRED_SCHEDULES", DEFAULT_SCHEDULES as u64));
    let chosen: Vec<_> = checks::ALL.iter().filter(|(name, _)| name.contains(&filter)).collect();
    for (name, check) in &chosen {
        let started = Instant::now();
        println!("schedules::{name}: {schedules} schedules, KINDRED_SEED={seed}");
        let half = (schedules as usize).div_ceil(2);
        run(RandomScheduler::new_from_seed(seed, half), *check);
        run(PctScheduler::new_from_seed(seed, PCT_DEPTH, half), *check);
        println!("schedules::{name}: ok in {:.1} s", started.elapsed().as_secs_f64());
    }
    println!("test result: ok. {} passed, each in {schedules} schedules", chosen.len());
}
