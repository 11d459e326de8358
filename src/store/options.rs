//! What a store is opened with.

use super::{ReadOnlyStore, Store};
use crate::encoder::Encoder;
use crate::engine::{EncoderChoice, Engine, Request};
use crate::error::Result;
use crate::model::{EventKind, Fusion, KeepEvents, Metric};
use crate::storage::Durability;
use crate::telemetry::{Operation, observed};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How to open a store. What is not said stays as it was stored, or takes its default in a new store.
///
/// ```
/// use kindred::{Store, model::Metric};
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("store");
/// let store = Store::options().dim(3).metric(Metric::L2).open(&path)?;
/// store.write(|tx| tx.put_vector("ann", vec![1.0, 2.0, 3.0]))?;
/// drop(store);
/// let error = Store::options().dim(4).open(&path).err().unwrap();
/// assert!(error.to_string().contains("dim 3"));
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "options do nothing until a store is opened with them"]
pub struct Options {
    pub(super) request: Request,
}

impl Options {
    /// A store of the host's own vectors of this many dimensions, 1 to 4,096, without an encoder.
    pub fn dim(mut self, dim: usize) -> Self {
        self.request.dim = Some(dim);
        self
    }

    /// How the host's own vectors are compared; cosine unless said.
    pub fn metric(mut self, metric: Metric) -> Self {
        self.request.metric = Some(metric);
        self
    }

    /// The built-in encoder, which needs no weights. The default of a new store.
    pub fn hashed(mut self) -> Self {
        self.request.encoder = EncoderChoice::Hashed;
        self
    }

    /// A BERT-family model in a local folder (feature `bert`).
    pub fn model(mut self, folder: impl Into<PathBuf>) -> Self {
        self.request.encoder = EncoderChoice::Folder(folder.into());
        self
    }

    /// An encoder of the host's own. It must be handed in at every open.
    pub fn encoder(mut self, encoder: Arc<dyn Encoder>) -> Self {
        self.request.encoder = EncoderChoice::Host(encoder);
        self
    }

    /// Adds a kind of event, or changes one; [`Kinds`](crate::model::Kinds) lists the defaults. May differ from one open to
    /// the next: profiles are then fused anew, without encoding anything.
    pub fn kind(mut self, kind: EventKind) -> Self {
        self.request.kinds.push(kind);
        self
    }

    /// How embeddings are put together. Weights may differ from one open to the next: profiles are then
    /// fused anew, without encoding anything. The blocks' dimensions may not.
    pub fn fusion(mut self, fusion: Fusion) -> Self {
        self.request.fusion = Some(fusion);
        self
    }

    /// How long events are kept as such; for ever, unless said. What is older is folded into sums: profiles stay what they
    /// were. The store remembers it. May differ from one open to the next, which then takes as long as folding does; what is
    /// folded stays so.
    pub fn keep_events(mut self, keep: KeepEvents) -> Self {
        self.request.keep_events = Some(keep);
        self
    }

    /// When a write is on disk; when it returns, unless said.
    pub fn durability(mut self, durability: Durability) -> Self {
        self.request.durability = Some(durability);
        self
    }

    /// Memory for sled's page cache in bytes, at least 65,536; as much again may hold values that writers lately read.
    pub fn cache_bytes(mut self, bytes: u64) -> Self {
        self.request.cache_bytes = Some(bytes);
        self
    }

    /// How many recently changed users are scanned before they are moved into the index's graph.
    pub fn head_rows(mut self, rows: usize) -> Self {
        self.request.head_rows = Some(rows);
        self
    }

    /// How long nobody writes before the index's recent changes go into one file with the rest, which makes searches
    /// fastest; a second unless said, and never for [`Duration::MAX`].
    pub fn settle_after(mut self, pause: Duration) -> Self {
        self.request.settle_after = Some(pause);
        self
    }

    /// Whether the index's files are read from end to end once after opening, in the background, at most a fifth of the time;
    /// they are, unless said. What is damaged in them is made anew; until it is found, a search may miss a user or
    /// give one the wrong score. Without it only [`Store::verify`] and merges find that. A
    /// [`ReadOnlyStore`] does without what is damaged.
    pub fn scrub(mut self, scrub: bool) -> Self {
        self.request.scrub = Some(scrub);
        self
    }

    /// Whether values that are found damaged are made anew at once, in the background, from the store's second copy and its log;
    /// they are, unless said. That takes room for another copy of the data, and writers wait at its end. Without it the next
    /// opening does the same, or [`Store::compact`].
    pub fn heal(mut self, heal: bool) -> Self {
        self.request.heal = Some(heal);
        self
    }

    /// Refuses to open a store that is there already.
    pub fn must_be_new(mut self) -> Self {
        self.request.must_be_new = true;
        self
    }

    /// Refuses to make a new store.
    pub fn must_exist(mut self) -> Self {
        self.request.must_exist = true;
        self
    }

    /// Opens the store in a folder, or makes one.
    ///
    /// # Errors
    /// As [`Store::open`]; [`crate::Error::OptionMismatch`] where an option differs from what the store
    /// was made with and may not; [`crate::Error::Invalid`] for an option out of range.
    pub fn open(&self, path: impl AsRef<Path>) -> Result<Store> {
        let engine = observed(Operation::Open, || {
            self.request.check(path.as_ref())?;
            Engine::open(path.as_ref(), &self.request)
        });
        Ok(Store { engine: engine? })
    }
}

impl Options {
    /// Reads the store in a folder, which another process may have open. Of the options, only the encoder and
    /// [`Options::scrub`] matter: no other may change anything.
    ///
    /// # Errors
    /// As [`ReadOnlyStore::open`], and [`crate::Error::OptionMismatch`].
    pub fn open_read_only(&self, path: impl AsRef<Path>) -> Result<ReadOnlyStore> {
        self.request.check(path.as_ref())?;
        ReadOnlyStore::read(path.as_ref(), &self.request)
    }
}
