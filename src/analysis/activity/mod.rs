//! What users did, over time.

mod bin;

pub use bin::TimeBin;

use super::values::tell_lost;
use crate::engine::{EachReader, Published, Settings, State, StoredEvent, from_key, time_of};
use crate::error::{Error, Result, known};
use crate::model::{OnProgress, Progress, Time};
use crate::storage::{View, codec, keys};
use crate::telemetry::{Operation, observed};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Most bins that one question may give.
const MAX_BINS: usize = 10_000;

/// Entries between two words of progress.
const STEP: usize = 4_096;

/// A question for what users did over time: set what is wanted, then [`Activity::run`].
#[must_use = "a question does nothing until it is run"]
pub struct Activity<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    bin: Option<TimeBin>,
    until: Option<Time>,
}

/// What users did, by stretches of time of one length.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ActivityReport {
    /// How long a stretch is.
    pub bin: TimeBin,
    /// The kinds of events that there are any of, in the order of the store's.
    pub kinds: Vec<String>,
    /// From the first event to the last without a gap; empty where there is none.
    pub bins: Vec<ActivityBin>,
    /// Events that are counted in a bin.
    pub events: u64,
    /// Events after the instant that was to be the last.
    pub later: u64,
    /// Events that are folded: their own times are not kept, so that they are in no bin. Users' first events are told by them, too.
    pub folded: u64,
    /// Users who did something, up to the last instant.
    pub users: u64,
    /// Users who did nothing up to then.
    pub without_events: u64,
}

/// One stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct ActivityBin {
    /// When it begins. It ends where the next one begins.
    pub start: Time,
    /// How many events there were of each of [`ActivityReport::kinds`].
    pub events: Vec<u64>,
    /// Users who did something in it.
    pub active_users: u64,
    /// Users who did something for the first time.
    pub new_users: u64,
}

impl<'a> Activity<'a> {
    pub(crate) const fn new(view: &'a View<Published>, settings: &'a Settings) -> Self {
        Self { view, settings, bin: None, until: None }
    }

    /// How long stretches are; unless said the shortest of which no more than 120 reach from the first event to the last
    /// ([`TimeBin::for_span`]).
    pub fn bin(mut self, bin: TimeBin) -> Self {
        self.bin = Some(bin);
        self
    }

    /// The last instant that counts; that of the last event unless said.
    pub fn until(mut self, until: Time) -> Self {
        self.until = Some(until);
        self
    }

    /// Counts. It reads all events once. What is damaged is left out, with a warning in the log: [`crate::Store::verify`] names it.
    ///
    /// # Errors
    /// [`Error::Invalid`] where it would take more than 10,000 bins.
    pub fn run(&self, progress: OnProgress<'_>) -> Result<ActivityReport> {
        observed(Operation::Analyse, || {
            let mut lost = None;
            let counted = self.count(&mut lost, progress)?;
            tell_lost(lost.as_ref());
            self.report(counted)
        })
    }

    fn count(&self, lost: &mut Option<Error>, progress: OnProgress<'_>) -> Result<Counted> {
        let counts = |time: Time| self.until.is_none_or(|until| time <= until);
        let (mut firsts, mut last) = (Vec::new(), None);
        self.each(
            "reading users",
            &keys::states(),
            self.view.attachment().counters.users,
            lost,
            progress,
            |_, value| {
                let state: State = codec::decode("state", value)?;
                let first = state.figures.kinds.iter().map(|kind| kind.first).min();
                firsts.extend(first.filter(|first| counts(*first)));
                last = last.max(state.figures.newest_act().filter(|_| first.is_some()));
                Ok(())
            },
        )?;
        let last = last.map(|last| self.until.map_or(last, |until| last.min(until)));
        let span = firsts.iter().min().zip(last);
        let bin = self
            .bin
            .unwrap_or_else(|| span.map_or(TimeBin::Day, |(first, last)| TimeBin::for_span(*first, last)));
        let mut counted = Counted::new(bin, self.settings.kinds.iter().count());
        firsts.iter().for_each(|first| counted.at(bin.number(*first)).new_users += 1);
        counted.users = firsts.len() as u64;
        let mut active = None;
        self.each(
            "reading events",
            &keys::events(),
            self.view.attachment().counters.events,
            lost,
            progress,
            |key, value| {
                let user = from_key("event key", key, keys::u32_at(key, 1))?;
                let (event, time) = (codec::decode::<StoredEvent>("event", value)?, time_of(key)?);
                if !counts(time) {
                    counted.later += 1;
                    return Ok(());
                }
                let number = bin.number(time);
                let tally = counted.at(number);
                if let Some(count) = tally.events.get_mut(usize::from(event.kind)) {
                    *count += 1;
                }
                // A user's events come in the order of time.
                if active.replace((user, number)) != Some((user, number)) {
                    tally.active_users += 1;
                }
                Ok(())
            },
        )?;
        Ok(counted)
    }

