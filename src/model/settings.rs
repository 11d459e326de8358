//! What a store was made with, as an export says it.

use super::{Fusion, KeepEvents, Kinds, Metric};
use serde::{Deserialize, Serialize};

/// What a store was made with: the first line of an export, so that a store made of it is another of the same kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct StoreSettings {
    /// The id of the encoder that the store was made with; none in a store of the host's own vectors.
    pub encoder: Option<String>,
    /// Dimensions of the encoder's vectors, or of the host's own.
    pub dim: usize,
    /// How embeddings or vectors are compared.
    pub metric: Metric,
    /// The kinds of events, in the order in which they were added.
    pub kinds: Kinds,
    /// How embeddings are put together.
    pub fusion: Fusion,
    /// How long events are kept. It may change from one open to the next.
    #[serde(default, skip_serializing_if = "KeepEvents::is_all")]
    pub keep_events: KeepEvents,
}
