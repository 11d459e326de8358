//! One look at the whole graph for every node: a walk from the entries finds what no leaf had together.

use super::links::{Links, Pruning};
use super::points::Points;
use super::workers::{Cancelled, Workers};
use crate::index::sealed::coder::Coder;
use crate::index::sealed::file::Sections;
use crate::index::sealed::format::CALIBRATION_EF;
use crate::index::sealed::walk::{Walk, with_scratch};

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
            links: &links.ids,
            codes: &self.nibbles,
            bytes: &self.bytes,
            factors: &self.factors,
            degree: links.degree,
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

impl Refinement<'_> {
    /// Nodes that walks to some of the nodes compare, on average: what a search will cost, counted, not guessed.
    pub(super) fn compared<'v>(
        &self,
        links: &Links,
        vector: &(dyn Fn(usize) -> &'v [f32] + Sync),
        workers: &Workers,
    ) -> usize {
        let sections = self.codes.sections(links, self.entries);
        let samples: Vec<usize> = (0..sections.nodes).step_by(sections.nodes.div_ceil(SAMPLES)).collect();
        let counts = workers.map(&samples, |&node| {
            let query = self.coder.query(vector(node));
            let walk = Walk { sections, query: &query, narrow: None, kernels: self.points.kernels };
            with_scratch(|scratch| walk.run(CALIBRATION_EF, &[], scratch))
        });
        counts.iter().sum::<usize>() / counts.len().max(1)
    }

    /// Adds what a walk to a vector finds.
    pub(super) fn look(&self, links: &Links, vector: &[f32], others: &mut Vec<u32>) {
        let query = self.coder.query(vector);
        let sections = self.codes.sections(links, self.entries);
        let walk = Walk { sections, query: &query, narrow: None, kernels: self.points.kernels };
        with_scratch(|scratch| {
            walk.run(self.ef, &[], scratch);
            others.extend(scratch.pool.ids());
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