    /// Visits all entries under a prefix; what is damaged is noted, and passed over.
    fn each(
        &self,
        stage: &'static str,
        prefix: &[u8],
        total: u64,
        lost: &mut Option<Error>,
        progress: OnProgress<'_>,
        mut visit: impl FnMut(&[u8], &[u8]) -> Result<()>,
    ) -> Result<()> {
        let mut done = 0;
        self.view.each(prefix, &mut |key, value| {
            known(value.and_then(|value| visit(key, &value)), lost)?;
            done += 1;
            if done % STEP == 0 {
                progress(Progress::of(stage, done, (total as usize).max(done)));
            }
            Ok(ControlFlow::Continue(()))
        })
    }

    fn report(&self, counted: Counted) -> Result<ActivityReport> {
        let Counted { bin, kinds, mut tallies, users, later } = counted;
        let mut bins = Vec::new();
        if let (Some((&first, _)), Some((&last, _))) = (tallies.first_key_value(), tallies.last_key_value()) {
            let wanted = last.abs_diff(first).saturating_add(1);
            if wanted > MAX_BINS as u64 {
                let expected = format!("at most {MAX_BINS}: take a longer bin than a {bin}");
                return Err(Error::invalid("number of bins", wanted, expected));
            }
            bins.extend((first..=last).map(|number| {
                let Tally { events, active_users, new_users } =
                    tallies.remove(&number).unwrap_or_else(|| Tally::new(kinds));
                ActivityBin { start: bin.start(number), events, active_users, new_users }
            }));
        }
        let is_there =
            |kind: usize| bins.iter().any(|bin| bin.events.get(kind).is_some_and(|count| *count > 0));
        let there: Vec<bool> = (0..kinds).map(is_there).collect();
        for bin in &mut bins {
            let mut there = there.iter();
            bin.events.retain(|_| there.next() == Some(&true));
        }
        let published = self.view.attachment();
        let named = self.settings.kinds.iter().zip(&there).filter(|(_, is_there)| **is_there);
        Ok(ActivityReport {
            bin,
            kinds: named.map(|(kind, _)| kind.name.clone()).collect(),
            events: bins.iter().flat_map(|bin| &bin.events).sum(),
            bins,
            later,
            folded: published.folded.unwrap_or(0),
            users,
            without_events: published.counters.users.saturating_sub(users),
        })
    }
}

/// What was counted of one bin.
struct Tally {
    /// By number of kind.
    events: Vec<u64>,
    active_users: u64,
    new_users: u64,
}

impl Tally {
    fn new(kinds: usize) -> Self {
        Self { events: vec![0; kinds], active_users: 0, new_users: 0 }
    }
}

/// What was counted so far.
struct Counted {
    bin: TimeBin,
    kinds: usize,
    /// By number of bin.
    tallies: BTreeMap<i64, Tally>,
    users: u64,
    later: u64,
}

impl Counted {
    fn new(bin: TimeBin, kinds: usize) -> Self {
        Self { bin, kinds, tallies: BTreeMap::new(), users: 0, later: 0 }
    }

    fn at(&mut self, number: i64) -> &mut Tally {
        let kinds = self.kinds;
        self.tallies.entry(number).or_insert_with(|| Tally::new(kinds))
    }
}
