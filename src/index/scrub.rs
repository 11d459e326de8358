//! Sealed files read once from end to end, piece by piece, beside whoever searches them.

use super::sealed::{Piece, Reading};
use super::view::IndexView;
use crate::model::Problem;

/// Bytes of one piece.
const PIECE: usize = 1 << 20;

/// What is left to be read of the sealed files that a view had: opening reads only what a removed row could come back by, and
/// what a flipped bit does elsewhere, a wrong neighbour, is found by nothing but reading it. It holds none of them: one that is
/// merged into another meanwhile goes as if nobody read it, and what is left of it is not read. The default has nothing to read.
#[derive(Debug, Default)]
pub struct Scrub {
    left: Vec<Reading>,
    buffer: Box<[u8]>,
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
        let left: Vec<Reading> = self.sealed.iter().rev().filter_map(Reading::of).collect();
        let buffer = if left.is_empty() { 0 } else { PIECE };
        Scrub { left, buffer: vec![0; buffer].into() }
    }
}

impl Scrub {
    /// Whether there is nothing left to be read.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.left.is_empty()
    }

    /// Reads the next piece; returns what is wrong with its file, of which nothing more is read then. A file that
    /// cannot be opened is left out; one that cannot be read is damaged.
    pub fn next_piece(&mut self) -> Option<Problem> {
        let reading = self.left.last_mut()?;
        let piece = reading.next(&mut self.buffer);
        let wrong = match piece {
            Piece::Sound => return None,
            Piece::Last => None,
            Piece::Wrong(what) => Some(Problem::new(reading.place(), what)),
        };
        self.left.pop();
        if self.left.is_empty() {
            self.buffer = Box::default();
        }
        wrong
    }
}
