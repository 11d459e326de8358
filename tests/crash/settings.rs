//! What the environment says of a run: how much, and from which seed.

/// Seed of a run; `KINDRED_SEED` repeats another.
pub fn seed() -> u64 {
    amount("KINDRED_SEED", 1)
}

/// How many of something a run does.
pub fn amount(variable: &str, usual: u64) -> u64 {
    let Ok(text) = std::env::var(variable) else { return usual };
    text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, not a number"))
}
