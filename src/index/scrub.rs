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
    /// The next one last.
    left: Vec<Reading>,
    /// Begun, and not of the view that is followed, which has no files.
    aside: Vec<Reading>,
    buffer: Box<[u8]>,
    sound: BTreeSet<FileId>,
    damaged: DamagedFiles,
}

/// Sealed files of one folder that were found damaged, by name and contents.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DamagedFiles(BTreeSet<FileId>);

impl DamagedFiles {
    pub(super) fn contain(&self, file: &FileId) -> bool {
        self.0.contains(file)
    }
}

impl IndexView {
    /// Whether it searches any of these files.
    #[must_use]
    pub fn has_any(&self, damaged: &DamagedFiles) -> bool {
        self.sealed.iter().filter_map(|file| file.id()).any(|id| damaged.contain(&id))
    }

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
    /// Goes over to the files of another view of the same folder. None is read again that was read to its end, and one that both views
    /// have is read on. A view without files, such as one that was made beside a writer's manifest, leaves it as it is.
    pub fn follow(&mut self, view: &IndexView) {
        self.aside.append(&mut self.left);
        let files: Vec<_> = view.sealed.iter().filter_map(|file| Some((file, file.id()?))).collect();
        for (file, id) in files.iter().rev() {
            if self.sound.contains(id) || self.damaged.contain(id) {
                continue;
            }
            let begun = self.aside.iter().position(|reading| reading.id() == id);
            let begun = begun.map(|at| self.aside.swap_remove(at));
            self.left.extend(begun.map(|reading| reading.of_same(file)).or_else(|| Reading::of(file)));
        }
        if !files.is_empty() {
            self.aside.clear();
            self.sound.retain(|known| files.iter().any(|(_, id)| id == known));
        }
        self.provide_buffer();
    }

    /// One as long as there is anything to be read.
    fn provide_buffer(&mut self) {
        let needed = if self.left.is_empty() { 0 } else { PIECE };
        if self.buffer.len() != needed {
            self.buffer = vec![0; needed].into();
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
        let wrong = match reading.next(&mut self.buffer) {
            Piece::Sound => return None,
            Piece::Left => None,
            Piece::Last => {
                self.sound.insert(reading.id().clone());
                None
            }
            Piece::Wrong(what) => {
                self.damaged.0.insert(reading.id().clone());
                Some(Problem::new(reading.place(), what))
            }
        };
        self.left.pop();
        self.provide_buffer();
        wrong
    }
}
