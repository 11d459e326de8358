//! One look at the whole graph for every node: a walk from the entries finds what no leaf had together.

use super::links::{Links, Pruning};
use super::points::Points;
use super::workers::{Cancelled, Workers};
use crate::compute::Spaced;
use crate::index::sealed::coder::Coder;
use crate::index::sealed::file::Sections;
use crate::index::sealed::format::{CALIBRATION_EF, MOST_SLOPE};
use crate::index::sealed::scratch::with_work;
use crate::index::sealed::walk::{Walk, Width};

/// Codes to walk by, in the order of the nodes.
#[derive(Debug, Default)]
pub(super) struct Codes {
    pub nibbles: Vec<u8>,
    pub bytes: Vec<u8>,
    pub factors: Vec<f32>,
}

impl Codes {
    pub(super) fn new<'v>(
        coder: &Coder,
        nodes: usize,
        vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
        workers: &Workers,
    ) -> Result<Self, Cancelled> {
        let width = coder.code_dim();
        let mut made = Self {
            nibbles: vec![0; nodes * width / 2],
            bytes: vec![0; nodes * width],
            factors: vec![1.0; nodes],
        };
        let parts = made.nibbles.chunks_exact_mut(width / 2).zip(made.bytes.chunks_exact_mut(width));
        let mut rows: Vec<_> = parts.zip(&mut made.factors).collect();
        workers.rows(
            &mut rows,
            1,
            || vec![0.0; width],
            |rotated, node, row| {
                let ((codes, bytes), factor) = &mut row[0];
                coder.rotate(vector(node), true, rotated);
                **factor = coder.normalize(rotated);
                coder.encode(rotated, codes, bytes);
            },
        )?;
        Ok(made)
    }

    /// The same for nodes in another order, of `width` dimensions.
    pub(super) fn ordered(&self, order: &[u32], width: usize) -> Self {
        let pick = |bytes: &[u8], each: usize| -> Vec<u8> {
            order.iter().flat_map(|&node| &bytes[node as usize * each..][..each]).copied().collect()
        };
        Self {
            nibbles: pick(&self.nibbles, width / 2),
            bytes: pick(&self.bytes, width),
            factors: order.iter().map(|&node| self.factors[node as usize]).collect(),
        }
    }

    fn sections<'a>(&'a self, links: &'a Links, entries: &'a [u32]) -> Sections<'a> {
        Sections {
            entries,
            links: Spaced::packed(bytemuck::cast_slice(&links.ids), links.degree * 4),
            codes: Spaced::packed(&self.nibbles, self.nibbles.len() / self.factors.len().max(1)),
            bytes: &self.bytes,
            factors: &self.factors,
            nodes: self.factors.len(),
        }
    }
}

/// What a refinement walks over, and how wide.
pub(super) struct Refinement<'a> {
    pub points: &'a Points,
    pub coder: &'a Coder,
    pub codes: &'a Codes,
    pub entries: &'a [u32],
    pub ef: usize,
    pub alpha: f32,
}

/// Walks that are counted.
const SAMPLES: usize = 64;
/// The ranks between which the fall of scores is taken.
const RANKS: [usize; 2] = [10, CALIBRATION_EF];

/// What searches of a graph will be like: counted, not guessed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Calibration {
    /// Nodes that a walk compares.
    pub compared: usize,
    /// By how much scores fall as ranks grow by a factor of e.
    pub slope: f32,
}

impl Refinement<'_> {
    /// Walks to some of the nodes.
    pub(super) fn calibrate<'v>(
        &self,
        links: &Links,
        vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
        workers: &Workers,
    ) -> Calibration {
        let sections = self.codes.sections(links, self.entries);
        let samples: Vec<usize> = (0..sections.nodes).step_by(sections.nodes.div_ceil(SAMPLES)).collect();
        let walks = workers.map(&samples, |&node| {
            let query = self.coder.query(vector(node));
            let walk = Walk { sections, query: &query, narrow: None, kernels: self.points.kernels };
            with_work(|work| {
                walk.run(Width::of(CALIBRATION_EF), work);
                let [from, to] = RANKS.map(|rank| work.pool.key_of(rank - 1));
                (work.gathered.count(), from.zip(to).map_or((0.0, 0.0), |(from, to)| query.fallen(from, to)))
            })
        });
        let count = walks.len().max(1);
        let sum = |of: fn(&(f32, f32)) -> f32| walks.iter().map(|(_, fallen)| of(fallen)).sum::<f32>();
        let slope =
            sum(|fallen| fallen.0) / sum(|fallen| fallen.1) / (RANKS[1] as f32 / RANKS[0] as f32).ln();
        Calibration {
            compared: walks.iter().map(|&(compared, _)| compared).sum::<usize>() / count,
            slope: if slope.is_finite() { slope.clamp(0.0, MOST_SLOPE) } else { 0.0 },
        }
    }

    /// Adds what a walk to a vector finds.
    pub(super) fn look(&self, links: &Links, vector: &[f32], others: &mut Vec<u32>) {
        let query = self.coder.query(vector);
        let sections = self.codes.sections(links, self.entries);
        let walk = Walk { sections, query: &query, narrow: None, kernels: self.points.kernels };
        with_work(|work| {
            walk.run(Width::of(self.ef), work);
            others.extend(work.pool.ids());
        });
    }

    /// Links chosen anew among those of a node and what a walk to it finds.
    pub(super) fn run<'v>(
        &self,
        links: &Links,
        vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
        workers: &Workers,
    ) -> Result<Links, Cancelled> {
        let gather = |node: u32, others: &mut Vec<u32>| {
            self.look(links, vector(node as usize), others);
            others.extend(links.of(node));
        };
        let pruning = Pruning { alpha: self.alpha, fill: false };
        let chosen = Links::choose(self.points, links.degree, pruning, gather, workers)?;
        chosen.joined(self.points, self.alpha, workers)
    }
}
