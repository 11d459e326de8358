//! What an index is made with, what a search asks, and what it answers.

use super::row_set::RowSet;
use super::sealed::MAX_DEGREE;
use crate::error::{Error, Result};
use crate::model::{MAX_DIM, Metric};
use std::fmt;
use std::num::NonZero;
use std::path::PathBuf;

/// What an [`Index`](super::Index) is made with. [`Options::new`] gives the defaults.
#[derive(Clone, Debug)]
pub struct Options {
    /// Dimensions of every vector, 1 to 4,096.
    pub dim: usize,
    /// How vectors are compared.
    pub metric: Metric,
    /// Rows the head may hold before [`Index::plan`](super::Index::plan) moves them to the live tier.
    pub head_rows: usize,
    /// Links of a graph node on the upper levels, 4 to 128; twice as many on the lowest.
    pub m: usize,
    /// Width of the graph search that finds a new node's links, 8 to 4,096.
    pub ef_construction: usize,
    /// A graph search of width `ef` is taken to cost as much as scanning `ef` times this many rows:
    /// where the live tier holds fewer, it is scanned, which misses nothing.
    pub rows_per_ef: usize,
    /// Rows that head and live tier may hold together before they are sealed.
    pub unsealed_rows: usize,
    /// Links of a node in a sealed file, 4 to 256; 64 for data of many dimensions that are all needed.
    pub degree: usize,
    /// Threads that build a sealed file; the file does not depend on them.
    pub threads: usize,
    /// Folder of sealed files; without, they are kept in memory.
    pub folder: Option<PathBuf>,
}

impl Options {
    /// Default of [`Options::head_rows`].
    pub const HEAD_ROWS: usize = 4_096;
    /// Default of [`Options::m`].
    pub const M: usize = 16;
    /// Default of [`Options::ef_construction`].
    pub const EF_CONSTRUCTION: usize = 200;
    /// Default of [`Options::rows_per_ef`], measured on 384 dimensions.
    pub const ROWS_PER_EF: usize = 256;
    /// Default of [`Options::unsealed_rows`].
    pub const UNSEALED_ROWS: usize = 4_096;
    /// Default of [`Options::degree`].
    pub const DEGREE: usize = 32;

    /// The defaults, for vectors of `dim` dimensions.
    #[must_use]
    pub fn new(dim: usize, metric: Metric) -> Self {
        Self {
            dim,
            metric,
            head_rows: Self::HEAD_ROWS,
            m: Self::M,
            ef_construction: Self::EF_CONSTRUCTION,
            rows_per_ef: Self::ROWS_PER_EF,
            unsealed_rows: Self::UNSEALED_ROWS,
            degree: Self::DEGREE,
            threads: std::thread::available_parallelism().map_or(1, NonZero::get),
            folder: None,
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        within("dim", self.dim, 1, MAX_DIM)?;
        within("m", self.m, 4, 128)?;
        within("degree", self.degree, 4, MAX_DEGREE)?;
        within("threads", self.threads, 1, 1024)?;
        within("ef_construction", self.ef_construction, 8, 4096)
    }
}

fn within(what: &str, found: usize, least: usize, most: usize) -> Result<()> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(Error::invalid(what, found, format!("it is {least} to {most}")))
}

/// What one search asks for. [`SearchOptions::new`] gives the defaults.
#[derive(Clone, Copy)]
pub struct SearchOptions<'a> {
    /// How many neighbours.
    pub k: usize,
    /// Width of the graph search: wider finds more of the true neighbours, and takes longer. At least `k` is used. Above `k` it
    /// is an average: a sealed file is walked until candidates fall as far below the `k`-th as the `ef`-th mostly does.
    pub ef: usize,
    /// Compare with every vector instead.
    pub exact: bool,
    /// Labels to leave out: called with a label, true leaves it out. It must answer alike throughout a search.
    pub exclude: Option<&'a (dyn Fn(u32) -> bool + Sync)>,
    /// Keep to these labels.
    pub within: Option<&'a RowSet>,
    /// Leave out neighbours of a lower score.
    pub min_score: Option<f32>,
    /// Score neighbours in sealed files by their full vectors, which are read from disk, instead of by codes. The
    /// latter differ by less than a thousandth of the lengths' product, for inner product and L2 as for cosine.
    pub exact_scores: bool,
}

impl SearchOptions<'_> {
    /// Default of [`SearchOptions::ef`].
    pub const EF: usize = 64;

    /// The `k` nearest, with the default width.
    #[must_use]
    pub fn new(k: usize) -> Self {
        Self {
            k,
            ef: Self::EF,
            exact: false,
            exclude: None,
            within: None,
            min_score: None,
            exact_scores: true,
        }
    }
}

impl fmt::Debug for SearchOptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SearchOptions")
            .field("k", &self.k)
            .field("ef", &self.ef)
            .field("exact", &self.exact)
            .field("exclude", &self.exclude.is_some())
            .field("within", &self.within.map(|rows| rows.labels().len()))
            .field("min_score", &self.min_score)
            .field("exact_scores", &self.exact_scores)
            .finish()
    }
}

/// One answer of a search.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Neighbor {
    /// The label.
    pub label: u32,
    /// How close, larger being closer: cosine, inner product, or the negative squared Euclidean distance.
    pub score: f32,
}
