//! The long work, away from the writer: it shares nothing with the index but immutable segments and files.

use super::live::{Builder, Live};
use super::options::Options;
use super::sealed::{Base, BuildOptions, Sealed, Source, build};
use super::segment::{Row, Segment, Tier};
use crate::error::{Error, Result};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

/// What a [`Task`] does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// Adds the head's rows to the live tier.
    Absorb,
    /// Makes the live tier anew from its rows alive and the head's.
    Rebuild,
    /// Makes a sealed file of head, live tier, and sealed files that are due.
    Seal,
}

impl TaskKind {
    /// Its name among figures.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Absorb => "absorb",
            Self::Rebuild => "rebuild",
            Self::Seal => "seal",
        }
    }
}

/// Work decided by [`Index::plan`](super::Index::plan): run it on any thread, then hand it to
/// [`Index::complete`](super::Index::complete). Dropped instead, it leaves the index as it was, but
/// that a live tier which it was to grow is made anew the next time.
#[derive(Debug)]
pub struct Task {
    pub(super) kind: TaskKind,
    pub(super) options: Arc<Options>,
    pub(super) sources: Vec<Arc<Segment>>,
    /// Sealed files whose rows go into the new one.
    pub(super) files: Vec<Arc<Sealed>>,
    /// Absent where a file is sealed.
    pub(super) builder: Option<Builder>,
    /// Where the new file goes; in memory without.
    pub(super) path: Option<PathBuf>,
    /// The last commit before the task.
    pub(super) seq: u64,
    /// The index holds the other end, to see whether the task was dropped.
    pub(super) token: Arc<()>,
    pub(super) outcome: Option<Outcome>,
}

/// A finished task's result.
#[derive(Debug)]
pub(super) enum Outcome {
    /// The new tier, its newest segment, and where that one's rows come from.
    Live {
        live: Live,
        segment: Arc<Segment>,
        origins: Vec<Row>,
    },
    Sealed(Made),
}

/// A new file, and which rows of each source went into it.
#[derive(Debug)]
pub(super) struct Made {
    /// None where no row was alive.
    pub file: Option<Arc<Sealed>>,
    pub segment_rows: Vec<Vec<u32>>,
    pub file_rows: Vec<Vec<u32>>,
}

impl Task {
    /// What it does.
    #[must_use]
    pub fn kind(&self) -> TaskKind {
        self.kind
    }

    /// Does the work, calling `progress` with the rows done and in all, until `cancel` is set. Returns
    /// whether it is finished; a cancelled task may be run again or completed, which then changes nothing: completing
    /// gives the graph back, in which what was inserted already stays and gets its rows when they come again.
    ///
    /// # Errors
    /// [`Error::Io`] where a sealed file cannot be written, [`Error::Damaged`] where one that it is made of is damaged.
    pub fn run(&mut self, progress: &dyn Fn(usize, usize), cancel: &AtomicBool) -> Result<bool> {
        if self.outcome.is_none() {
            self.outcome = match self.kind {
                TaskKind::Absorb | TaskKind::Rebuild => self.absorb(progress, cancel)?,
                TaskKind::Seal => self.seal(progress, cancel)?,
            };
        }
        Ok(self.outcome.is_some())
    }

    fn absorb(&mut self, progress: &dyn Fn(usize, usize), cancel: &AtomicBool) -> Result<Option<Outcome>> {
        let (segment, origins) = Segment::compact(Tier::Live, self.options.dim, &self.sources);
        let segment = Arc::new(segment);
        let builder =
            self.builder.as_mut().ok_or_else(|| Error::Bug("a task without a graph to build".to_owned()))?;
        let live = builder.absorb(Arc::clone(&segment), progress, cancel);
        Ok(live.map(|live| Outcome::Live { live, segment, origins }))
    }

    fn seal(&self, progress: &dyn Fn(usize, usize), cancel: &AtomicBool) -> Result<Option<Outcome>> {
        // Writers go on meanwhile: what is alive is looked at once.
        let alive =
            |rows: usize, alive: &dyn Fn(u32) -> bool| (0..rows as u32).filter(|&row| alive(row)).collect();
        let segment_rows: Vec<Vec<u32>> = self
            .sources
            .iter()
            .map(|source| alive(source.len(), &|row| source.died(row as usize).is_none()))
            .collect();
        let file_rows: Vec<Vec<u32>> =
            self.files.iter().map(|file| alive(file.rows(), &|row| file.died(row).is_none())).collect();
        if !self.check_copied(cancel)? {
            return Ok(None);
        }
        let base = self.base(&segment_rows, &file_rows);
        let (labels, vectors) = self.gather(&segment_rows, &file_rows, base);
        let base = base.map(|base| Base { file: &self.files[base], rows: &file_rows[base] });
        let mut file = None;
        if !labels.is_empty() {
            let Some(built) = self.build(&labels, &vectors, base, progress, cancel)? else { return Ok(None) };
            file = Some(Arc::new(built));
        }
        // What came in while it was copied would have got a right checksum.
        let checked = self.check_copied(cancel);
        if !matches!(checked, Ok(true)) {
            file.iter().for_each(|file| file.discard());
            return checked.map(|_| None);
        }
        Ok(Some(Outcome::Sealed(Made { file, segment_rows, file_rows })))
    }

    /// Whether what is copied is what was written; false where it was cancelled.
    fn check_copied(&self, cancel: &AtomicBool) -> Result<bool> {
        for file in &self.files {
            if !file.check_copied(cancel)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn build(
        &self,
        labels: &[u32],
        vectors: &[&[f32]],
        base: Option<Base>,
        progress: &dyn Fn(usize, usize),
        cancel: &AtomicBool,
    ) -> Result<Option<Sealed>> {
        let vector = |row: usize| vectors[row];
        let source = Source { labels, vector: &vector, seq: self.seq, base };
        let options = &self.options;
        let options = BuildOptions::new(options.dim, options.metric, options.degree, options.threads);
        build(&source, &options, self.path.as_deref(), progress, cancel)
    }

    /// The file whose graph is to be taken over, by its place: the largest, where most of it is alive and of the new one.
    fn base(&self, segment_rows: &[Vec<u32>], file_rows: &[Vec<u32>]) -> Option<usize> {
        let rows: usize = segment_rows.iter().chain(file_rows).map(Vec::len).sum();
        let base = (0..self.files.len()).max_by_key(|&file| (file_rows[file].len(), file))?;
        let found = Base { file: &self.files[base], rows: &file_rows[base] };
        found.serves(rows, self.options.degree).then_some(base)
    }

    /// Labels and vectors of these rows of the sources, those of the `base` first.
    fn gather(
        &self,
        segment_rows: &[Vec<u32>],
        file_rows: &[Vec<u32>],
        base: Option<usize>,
    ) -> (Vec<u32>, Vec<&[f32]>) {
        let rows_of = |file: usize| {
            let own = &self.files[file];
            file_rows[file].iter().map(|&row| (own.label(row), own.vector(row)))
        };
        let segments = self.sources.iter().zip(segment_rows).flat_map(|(source, rows)| {
            rows.iter().map(|&row| (source.label(row as usize), source.vector(row as usize)))
        });
        let others = (0..self.files.len()).filter(|&file| Some(file) != base);
        base.into_iter().flat_map(rows_of).chain(segments).chain(others.flat_map(rows_of)).unzip()
    }
}
