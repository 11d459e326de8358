//! What is published with every commit, beside the data: all that queries need in memory.

use super::acts::KnownActs;
use super::categories::LazyCategories;
use super::columns::LazyColumns;
use super::segments::Segments;
use super::stored::Counters;
use crate::encoder::Encoder;
use crate::index::IndexView;
use crate::model::{Blend, KeepEvents, Salt};
use crate::profile::Space;
use std::sync::Arc;

/// The in-memory state as of one commit.
#[derive(Clone)]
pub(crate) struct Published {
    pub index: IndexView,
    pub space: Arc<Space>,
    pub encoder: Option<Arc<dyn Encoder>>,
    pub counters: Counters,
    /// Of the tombstones, once there was one.
    pub salt: Option<Salt>,
    /// How long events are kept.
    pub keep: KeepEvents,
    /// Events folded and not removed since, once there were any.
    pub folded: Option<u64>,
    /// How much each signal of a recommendation counts, once that was learned.
    pub blend: Option<Blend>,
    /// Who has which attributes.
    pub columns: Arc<LazyColumns>,
    /// What users lately asked did with items.
    pub acts: Arc<KnownActs>,
    /// Which item is of which category.
    pub categories: Arc<LazyCategories>,
    pub segments: Arc<Segments>,
}
