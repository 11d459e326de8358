//! Kindred from outside: one binary, one file per subject, the public API only.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::float_cmp,
    reason = "a test that cannot go on must fail"
)]

mod activity;
mod apart;
mod backup;
mod bad_input;
#[cfg(feature = "cli")]
mod cli;
#[cfg(feature = "cli")]
mod cli_answers;
#[cfg(feature = "cli")]
mod cli_eval;
mod clusters;
mod concurrency;
mod damage;
mod erasure;
mod explain;
mod export;
mod feedback;
mod filters;
mod fit;
mod fixture;
mod formats;
mod growth;
mod hold;
mod interests;
mod keep;
mod labels;
mod layering;
mod lookalikes;
mod map;
mod options;
mod overlaps;
mod own_vectors;
mod profiles;
mod read_only;
mod recommend;
mod removal;
#[cfg(feature = "cli")]
mod report;
mod rules;
mod sealed;
mod segments;
mod similar;
mod snapshots;
mod stats;
mod store;
mod stress;
#[cfg(feature = "cli")]
mod tune;
mod writes;
