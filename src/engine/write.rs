//! One write: encode, lock, apply, commit, publish.

use super::apply::Outcome;
use super::check::check;
use super::encode::encode_missing;
use super::erase::{check_salt, named_user};
use super::published::Published;
use super::refuse::commit_aside;
use super::session::{Encoded, Finished, IndexChanges, Session};
use super::upkeep::PATIENCE;
use super::{Core, Engine, Shared};
use crate::error::{Error, ErrorKind, Result};
use crate::index::Index;
use crate::model::{KeepEvents, OnProgress, Record, Removal};
use crate::storage::{Writer, codec, keys};
use crate::telemetry;
use std::sync::{Arc, MutexGuard};
use std::time::Duration;

/// Memory that a commit of a stream of records may need, about. A user's sums are put down once for each commit that touches the
/// user, so larger commits write less.
pub(super) const COMMIT_BYTES: usize = 128 << 20;

/// What becomes of a write when a record cannot be taken as things are: its user was erased, or it is an archive that does
/// not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum OnRefusal {
    /// Nothing is written.
    Refuse,
    /// The record is left aside.
    Skip,
    /// What came before it is written.
    Stop,
}

/// How records are written.
#[derive(Clone, Copy, Debug)]
pub(crate) struct How {
    pub on_refusal: OnRefusal,
    /// Whether events are folded that the policy lets go.
    pub fold: bool,
    /// Memory that a commit may need, about: what needs more is cut into several. `None`: all is one commit.
    pub commit_bytes: Option<usize>,
}

impl Engine {
    /// Refuses a record that the store cannot take.
    pub(crate) fn check(&self, record: &Record) -> Result<()> {
        let checked = check(&self.shared.settings, record).and_then(|()| match record {
            Record::Erased(tombstone) => check_salt(self.view().attachment().salt, tombstone),
            _ => Ok(()),
        });
        checked.inspect_err(|_| telemetry::count(telemetry::REFUSED, &[("by", "store")], 1))
    }

    /// Applies checked records, all or none; durable when it returns.
    ///
    /// # Errors
    /// Among others [`Error::Erased`], where a record would bring an erased user back.
    pub(crate) fn write(&self, records: &[Record], progress: OnProgress<'_>) -> Result<Vec<Outcome>> {
        let how = How { on_refusal: OnRefusal::Refuse, fold: true, commit_bytes: None };
        self.write_past(records, how, progress)
    }

    /// [`Engine::write`], with a word on records that cannot be taken. There are fewer outcomes than records where one of
    /// these, the last, stopped it.
    ///
    /// # Errors
    /// Where it is cut into commits, those before stay.
    pub(crate) fn write_past(
        &self,
        records: &[Record],
        how: How,
        progress: OnProgress<'_>,
    ) -> Result<Vec<Outcome>> {
        let encoded = encode_missing(&self.view(), records, progress)?;
        let patience = if how.commit_bytes.is_some() { Duration::MAX } else { PATIENCE };
        let mut outcomes = Vec::with_capacity(records.len());
        let mut stopped = false;
        while outcomes.len() < records.len() && !stopped {
            let rest = &records[outcomes.len()..];
            let some = self.commit_some(rest, &encoded, how)?;
            let refused = |(record, outcome): (_, &Outcome)| refusal(record, *outcome).is_some();
            stopped = how.on_refusal == OnRefusal::Stop && rest.iter().zip(&some).any(refused);
            outcomes.extend(some);
            self.keep_pace(patience);
        }
        Ok(outcomes)
    }

    /// Commits records from the first on, until they need more memory than they may; at least one.
    fn commit_some(&self, records: &[Record], encoded: &Encoded, how: How) -> Result<Vec<Outcome>> {
        let (outcomes, core, finished) = self.shared.prepare(encoded, |session| {
            if !how.fold {
                session.keep = KeepEvents::all();
            }
            session.apply_all(records, how)
        })?;
        note(&outcomes);
        if outcomes.iter().all(|outcome| *outcome != Outcome::Changed) {
            drop(core);
            // What is a duplicate may be one of a write that still waits for its sync: so wait for it.
            commit_aside(finished.tx)?;
            return Ok(outcomes);
        }
        self.shared.commit_finished(core, finished)?;
        Ok(outcomes)
    }
}

