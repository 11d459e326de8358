//! The long work, away from the writer: it shares nothing with the index but immutable segments.

use super::live::{Builder, Live};
use super::options::Options;
use super::segment::{Row, Segment, Tier};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a [`Task`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// Adds the head's rows to the live tier.
    Absorb,
    /// Makes the live tier anew from all rows alive.
    Rebuild,
}

/// Work decided by [`Index::plan`](super::Index::plan): run it on any thread, then hand it to
/// [`Index::complete`](super::Index::complete). Dropped instead, it leaves the index as it was.
#[derive(Debug)]
pub struct Task {
    pub(super) kind: TaskKind,
    pub(super) options: Arc<Options>,
    pub(super) sources: Vec<Arc<Segment>>,
    pub(super) builder: Builder,
    /// The index holds the other end, to see whether the task was dropped.
    pub(super) token: Arc<()>,
    pub(super) outcome: Option<Outcome>,
}

/// A finished task's result: the new tier, its newest segment, and where that one's rows come from.
#[derive(Debug)]
pub(super) struct Outcome {
    pub live: Live,
    pub segment: Arc<Segment>,
    pub origins: Vec<Row>,
}

impl Task {
    /// What it does.
    #[must_use]
    pub fn kind(&self) -> TaskKind {
        self.kind
    }

    /// Does the work, calling `progress` with the rows done and in all, until `cancel` is set. Returns
    /// whether it is finished; a cancelled task may be run again or completed, which then changes nothing.
    pub fn run(&mut self, progress: &dyn Fn(usize, usize), cancel: &AtomicBool) -> bool {
        if self.outcome.is_none() {
            let (segment, origins) = Segment::compact(Tier::Live, self.options.dim, &self.sources);
            let segment = Arc::new(segment);
            let live = self.builder.absorb(Arc::clone(&segment), progress, cancel);
            self.outcome = live.map(|live| Outcome { live, segment, origins });
        }
        self.outcome.is_some()
    }
}
