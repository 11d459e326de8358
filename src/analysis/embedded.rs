//! The vectors of all users who have one.

use crate::engine::{Published, Settings, Source};
use crate::error::{Error, Result};
use crate::learn::Rows;
use crate::model::Metric;
use crate::storage::View;

/// Users by number, each with a row.
pub(super) struct Embedded {
    pub users: Vec<u32>,
    pub rows: Rows,
    /// Users of the store who have none.
    pub without: u64,
}

impl Embedded {
    /// Embeddings as they are compared, without their slack, which is in no query either. Where vectors are compared by inner
    /// product it is their direction that counts, so that one of zeros is as good as none.
    pub(super) fn of(view: &View<Published>, settings: &Settings) -> Self {
        let published = view.attachment();
        let slack = usize::from(matches!(settings.source, Source::Encoder { .. }));
        let dim = settings.source.dim(&published.space) - slack;
        let mut vectors: Vec<(u32, &[f32])> = published.index.vectors().collect();
        vectors.sort_unstable_by_key(|&(user, _)| user);
        let mut rows = Rows::new(dim, settings.source.metric() != Metric::L2);
        rows.reserve(vectors.len());
        let has_row = |&(_, vector): &(u32, &[f32])| rows.push(vector.get(..dim).unwrap_or(vector));
        let users: Vec<u32> = vectors.into_iter().filter(has_row).map(|(user, _)| user).collect();
        let without = published.counters.users.saturating_sub(users.len() as u64);
        Self { users, rows, without }
    }
}

/// Runs work on threads of its own; what comes of it does not depend on how many they are.
pub(super) fn on_threads<T: Send>(
    threads: Option<usize>,
    work: impl FnOnce() -> Result<T> + Send,
) -> Result<T> {
    if threads == Some(0) {
        return Err(Error::invalid("threads", 0, "at least 1"));
    }
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(threads.unwrap_or(0))
        .thread_name(|i| format!("kindred-analysis-{i}"))
        .build()
        .map_err(|e| Error::io("start threads of", "an analysis", std::io::Error::other(e)))?;
    pool.install(work)
}
