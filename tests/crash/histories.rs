//! Many histories side by side, each decided by its own seed.

use std::collections::BTreeMap;
use std::num::NonZero;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// How often something happened, over all histories.
#[derive(Default)]
pub struct Tally(Mutex<BTreeMap<String, u64>>);

impl Tally {
    pub fn count(&self, what: impl Into<String>) {
        *self.0.lock().unwrap().entry(what.into()).or_default() += 1;
    }

    /// One line for each.
    pub fn print(&self, of: &str) {
        for (what, count) in &*self.0.lock().unwrap() {
            println!("{of}: {count} {what}");
        }
    }
}

/// Runs histories 0 to `count`, some at a time; returns what failed.
pub fn run(count: u64, history: impl Fn(u64) -> Result<(), String> + Sync) -> Vec<String> {
    let (next, failures) = (AtomicU64::new(0), Mutex::new(Vec::new()));
    let threads = std::thread::available_parallelism().map_or(1, NonZero::get).min(4);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= count {
                        return;
                    }
                    if let Err(failure) = history(number) {
                        failures.lock().unwrap().push(format!("history {number}: {failure}"));
                    }
                }
            });
        }
    });
    failures.into_inner().unwrap()
}
