//! What a predicate may ask of one user, read when it is asked.

use super::bind::{Events, Field, Source};
use super::evaluate::Values;
use crate::engine::segments::Membership;
use crate::engine::{Reader, State, StoredEvent, StoredUser, archive_of, time_of};
use crate::error::{Error, Result};
use crate::model::predicate::Figure;
use crate::model::{Time, Value};
use crate::profile::Tally;
use crate::storage::keys::{self, EventHash};
use crate::storage::{codec, prefix_end};
use std::borrow::Cow;
use std::cell::{OnceCell, Ref, RefCell};
use std::ops::ControlFlow;

pub(crate) struct Facts<'a, R> {
    reader: &'a R,
    segments: &'a dyn Membership,
    no: u32,
    user: OnceCell<StoredUser>,
    state: OnceCell<State>,
    /// From when on events will be asked for, as far as that is known.
    reach: Option<Time>,
    /// The events from a time on, in their order.
    acts: RefCell<Option<(Time, Vec<Act>)>>,
}

/// What predicates may ask of an event.
struct Act {
    time: Time,
    kind: u8,
    item: Option<u32>,
    value: f64,
    quantity: f64,
}

/// Some events, summed up.
#[derive(Clone, Copy, Default)]
struct Sums {
    count: u64,
    value: f64,
    quantity: f64,
    /// The first and the last.
    times: Option<(Time, Time)>,
}

impl Sums {
    /// Others with these.
    fn add(&mut self, other: Self) {
        self.count = self.count.saturating_add(other.count);
        self.value = (self.value + other.value).clamp(f64::MIN, f64::MAX);
        self.quantity = (self.quantity + other.quantity).clamp(f64::MIN, f64::MAX);
        self.times = match (self.times, other.times) {
            (Some((first, last)), Some((earlier, later))) => Some((first.min(earlier), last.max(later))),
            (times, others) => times.or(others),
        };
    }

    fn figure(self, figure: Figure) -> Option<Value> {
        Some(match figure {
            Figure::Count => Value::Int(i64::try_from(self.count).unwrap_or(i64::MAX)),
            Figure::Sum => Value::Float(self.value),
            Figure::Quantity => Value::Float(self.quantity),
            Figure::First => Value::Time(self.times?.0),
            Figure::Last => Value::Time(self.times?.1),
        })
    }
}

impl<'a, R: Reader> Facts<'a, R> {
    pub(crate) fn new(reader: &'a R, segments: &'a dyn Membership, no: u32) -> Self {
        let (user, state) = (OnceCell::new(), OnceCell::new());
        Self { reader, segments, no, user, state, reach: None, acts: RefCell::default() }
    }

    /// Of which events will be asked for from a time on, so that they are read once.
    pub(crate) fn reaching(self, reach: Option<Time>) -> Self {
        Self { reach, ..self }
    }

    /// With the user's record, which was read before.
    pub(crate) fn with_record(self, user: StoredUser) -> Self {
        Self { user: user.into(), ..self }
    }

    /// With the user's state, which was read before.
    pub(crate) fn with_state(self, state: State) -> Self {
        Self { state: state.into(), ..self }
    }

    /// Whether the user is in a segment.
    pub(super) fn is_in(&self, segment: u32) -> bool {
        self.segments.has(segment, self.no)
    }

    fn user(&self) -> Result<&StoredUser> {
        if let Some(user) = self.user.get() {
            return Ok(user);
        }
        let user = stored_user(self.reader, self.no)?;
        Ok(self.user.get_or_init(|| user))
    }

    fn state(&self) -> Result<&State> {
        if let Some(state) = self.state.get() {
            return Ok(state);
        }
        let state = self.reader.state(self.no)?;
        Ok(self.state.get_or_init(|| state))
    }

    fn of_all_time(&self, events: &Events<'_>) -> Result<Sums> {
        let mut sums = Sums::default();
        for kind in &self.state()?.figures.kinds {
            if events.is_of_kind(kind.kind) && kind.count > 0 {
                let times = Some((kind.first, kind.last));
                sums.add(Sums { count: kind.count, value: kind.value, quantity: kind.quantity, times });
            }
        }
        // Of which items they are no figure tells.
        if events.items.is_some() && sums.count > 0 { self.of_all_items(events) } else { Ok(sums) }
    }

