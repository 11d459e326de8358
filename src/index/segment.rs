//! An immutable run of rows: labels, vectors, codes, and for each row the commit at which it died.

use super::options::Options;
use super::quantize::{Factor, encode, stride};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// In `died`: the row is alive.
const ALIVE: u64 = u64::MAX;

/// Which tier a segment belongs to, for the writer's counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tier {
    Head,
    Live,
}

/// Only `died` ever changes, and only from alive to a commit later than every view that exists: a view
/// reads the same answer before and after, so relaxed loads suffice.
#[derive(Debug)]
pub(super) struct Segment {
    pub tier: Tier,
    dim: usize,
    stride: usize,
    labels: Vec<u32>,
    vectors: Vec<f32>,
    codes: Vec<i8>,
    factors: Vec<Factor>,
    died: Vec<AtomicU64>,
}

/// A row as its segment and its place there.
pub(super) type Row = (Arc<Segment>, u32);

impl Segment {
    fn with_capacity(tier: Tier, dim: usize, rows: usize) -> Self {
        let stride = stride(dim);
        Self {
            tier,
            dim,
            stride,
            labels: Vec::with_capacity(rows),
            vectors: Vec::with_capacity(rows * dim),
            codes: Vec::with_capacity(rows * stride),
            factors: Vec::with_capacity(rows),
            died: Vec::with_capacity(rows),
        }
    }

    /// A head segment of prepared vectors.
    fn new(rows: &[(u32, &[f32])], options: &Options) -> Self {
        let mut segment = Self::with_capacity(Tier::Head, options.dim, rows.len());
        let mut codes = vec![0; segment.stride];
        for &(label, vector) in rows {
            codes.fill(0);
            let factor = encode(vector, options.metric, &mut codes);
            segment.push(label, vector, &codes, factor);
        }
        segment
    }

    /// A head segment of the vectors among prepared changes, if there are any.
    pub(super) fn of(changes: &BTreeMap<u32, Option<Vec<f32>>>, options: &Options) -> Option<Self> {
        let rows: Vec<(u32, &[f32])> =
            changes.iter().filter_map(|(label, vector)| Some((*label, vector.as_deref()?))).collect();
        (!rows.is_empty()).then(|| Self::new(&rows, options))
    }

    /// One segment of all rows alive in `sources`, and where each comes from.
    pub(super) fn compact(tier: Tier, dim: usize, sources: &[Arc<Self>]) -> (Self, Vec<Row>) {
        let origins: Vec<Row> = sources
            .iter()
            .flat_map(|source| (0..source.len() as u32).map(move |offset| (source, offset)))
            .filter(|(source, offset)| source.is_alive(*offset as usize, ALIVE - 1))
            .map(|(source, offset)| (Arc::clone(source), offset))
            .collect();
        let mut segment = Self::with_capacity(tier, dim, origins.len());
        for (source, offset) in &origins {
            let offset = *offset as usize;
            segment.push(
                source.label(offset),
                source.vector(offset),
                source.codes(offset),
                source.factor(offset),
            );
        }
        (segment, origins)
    }

    fn push(&mut self, label: u32, vector: &[f32], codes: &[i8], factor: Factor) {
        self.labels.push(label);
        self.vectors.extend_from_slice(vector);
        self.codes.extend_from_slice(codes);
        self.factors.push(factor);
        self.died.push(AtomicU64::new(ALIVE));
    }

    pub(super) fn len(&self) -> usize {
        self.labels.len()
    }

    #[inline]
    pub(super) fn label(&self, row: usize) -> u32 {
        self.labels[row]
    }

    #[inline]
    pub(super) fn vector(&self, row: usize) -> &[f32] {
        &self.vectors[row * self.dim..(row + 1) * self.dim]
    }

    #[inline]
    pub(super) fn codes(&self, row: usize) -> &[i8] {
        &self.codes[row * self.stride..(row + 1) * self.stride]
    }

    /// The codes of all rows, one after the other.
    pub(super) fn all_codes(&self) -> &[i8] {
        &self.codes
    }

    #[inline]
    pub(super) fn factor(&self, row: usize) -> Factor {
        self.factors[row]
    }

    /// Whether a view at commit `seq` sees the row.
    #[inline]
    pub(super) fn is_alive(&self, row: usize, seq: u64) -> bool {
        self.died[row].load(Ordering::Relaxed) > seq
    }

    /// The commit at which the row died.
    pub(super) fn died(&self, row: usize) -> Option<u64> {
        Some(self.died[row].load(Ordering::Relaxed)).filter(|&died| died != ALIVE)
    }

    /// Marks the row dead for views from commit `seq` on.
    pub(super) fn bury(&self, row: usize, seq: u64) {
        self.died[row].store(seq, Ordering::Relaxed);
    }

    pub(super) fn size_bytes(&self) -> usize {
        let row = self.dim * size_of::<f32>() + self.stride + size_of::<(u32, Factor, AtomicU64)>();
        self.len() * row
    }
}
