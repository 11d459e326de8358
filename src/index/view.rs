//! The readers' side of the index.

use super::live::Live;
use super::options::{Neighbor, Options, SearchOptions};
use super::prepare::prepare;
use super::quantize::Query;
use super::score::score;
use super::sealed::{Sealed, SearchStep};
use super::search::Search;
use super::segment::Segment;
use crate::error::{Error, Result};
use std::sync::Arc;

/// The index as of one commit, for ever: cheap to clone, searched from any number of threads.
#[derive(Clone, Debug)]
pub struct IndexView {
    pub(super) options: Arc<Options>,
    pub(super) seq: u64,
    pub(super) head: Arc<[Arc<Segment>]>,
    pub(super) live: Option<Arc<Live>>,
    pub(super) sealed: Arc<[Arc<Sealed>]>,
    len: usize,
    live_len: usize,
    sealed_len: usize,
}

impl IndexView {
    pub(super) fn new(
        options: Arc<Options>,
        seq: u64,
        head: Arc<[Arc<Segment>]>,
        live: Option<Arc<Live>>,
        sealed: Arc<[Arc<Sealed>]>,
        len: usize,
        live_len: usize,
    ) -> Self {
        let sealed_len = sealed.iter().map(|file| file.alive()).sum();
        Self { options, seq, head, live, sealed, len, live_len, sealed_len }
    }

    /// The nearest labels to `query`, by score descending and then by label: exactly `k`, or all that are
    /// not excluded where those are fewer, less what `min_score` cuts off. Scores are exact; which labels are
    /// found may miss some of the nearest unless `exact` is set.
    ///
    /// # Errors
    /// For the query as [`Index::apply`](super::Index::apply) for a vector; [`Error::Invalid`] for a
    /// `min_score` that is NaN.
    pub fn search(&self, query: &[f32], options: &SearchOptions) -> Result<Vec<Neighbor>> {
        Ok(self.find(&[query], options, None)?.pop().unwrap_or_default())
    }

    /// As [`IndexView::search`], with what was done in each sealed file.
    ///
    /// # Errors
    /// As [`IndexView::search`].
    pub fn explain(
        &self,
        query: &[f32],
        options: &SearchOptions,
    ) -> Result<(Vec<Neighbor>, Vec<Vec<SearchStep>>)> {
        let mut steps = Vec::new();
        let found = self.find(&[query], options, Some(&mut steps))?.pop();
        Ok((found.unwrap_or_default(), steps))
    }

    /// The answers to some queries on their way together.
    pub(super) fn find(
        &self,
        queries: &[&[f32]],
        options: &SearchOptions,
        told: Option<&mut Vec<Vec<SearchStep>>>,
    ) -> Result<Vec<Vec<Neighbor>>> {
        if options.min_score.is_some_and(f32::is_nan) {
            return Err(Error::invalid("min_score", "NaN", "a number"));
        }
        let queries: Vec<Query> = queries.iter().map(|query| self.query(query)).collect::<Result<_>>()?;
        Ok(Search::new(self, options).neighbors(&queries, told))
    }

    /// All labels, each with its vector as it is compared: under cosine of unit length. In no order.
    ///
    /// ```
    /// use kindred::index::{Index, Options};
    /// use kindred::model::Metric;
    ///
    /// let mut index = Index::new(Options::new(2, Metric::Cosine))?;
    /// let view = index.apply(vec![(7, Some(vec![3.0, 4.0]))], 1)?;
    /// assert_eq!(view.vectors().collect::<Vec<_>>(), [(7, &[0.6, 0.8][..])]);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn vectors(&self) -> impl Iterator<Item = (u32, &[f32])> {
        let live = self.live.iter().flat_map(|live| &live.segments);
        let segments = self.head.iter().chain(live).flat_map(|segment| {
            let alive = (0..segment.len()).filter(|&row| segment.is_alive(row, self.seq));
            alive.map(|row| (segment.label(row), segment.vector(row)))
        });
        let files = self.sealed.iter().flat_map(|file| {
            let alive = (0..file.rows() as u32).filter(|&row| file.is_alive(row, self.seq));
            alive.map(|row| (file.label(row), file.vector(row)))
        });
        segments.chain(files)
    }

    /// All labels with their scores, those of an exact search. In no order.
    ///
    /// # Errors
    /// For the query as [`IndexView::search`].
    pub(crate) fn scores(&self, query: &[f32]) -> Result<impl Iterator<Item = (u32, f32)>> {
        let (query, metric) = (self.query(query)?, self.options.metric);
        Ok(self.vectors().map(move |(label, vector)| (label, score(metric, &query.vector, vector))))
    }

    fn query(&self, query: &[f32]) -> Result<Query> {
        let mut vector = query.to_vec();
        prepare(&|| "the query".to_owned(), &mut vector, &self.options)?;
        let metric = self.options.metric;
        // Sealed files have codes of their own.
        let all_sealed = self.head.is_empty() && self.live.is_none();
        Ok(if all_sealed { Query::without_codes(vector, metric) } else { Query::new(vector, metric) })
    }

    /// The commit it stands for; 0 before the first.
    #[must_use]
    pub fn seq(&self) -> u64 {
        self.seq
    }

    /// Labels.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether it holds no label.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Labels whose current row is in the head.
    #[must_use]
    pub fn head_len(&self) -> usize {
        self.len - self.live_len - self.sealed_len
    }

    /// Labels whose current row is in a sealed file.
    #[must_use]
    pub fn sealed_len(&self) -> usize {
        self.sealed_len
    }

    /// Sealed files.
    #[must_use]
    pub fn sealed_files(&self) -> usize {
        self.sealed.len()
    }

    /// Sealed files that were found damaged while they were in use, and are not made good yet.
    #[must_use]
    pub fn damaged_files(&self) -> usize {
        self.sealed.iter().filter(|file| file.is_distrusted()).count()
    }

    /// Labels whose current row is in the live tier.
    #[must_use]
    pub fn live_len(&self) -> usize {
        self.live_len
    }

    /// Memory held by vectors, codes and graphs, dead rows included: the live graph's share is estimated, and of sealed
    /// files counts what a search touches, but not the full vectors, of which it reads those of its answers.
    #[must_use]
    pub fn size_bytes(&self) -> usize {
        let sealed: usize = self.sealed.iter().map(|file| file.size_bytes()).sum();
        sealed + self.unsealed_bytes()
    }

    /// The share of head and live tier in [`IndexView::size_bytes`].
    #[must_use]
    pub fn unsealed_bytes(&self) -> usize {
        let head: usize = self.head.iter().map(|segment| segment.size_bytes()).sum();
        head + self.live.as_ref().map_or(0, |live| live.size_bytes())
    }
}
