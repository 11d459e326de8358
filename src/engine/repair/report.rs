//! What a repair found, saved and lost.

use crate::model::Problem;
use serde::Serialize;

/// What a repair found, saved and lost.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RepairReport {
    /// How many problems the store has. What is derived from sound records was made anew, and is not lost.
    pub found: u64,
    /// The first thousand of them.
    pub problems: Vec<Problem>,
    /// How many records could not be saved, or not in full.
    pub lost: u64,
    /// The first thousand of them, each with what is wrong and what was kept.
    pub losses: Vec<Problem>,
    /// Users in the new store.
    pub users: u64,
    /// Items in the new store.
    pub items: u64,
    /// Events in the new store.
    pub events: u64,
    /// Folded events in the new store.
    pub events_folded: u64,
    /// Texts of users in the new store.
    pub texts: u64,
    /// Marks of erased users in the new store.
    pub erased: u64,
    /// Where its learned model comes from.
    pub model: RepairedModel,
}

/// Where the learned model of a repaired store comes from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum RepairedModel {
    /// There was none.
    #[default]
    None,
    /// It is the damaged store's own.
    Kept,
    /// It was damaged, and was learned anew from what could be saved.
    Relearned,
}
