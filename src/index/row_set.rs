//! The rows that a search is kept to, found once and used by any number of searches.

use super::sealed::{FileRows, Sealed};
use super::view::IndexView;
use roaring::RoaringBitmap;
use std::borrow::Cow;
use std::sync::Arc;

/// The rows of a set of labels, made by [`IndexView::row_set`].
///
/// It may be used with other views of the same index too: rows of files that it does not know are then looked for in every
/// search.
#[derive(Clone, Debug)]
pub struct RowSet {
    labels: RoaringBitmap,
    files: Vec<(Arc<Sealed>, FileRows)>,
}

impl RowSet {
    pub(super) fn new(labels: RoaringBitmap, files: &[Arc<Sealed>]) -> Self {
        let files = files.iter().map(|file| (Arc::clone(file), FileRows::new(file, &labels))).collect();
        Self { labels, files }
    }

    /// The labels.
    #[must_use]
    pub fn labels(&self) -> &RoaringBitmap {
        &self.labels
    }

    pub(super) fn contains(&self, label: u32) -> bool {
        self.labels.contains(label)
    }

    /// The rows in a file.
    pub(super) fn rows_in(&self, file: &Arc<Sealed>) -> Cow<'_, FileRows> {
        match self.files.iter().find(|(known, _)| Arc::ptr_eq(known, file)) {
            Some((_, rows)) => Cow::Borrowed(rows),
            None => Cow::Owned(FileRows::new(file, &self.labels)),
        }
    }
}

impl IndexView {
    /// Finds the rows of `labels`, to keep searches to them with
    /// [`SearchOptions::within`](super::SearchOptions::within). Labels that the index does not hold do not matter.
    ///
    /// ```
    /// use kindred::index::{Index, Options, SearchOptions};
    /// use kindred::model::Metric;
    ///
    /// let mut index = Index::new(Options::new(2, Metric::L2))?;
    /// let view = index.apply((0..9).map(|label| (label, Some(vec![label as f32, 0.0]))).collect(), 1)?;
    /// let even = view.row_set((0..9).step_by(2).collect());
    /// let options = SearchOptions { within: Some(&even), ..SearchOptions::new(2) };
    /// let found = view.search(&[3.2, 0.0], &options)?;
    /// assert_eq!([found[0].label, found[1].label], [4, 2]);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    #[must_use]
    pub fn row_set(&self, labels: RoaringBitmap) -> RowSet {
        RowSet::new(labels, &self.sealed)
    }
}
