//! Pure metrics: how good and how fast answers are.

mod agreement;
mod classification;
mod interval;
mod labels;
mod latency;
mod ranking;
mod recall;
mod recommendation;
mod satisfaction;

pub use agreement::adjusted_rand;
pub use classification::auc;
pub use interval::{Mean, wilson};
pub use labels::{ClassQuality, LabelQuality, MeanQuality};
pub use latency::{Latency, percentile};
pub use ranking::{mean_reciprocal_rank, top_1};
pub use recall::recall_at_k;
pub use recommendation::ListQuality;
pub use satisfaction::{Bar, Feedback, Satisfaction};
