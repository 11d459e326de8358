//! Counts and sizes, of a snapshot and of a whole store.

use super::{Snapshot, Store};
use crate::error::Result;
use crate::model::{Kinds, Metric};
use crate::storage::FolderBytes;
use serde::Serialize;

/// Counts and sizes of a snapshot.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stats {
    /// Number of users.
    pub users: u64,
    /// Number of items.
    pub items: u64,
    /// Number of events that are kept.
    pub events: u64,
    /// Number of events that are folded: counted in profiles, and kept no more.
    pub events_folded: u64,
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

/// How an open store is doing: what its newest snapshot holds, and what the snapshot does not show.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct StoreStats {
    /// Of the newest snapshot. In JSON its fields stand beside the others.
    #[serde(flatten)]
    pub newest: Stats,
    /// Bytes of the store's folder.
    pub folder_bytes: u64,
    /// The same, by part.
    pub folder: FolderBytes,
    /// Commits that are acknowledged, and in the log alone so far. Writers wait where there are 32.
    pub waiting_commits: u64,
    /// Number of the commit up to which everything is in the data and synced: the log begins behind it, and opening after a crash
    /// has so many commits less to look at.
    pub checkpoint: u64,
    /// Snapshots that are held, each with what changed since in memory; clones of one count once. Queries and background
    /// work hold some for a moment.
    pub snapshots: u64,
    /// Index files that were found damaged in use, and are not made good yet.
    pub damaged_index_files: u64,
    /// Whether values of the data are known to be damaged, and are not made anew yet: the log grows meanwhile.
    pub damaged_values: bool,
    /// How often damaged values were made anew since the store was opened.
    pub heals: u64,
    /// Why the store takes no writes, where it does not: until it is opened again, or, where sled's files failed, until they open.
    pub read_only: Option<String>,
}

impl Store {
    /// How the store is doing. It looks at each file of the folder, and waits for nobody.
    ///
    /// ```
    /// # let folder = tempfile::tempdir().unwrap();
    /// # let store = kindred::Store::options().dim(2).open(folder.path().join("store"))?;
    /// store.write(|tx| tx.put_vector("ann", vec![1.0, 0.0]))?;
    /// let held = store.snapshot();
    /// let stats = store.stats()?;
    /// assert_eq!((stats.newest.users, stats.newest.commit), (1, held.stats()?.commit));
    /// assert!(stats.snapshots >= 1 && stats.folder.log > 0);
    /// assert_eq!((stats.folder_bytes, stats.read_only), (stats.folder.total(), None));
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// [`crate::Error::Io`] where the folder cannot be read.
    pub fn stats(&self) -> Result<StoreStats> {
        let condition = self.engine.condition()?;
        let snapshot = self.snapshot();
        Ok(StoreStats {
            newest: snapshot.stats()?,
            folder_bytes: condition.folder.total(),
            folder: condition.folder,
            waiting_commits: condition.waiting_commits as u64,
            checkpoint: condition.checkpoint,
            snapshots: condition.snapshots as u64,
            damaged_index_files: snapshot.view.attachment().index.damaged_files() as u64,
            damaged_values: condition.damaged,
            heals: condition.heals,
            read_only: condition.read_only,
        })
    }
}

impl Snapshot {
    /// Counts and sizes.
    pub fn stats(&self) -> Result<Stats> {
        let published = self.view.attachment();
        Ok(Stats {
            users: published.counters.users,
            items: published.counters.items,
            events: published.counters.events,
            events_folded: published.folded.unwrap_or(0),
            texts: published.counters.texts,
            vectors: published.index.len() as u64,
            vectors_in_graph: (published.index.live_len() + published.index.sealed_len()) as u64,
            vectors_sealed: published.index.sealed_len() as u64,
            sealed_files: published.index.sealed_files() as u64,
            dim: self.settings.source.dim(&published.space),
            metric: self.settings.source.metric(),
            encoder: published.encoder.as_ref().map(|encoder| encoder.id().to_owned()),
            model_version: published.space.learned.version,
            index_bytes: published.index.size_bytes() as u64,
            kinds: self.settings.kinds.clone(),
            commit: self.view.seq(),
        })
    }
}
