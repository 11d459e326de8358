//! What a predicate may ask of one user, read when it is asked.

use super::bind::{Events, Field, Source};
use crate::engine::{Published, Reader, State, StoredEvent, StoredUser, time_of};
use crate::error::Result;
use crate::model::predicate::Figure;
use crate::model::{Time, Value};
use crate::query::similar::stored_user;
use crate::storage::keys::{self, EventHash};
use crate::storage::{View, codec, prefix_end};
use std::borrow::Cow;
use std::cell::OnceCell;
use std::ops::ControlFlow;

pub(super) struct Facts<'a> {
    view: &'a View<Published>,
    no: u32,
    user: OnceCell<StoredUser>,
    state: OnceCell<State>,
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

impl<'a> Facts<'a> {
    pub(super) fn new(view: &'a View<Published>, no: u32) -> Self {
        Self { view, no, user: OnceCell::new(), state: OnceCell::new() }
    }

    /// Those of a user whose record was read before.
    pub(super) fn of_record(view: &'a View<Published>, no: u32, user: StoredUser) -> Self {
        Self { user: user.into(), ..Self::new(view, no) }
    }

    /// Those of a user whose state was read before.
    pub(super) fn of_state(view: &'a View<Published>, no: u32, state: State) -> Self {
        Self { state: state.into(), ..Self::new(view, no) }
    }

    /// The value of a field, if the user has one.
    pub(super) fn value<'f>(&'f self, field: &'f Field<'_>) -> Result<Option<Cow<'f, Value>>> {
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
        })
    }

    fn user(&self) -> Result<&StoredUser> {
        if let Some(user) = self.user.get() {
            return Ok(user);
        }
        let user = stored_user(self.view, self.no)?;
        Ok(self.user.get_or_init(|| user))
    }

    fn state(&self) -> Result<&State> {
        if let Some(state) = self.state.get() {
            return Ok(state);
        }
        let state = self.view.state(self.no)?;
        Ok(self.state.get_or_init(|| state))
    }

    fn of_all_time(&self, events: &Events) -> Result<Sums> {
        let mut sums = Sums::default();
        for kind in &self.state()?.figures.kinds {
            if events.kind.is_none_or(|wanted| wanted == kind.kind) && kind.count > 0 {
                let times = Some((kind.first, kind.last));
                sums.add(Sums { count: kind.count, value: kind.value, quantity: kind.quantity, times });
            }
        }
        Ok(sums)
    }

    /// Walks over the events from one time to another, both inclusive.
    fn within(&self, events: &Events, from: Time, to: Time) -> Result<Sums> {
        let mut sums = Sums::default();
        let first = keys::event(self.no, from, EventHash::default());
        let end = prefix_end(&keys::events_of(self.no));
        self.view.scan_from(&first, end.as_deref(), |key, value| {
            let time = time_of(key)?;
            if time > to {
                return Ok(ControlFlow::Break(()));
            }
            let event: StoredEvent = codec::decode("event", &value?)?;
            if events.kind.is_none_or(|wanted| wanted == event.kind) {
                let (value, quantity) = (event.value.unwrap_or(0.0), event.quantity.unwrap_or(1.0));
                sums.add(Sums { count: 1, value, quantity, times: Some((time, time)) });
            }
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(sums)
    }
}
