//! Building a sealed file: partition the points into overlapping leaves, link each with its near ones there, let every
//! node look for better ones over the graph so made, and put nodes and codes in the graph's order.
//!
//! What comes out depends on the rows, their order and the seed, not on the number of threads.

mod equal;
mod leaves;
mod links;
mod order;
mod partition;
mod points;
mod refine;
mod repair;
mod workers;

use super::coder::{Coder, Grid, code_dim, step_for};
use super::file::Sealed;
use super::format::{Header, Layout, Section};
use super::write::{Content, to_file, to_memory};
use crate::compute::distance::backend;
use crate::error::Result;
use crate::model::Metric;
use equal::Rows;
use links::{Links, Pruning};
use points::Points;
use refine::{Calibration, Codes, Refinement};
pub(in crate::index) use repair::Base;
use repair::{Left, Repair};
use std::io;
use std::path::Path;
use std::sync::atomic::AtomicBool;
use workers::{Cancelled, Workers};

/// How a file is built. [`BuildOptions::new`] gives the defaults.
#[derive(Clone, Debug)]
pub(in crate::index) struct BuildOptions {
    pub metric: Metric,
    pub dim: usize,
    /// Links of a node.
    pub degree: usize,
    pub threads: usize,
    pub seed: u64,
    /// Partitions into leaves.
    pub partitions: usize,
    /// Nearest others that a point takes from each of its leaves.
    pub nearest: usize,
    /// Times that every node looks for better links.
    pub passes: usize,
    /// Width of the walk by which it looks.
    pub ef: usize,
}

impl BuildOptions {
    pub(in crate::index) fn new(dim: usize, metric: Metric, degree: usize, threads: usize) -> Self {
        let (partitions, nearest, passes, ef) = (5, 24, 1, 64);
        Self { metric, dim, degree, threads, seed: 0x6b69_6e64, partitions, nearest, passes, ef }
    }

    /// Of the squared distance. A larger one spreads links wider: fewer nodes are compared at equal width, but more at
    /// equal recall. Under inner product distances are not those of a space, and no factor widens them.
    fn alpha(&self) -> f32 {
        if self.metric == Metric::InnerProduct { 1.0 } else { 1.05 }
    }

    /// Rows gone through in all, for progress.
    fn steps(&self, source: &Source) -> usize {
        let rows = source.labels.len();
        match &source.base {
            // Codes are made twice, and who lost or got links chooses again; what came looks and chooses before.
            Some(base) => 3 * rows + (rows - base.rows.len()) * (2 + self.partitions),
            None => rows * (4 + self.partitions + 2 * self.passes),
        }
    }
}

/// The rows that go into a file, in any order.
pub(in crate::index) struct Source<'a> {
    /// The label of each row; each comes once.
    pub labels: &'a [u32],
    /// The prepared vector of each row.
    pub vector: &'a (dyn Fn(usize) -> &'a [f32] + Sync),
    /// The last commit whose changes the rows hold.
    pub seq: u64,
    /// A file of which the new one is largely made.
    pub base: Option<Base<'a>>,
}

/// Builds a file at `path`, or one in memory; `None` when cancelled. There is at least one row.
///
/// # Errors
/// [`crate::Error::Io`] from writing.
pub(in crate::index) fn build<'a>(
    source: &'a Source<'a>,
    options: &BuildOptions,
    path: Option<&Path>,
    progress: &dyn Fn(usize, usize),
    cancel: &AtomicBool,
) -> Result<Option<Sealed>> {
    let workers = Workers::new(options.threads, options.steps(source), progress, cancel)?;
    let Ok(built) = Built::new(source, options, &workers) else { return Ok(None) };
    let sealed = match path {
        Some(path) => to_file(&built, path)?,
        None => to_memory(&built)?,
    };
    Ok(Some(sealed))
}

/// All that goes into the file, in its order.
struct Built<'a> {
    source: &'a Source<'a>,
    header: Header,
    mean: Vec<f32>,
    entries: Vec<u32>,
    links: Vec<u32>,
    codes: Codes,
    /// For each node its row in the source, then those of equal rows.
    rows: Vec<u32>,
    /// The node of each of the latter.
    equals: Vec<u32>,
}

