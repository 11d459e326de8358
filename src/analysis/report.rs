//! What was found.

use super::Method;
use serde::Serialize;

/// Clusters of users, and who stands for each.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FoundSegments {
    /// How they were found.
    pub method: Method,
    /// The attribute that names each user's cluster.
    pub attribute: String,
    /// Users with a vector: all that were shared out.
    pub users: u64,
    /// Users without one. They are in no cluster.
    pub without_vector: u64,
    /// Users with a vector who are in no cluster, since they lie where few do.
    pub noise: u64,
    /// Users in the sample that silhouettes are of.
    pub sample: u64,
    /// By k-means, the numbers of clusters that were tried on the sample.
    pub tried: Vec<TriedClusters>,
    /// The mean silhouette of the clusters as they are, −1 to 1, over those of the sample who are in one; none of less than two clusters.
    pub silhouette: Option<f64>,
    /// The clusters, the largest first.
    pub clusters: Vec<FoundCluster>,
    /// Users whose attribute was written or removed; 0 where it was only looked for clusters.
    pub written: u64,
}

/// A number of clusters that was tried.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TriedClusters {
    /// How many were asked for.
    pub clusters: usize,
    /// The mean silhouette of the sample, −1 to 1: the larger, the more alike users within a cluster are, and unlike those of the next
    /// one. None of less than two clusters.
    pub silhouette: Option<f64>,
}

/// Users who are alike.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FoundCluster {
    /// The value of the attribute: `c1` for the largest, and so on.
    pub name: String,
    /// Users in it.
    pub users: u64,
    /// Their share of all users with a vector, 0 to 1.
    pub share: f64,
    /// Their mean score against the cluster's centroid: the cosine, −1 to 1, or in a store that compares by Euclidean distance the
    /// negative squared distance. Larger is closer.
    pub cohesion: f64,
    /// Up to three users nearest to the centroid, the nearest first.
    pub medoids: Vec<String>,
}

/// What became of users who were given the cluster nearest to them.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AssignedSegments {
    /// The attribute that names each user's cluster.
    pub attribute: String,
    /// Users with a vector.
    pub users: u64,
    /// Users without one. Nothing changes of theirs.
    pub without_vector: u64,
    /// The clusters that there are, by name.
    pub clusters: Vec<AssignedCluster>,
    /// Users whose attribute was written.
    pub written: u64,
}

/// A cluster and who is in it now.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct AssignedCluster {
    /// The value of the attribute.
    pub name: String,
    /// Users with a vector who had it before.
    pub before: u64,
    /// Users with a vector who have it now.
    pub users: u64,
}
