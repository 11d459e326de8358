//! Kindred: an embedded user-profile store.

pub mod analysis;
#[cfg(feature = "cli")]
pub mod cli;
mod columns;
pub mod compute;
pub mod encoder;
mod engine;
pub mod error;
pub mod eval;
#[cfg(fuzzing)]
pub mod fuzzing;
pub mod index;
pub mod ingest;
mod learn;
pub mod model;
mod profile;
pub mod query;
mod storage;
mod store;
mod sync;
mod telemetry;

pub use error::{Error, ErrorKind, Result};
pub use model::Fusion;
pub use profile::Block;
pub use query::Like;
pub use storage::{BackupOptions, BackupReport, Durability, FolderBytes, RestoreReport};
pub use store::{
    Expired, FitReport, Options, ReadOnlyStore, RepairReport, RepairedModel, Snapshot, Stats, Store,
    StoreStats, Transaction, VerifyOptions, VerifyReport,
};

/// The examples of the README, compiled and run with those of the documentation.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

/// So are those of the description of predicates.
#[cfg(all(doctest, feature = "sql"))]
#[doc = include_str!("../docs/predicates.md")]
struct Predicates;

/// And of segments.
#[cfg(doctest)]
#[doc = include_str!("../docs/segments.md")]
struct Segments;

/// And of recommendations.
#[cfg(doctest)]
#[doc = include_str!("../docs/recommendations.md")]
struct Recommendations;

/// And of lookalikes.
#[cfg(doctest)]
#[doc = include_str!("../docs/lookalikes.md")]
struct Lookalikes;

/// And of association rules.
#[cfg(doctest)]
#[doc = include_str!("../docs/rules.md")]
struct Rules;

/// And of clusters.
#[cfg(doctest)]
#[doc = include_str!("../docs/clusters.md")]
struct Clusters;

/// And of interests.
#[cfg(doctest)]
#[doc = include_str!("../docs/interests.md")]
struct Interests;

/// And of the report.
#[cfg(doctest)]
#[doc = include_str!("../docs/report.md")]
struct Report;
