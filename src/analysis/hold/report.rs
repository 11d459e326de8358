//! How well groups hold together, as it is told.

use crate::eval::Mean;
use serde::Serialize;

/// How well groups of users hold together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HeldTogether {
    /// The attribute whose values the groups are of; none for segments.
    pub attribute: Option<String>,
    /// Users with a vector.
    pub users: u64,
    /// Users without one, who have no part in any figure but the sizes of groups.
    pub without_vector: u64,
    /// Users in the sample that all other figures are of.
    pub sample: u64,
    /// The mean silhouette over all values of the attribute, −1 to 1, each user's against the next value; none for segments, which may overlap,
    /// and of less than two values.
    pub silhouette: Option<f64>,
    /// Whether k-means finds the same clusters again, as many as the attribute has values; none for segments, for one value, and where half of
    /// the sample has fewer users than that.
    pub stability: Option<Stability>,
    /// The segments in the order in which they were first defined, or the attribute's values in theirs.
    pub groups: Vec<HeldGroup>,
}

/// How well one group holds together.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct HeldGroup {
    /// The segment's name, or the value.
    pub name: String,
    /// Users in it.
    pub users: u64,
    /// Of these, with a vector.
    pub with_vector: u64,
    /// Of these, in the sample.
    pub sample: u64,
    /// The mean silhouette of its users against all others, −1 to 1: above 0 they are nearer to each other than to the others. None where the sample
    /// has fewer than two of them, or nobody else.
    pub silhouette: Option<f64>,
}

/// Whether clusters are found again: adjusted Rand indexes ([`crate::eval::adjusted_rand`]), 1 where it is the same ones, around 0 where it is
/// chance which.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Stability {
    /// How many clusters were looked for in each half.
    pub clusters: usize,
    /// Of the clusters that the two halves of the sample have, each user of the sample being in the nearest of either: mean over the runs.
    pub between_halves: Mean,
    /// Of the clusters of either half and the values of the attribute, over users who have one; none where these are all the same.
    pub with_attribute: Option<Mean>,
}
