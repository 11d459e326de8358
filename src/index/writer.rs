//! The writer's side of the index: changes in, views out.

use super::live::{Builder, Live};
use super::options::Options;
use super::prepare::prepare;
use super::segment::{Row, Segment, Tier};
use super::task::{Outcome, Task, TaskKind};
use super::view::IndexView;
use crate::error::{Error, Result};
use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

/// Room above the longest row, as a factor on the squared length, before a graph for inner product is made anew.
const NORM_HEADROOM: f32 = 4.0;

/// The writer's side: applies changes commit by commit and gives out views.
///
/// Single-row commits cost amortized O(log n) copies of a row. Moving rows into the live tier is long
/// and is therefore a [`Task`], run elsewhere between [`Index::plan`] and [`Index::complete`].
///
/// ```
/// use kindred::index::{Index, Options, SearchOptions};
/// use kindred::model::Metric;
///
/// let mut index = Index::new(Options::new(2, Metric::Cosine))?;
/// let before = index.apply(vec![(1, Some(vec![1.0, 0.0])), (2, Some(vec![0.0, 1.0]))], 1)?;
/// let after = index.apply(vec![(1, None)], 2)?;
/// assert_eq!(before.search(&[1.0, 0.1], &SearchOptions::new(1))?[0].label, 1);
/// assert_eq!(after.search(&[1.0, 0.1], &SearchOptions::new(1))?[0].label, 2);
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Debug)]
pub struct Index {
    options: Arc<Options>,
    seq: Option<u64>,
    /// The current row of each label.
    rows: HashMap<u32, Row>,
    /// Oldest first; the first `absorbing` belong to the task under way and are not merged.
    head: Vec<Arc<Segment>>,
    absorbing: usize,
    live: Option<Arc<Live>>,
    /// Rows of the live tier that are alive.
    live_len: usize,
    /// Absent while a task has it, and after a task was dropped: then the graph is made anew.
    builder: Option<Builder>,
    task: Weak<()>,
}

impl Index {
    /// An empty index.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options out of range.
    pub fn new(options: Options) -> Result<Self> {
        options.check()?;
        Ok(Self {
            options: Arc::new(options),
            seq: None,
            rows: HashMap::new(),
            head: Vec::new(),
            absorbing: 0,
            live: None,
            live_len: 0,
            builder: None,
            task: Weak::new(),
        })
    }

    /// What it was made with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// Makes one commit of `changes`, each a label with its new vector or `None` to remove it, and returns the
    /// view as of it. Of several changes to one label the last counts; removing an unknown label does
    /// nothing. `seq` must not shrink from commit to commit; a commit may come in pieces of the same `seq`, of which
    /// only the last one's view may be used.
    ///
    /// # Errors
    /// [`Error::Dimension`], [`Error::NotFinite`], and [`Error::Invalid`] for a vector that the metric
    /// cannot compare (all zeros under cosine, longer than 1e18 otherwise) and a `seq` that shrinks.
    /// After an error the index is as it was.
    pub fn apply(&mut self, changes: Vec<(u32, Option<Vec<f32>>)>, seq: u64) -> Result<IndexView> {
        if self.seq.is_some_and(|last| seq < last) || seq == u64::MAX {
            return Err(Error::invalid("commit", seq, "commits grow, up to 2^64 - 2"));
        }
        let changes = self.prepared(changes)?;
        self.seq = Some(seq);
        for label in changes.keys() {
            self.bury(*label, seq);
        }
        self.add(&changes);
        self.merge();
        Ok(self.view())
    }

    /// The view as of the last commit.
    #[must_use]
    pub fn view(&self) -> IndexView {
        IndexView::new(
            Arc::clone(&self.options),
            self.seq.unwrap_or(0),
            self.head.as_slice().into(),
            self.live.clone(),
            self.rows.len(),
            self.live_len,
        )
    }

    /// The long work that is due, if any and none is under way: absorbing the head once it holds more than
    /// [`Options::head_rows`] (or anything, with `force`), making the live tier anew once more of it is dead
    /// than alive.
    #[must_use]
    pub fn plan(&mut self, force: bool) -> Option<Task> {
        if self.task.strong_count() > 0 {
            return None;
        }
        let kind = self.due(force)?;
        self.absorbing = self.head.len();
        let mut sources = self.head.clone();
        if let (TaskKind::Rebuild, Some(live)) = (kind, &self.live) {
            sources.extend(live.segments.iter().cloned());
        }
        let kept = if kind == TaskKind::Absorb { self.builder.take() } else { None };
        let builder = kept.unwrap_or_else(|| {
            let longest = longest(&sources) * NORM_HEADROOM;
            Builder::new(&self.options, self.rows.len(), longest)
        });
        let token = Arc::new(());
        self.task = Arc::downgrade(&token);
        Some(Task { kind, options: Arc::clone(&self.options), sources, builder, token, outcome: None })
    }

