//! Many searches in one call.

use super::options::{Neighbor, SearchOptions};
use super::view::IndexView;
use crate::error::{Error, Result};
use std::thread::ScopedJoinHandle;

/// Queries that a thread has on their way at once: each waits for memory while it works on the others.
const TOGETHER: usize = 2;

impl IndexView {
    /// As [`IndexView::search`] for each of `queries`, in their order, shared out among `threads` threads, 1 or more; a
    /// single one is the caller's.
    ///
    /// ```
    /// use kindred::index::{Index, Options, SearchOptions};
    /// use kindred::model::Metric;
    ///
    /// let mut index = Index::new(Options::new(2, Metric::L2))?;
    /// let view = index.apply((0..9).map(|label| (label, Some(vec![label as f32, 0.0]))).collect(), 1)?;
    /// let queries: [&[f32]; 3] = [&[7.2, 0.0], &[0.1, 0.0], &[3.9, 0.0]];
    /// let found = view.search_batch(&queries, &SearchOptions::new(1), 2)?;
    /// assert_eq!([found[0][0].label, found[1][0].label, found[2][0].label], [7, 0, 4]);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    ///
    /// # Errors
    /// Of the first query in order that [`IndexView::search`] refuses, and [`Error::Invalid`] for 0 threads.
    pub fn search_batch(
        &self,
        queries: &[&[f32]],
        options: &SearchOptions,
        threads: usize,
    ) -> Result<Vec<Vec<Neighbor>>> {
        if threads == 0 {
            return Err(Error::invalid("threads", threads, "at least 1"));
        }
        let search = |part: &[&[f32]]| -> Result<Vec<_>> {
            let groups = part.chunks(TOGETHER).map(|group| self.find(group, options, None));
            Ok(groups.collect::<Result<Vec<_>>>()?.into_iter().flatten().collect())
        };
        if threads == 1 || queries.len() < 2 {
            return search(queries);
        }
        let parts: Vec<Result<Vec<_>>> = std::thread::scope(|scope| {
            let chunks = queries.chunks(queries.len().div_ceil(threads));
            let workers: Vec<_> = chunks.map(|part| scope.spawn(move || search(part))).collect();
            workers.into_iter().map(joined).collect()
        });
        let parts: Vec<_> = parts.into_iter().collect::<Result<_>>()?;
        Ok(parts.into_iter().flatten().collect())
    }
}

fn joined<T>(worker: ScopedJoinHandle<'_, Result<T>>) -> Result<T> {
    worker.join().unwrap_or_else(|_| Err(Error::Bug("a search panicked".to_owned())))
}
