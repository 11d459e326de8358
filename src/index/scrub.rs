//! Sealed files read once from end to end, piece by piece, beside whoever searches them.

use super::sealed::{FileId, Piece, Reading};
use super::view::IndexView;
use crate::model::Problem;
use std::collections::BTreeSet;

/// Bytes of one piece.
const PIECE: usize = 1 << 20;

/// What is left to be read of the sealed files that a view had: opening reads only what a removed row could come back by, and
/// what a flipped bit does elsewhere, a wrong neighbour, is found by nothing but reading it. It holds none of them: one that is
/// merged into another meanwhile goes as if nobody read it, and what is left of it is not read. The default has nothing to read.
#[derive(Debug, Default)]
pub struct Scrub {
    left: Vec<Reading>,
    buffer: Box<[u8]>,
    sound: BTreeSet<FileId>,
    damaged: DamagedFiles,
}

/// Sealed files that were found damaged, by what tells them from all others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DamagedFiles(BTreeSet<FileId>);

impl DamagedFiles {
    pub(super) fn contain(&self, file: &FileId) -> bool {
        self.0.contains(file)
    }
}

impl IndexView {
    /// All its sealed files, to be read in pieces of up to 1 MiB.
    ///
    /// ```
    /// use kindred::index::{Index, Options};
    /// use kindred::model::Metric;
    ///
    /// let mut index = Index::new(Options::new(2, Metric::L2))?;
    /// let view = index.apply(vec![(1, Some(vec![1.0, 2.0]))], 1)?;
    /// let mut scrub = view.scrub();
    /// let mut problems = Vec::new();
    /// while !scrub.is_over() {
    ///     problems.extend(scrub.next_piece());
    /// }
    /// assert!(problems.is_empty());
    /// # Ok::<(), kindred::Error>(())
    /// ```
    #[must_use]
    pub fn scrub(&self) -> Scrub {
        let mut scrub = Scrub::default();
        scrub.follow(self);
        scrub
    }
}

impl Scrub {
    /// Goes over to the files of another view. None is read again that was read to its end, and one that both views have is
    /// read on.
    pub fn follow(&mut self, view: &IndexView) {
        let mut begun = std::mem::take(&mut self.left);
        let files = view.sealed.iter().rev().filter_map(|file| Some((file, file.id()?)));
        let mut all = BTreeSet::new();
        for (file, id) in files {
            if !self.sound.contains(&id) && !self.damaged.contain(&id) {
                let reading = begun.iter().position(|reading| *reading.id() == id).map(|at| {
                    let mut reading = begun.swap_remove(at);
                    reading.go_on_for(file);
                    reading
                });
                self.left.extend(reading.or_else(|| Reading::of(file)));
            }
            all.insert(id);
        }
        self.sound.retain(|id| all.contains(id));
        if self.left.is_empty() {
            self.buffer = Box::default();
        } else if self.buffer.is_empty() {
            self.buffer = vec![0; PIECE].into();
        }
    }

    /// Whether there is nothing left to be read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// The files that it found damaged.
    #[must_use]
    pub fn damaged(&self) -> &DamagedFiles {
        &self.damaged
    }

    /// Reads the next piece; returns what is wrong with its file, of which nothing more is read then. A file that
    /// cannot be opened is left out; one that cannot be read is damaged.
    pub fn next_piece(&mut self) -> Option<Problem> {
        let reading = self.left.last_mut()?;
        let piece = reading.next(&mut self.buffer);
        let id = reading.id().clone();
        let wrong = match piece {
            Piece::Sound => return None,
            Piece::Left => None,
            Piece::Last => {
                self.sound.insert(id);
                None
            }
            Piece::Wrong(what) => {
                let problem = Problem::new(reading.place(), what);
                self.damaged.0.insert(id);
                Some(problem)
            }
        };
        self.left.pop();
        if self.left.is_empty() {
            self.buffer = Box::default();
        }
        wrong
    }
}
