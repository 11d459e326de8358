//! How long work tells how far it is.

/// How far a long piece of work is: called from the thread that does it, at most some hundred times a second.
///
/// ```
/// use kindred::model::Progress;
/// let show = |p: Progress| println!("{}: {} of {:?}", p.stage, p.done, p.total);
/// show(Progress::of("encoding texts", 3, 10));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// What is being done, in words.
    pub stage: &'static str,
    /// How much of it is done.
    pub done: u64,
    /// Out of how much, where that is known.
    pub total: Option<u64>,
}

impl Progress {
    /// `done` out of `total` of a stage.
    #[must_use]
    pub fn of(stage: &'static str, done: usize, total: usize) -> Self {
        Self { stage, done: done as u64, total: Some(total as u64) }
    }
}

/// Where progress is told.
pub type OnProgress<'a> = &'a (dyn Fn(Progress) + Sync);
