//! The live tier: a graph over the distinct codes of absorbed rows.

use super::graph::{Graph, NODE_BYTES, Shape};
use super::options::Options;
use super::quantize::stride;
use super::segment::Segment;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What readers hold. Rows of all segments are numbered in one sequence; rows of equal codes share a
/// node. The graph may go on growing under it: nodes it does not know are passed over.
#[derive(Debug)]
pub(super) struct Live {
    pub graph: Arc<Graph>,
    pub segments: Vec<Arc<Segment>>,
    /// Nodes that the graph cannot reach, ascending: they are scanned.
    pub orphans: Vec<u32>,
    /// The number of each segment's first row.
    bases: Vec<u32>,
    /// Where each node's rows start in `rows`, with the end of the last.
    starts: Vec<u32>,
    rows: Vec<u32>,
}

impl Live {
    fn new(graph: Arc<Graph>, segments: Vec<Arc<Segment>>, node_of_row: &[u32], nodes: usize) -> Self {
        let bases = segments
            .iter()
            .scan(0, |next, segment| Some(std::mem::replace(next, *next + segment.len() as u32)))
            .collect();
        let orphans = graph.orphans(nodes);
        let (starts, rows) = rows_by_node(node_of_row, nodes);
        Self { graph, segments, orphans, bases, starts, rows }
    }

    pub(super) fn nodes(&self) -> usize {
        self.starts.len() - 1
    }

    /// All rows, dead ones included.
    pub(super) fn rows(&self) -> usize {
        self.rows.len()
    }

    /// The rows of a node, as segment number and place there; none of a node that is not this view's.
    pub(super) fn rows_of(&self, node: u32) -> impl Iterator<Item = (usize, usize)> {
        let node = node as usize;
        let range = if node < self.nodes() {
            self.starts[node] as usize..self.starts[node + 1] as usize
        } else {
            0..0
        };
        self.rows[range].iter().map(|&row| {
            let segment = self.bases.partition_point(|&base| base <= row) - 1;
            (segment, (row - self.bases[segment]) as usize)
        })
    }

    pub(super) fn size_bytes(&self) -> usize {
        let segments: usize = self.segments.iter().map(|segment| segment.size_bytes()).sum();
        let codes = self.segments.first().map_or(0, |segment| segment.codes(0).len());
        segments
            + self.nodes() * (NODE_BYTES + codes)
            + (self.starts.len() + self.rows.len()) * size_of::<u32>()
    }
}

/// Rows grouped by node: starts and rows, by counting.
fn rows_by_node(node_of_row: &[u32], nodes: usize) -> (Vec<u32>, Vec<u32>) {
    let mut starts = vec![0_u32; nodes + 1];
    for &node in node_of_row {
        starts[node as usize + 1] += 1;
    }
    for node in 0..nodes {
        starts[node + 1] += starts[node];
    }
    let mut next = starts.clone();
    let mut rows = vec![0; node_of_row.len()];
    for (row, &node) in node_of_row.iter().enumerate() {
        rows[next[node as usize] as usize] = row as u32;
        next[node as usize] += 1;
    }
    (starts, rows)
}

/// The side that grows the tier. It goes along with the task that does so.
#[derive(Debug)]
pub(super) struct Builder {
    graph: Arc<Graph>,
    segments: Vec<Arc<Segment>>,
    node_of_row: Vec<u32>,
    /// The node of each distinct point, by hash. A cancelled task leaves nodes without rows here; they
    /// get theirs when the same rows come again.
    nodes: HashMap<[u8; 16], u32>,
}

impl Builder {
    /// A builder of an empty graph that can take rows up to the length `norm_bound`.
    pub(super) fn new(options: &Options, rows: usize, norm_bound: f32) -> Self {
        let shape =
            Shape { stride: stride(options.dim), m: options.m, ef_construction: options.ef_construction };
        Self {
            graph: Arc::new(Graph::new(shape, options.metric, rows, norm_bound)),
            segments: Vec::new(),
            node_of_row: Vec::new(),
            nodes: HashMap::with_capacity(rows),
        }
    }

    pub(super) fn graph(&self) -> &Graph {
        &self.graph
    }

    /// Adds all rows of `segment`; `None` when cancelled, and then only the graph has changed.
    pub(super) fn absorb(
        &mut self,
        segment: Arc<Segment>,
        progress: &dyn Fn(usize, usize),
        cancel: &AtomicBool,
    ) -> Option<Live> {
        let mut added = Vec::with_capacity(segment.len());
        for row in 0..segment.len() {
            if cancel.load(Ordering::Relaxed) {
                return None;
            }
            added.push(self.node(&segment, row));
            progress(row + 1, segment.len());
        }
        self.node_of_row.append(&mut added);
        self.segments.push(segment);
        let (graph, segments) = (Arc::clone(&self.graph), self.segments.clone());
        Some(Live::new(graph, segments, &self.node_of_row, self.nodes.len()))
    }

    /// The node of a row, inserted where its codes are new.
    fn node(&mut self, segment: &Segment, row: usize) -> u32 {
        let point = self.graph.point(segment.codes(row), segment.factor(row));
        let next = self.nodes.len() as u32;
        let node = *self.nodes.entry(hash(&point)).or_insert(next);
        if node == next {
            self.graph.insert(node, &point);
        }
        node
    }
}

/// 128 bits, so that two points never meet by chance.
fn hash(point: &[i8]) -> [u8; 16] {
    let bytes: Vec<u8> = point.iter().map(|code| code.cast_unsigned()).collect();
    blake3::hash(&bytes).as_bytes().first_chunk().copied().unwrap_or_default()
}
