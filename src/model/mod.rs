//! Plain data: what the host hands in and what it gets back. No I/O.

mod archive;
mod attribute;
mod blend;
mod erasure;
mod event;
mod float;
mod fusion;
mod id;
mod keep;
mod kind;
mod metric;
mod nearest;
pub(crate) mod predicate;
mod problem;
mod progress;
mod record;
mod segment;
mod settings;
mod time;

pub use archive::{Archive, ArchiveEntry, FoldedText, MAX_ARCHIVE_ENTRIES};
pub use attribute::{Attributes, Value};
pub use blend::Blend;
pub(crate) use blend::SIGNALS;
pub use erasure::{Hex, Salt, Tombstone};
pub use event::Event;
pub(crate) use float::narrowed;
pub use fusion::Fusion;
pub use id::{MAX_ID_BYTES, check_id};
pub use keep::KeepEvents;
pub use kind::{EventKind, Kinds};
pub use metric::Metric;
pub use nearest::nearest_name;
pub use predicate::{
    Acts, Interval, Pattern, Predicate, Term, Truth, ago, ahead, attribute, count, first, id, in_segment,
    item, item_text, last, now, quantity, similar_to, similar_to_text, sum, texts,
};
pub use problem::Problem;
pub use progress::{OnProgress, Progress};
pub use record::{Erasure, Item, Record, Removal, Text, User};
pub use segment::{SegmentChange, SegmentChanges, SegmentDefinition, SegmentSummary};
pub use settings::StoreSettings;
pub use time::Time;

/// Longest text that is kept, in bytes; longer ones are refused at the door.
pub const MAX_TEXT_BYTES: usize = 1 << 20;

/// Most attributes that one record may name.
pub const MAX_ATTRIBUTES: usize = 4096;

/// Most bytes that the names and texts of one record's attributes may have together: its line of JSON, with every byte
/// escaped, then stays below the longest that ingest reads.
pub const MAX_ATTRIBUTES_BYTES: usize = 2 << 20;

/// Most texts that a set may hold.
pub const MAX_SET: usize = 1 << 16;

/// Most dimensions a vector may have.
pub const MAX_DIM: usize = 4096;