impl<'a> Built<'a> {
    fn new(source: &'a Source<'a>, options: &BuildOptions, workers: &Workers) -> Result<Self, Cancelled> {
        let rows = Rows::new(source.labels.len(), source.vector, workers);
        let vector = |node: usize| (source.vector)(rows.first[node] as usize);
        let nodes = rows.first.len();
        let mean = mean(nodes, options, &vector, workers);
        let mut grid = Grid { metric: options.metric, seed: options.seed, step: 1.0, limit: 1.0, mean };
        grid.step = step_for(deviation(&grid, nodes, &vector, workers));
        let (points, limit) =
            Points::new(&Coder::new(grid.clone()), nodes, &vector, workers, backend().codes())?;
        grid.limit = limit;
        let coder = Coder::new(grid);
        let codes = Codes::new(&coder, nodes, &vector, workers)?;
        let mut entries = order::random_entries(nodes, options.seed);
        let looks = refinement(&points, &coder, &codes, &entries, options);
        let links = match &source.base {
            Some(base) => {
                let left = Left::new(base, &rows);
                Repair { left: &left, refinement: looks, options, workers }.run(&vector)?
            }
            None => graph(&looks, options, &vector, workers)?,
        };
        let order = order::breadth_first(&links, nodes, &mut entries);
        let refinement = refinement(&points, &coder, &codes, &entries, options);
        let calibration = refinement.calibrate(&links, &vector, workers);
        Ok(Self::ordered(source, options, &rows, coder.grid, &codes, &links, &entries, &order, calibration))
    }

    /// Everything in the order of the nodes to be.
    #[expect(clippy::too_many_arguments, reason = "each is one part of what is put in order")]
    fn ordered(
        source: &'a Source<'a>,
        options: &BuildOptions,
        rows: &Rows,
        grid: Grid,
        codes: &Codes,
        links: &Links,
        entries: &[u32],
        order: &[u32],
        calibration: Calibration,
    ) -> Self {
        let mut place = vec![0; order.len()];
        order.iter().zip(0..).for_each(|(&node, at): (_, u32)| place[node as usize] = at);
        let renamed = |id: &u32| place[*id as usize];
        let of_node = |node: &u32| &links.ids[*node as usize * links.degree..][..links.degree];
        let mut equals: Vec<(u32, u32)> =
            rows.others.iter().map(|&(node, row)| (place[node as usize], row)).collect();
        equals.sort_unstable();
        let first = order.iter().map(|&node| rows.first[node as usize]);
        let header = Header {
            metric: options.metric,
            dim: options.dim,
            degree: links.degree,
            rows: source.labels.len(),
            nodes: order.len(),
            entries: entries.len(),
            seed: grid.seed,
            seq: source.seq,
            step: grid.step,
            limit: grid.limit,
            compared: calibration.compared,
            slope: calibration.slope,
            repaired: source.base.map_or(0, |base| base.repaired(source.labels.len())),
        };
        Self {
            source,
            header,
            entries: entries.iter().map(renamed).collect(),
            links: order.iter().flat_map(of_node).map(renamed).collect(),
            codes: codes.ordered(order, code_dim(options.dim)),
            rows: first.chain(equals.iter().map(|&(_, row)| row)).collect(),
            equals: equals.iter().map(|&(node, _)| node).collect(),
            mean: grid.mean,
        }
    }

    /// Links and codes of each node side by side.
    fn nodes(&self, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        let mut node = vec![0; self.header.node_bytes()];
        let (degree, start) = (self.header.degree, self.header.link_bytes());
        let codes = self.codes.nibbles.chunks_exact(node.len() - start);
        for (links, codes) in self.links.chunks_exact(degree).zip(codes) {
            node[..degree * 4].copy_from_slice(bytemuck::cast_slice(links));
            node[start..].copy_from_slice(codes);
            sink(&node)?;
        }
        Ok(())
    }

    fn labels(&self) -> Vec<u32> {
        self.rows.iter().map(|&row| self.source.labels[row as usize]).collect()
    }
}

