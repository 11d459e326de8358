//! The writer's side of the index: changes in, views out.

use super::live::{Builder, Live};
use super::options::Options;
use super::policy::{self, FileRows, Limits, State, Step, Wanted};
use super::prepare::prepared;
use super::sealed::{Sealed, file_name};
use super::segment::{Row, Segment, Tier};
use super::task::{Made, Outcome, Task, TaskKind};
use super::view::IndexView;
use crate::error::{Error, Result};
use roaring::RoaringBitmap;
use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Room above the longest row, as a factor on the length, before a graph for inner product is made anew.
const NORM_HEADROOM: f32 = 2.0;

/// The writer's side: applies changes commit by commit and gives out views.
///
/// Single-row commits cost amortized O(log n) copies of a row. Moving rows into the live tier or a sealed file
/// is long and is therefore a [`Task`], run elsewhere between [`Index::plan`] and [`Index::complete`].
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
    pub(super) options: Arc<Options>,
    pub(super) seq: Option<u64>,
    /// The current row of each label that is in head or live tier.
    pub(super) rows: HashMap<u32, Row>,
    /// Oldest first; the first `absorbing` belong to the task under way and are not merged.
    head: Vec<Arc<Segment>>,
    absorbing: usize,
    live: Option<Arc<Live>>,
    /// Rows of the live tier that are alive.
    live_len: usize,
    pub(super) sealed: Vec<Arc<Sealed>>,
    /// Files that the last manifest may name and that are of no use any more.
    pub(super) replaced: Vec<Arc<Sealed>>,
    /// The number of the newest file, so that no two get one name.
    pub(super) files: u64,
    /// Whether sealed files or their dead differ from the last manifest.
    pub(super) unwritten: bool,
    /// The last commit whose changes no journal names, until they are sealed; `u64::MAX` where they never are.
    pub(super) unjournaled: Option<u64>,
    /// Absent while a task has it, and after a task was dropped: then the graph is made anew.
    builder: Option<Builder>,
    /// The task under way, or the doubt.
    pub(super) task: Weak<()>,
    /// Whether something is wrong and no file is known to be the cause. A file's own damage is noted with the file, so that
    /// it goes with it.
    pub(super) distrusted: bool,
    /// Labels that changed since the index is in doubt: the doubt holds them, so that they go with it.
    pub(super) changed: Weak<Mutex<RoaringBitmap>>,
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
            sealed: Vec::new(),
            replaced: Vec::new(),
            files: 0,
            unwritten: false,
            unjournaled: None,
            builder: None,
            task: Weak::new(),
            distrusted: false,
            changed: Weak::new(),
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
        let changes = prepared(changes, &self.options)?;
        self.seq = Some(seq);
        for label in changes.keys() {
            self.bury(*label, seq);
        }
        if let Some(changed) = self.changed.upgrade() {
            changed.lock().unwrap_or_else(PoisonError::into_inner).extend(changes.keys());
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
            self.sealed.as_slice().into(),
            self.len(),
            self.live_len,
        )
    }

    /// Labels.
    fn len(&self) -> usize {
        self.rows.len() + self.sealed.iter().map(|file| file.alive()).sum::<usize>()
    }

    /// The next long work towards what is wanted, if any is left to do and none is under way.
    #[must_use]
    pub fn plan(&mut self, wanted: Wanted) -> Option<Task> {
        if self.task.strong_count() > 0 {
            return None;
        }
        let limits = Limits { head: self.options.head_rows, unsealed: self.options.unsealed_rows };
        let step = policy::next(&self.state(), limits, wanted)?;
        self.absorbing = self.head.len();
        let mut sources = self.head.clone();
        if let (Step::Rebuild | Step::Seal { .. }, Some(live)) = (&step, &self.live) {
            sources.extend(live.segments.iter().cloned());
        }
        let token = Arc::new(());
        self.task = Arc::downgrade(&token);
        let (kind, builder, files) = match step {
            Step::Absorb => (TaskKind::Absorb, self.builder.take(), Vec::new()),
            Step::Rebuild => (TaskKind::Rebuild, None, Vec::new()),
            Step::Seal { files } => (TaskKind::Seal, None, files),
        };
        let builder = (kind != TaskKind::Seal).then(|| builder.unwrap_or_else(|| self.builder(&sources)));
        let path = if kind == TaskKind::Seal { self.next_path() } else { None };
        Some(Task {
            kind,
            options: Arc::clone(&self.options),
            sources,
            files: files.into_iter().map(|file| Arc::clone(&self.sealed[file])).collect(),
            builder,
            path,
            seq: self.seq.unwrap_or(0),
            token,
            outcome: None,
        })
    }

    fn state(&self) -> State {
        let of = |file: &Arc<Sealed>| FileRows { alive: file.alive(), dead: file.rows() - file.alive() };
        State {
            head: self.rows.len() - self.live_len,
            live: self.live_len,
            live_dead: self.live.as_ref().map_or(0, |live| live.rows()) - self.live_len,
            graph_fits: self.live.is_none()
                || self.builder.as_ref().is_some_and(|builder| self.fits(builder)),
            files: self.sealed.iter().map(of).collect(),
        }
    }

    /// A builder of an empty graph that these rows fit.
    fn builder(&self, sources: &[Arc<Segment>]) -> Builder {
        Builder::new(&self.options, self.rows.len(), longest(sources) * NORM_HEADROOM)
    }

    fn next_path(&mut self) -> Option<PathBuf> {
        let folder = self.options.folder.as_ref()?;
        self.files += 1;
        Some(folder.join(file_name(self.seq.unwrap_or(0), self.files)))
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
        match task.outcome {
            Some(Outcome::Live { live, segment, origins }) => {
                let moved = self.carry(&segment, &origins);
                self.live_len = moved + if task.kind == TaskKind::Absorb { self.live_len } else { 0 };
                self.live = Some(Arc::new(live));
                self.head.drain(..self.absorbing);
                self.builder = task.builder;
            }
            Some(Outcome::Sealed(made)) => {
                self.replace(made, &task.sources, &task.files);
                self.unwritten = true;
                // Head and live tier were sealed as they were at the task's commit.
                self.unjournaled = self.unjournaled.filter(|&seq| seq > task.seq);
            }
            None if task.kind == TaskKind::Absorb => self.builder = task.builder,
            None => {}
        }
        self.absorbing = 0;
        Ok(self.view())
    }

    fn bury(&mut self, label: u32, seq: u64) {
        if let Some((segment, offset)) = self.rows.remove(&label) {
            segment.bury(offset as usize, seq);
            self.live_len -= usize::from(segment.tier == Tier::Live);
            return;
        }
        // Of the rows that files hold of a label at most one is alive.
        for file in &self.sealed {
            if let Some(row) = file.row_of(label).filter(|&row| file.died(row).is_none()) {
                file.bury(row, seq);
                self.unwritten = true;
                return;
            }
        }
    }

    fn add(&mut self, changes: &BTreeMap<u32, Option<Vec<f32>>>) {
        if let Some(segment) = Segment::of(changes, &self.options) {
            let segment = Arc::new(segment);
            self.point_to(&segment);
            self.head.push(segment);
        }
    }

    /// Adds rows that were made elsewhere, but none of the `changed` labels; returns whether any is left. They are not merged
    /// with the head's smaller segments, which would copy all of them: those that follow do that, once they are as many.
    pub(super) fn add_made(&mut self, segment: Segment, changed: &RoaringBitmap) -> bool {
        let segment = Arc::new(segment);
        let mut added = false;
        for row in 0..segment.len() {
            if changed.contains(segment.label(row)) {
                // In no view.
                segment.bury(row, 0);
            } else {
                self.rows.insert(segment.label(row), (Arc::clone(&segment), row as u32));
                added = true;
            }
        }
        if added {
            self.head.push(segment);
        }
        added
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

    /// Whether the graph can take the head's rows.
    fn fits(&self, builder: &Builder) -> bool {
        builder.graph().takes(longest(&self.head))
    }

    /// Brings the labels of a finished task's rows to its segment, and what died meanwhile too; returns
    /// how many are alive.
    fn carry(&mut self, segment: &Arc<Segment>, origins: &[Row]) -> usize {
        let mut alive = 0;
        for (row, (source, offset)) in origins.iter().enumerate() {
            if let Some(seq) = source.died(*offset as usize) {
                segment.bury(row, seq);
            } else {
                self.rows.insert(segment.label(row), (Arc::clone(segment), row as u32));
                alive += 1;
            }
        }
        alive
    }

    /// Puts a new file in the place of what it was made of; what died meanwhile dies there too.
    fn replace(&mut self, made: Made, sources: &[Arc<Segment>], files: &[Arc<Sealed>]) {
        let Made { file, segment_rows, file_rows } = made;
        for (source, kept) in sources.iter().zip(&segment_rows) {
            for &row in kept {
                let label = source.label(row as usize);
                bury_copy(file.as_deref(), label, source.died(row as usize));
                // A newer row of the label is in another segment.
                if self.rows.get(&label).is_some_and(|(segment, _)| Arc::ptr_eq(segment, source)) {
                    self.rows.remove(&label);
                }
            }
        }
        for (source, kept) in files.iter().zip(&file_rows) {
            kept.iter().for_each(|&row| bury_copy(file.as_deref(), source.label(row), source.died(row)));
        }
        let merged = |own: &mut Arc<Sealed>| files.iter().any(|merged| Arc::ptr_eq(own, merged));
        let replaced = self.sealed.extract_if(.., merged);
        // What lies in memory goes with its views.
        self.replaced.extend(replaced.filter(|file| file.name().is_some()));
        self.sealed.extend(file);
        (self.live, self.live_len, self.builder) = (None, 0, None);
        self.head.drain(..self.absorbing);
    }
}

/// Marks a label's row in a new file dead where the row that it was copied from has died meanwhile.
fn bury_copy(file: Option<&Sealed>, label: u32, died: Option<u64>) {
    if let (Some(file), Some(seq)) = (file, died)
        && let Some(row) = file.row_of(label)
    {
        file.bury(row, seq);
    }
}

/// The largest length among the rows of `segments`.
fn longest(segments: &[Arc<Segment>]) -> f32 {
    let rows = segments.iter().flat_map(|segment| (0..segment.len()).map(|row| segment.factor(row).norm));
    rows.fold(0.0, f32::max)
}
