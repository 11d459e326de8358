//! From bytes to clean records: JSON Lines, CSV and Parquet in, [`Record`](crate::model::Record)s out, nothing dropped
//! in silence.
//!
//! Every line becomes one [`Entry`]: an accepted [`Line`], perhaps mended, or a [`Reject`] with its reason. The
//! [`Report`] counts them all.
//!
//! What is mended, and how:
//!
//! - **Missing values**: `null` and empty texts are absent; in tables also `NA`, `N/A`, `null`, `-` (the mapping may
//!   say otherwise). Missing ids and times are refused where the record needs them.
//! - **Numbers**: a number given as a text is read; what is no number, or not finite, is left out. Outlying values,
//!   quantities and numeric attributes are clipped to a robust z-score, by event kind or attribute, learned from the
//!   first 10,000 records that have them.
//! - **Texts**: HTML entities decoded and tags taken out, control and zero-width characters removed (joiners stay
//!   inside emoji and in the scripts they shape), NFKC, white space collapsed. What escaped markup stood for is taken
//!   as markup.
//! - **Ids**: white space around them is taken off, and nothing else, so that no two are merged. Whole numbers are
//!   taken as texts, without `.0`.
//! - **Refused**: what is not UTF-8 or not JSON, lines over 16 MiB, unknown types, fields given twice, unreadable times.
//!
//! Cleaning what was cleaned changes nothing.

mod clean;
#[cfg(feature = "tables")]
mod csv;
mod draft;
mod json;
mod lines;
#[cfg(feature = "tables")]
mod mapping;
mod options;
mod outlier;
#[cfg(feature = "tables")]
mod parquet;
mod reader;
mod report;
mod rows;
mod segment;
mod source;
#[cfg(feature = "sql")]
mod sql;
#[cfg(feature = "tables")]
mod table;
#[cfg(any(feature = "cli", fuzzing))]
pub(crate) mod vectors;
mod write;

#[cfg(feature = "tables")]
pub use mapping::Mapping;
pub use options::{Format, Options};
pub use reader::{Entry, Line, Reader, Reject};
pub use report::Report;
pub(crate) use rows::exported_settings;
#[cfg(feature = "sql")]
pub(crate) use segment::check_text_of;
pub use source::Source;
pub use write::write_record;
