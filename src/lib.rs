//! Kindred: an embedded user-profile store.

#[cfg(feature = "cli")]
pub mod cli;
pub mod compute;
pub mod encoder;
mod engine;
pub mod error;
pub mod eval;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod index;
pub mod ingest;
pub mod model;
mod profile;
pub mod query;
mod storage;
mod store;

pub use error::{Error, ErrorKind, Result};
pub use profile::{Block, Fusion};
pub use query::Like;
pub use storage::{BackupOptions, BackupReport, Durability, RestoreReport};
pub use store::{
    FitReport, Options, RepairReport, RepairedModel, Snapshot, Stats, Store, Transaction, VerifyOptions,
    VerifyReport,
};

/// The examples of the README, compiled and run with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
