//! Whether an index is sound, over all tiers.

use super::manifest::Content;
use super::sealed::Sealed;
use super::view::IndexView;
use crate::error::Error;
use crate::model::Problem;
use roaring::RoaringBitmap;
use std::sync::atomic::AtomicBool;

/// The place of what is wrong with no file in particular.
pub(crate) const WHOLE: &str = "the index as a whole";

/// An error as a problem, also where the file could not be read.
fn problem_of(error: &Error) -> Problem {
    Problem::told_by(error).unwrap_or_else(|| Problem::new(WHOLE, error.to_string()))
}

/// Whether a problem is with no file in particular.
pub(super) fn is_of_the_whole(problem: &Problem) -> bool {
    problem.place == WHOLE
}

impl IndexView {
    /// All that is wrong: reads everything, and compares it with checksums and with what searches lean on.
    /// `progress` is told of steps done and in all.
    ///
    /// ```
    /// use kindred::index::{Index, Options};
    /// use kindred::model::Metric;
    ///
    /// let mut index = Index::new(Options::new(2, Metric::L2))?;
    /// let view = index.apply(vec![(1, Some(vec![1.0, 2.0]))], 1)?;
    /// assert!(view.verify(&|_, _| {}).is_empty());
    /// # Ok::<(), kindred::Error>(())
    /// ```
    #[must_use]
    pub fn verify(&self, progress: &dyn Fn(usize, usize)) -> Vec<Problem> {
        self.verify_until(progress, &AtomicBool::new(false)).unwrap_or_default()
    }

    /// [`IndexView::verify`] that gives up once `cancel` is set, and returns `None` then.
    #[must_use]
    pub fn verify_until(&self, progress: &dyn Fn(usize, usize), cancel: &AtomicBool) -> Option<Vec<Problem>> {
        let mut problems: Vec<Problem> = self.wrong_manifest().into_iter().collect();
        for (number, file) in self.sealed.iter().enumerate() {
            let told = |done, total| progress(number * total + done, self.sealed.len() * total);
            let problem = |what| Problem::new(file.place(), what);
            problems.extend(file.check_header().err().as_ref().map(problem_of));
            problems.extend(file.verify(&told, cancel)?.into_iter().map(problem));
        }
        // Of a file that is damaged, whose its rows are is not to be told, and perhaps not to be read.
        if problems.is_empty() {
            problems.extend(self.wrong_rows().map(|what| Problem::new(WHOLE, what)));
        }
        Some(problems)
    }

    /// What is wrong with the manifest on disk, the headers of the files, and what says which rows are dead: what can be
    /// looked at without reading everything.
    #[must_use]
    pub fn verify_quick(&self) -> Vec<Problem> {
        let checked = |file: &Sealed| file.check_header().and_then(|()| file.check_opened());
        let files = self.sealed.iter().filter_map(|file| checked(file).err());
        self.wrong_manifest().into_iter().chain(files.map(|error| problem_of(&error))).collect()
    }

    /// What is wrong with the manifest on disk, where there is one.
    fn wrong_manifest(&self) -> Option<Problem> {
        let folder = self.options.folder.as_deref()?;
        Content::read(folder).err().map(|error| problem_of(&error))
    }

    /// Of each label one row is alive, and the count of labels is right.
    fn wrong_rows(&self) -> Option<String> {
        let mut labels = RoaringBitmap::new();
        if let Some((twice, _)) = self.vectors().find(|&(label, _)| !labels.insert(label)) {
            return Some(format!("label {twice} has two rows"));
        }
        let found = labels.len();
        (found != self.len() as u64)
            .then(|| format!("{found} labels have rows, and {} are counted", self.len()))
    }
}
