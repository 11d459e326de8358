//! Whether a store is what it should be: each value as its checksum and its key say, what must hold between
//! records, and the index. Not for making anything good.

mod basis;
mod findings;
mod profiles;
mod relations;
mod report;
mod seen;
mod segments;
#[cfg(test)]
mod tests;
mod values;
mod vectors;

use findings::MOST_LISTED;
pub(super) use findings::{Findings, sound};
pub use report::{VerifyOptions, VerifyReport};

use super::reader::{EachReader, Flow};
use super::stored::encoder_number;
use super::{Engine, Published};
use crate::error::Result;
use crate::index::WHOLE;
use crate::model::{OnProgress, Problem, Progress};
use crate::storage::keys::{self, Subject};
use crate::storage::{self, Contents, Opened, Options, View};
use crate::telemetry::redacted;
use basis::Basis;
use seen::Seen;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
#[cfg(test)]
pub(crate) use vectors::OTHER_VECTOR;
use vectors::wrong_vectors;

/// Values from one word of progress to the next.
const TOLD: u64 = 16_384;

impl Engine {
    /// All that is wrong with the newest snapshot and with the index. Where anything is wrong with that, upkeep, the next
    /// seal or the next open makes anew what is lost.
    pub(crate) fn verify(
        &self,
        options: VerifyOptions,
        progress: OnProgress<'_>,
        cancel: &AtomicBool,
    ) -> Result<VerifyReport> {
        let heals = self.shared.db.heals();
        let view = self.view();
        let encoder = view.attachment().encoder.as_ref().map(|encoder| encoder_number(encoder.id()));
        let basis = Basis::read(&view, encoder, view.seq())?;
        let mut report = data(&view, basis, options, progress, cancel)?;
        report.add(published(&view));
        if report.finished {
            report.finished = self.index(&view, options, &mut report, progress, cancel)?;
        }
        if report.is_damaged() {
            report.heals = noted(self.shared.db.note_damage(heals));
        }
        Ok(report)
    }

    /// Adds all that is wrong with the index, which is made good by itself. Returns false where it was cancelled.
    fn index(
        &self,
        view: &View<Published>,
        options: VerifyOptions,
        report: &mut VerifyReport,
        progress: OnProgress<'_>,
        cancel: &AtomicBool,
    ) -> Result<bool> {
        let index = &view.attachment().index;
        let told = |done, total| progress(Progress::of("verifying the index", done, total));
        let problems =
            if options.quick { Some(index.verify_quick()) } else { index.verify_until(&told, cancel) };
        let Some(problems) = problems else { return Ok(false) };
        if !problems.is_empty() {
            self.shared.distrust(&problems)?;
            report.add(problems);
            return Ok(true);
        }
        // Where the data is damaged, profiles are not what they were made of.
        if options.quick || report.is_damaged() {
            return Ok(true);
        }
        let wrong = wrong_vectors(view, &self.shared.settings.source, progress, cancel)?;
        let Some(wrong) = wrong else { return Ok(false) };
        if !wrong.is_empty() {
            self.put_right(&wrong.users(), wrong.problems(view)?, report)?;
        }
        Ok(true)
    }

    /// Gives the index the vectors that some users' profiles have now; where that fails, the next open makes it anew.
    fn put_right(&self, users: &[u32], problems: Vec<Problem>, report: &mut VerifyReport) -> Result<()> {
        match self.put_vectors_anew(users) {
            Ok(()) => report.mended = users.len() as u64,
            Err(error) => {
                tracing::error!(error = %redacted(&error), "the index has vectors that are not those of profiles");
                self.shared.distrust(&problems)?;
            }
        }
        report.add(problems);
        Ok(())
    }
}

/// Whether what was found is made good. That it will not know of it must not keep it from being told.
fn noted(noted: Result<bool>) -> bool {
    noted.unwrap_or_else(|error| {
        tracing::error!(error = %redacted(&error), "the next opening will not know that values are damaged");
        false
    })
}

/// All that is wrong with the data of a store that nobody has open. Neither its encoder nor its index is needed.
pub(crate) fn verify_closed(
    store: &Path,
    options: VerifyOptions,
    progress: OnProgress<'_>,
    cancel: &AtomicBool,
) -> Result<VerifyReport> {
    let opened = open_closed(store)?;
    let mut report = verify_opened(&opened.contents, options, progress, cancel)?;
    if report.is_damaged() {
        report.heals = noted(opened.note_damage());
    }
    Ok(report)
}

/// All that is wrong with the data of a store that was opened no further than its storage.
pub(super) fn verify_opened(
    opened: &Contents,
    options: VerifyOptions,
    progress: OnProgress<'_>,
    cancel: &AtomicBool,
) -> Result<VerifyReport> {
    let basis = Basis::read(opened, None, opened.seq())?;
    data(opened, basis, options, progress, cancel)
}

/// The storage of a store that is there.
pub(super) fn open_closed(store: &Path) -> Result<Opened> {
    storage::must_hold_store(store)?;
    Opened::open(store, &Options::default())
}

/// All that is wrong with what a reader reads.
fn data<R: EachReader>(
    reader: &R,
    basis: Basis,
    options: VerifyOptions,
    progress: OnProgress<'_>,
    cancel: &AtomicBool,
) -> Result<VerifyReport> {
    let mut check = Check { reader, basis, seen: Seen::default(), findings: Findings::default(), entries: 0 };
    let prefix = if options.quick { keys::meta("") } else { Vec::new() };
    reader.each(&prefix, &mut |key, value| {
        if check.entries.is_multiple_of(TOLD) {
            progress(Progress { stage: "verifying the data", done: check.entries, total: None });
            if cancel.load(Ordering::Relaxed) {
                return Ok(ControlFlow::Break(()));
            }
        }
        check.entry(key, value)
    })?;
    let mut finished = !cancel.load(Ordering::Relaxed);
    if finished && !options.quick {
        check.relations()?;
        finished = check.profiles(progress, cancel)? && check.segments(progress, cancel)?;
    }
    let (entries, found) = (check.entries, check.findings.count());
    Ok(VerifyReport {
        finished,
        entries,
        found,
        problems: check.findings.into_problems(reader)?,
        heals: false,
        mended: 0,
    })
}

/// What was read so far, and what is wrong with it.
struct Check<'a, R> {
    reader: &'a R,
    basis: Basis,
    seen: Seen,
    findings: Findings,
    entries: u64,
}

impl<R: EachReader> Check<'_, R> {
    fn entry(&mut self, key: &[u8], value: Result<Vec<u8>>) -> Flow {
        self.entries += 1;
        let Some(subject) = Subject::of(key) else {
            self.findings.add(key, "nothing is kept under such a key");
            return Ok(ControlFlow::Continue(()));
        };
        self.seen.note(subject, self.basis.learned.as_ref().map(|learned| learned.epoch));
        if let Err(error) = value.and_then(|value| self.value(key, subject, &value)) {
            self.findings.add_error(key, error)?;
        }
        Ok(ControlFlow::Continue(()))
    }
}

impl VerifyReport {
    fn add(&mut self, problems: impl IntoIterator<Item = Problem>) {
        for problem in problems {
            self.found += 1;
            if self.problems.len() < MOST_LISTED {
                self.problems.push(problem);
            }
        }
    }
}

/// Whether the counts in memory can be those of the index and of what is stored.
fn published(view: &View<Published>) -> Option<Problem> {
    let published = view.attachment();
    let (vectors, users) = (published.index.len() as u64, published.counters.users);
    (vectors > users)
        .then(|| Problem::new(WHOLE, format!("it has {vectors} users, and the store has {users}")))
}