    /// Sums up all events, folded ones among them, one by one.
    fn of_all_items(&self, events: &Events<'_>) -> Result<Sums> {
        let mut sums = self.within(events, Time::EARLIEST, Time::LATEST)?;
        for entry in archive_of(self.reader, self.no)? {
            if events.take(self.reader, entry.kind, entry.item)? {
                let Tally { count, value, quantity, first, last, .. } = entry.acts;
                sums.add(Sums { count, value, quantity, times: Some((first, last)) });
            }
        }
        Ok(sums)
    }

    /// Sums up the events from one time to another, both inclusive.
    fn within(&self, events: &Events<'_>, from: Time, to: Time) -> Result<Sums> {
        let mut sums = Sums::default();
        for act in self.acts(from)?.iter().take_while(|act| act.time <= to) {
            if events.take(self.reader, act.kind, act.item)? {
                let (value, quantity, times) = (act.value, act.quantity, Some((act.time, act.time)));
                sums.add(Sums { count: 1, value, quantity, times });
            }
        }
        Ok(sums)
    }

    /// The time of the first event from a time on.
    pub(super) fn first_event(&self, events: &Events<'_>, from: Time) -> Result<Option<Time>> {
        for act in self.acts(from)?.iter() {
            if events.take(self.reader, act.kind, act.item)? {
                return Ok(Some(act.time));
            }
        }
        Ok(None)
    }

    /// All events from a time on. They are read once for all that is asked of the user, as far back as anything asks.
    fn acts(&self, from: Time) -> Result<Ref<'_, [Act]>> {
        let is_read = self.acts.borrow().as_ref().is_some_and(|(first, _)| *first <= from);
        if !is_read {
            let first = self.reach.map_or(from, |reach| reach.min(from));
            let acts = self.read_acts(first)?;
            *self.acts.borrow_mut() = Some((first, acts));
        }
        Ok(Ref::map(self.acts.borrow(), |acts| {
            let acts = acts.as_ref().map_or(&[][..], |(_, acts)| acts);
            &acts[acts.partition_point(|act| act.time < from)..]
        }))
    }

    fn read_acts(&self, from: Time) -> Result<Vec<Act>> {
        let mut acts = Vec::new();
        let first = keys::event(self.no, from, EventHash::default());
        let end = prefix_end(&keys::events_of(self.no));
        self.reader.scan_between(&first, end.as_deref(), &mut |key, value| {
            let StoredEvent { kind, item, value, quantity, .. } = codec::decode("event", value)?;
            let (value, quantity) = (value.unwrap_or(0.0), quantity.unwrap_or(1.0));
            acts.push(Act { time: time_of(key)?, kind, item, value, quantity });
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(acts)
    }
}

impl<R: Reader> Values<Field<'_>> for Facts<'_, R> {
    fn value<'f>(&'f self, field: &'f Field<'_>) -> Result<Option<Cow<'f, Value>>> {
        Ok(match &field.source {
            Source::Attribute(name) => self.user()?.attributes.get(*name).map(Cow::Borrowed),
            Source::Value(value) => Some(Cow::Borrowed(value)),
            Source::Id => Some(Cow::Owned(Value::Text(self.user()?.id.clone()))),
            Source::Texts => {
                let texts = i64::try_from(self.state()?.texts).unwrap_or(i64::MAX);
                Some(Cow::Owned(Value::Int(texts)))
            }
            Source::Events(events) => {
                let sums = match events.within {
                    Some((from, to)) => self.within(events, from, to)?,
                    None => self.of_all_time(events)?,
                };
                sums.figure(events.figure).map(Cow::Owned)
            }
            Source::Alike(scores) => scores.of(self.no)?.map(|score| Cow::Owned(Value::Float(score.into()))),
            Source::Segment(no) => Some(Cow::Owned(Value::Bool(self.is_in(*no)))),
        })
    }
}

impl Events<'_> {
    fn is_of_kind(&self, kind: u8) -> bool {
        self.kind.is_none_or(|wanted| wanted == kind)
    }

    /// Whether events of a kind on an item count.
    fn take(&self, reader: &impl Reader, kind: u8, item: Option<u32>) -> Result<bool> {
        let is_of_items = || self.items.as_ref().map_or(Ok(true), |items| items.hold(reader, item));
        Ok(self.is_of_kind(kind) && is_of_items()?)
    }
}

/// The record of a user who is there.
pub(crate) fn stored_user(reader: &impl Reader, no: u32) -> Result<StoredUser> {
    reader.user(no)?.ok_or_else(|| Error::damaged(format!("user {no}"), "its record is missing"))
}
