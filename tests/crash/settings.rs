//! What the environment says of a run: how much, and from which seed.

use std::num::NonZero;

/// Seed of a run; `KINDRED_SEED` repeats another.
pub fn seed() -> u64 {
    number("KINDRED_SEED").unwrap_or(1)
}

/// How many of something a run does.
pub fn amount(variable: &str, usual: u64) -> u64 {
    number(variable).unwrap_or(usual)
}

/// Histories that run side by side.
pub fn workers() -> usize {
    std::thread::available_parallelism().map_or(1, NonZero::get).min(4)
}

fn number(variable: &str) -> Option<u64> {
    let text = std::env::var(variable).ok()?;
    Some(text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, not a number")))
}
