//! How a store is verified, and what comes of it.

use crate::model::Problem;
use serde::Serialize;

/// How a store is verified.
///
/// ```
/// use kindred::{Store, VerifyOptions};
/// use std::sync::atomic::AtomicBool;
/// # let folder = tempfile::tempdir().unwrap();
/// let store = Store::options().dim(2).open(folder.path().join("store"))?;
/// store.write(|tx| tx.put_vector("ann", vec![1.0, 0.0]))?;
/// let quick = VerifyOptions::new().quick(true);
/// let report = store.verify_with(&quick, &|_| {}, &AtomicBool::new(false))?;
/// assert!(report.is_sound());
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default)]
#[must_use = "options do nothing until a store is verified with them"]
pub struct VerifyOptions {
    pub(super) quick: bool,
}

impl VerifyOptions {
    /// The defaults: everything is read.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the settings, the learned model, the counts and the headers and manifest of the index only: what takes
    /// no longer however much there is, but for the labels of the index's rows.
    pub fn quick(mut self, quick: bool) -> Self {
        self.quick = quick;
        self
    }
}

/// What is wrong with a store.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct VerifyReport {
    /// Whether it came to its end.
    pub finished: bool,
    /// Values of the data that were read.
    pub entries: u64,
    /// How many problems there are.
    pub found: u64,
    /// The first thousand of them.
    pub problems: Vec<Problem>,
    /// Whether what is damaged in the data is made anew, from the base and the log, so that nothing is lost: in the background, unless
    /// [`crate::Options::heal`] says otherwise or the store is closed before, and else by the next opening. Known
    /// without reading these: should they be damaged, too, the store stays as it is, and says so in its log at error level.
    pub heals: bool,
    /// Users whose vectors the index lacked, or had others than the profiles': it has been given them. They are two problems at most.
    pub mended: u64,
}

impl VerifyReport {
    /// Whether all was looked at, and nothing is wrong.
    #[must_use]
    pub fn is_sound(&self) -> bool {
        self.finished && self.found == 0
    }

    /// Whether anything is wrong with the data, and not with the index alone, which is made anew by itself.
    #[must_use]
    pub fn is_damaged(&self) -> bool {
        self.problems.iter().any(|problem| problem.key.is_some())
    }
}
