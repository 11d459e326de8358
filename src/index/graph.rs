//! `hnsw_rs` over our codes (Malkov and Yashunin 2016), kept to what it does safely.
//!
//! Its parallel insertion can deadlock, so one thread inserts. Searching meanwhile is safe: a search holds
//! one point's read lock at a time and takes no other under it, while the inserter takes the write lock of
//! one linked point at a time, never that of the point it reads. Its levels come from a generator with a
//! fixed seed, so that the same insertions in the same order make the same graph. It asserts that
//! distances are not negative and panics on NaN: ours are clamped, and vectors are checked before.

use super::quantize::{Factor, Query};
use crate::compute::Backend;
use crate::compute::distance::backend;
use crate::model::Metric;
use hnsw_rs::prelude::{Distance, Hnsw, Neighbour};

/// Levels that the graph may have: its own maximum.
const MAX_LEVELS: usize = 16;

/// Bytes after the codes: scale, length.
const TRAILER: usize = 8;

/// Bytes a node takes in `hnsw_rs` beyond its codes, as measured at `m` 16.
pub(super) const NODE_BYTES: usize = 2_200;

/// `a² + b² − 2 a·b`: for L2 the squared distance, for cosine, where all lengths are 1, in its order. For
/// inner product lengths are parts of an upper bound, go into the scale, and each square is given as 1, so that it
/// is in the product's order and not negative. (Bringing rows to one length by an extra coordinate instead, after Bachrach et al. 2014,
/// was measured: recall@10 .22 against .98 at equal width, as queries then lie far from every row.)
struct CodeDistance {
    backend: &'static Backend,
    stride: usize,
}

impl Distance<i8> for CodeDistance {
    fn eval(&self, a: &[i8], b: &[i8]) -> f32 {
        let (a, a_trailer) = a.split_at(self.stride);
        let (b, b_trailer) = b.split_at(self.stride);
        let (a_factor, b_factor) = (unpack(a_trailer), unpack(b_trailer));
        let cosine = a_factor.scale * b_factor.scale * self.backend.dot_i8(a, b) as f32;
        let (a, b) = (a_factor.norm, b_factor.norm);
        (a * a + b * b - 2.0 * cosine * a * b).max(0.0)
    }
}

/// Codes with their factor behind, the form of a graph point.
fn pack(codes: &[i8], factor: Factor) -> Vec<i8> {
    let mut packed = Vec::with_capacity(codes.len() + TRAILER);
    packed.extend_from_slice(codes);
    for value in [factor.scale, factor.norm] {
        packed.extend(value.to_le_bytes().map(u8::cast_signed));
    }
    packed
}

fn unpack(trailer: &[i8]) -> Factor {
    let value = |at: usize| {
        let bytes = trailer[at..].first_chunk::<4>().copied().unwrap_or_default();
        f32::from_le_bytes(bytes.map(i8::cast_unsigned))
    };
    Factor { scale: value(0), norm: value(4) }
}

/// A graph of nodes numbered from 0 in order of insertion.
pub(super) struct Graph {
    hnsw: Hnsw<'static, i8, CodeDistance>,
    metric: Metric,
    /// For inner product, what no row's length exceeds.
    norm_bound: f32,
}

/// Size and links of a graph; see [`super::Options`].
#[derive(Clone, Copy, Debug)]
pub(super) struct Shape {
    pub stride: usize,
    pub m: usize,
    pub ef_construction: usize,
}

impl Graph {
    /// An empty graph, sized for about `nodes`; under inner product `norm_bound` is the largest length that rows
    /// may have.
    pub(super) fn new(shape: Shape, metric: Metric, nodes: usize, norm_bound: f32) -> Self {
        let distance = CodeDistance { backend: backend(), stride: shape.stride };
        let hnsw = Hnsw::new(shape.m, nodes, MAX_LEVELS, shape.ef_construction, distance);
        Self { hnsw, metric, norm_bound }
    }

    /// Whether rows of this length can be inserted without losing the order of inner products.
    pub(super) fn takes(&self, norm: f32) -> bool {
        self.metric != Metric::InnerProduct || norm <= self.norm_bound
    }

    /// A row in the form of a graph point; equal points are one node.
    pub(super) fn point(&self, codes: &[i8], factor: Factor) -> Vec<i8> {
        if self.metric != Metric::InnerProduct {
            return pack(codes, factor);
        }
        // Where all rows are zeros the bound is too; their scale is 0.
        let share = if factor.norm > 0.0 { f64::from(factor.norm) / f64::from(self.norm_bound) } else { 0.0 };
        pack(codes, Factor { scale: (f64::from(factor.scale) * share) as f32, norm: 1.0 })
    }

    /// A query's length does not change the order of inner products: it is taken as the rows' bound, so
    /// that neither is lost to the other in rounding.
    fn query_point(&self, query: &Query) -> Vec<i8> {
        let inner = self.metric == Metric::InnerProduct;
        pack(&query.codes, if inner { Factor { norm: 1.0, ..query.factor } } else { query.factor })
    }

    /// Inserts a point made by [`Graph::point`]. Only one thread may insert at a time.
    pub(super) fn insert(&self, node: u32, point: &[i8]) {
        self.hnsw.insert((point, node as usize));
    }

    /// About `ef` nearest nodes, those being inserted at the moment included.
    pub(super) fn search(&self, query: &Query, ef: usize) -> impl Iterator<Item = u32> {
        let found = self.hnsw.search(&self.query_point(query), ef, ef);
        found.into_iter().map(|neighbour: Neighbour| neighbour.d_id as u32)
    }

    /// The nodes among the first `nodes` that no walk along the lowest level from the entry point
    /// reaches, ascending: insertion drops a node's farthest links, and with them the last way to some.
    pub(super) fn orphans(&self, nodes: usize) -> Vec<u32> {
        let links = self.lowest_links(nodes);
        let mut reached = vec![false; nodes];
        let mut waiting: Vec<u32> = self.entry_node().into_iter().collect();
        while let Some(node) = waiting.pop() {
            if let Some(seen) = reached.get_mut(node as usize).filter(|seen| !**seen) {
                *seen = true;
                waiting.extend(&links[node as usize]);
            }
        }
        (0..nodes as u32).filter(|&node| !reached[node as usize]).collect()
    }

    /// The first node that was given the highest level.
    fn entry_node(&self) -> Option<u32> {
        let points = self.hnsw.get_point_indexation();
        (points.get_nb_point() > 0)
            .then(|| points.get_layer_iterator(points.get_max_level_observed().into()).next())
            .flatten()
            .map(|point| point.get_origin_id() as u32)
    }

    /// Each node's links on the lowest level that has points of its own, where a search ends.
    fn lowest_links(&self, nodes: usize) -> Vec<Vec<u32>> {
        let points = self.hnsw.get_point_indexation();
        let levels = usize::from(points.get_max_level_observed()) + 1;
        let lowest = (0..levels).find(|&level| points.get_layer_nb_point(level) > 0).unwrap_or(0);
        let mut links = vec![Vec::new(); nodes];
        for point in (0..levels).flat_map(|level| points.get_layer_iterator(level)) {
            if let (Some(own), Some(found)) =
                (links.get_mut(point.get_origin_id()), point.get_neighborhood_id().get(lowest))
            {
                *own = found.iter().map(|neighbour| neighbour.d_id as u32).collect();
            }
        }
        links
    }
}

impl std::fmt::Debug for Graph {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Graph").field("nodes", &self.hnsw.get_nb_point()).finish_non_exhaustive()
    }
}
