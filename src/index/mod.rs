//! Nearest rows among the current vectors of all labels: a *head* of recent changes, scanned exactly, and a
//! *live* tier walked as a graph, and *sealed* files of all the rest, behind one face.
//!
//! [`Index`] is the writer's side and has one owner; [`IndexView`] is what readers hold: immutable, as of
//! one commit, never blocking the writer nor blocked by it. A row is one version of one label's vector: an
//! update adds a row and marks the old one dead as of that commit, so older views go on seeing it.

mod batch;
mod durable;
#[cfg(fuzzing)]
pub(crate) mod fuzz;
mod graph;
mod live;
mod manifest;
mod mend;
mod options;
mod policy;
mod prepare;
mod quantize;
mod restore;
mod row_set;
mod score;
mod scrub;
mod sealed;
mod search;
mod segment;
mod task;
#[cfg(test)]
mod tests;
mod verify;
mod view;
mod writer;

pub use manifest::{Identity, Manifest};
pub use mend::{Amends, Doubt};
pub use options::{Neighbor, Options, SearchOptions};
pub use policy::Wanted;
pub use row_set::RowSet;
pub use scrub::{DamagedFiles, Scrub};
pub use sealed::SearchStep;
pub use task::{Task, TaskKind};
pub(crate) use verify::WHOLE;
pub use view::IndexView;
pub use writer::Index;

pub use crate::model::Problem;
