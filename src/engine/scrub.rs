//! The index's files read through after opening, by upkeep, between its tasks.

use super::Shared;
use super::upkeep::Pause;
use crate::error::Error;
use crate::index::{DamagedFiles, IndexView, Scrub};
use crate::model::Problem;
use crate::telemetry::{failed, redacted};
use std::sync::atomic::AtomicBool;
use std::time::Instant;

/// How many times as long as a piece took to read there is no next one: searches and writes read from the same disk.
const REST: u32 = 4;

/// A scrub, and when it goes on.
pub(super) struct Scrubbing {
    scrub: Scrub,
    next: Instant,
}

impl Scrubbing {
    pub(super) fn of(scrub: Scrub) -> Self {
        Self { scrub, next: Instant::now() }
    }

    /// When the next piece is to be read, if there is one.
    pub(super) fn next(&self) -> Option<Instant> {
        (!self.scrub.is_over()).then_some(self.next)
    }

    /// Goes over to the files of another view.
    pub(super) fn follow(&mut self, view: &IndexView) {
        self.scrub.follow(view);
    }

    /// The files that it found damaged.
    pub(super) fn damaged(&self) -> &DamagedFiles {
        self.scrub.damaged()
    }

    /// Reads the next piece; returns what is wrong with it.
    pub(super) fn piece(&mut self) -> Option<Problem> {
        let started = Instant::now();
        let problem = self.scrub.next_piece();
        let ended = Instant::now();
        self.next = ended.checked_add((ended - started).saturating_mul(REST)).unwrap_or(ended);
        problem
    }
}

#[cfg(test)]
impl super::Engine {
    /// Reads all of the index's files through, as upkeep does.
    pub(crate) fn look_through(&self) {
        let mut scrubbing = Scrubbing::of(self.view().attachment().index.scrub());
        while scrubbing.next().is_some() {
            self.shared.look_through(&mut scrubbing, &mut Pause::default(), &AtomicBool::new(false));
        }
    }
}

/// Tells of a file of the index that is damaged.
pub(super) fn found_damaged(error: &Error) {
    failed("upkeep", error);
    tracing::error!(error = %redacted(error), "a file of the index is damaged: what it held is made anew");
}

impl Shared {
    /// Reads the next piece; where it is damaged, the manifest goes at once, and what the file held is made anew.
    pub(super) fn look_through(&self, scrubbing: &mut Scrubbing, pause: &mut Pause, stop: &AtomicBool) {
        let Some(problem) = scrubbing.piece() else { return };
        let damage = Error::damaged(&problem.place, &problem.what);
        if let Err(error) = self.distrust(&[problem]) {
            failed("upkeep", &error);
            tracing::error!(error = %redacted(&error), "the manifest stays, which names a damaged file of the index");
        }
        // Not so where another file has taken its place.
        if self.core().is_ok_and(|core| core.index.is_distrusted()) {
            found_damaged(&damage);
            self.look_after(pause, stop);
        }
    }
}
