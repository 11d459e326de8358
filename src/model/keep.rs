//! How long a user's events are kept as such.

use super::Time;
use crate::error::{Error, Result};
use bincode::{Decode, Encode};
use serde::{Deserialize, Serialize};
use std::time::Duration;

/// How many of each user's events are kept, and how long. What is older is *folded*: summed up, so that profiles, figures
/// and reasons stay what they were, and only the list of the user's events no longer shows it.
///
/// Ages are measured back from the user's own newest event, not from a clock. Folding is put off until it is worth its
/// while: a user may have a quarter more events than `last` says, or 16 more where that is more, and events that are a
/// quarter older than `within` says. Events of the same instant as the oldest that is kept are kept as well, however many
/// they are.
///
/// ```
/// use kindred::{Store, model::KeepEvents};
/// use std::time::Duration;
/// # let folder = tempfile::tempdir().unwrap();
/// # let path = folder.path().join("store");
/// let year = Duration::from_secs(365 * 86_400);
/// let keep = KeepEvents::last(1000).and(KeepEvents::within(year));
/// let store = Store::options().keep_events(keep).open(&path)?;
/// assert_eq!(store.snapshot().settings().keep_events, keep);
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, Encode, Decode)]
#[serde(deny_unknown_fields)]
pub struct KeepEvents {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last: Option<u64>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    within_us: Option<u64>,
}

/// Fewest events more than asked for that make folding worth its while.
const LEAST_SLACK: u64 = 16;

impl KeepEvents {
    /// All events, however old: the default.
    #[must_use]
    pub const fn all() -> Self {
        Self { last: None, within_us: None }
    }

    /// The newest `count` events of each user, at least 1.
    #[must_use]
    pub const fn last(count: u64) -> Self {
        Self { last: Some(count), within_us: None }
    }

    /// The events of each user that are at most this much older than the newest; at least a microsecond.
    #[must_use]
    pub fn within(age: Duration) -> Self {
        Self { last: None, within_us: Some(u64::try_from(age.as_micros()).unwrap_or(u64::MAX)) }
    }

    /// What both keep: the smaller count and the shorter time.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        let smaller = |a: Option<u64>, b: Option<u64>| a.into_iter().chain(b).min();
        Self { last: smaller(self.last, other.last), within_us: smaller(self.within_us, other.within_us) }
    }

    /// Whether nothing is ever folded.
    #[must_use]
    pub const fn is_all(&self) -> bool {
        self.last.is_none() && self.within_us.is_none()
    }

    /// Refuses what would keep nothing.
    pub(crate) fn check(self) -> Result<()> {
        if self.last == Some(0) {
            return Err(Error::invalid("number of events to keep", 0, "it is at least 1"));
        }
        if self.within_us == Some(0) {
            return Err(Error::invalid("time for which events are kept", 0, "it is at least a microsecond"));
        }
        Ok(())
    }

    /// How many of `kept` events are beyond the newest that are to be kept, once that is worth folding.
    pub(crate) fn surplus(self, kept: u64) -> Option<u64> {
        let last = self.last?;
        let slack = (last / 4).max(LEAST_SLACK);
        (kept > last.saturating_add(slack)).then(|| kept - last)
    }

    /// The instant before which events are too old, once the oldest is so by far.
    pub(crate) fn cutoff(self, oldest: Time, newest: Time) -> Option<Time> {
        let within = i64::try_from(self.within_us?).unwrap_or(i64::MAX);
        let age = newest.micros().saturating_sub(oldest.micros());
        if age <= within.saturating_add(within / 4) {
            return None;
        }
        Time::from_micros(newest.micros().saturating_sub(within)).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folding_waits_until_it_is_worth_its_while() {
        let keep = KeepEvents::last(100);
        assert_eq!([100, 125, 126].map(|kept| keep.surplus(kept)), [None, None, Some(26)]);
        assert_eq!([17, 18].map(|kept| KeepEvents::last(1).surplus(kept)), [None, Some(17)]);
        assert_eq!(KeepEvents::last(u64::MAX).surplus(u64::MAX), None);
        assert_eq!(KeepEvents::all().surplus(u64::MAX), None);
        let at = |secs| Time::from_secs(secs).unwrap();
        let keep = KeepEvents::within(Duration::from_secs(100));
        assert_eq!(keep.cutoff(at(0), at(125)), None);
        assert_eq!(keep.cutoff(at(0), at(126)), Some(at(26)));
        assert_eq!(KeepEvents::within(Duration::MAX).cutoff(at(-1), at(1)), None);
    }

    #[test]
    fn both_rules_hold_together() {
        let week = KeepEvents::within(Duration::from_hours(7 * 24));
        let both = KeepEvents::last(5).and(week).and(KeepEvents::last(9));
        assert_eq!((both.last, both.within_us), (Some(5), week.within_us));
        assert!(KeepEvents::all().and(KeepEvents::all()).is_all());
        assert!(KeepEvents::last(0).check().is_err() && KeepEvents::within(Duration::ZERO).check().is_err());
    }
}