    /// Takes in a task's result and returns the view with it; what was changed since [`Index::plan`]
    /// stays changed. A task that is not finished changes nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] for a task that another index planned.
    pub fn complete(&mut self, task: Task) -> Result<IndexView> {
        if !std::ptr::eq(Arc::as_ptr(&task.token), self.task.as_ptr()) {
            return Err(Error::invalid(
                "task",
                "another index's",
                "complete a task on the index that planned it",
            ));
        }
        if let Some(outcome) = task.outcome {
            let moved = self.carry(&outcome);
            self.live_len = moved + if task.kind == TaskKind::Absorb { self.live_len } else { 0 };
            self.live = Some(Arc::new(outcome.live));
            self.head.drain(..self.absorbing);
            self.builder = Some(task.builder);
        } else if task.kind == TaskKind::Absorb {
            self.builder = Some(task.builder);
        }
        self.absorbing = 0;
        Ok(self.view())
    }

    fn prepared(&self, changes: Vec<(u32, Option<Vec<f32>>)>) -> Result<BTreeMap<u32, Option<Vec<f32>>>> {
        let mut prepared = BTreeMap::new();
        for (label, mut vector) in changes {
            if let Some(vector) = &mut vector {
                prepare(&|| format!("the vector of label {label}"), vector, &self.options)?;
            }
            prepared.insert(label, vector);
        }
        Ok(prepared)
    }

    fn bury(&mut self, label: u32, seq: u64) {
        if let Some((segment, offset)) = self.rows.remove(&label) {
            segment.bury(offset as usize, seq);
            self.live_len -= usize::from(segment.tier == Tier::Live);
        }
    }

    fn add(&mut self, changes: &BTreeMap<u32, Option<Vec<f32>>>) {
        let rows: Vec<(u32, &[f32])> =
            changes.iter().filter_map(|(label, vector)| Some((*label, vector.as_deref()?))).collect();
        if !rows.is_empty() {
            let segment = Arc::new(Segment::new(&rows, &self.options));
            self.point_to(&segment);
            self.head.push(segment);
        }
    }

    /// Makes every row of `segment` its label's current one.
    fn point_to(&mut self, segment: &Arc<Segment>) {
        for row in 0..segment.len() {
            self.rows.insert(segment.label(row), (Arc::clone(segment), row as u32));
        }
    }

    /// Merges the newest segments while the last is more than half as long as the one before, so that
    /// lengths halve from one to the next and their number stays logarithmic.
    fn merge(&mut self) {
        let mut first = self.head.len();
        let mut rows = 0;
        while first > self.absorbing && (rows == 0 || self.head[first - 1].len() < 2 * rows) {
            first -= 1;
            rows += self.head[first].len();
        }
        if first + 1 < self.head.len() {
            let (segment, _) = Segment::compact(Tier::Head, self.options.dim, &self.head[first..]);
            self.head.truncate(first);
            if segment.len() > 0 {
                let segment = Arc::new(segment);
                self.point_to(&segment);
                self.head.push(segment);
            }
        }
    }

    fn due(&self, force: bool) -> Option<TaskKind> {
        let head_len = self.rows.len() - self.live_len;
        let absorb = head_len > self.options.head_rows || (force && head_len > 0);
        let live_rows = self.live.as_ref().map_or(0, |live| live.rows());
        // Below a quarter of a head the dead cost less than a rebuild.
        let rebuild = live_rows - self.live_len > self.live_len.max(self.options.head_rows / 4);
        let graph_lost =
            self.live.is_some() && !self.builder.as_ref().is_some_and(|builder| self.fits(builder));
        match (absorb, rebuild) {
            (_, true) => Some(TaskKind::Rebuild),
            (true, false) if graph_lost => Some(TaskKind::Rebuild),
            (true, false) => Some(TaskKind::Absorb),
            (false, false) => None,
        }
    }

    /// Whether the graph can take the head's rows.
    fn fits(&self, builder: &Builder) -> bool {
        builder.graph().takes(longest(&self.head))
    }

    /// Brings the labels of a finished task's rows to its segment, and what died meanwhile too; returns
    /// how many are alive.
    fn carry(&mut self, outcome: &Outcome) -> usize {
        let mut alive = 0;
        for (row, (source, offset)) in outcome.origins.iter().enumerate() {
            if let Some(seq) = source.died(*offset as usize) {
                outcome.segment.bury(row, seq);
            } else {
                let label = outcome.segment.label(row);
                self.rows.insert(label, (Arc::clone(&outcome.segment), row as u32));
                alive += 1;
            }
        }
        alive
    }
}

/// The largest squared length among the rows of `segments`.
fn longest(segments: &[Arc<Segment>]) -> f32 {
    let rows =
        segments.iter().flat_map(|segment| (0..segment.len()).map(|row| segment.factor(row).norm_squared));
    rows.fold(0.0, f32::max)
}
