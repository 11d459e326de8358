//! Crash proofs from outside: real processes, real files, the public API only. `docs/reliability.md` says what each shows.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test that cannot go on must fail"
)]

mod check;
mod child;
mod disk;
mod faults;
mod histories;
mod kill;
mod known;
mod lost;
mod migration;
mod model;
mod moves;
mod moving;
mod plan;
mod random;
mod refusals;
mod settings;
mod sled_alone;
mod stops;
mod trace;
