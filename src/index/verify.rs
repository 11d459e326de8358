//! Whether an index is sound, over all tiers.

use super::view::IndexView;
use crate::error::Error;
use roaring::RoaringBitmap;
use serde::Serialize;
use std::sync::atomic::AtomicBool;

/// The place of what is wrong with no file in particular.
const WHOLE: &str = "the index as a whole";

/// Something that is wrong with an index.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Problem {
    /// Where: a file's path, or the index as a whole.
    pub place: String,
    /// What, in words.
    pub what: String,
}

impl Problem {
    /// What an error says of damage, if it does.
    #[must_use]
    pub fn told_by(error: &Error) -> Option<Self> {
        match error {
            Error::Damaged { place, reason } => Some(Self { place: place.clone(), what: reason.clone() }),
            _ => None,
        }
    }

    pub(super) fn is_of_the_whole(&self) -> bool {
        self.place == WHOLE
    }
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
        let (mut problems, never) = (Vec::new(), AtomicBool::new(false));
        for (number, file) in self.sealed.iter().enumerate() {
            let told = |done, total| progress(number * total + done, self.sealed.len() * total);
            let problem = |what| Problem { place: file.place().to_owned(), what };
            problems.extend(file.verify(&told, &never).into_iter().flatten().map(problem));
        }
        let whole = |what| Problem { place: WHOLE.to_owned(), what };
        problems.extend(self.wrong_rows().map(whole));
        problems
    }

    /// Of each label one row is alive, and the count of labels is right.
    fn wrong_rows(&self) -> Option<String> {
        let mut labels = RoaringBitmap::new();
        let live = self.live.iter().flat_map(|live| &live.segments);
        for segment in self.head.iter().chain(live) {
            for row in (0..segment.len()).filter(|&row| segment.is_alive(row, self.seq)) {
                if !labels.insert(segment.label(row)) {
                    return Some(format!("label {} has two rows", segment.label(row)));
                }
            }
        }
        for file in self.sealed.iter() {
            for row in (0..file.rows() as u32).filter(|&row| file.is_alive(row, self.seq)) {
                if !labels.insert(file.label(row)) {
                    return Some(format!("label {} has two rows", file.label(row)));
                }
            }
        }
        let found = labels.len();
        (found != self.len() as u64)
            .then(|| format!("{found} labels have rows, and {} are counted", self.len()))
    }
}