impl Session<'_, '_> {
    fn apply_all(&mut self, records: &[Record], how: How) -> Result<Vec<Outcome>> {
        let limit = how.commit_bytes.unwrap_or(usize::MAX);
        let mut outcomes = Vec::new();
        for record in records {
            if self.bytes() > limit && !outcomes.is_empty() {
                break;
            }
            let outcome = match self.apply(record) {
                // It changed nothing, and costs the others nothing where it is to be passed over.
                Err(error)
                    if is_of_segment(record)
                        && error.kind() == ErrorKind::Usage
                        && how.on_refusal != OnRefusal::Refuse =>
                {
                    Outcome::Conflict
                }
                outcome => outcome?,
            };
            outcomes.push(outcome);
            // Everybody is looked at for it: in a stream, that is a commit of its own.
            if is_of_segment(record) && how.commit_bytes.is_some() {
                break;
            }
            match (how.on_refusal, refusal(record, outcome)) {
                (_, None) | (OnRefusal::Skip, Some(_)) => {}
                (OnRefusal::Stop, Some(_)) => break,
                (OnRefusal::Refuse, Some(error)) => return Err(error),
            }
        }
        Ok(outcomes)
    }
}

/// Tells what became of records that are about to be committed.
fn note(outcomes: &[Outcome]) {
    for outcome in Outcome::ALL {
        let records = outcomes.iter().filter(|found| **found == outcome).count() as u64;
        telemetry::count(telemetry::RECORDS, &[("outcome", outcome.name())], records);
    }
    tracing::debug!(records = outcomes.len(), "applied");
}

const fn is_of_segment(record: &Record) -> bool {
    matches!(record, Record::Segment(_) | Record::Remove(Removal::Segment { .. }))
}

/// The error of a record that cannot be taken as things are.
pub(super) fn refusal(record: &Record, outcome: Outcome) -> Option<Error> {
    let user = || named_user(record).unwrap_or_default();
    match outcome {
        Outcome::Erased => Some(Error::Erased { user: user().to_owned() }),
        Outcome::Conflict if is_of_segment(record) => Some(Error::invalid(
            "segment",
            "not to be taken as things are",
            "it asks for kinds of events and segments that there are, and not for itself; none is dropped that others ask for",
        )),
        Outcome::Conflict => Some(Error::invalid(
            format!("the archive of user {:?}", user()),
            "not of one piece with what is stored of the user",
            "it is put after the user's events and texts, where none of its events is stored or folded already",
        )),
        Outcome::Changed | Outcome::Duplicate | Outcome::Absent | Outcome::Expired => None,
    }
}

impl Core {
    /// Drops points that may come from a write that was given up.
    fn forget_points(&mut self) {
        self.points = super::Points::new(Arc::clone(self.points.space()));
    }
}