impl Content for Built<'_> {
    fn layout(&self) -> Layout {
        self.header.clone().layout()
    }

    fn section(&self, section: Section, sink: &mut dyn FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
        match section {
            Section::Entries => sink(bytemuck::cast_slice(&self.entries)),
            Section::Nodes => self.nodes(sink),
            Section::Bytes => sink(&self.codes.bytes),
            Section::Factors if self.header.length(section) == 0 => Ok(()),
            Section::Factors => sink(bytemuck::cast_slice(&self.codes.factors)),
            Section::Labels => sink(bytemuck::cast_slice(&self.labels())),
            Section::ByLabel => {
                let labels = self.labels();
                let mut rows: Vec<u32> = (0..labels.len() as u32).collect();
                rows.sort_unstable_by_key(|&row| labels[row as usize]);
                sink(bytemuck::cast_slice(&rows))
            }
            Section::Equals => sink(bytemuck::cast_slice(&self.equals)),
            Section::Mean => sink(bytemuck::cast_slice(&self.mean)),
            Section::Vectors => self.rows[..self.header.nodes]
                .iter()
                .try_for_each(|&row| sink(bytemuck::cast_slice((self.source.vector)(row as usize)))),
        }
    }
}

/// Rows whose sum one thread takes.
const PIECE: usize = 4096;

fn pieces(nodes: usize) -> Vec<std::ops::Range<usize>> {
    (0..nodes).step_by(PIECE).map(|start| start..(start + PIECE).min(nodes)).collect()
}

fn mean<'v>(
    nodes: usize,
    options: &BuildOptions,
    vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
    workers: &Workers,
) -> Vec<f32> {
    if options.metric == Metric::InnerProduct {
        return vec![0.0; options.dim];
    }
    let sums = workers.map(&pieces(nodes), |piece| {
        let mut sum = vec![0.0_f64; options.dim];
        for node in piece.clone() {
            sum.iter_mut().zip(vector(node)).for_each(|(sum, &value)| *sum += f64::from(value));
        }
        sum
    });
    let total = |d: usize| sums.iter().map(|sum| sum[d]).sum::<f64>();
    (0..options.dim).map(|d| (total(d) / nodes as f64) as f32).collect()
}

/// The standard deviation of rotated, normalized values over all rows and dimensions.
fn deviation<'v>(
    grid: &Grid,
    nodes: usize,
    vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
    workers: &Workers,
) -> f32 {
    let width = code_dim(grid.mean.len()) as f64;
    if super::coder::has_factors(grid.metric) {
        return width.sqrt().recip() as f32;
    }
    let squares = workers.map(&pieces(nodes), |piece| {
        let square = |(value, mean): (&f32, &f32)| f64::from(value - mean).powi(2);
        piece.clone().flat_map(|node| vector(node).iter().zip(&grid.mean)).map(square).sum::<f64>()
    });
    (squares.iter().sum::<f64>() / (nodes as f64 * width)).sqrt() as f32
}

fn graph<'v>(
    refinement: &Refinement,
    options: &BuildOptions,
    vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
    workers: &Workers,
) -> Result<Links, Cancelled> {
    let (points, alpha) = (refinement.points, refinement.alpha);
    let each = options.partitions * options.nearest;
    let near = candidates(points, options, workers)?;
    let gather = |node: u32, others: &mut Vec<u32>| {
        others.extend_from_slice(&near[node as usize * each..][..each]);
    };
    let pruning = Pruning { alpha, fill: false };
    let chosen = Links::choose(points, options.degree, pruning, gather, workers)?;
    let mut links = chosen.joined(points, alpha, workers)?;
    for _ in 0..options.passes {
        links = refinement.run(&links, vector, workers)?;
    }
    Ok(links)
}

fn refinement<'a>(
    points: &'a Points,
    coder: &'a Coder,
    codes: &'a Codes,
    entries: &'a [u32],
    options: &BuildOptions,
) -> Refinement<'a> {
    Refinement { points, coder, codes, entries, ef: options.ef, alpha: options.alpha() }
}

/// The nearest of each point in its leaf of every partition.
fn candidates(points: &Points, options: &BuildOptions, workers: &Workers) -> Result<Vec<u32>, Cancelled> {
    let (count, each) = (options.nearest, options.partitions * options.nearest);
    let mut near = vec![0; points.len() * each];
    let mut found = vec![0; points.len() * count];
    for number in 0..options.partitions {
        let leaves = partition::partition(points, options.seed.wrapping_add(number as u64), workers);
        leaves::nearest_in_leaves(points, &leaves, count, &mut found, workers)?;
        for (&id, found) in leaves.order.iter().zip(found.chunks_exact(count)) {
            near[id as usize * each + number * count..][..count].copy_from_slice(found);
        }
    }
    Ok(near)
}
