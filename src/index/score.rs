//! The exact score of two vectors.

use crate::compute::distance::backend;
use crate::model::Metric;

/// How close `vector` is to `query`, both prepared; larger is closer.
#[inline]
pub(super) fn score(metric: Metric, query: &[f32], vector: &[f32]) -> f32 {
    let score = match metric {
        Metric::Cosine => backend().dot(query, vector).clamp(-1.0, 1.0),
        Metric::InnerProduct => backend().dot(query, vector),
        Metric::L2 => -backend().l2_squared(query, vector),
    };
    // One zero only: −0 and 0 are one score, ordered by label.
    score + 0.0
}
