//! Pure metrics: how good and how fast answers are.

mod classification;
mod labels;
mod latency;
mod ranking;
mod recall;
mod recommendation;

pub use classification::auc;
pub use labels::{ClassQuality, LabelQuality, MeanQuality};
pub use latency::{Latency, percentile};
pub use ranking::{mean_reciprocal_rank, top_1};
pub use recall::recall_at_k;
pub use recommendation::ListQuality;
