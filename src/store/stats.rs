//! Counts and sizes of a snapshot.

use super::Snapshot;
use crate::engine::Source;
use crate::error::Result;
use crate::model::{Kinds, Metric};
use serde::Serialize;

/// Counts and sizes of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Number of users.
    pub users: u64,
    /// Number of items.
    pub items: u64,
    /// Number of events.
    pub events: u64,
    /// Number of texts that users wrote.
    pub texts: u64,
    /// Users with an embedding or a vector.
    pub vectors: u64,
    /// Of these, the ones in the index's graphs; the others are scanned.
    pub vectors_in_graph: u64,
    /// Of these again, the ones in sealed files.
    pub vectors_sealed: u64,
    /// Sealed files of the index.
    pub sealed_files: u64,
    /// Dimensions of an embedding or vector.
    pub dim: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// The encoder's id, where there is one.
    pub encoder: Option<String>,
    /// Counts the fits of this store; 0 before the first.
    pub model_version: u32,
    /// Memory of the index in bytes.
    pub index_bytes: u64,
    /// The kinds of events that the store knows.
    pub kinds: Kinds,
    /// Number of the commit that the snapshot shows.
    pub commit: u64,
}

impl Snapshot {
    /// Counts and sizes.
    pub fn stats(&self) -> Result<Stats> {
        let published = self.view.attachment();
        let (dim, metric) = match self.settings.source {
            Source::Vectors { dim, metric } => (dim, metric),
            Source::Encoder { .. } => (published.space.layout.dim(), Metric::Cosine),
        };
        Ok(Stats {
            users: published.counters.users,
            items: published.counters.items,
            events: published.counters.events,
            texts: published.counters.texts,
            vectors: published.index.len() as u64,
            vectors_in_graph: (published.index.live_len() + published.index.sealed_len()) as u64,
            vectors_sealed: published.index.sealed_len() as u64,
            sealed_files: published.index.sealed_files() as u64,
            dim,
            metric,
            encoder: published.encoder.as_ref().map(|encoder| encoder.id().to_owned()),
            model_version: published.space.learned.version,
            index_bytes: published.index.size_bytes() as u64,
            kinds: self.settings.kinds.clone(),
            commit: self.view.seq(),
        })
    }
}