impl Shared {
    /// Does work in one write, and hands over what is to be committed; where it fails, nothing stays of it.
    pub(super) fn prepare<'db, T>(
        &'db self,
        encoded: &Encoded,
        work: impl FnOnce(&mut Session<'_, 'db>) -> Result<T>,
    ) -> Result<(T, MutexGuard<'db, Core>, Finished<'db>)> {
        let mut core = self.core()?;
        let tx = self.db.begin()?;
        let space = &tx.attachment().space;
        // What was missing may be there now; and points of another model would be taken for those of this one.
        if core.heals != self.db.heals() || !Arc::ptr_eq(core.points.space(), space) {
            core.points = super::Points::new(Arc::clone(space));
            core.heals = self.db.heals();
        }
        let mut session = Session::new(tx, &mut core.points, encoded);
        let done = work(&mut session);
        let finished = done.and_then(|done| Ok((done, session.finish()?)));
        match finished {
            Ok((done, finished)) => Ok((done, core, finished)),
            Err(error) => {
                core.forget_points();
                Err(error)
            }
        }
    }

    /// Commits what [`Shared::prepare`] handed over.
    pub(super) fn commit_finished(&self, core: MutexGuard<'_, Core>, finished: Finished<'_>) -> Result<()> {
        let Finished { tx, index, counters, salt, folded, columns, categories, segments } = finished;
        let mut acted = Vec::new();
        tx.each_changed(&keys::all_contributions(), |key| acted.extend(keys::u32_at(key, 1)));
        tx.attachment().acts.forget(tx.next_seq(), &acted);
        self.commit(core, tx, index, |published| {
            published.counters = counters;
            published.salt = salt;
            published.folded = folded;
            published.columns = columns;
            published.categories = categories;
            published.segments = segments;
        })
    }

    /// Commits, brings the index up to date and publishes both together. The journal gets a key for each user whose
    /// vector changes.
    pub(super) fn commit(
        &self,
        core: MutexGuard<'_, Core>,
        mut tx: Writer<'_, Published>,
        changes: IndexChanges,
        change: impl FnOnce(&mut Published),
    ) -> Result<()> {
        let seq = codec::encode(&tx.next_seq())?;
        // There may be one already; but nobody reads the journal as it was, so that nothing need be read here.
        changes.keys().for_each(|&no| tx.put_new(keys::unsealed(no), seq.clone()));
        self.commit_unjournaled(core, tx, changes, |published, _| change(published))
    }

    /// [`Shared::commit`] without a journal.
    #[expect(clippy::unused_self, reason = "a commit is the store's own, as every other step of a write is")]
    pub(super) fn commit_unjournaled(
        &self,
        mut core: MutexGuard<'_, Core>,
        tx: Writer<'_, Published>,
        changes: IndexChanges,
        change: impl FnOnce(&mut Published, &mut Index),
    ) -> Result<()> {
        let mut published = Published::clone(tx.attachment());
        let pending = match tx.commit() {
            Ok(pending) => pending,
            Err(error) => {
                core.forget_points();
                return Err(error);
            }
        };
        published.index = core.index.apply(changes.into_iter().collect(), pending.seq())?;
        change(&mut published, &mut core.index);
        drop(core);
        pending.publish(published)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::encoder::HashedEncoder;
    use crate::engine::EncoderChoice;
    use crate::engine::settings::Request;
    use crate::model::{Event, Text, Time};
    use std::collections::BTreeMap;
    use std::ops::ControlFlow;

    fn records() -> Vec<Record> {
        let of = |n: u32| {
            let (user, time) = (format!("u{}", n % 7), Time::from_secs(i64::from(n)).unwrap());
            let text = Text { user: user.clone(), text: format!("text {}", n % 11), time };
            let event = Event::new(&user, "view", time).item(format!("i{}", n % 5)).id(n.to_string());
            [Record::Event(event), Record::Text(text)]
        };
        (0..60).flat_map(of).collect()
    }

    /// All that is stored, less what names commits.
    fn stored(engine: &Engine) -> BTreeMap<Vec<u8>, Vec<u8>> {
        let mut stored = BTreeMap::new();
        let keep = |key: &[u8], value: &[u8]| {
            if !key.starts_with(&keys::all_unsealed()) {
                stored.insert(key.to_vec(), value.to_vec());
            }
            Ok(ControlFlow::Continue(()))
        };
        engine.view().scan(&[], keep).unwrap();
        stored
    }

    #[test]
    fn a_stream_in_many_commits_leaves_what_one_commit_leaves() {
        let made = |commit_bytes: Option<usize>| {
            let folder = tempfile::tempdir().unwrap();
            let encoder = EncoderChoice::Host(Arc::new(HashedEncoder::new(16).unwrap()));
            let engine = Engine::open(folder.path(), &Request { encoder, ..Request::default() }).unwrap();
            let how = How { on_refusal: OnRefusal::Refuse, fold: true, commit_bytes };
            let records = records();
            let outcomes = engine.write_past(&records, how, &|_| {}).unwrap();
            assert_eq!(outcomes, vec![Outcome::Changed; records.len()]);
            let again = engine.write_past(&records, how, &|_| {}).unwrap();
            assert_eq!(again, vec![Outcome::Duplicate; records.len()]);
            (engine.view().seq(), stored(&engine))
        };
        let (one, expected) = made(None);
        for (limit, least) in [(0, 120), (40 << 10, 4)] {
            let (commits, stored) = made(Some(limit));
            assert!(commits >= one - 1 + least, "{commits} commits at {limit} bytes, {one} without");
            assert_eq!(stored, expected);
        }
    }
}
