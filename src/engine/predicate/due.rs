//! When what a predicate is of a user may next change by itself, because time goes on.

use super::bind::{Bound, Events, Field, Source};
use super::evaluate::Values;
use super::facts::Facts;
use crate::engine::Reader;
use crate::error::Result;
use crate::model::predicate::{Interval, Node, TermKind};
use crate::model::{Time, Value};

const DAY: i64 = 86_400_000_000;
/// Months end on other days: an instant moved by them may lie this much from where the days between would bring it.
const MONTH_ENDS: i64 = 4 * DAY;

/// An instant by which a part has not changed yet, if nothing but the time changes: the earliest, where there are several. It may
/// come too early, and is asked for again then, but never too late.
pub(crate) fn due<R: Reader>(node: &Bound<'_>, facts: &Facts<'_, R>, now: Time) -> Result<Option<Time>> {
    let mut earliest = Earliest { now, found: None };
    earliest.look(node, facts)?;
    Ok(earliest.found)
}

/// From when on a part, and when it is [`due`], asks for events.
pub(crate) fn reach(node: &Bound<'_>) -> Option<Time> {
    let fields = node.terms().into_iter();
    let within = fields.filter_map(|field| match &field.source {
        Source::Events(Events { within: Some((from, _)), .. }) => Some(moved(*from, -MONTH_ENDS)),
        Source::Events(Events { items: Some(_), .. }) => Some(Time::EARLIEST),
        _ => None,
    });
    within.min()
}

struct Earliest {
    now: Time,
    found: Option<Time>,
}

impl Earliest {
    fn look<R: Reader>(&mut self, node: &Bound<'_>, facts: &Facts<'_, R>) -> Result<()> {
        match node {
            Node::All(parts) | Node::Any(parts) => parts.iter().try_for_each(|part| self.look(part, facts)),
            Node::Not(part) | Node::Is(part, _) => self.look(part, facts),
            Node::Compare(left, _, right) => {
                self.field(left, facts)?;
                self.field(right, facts)?;
                self.passing(left, facts.value(right)?.as_deref());
                self.passing(right, facts.value(left)?.as_deref());
                Ok(())
            }
            Node::In(field, values) => {
                self.field(field, facts)?;
                values.iter().for_each(|value| self.passing(field, Some(value)));
                Ok(())
            }
            Node::Like(field, _) | Node::IsNull(field) | Node::Has(field, _) => self.field(field, facts),
            Node::InSegment(_) => Ok(()),
        }
    }

    /// Notes an instant, or the next one that there is.
    fn note(&mut self, micros: i64) {
        let Ok(time) = Time::from_micros(micros.max(self.now.micros().saturating_add(1))) else { return };
        self.found = Some(self.found.map_or(time, |found| found.min(time)));
    }

    /// Of events within a part of the time: when the next comes in, and when the first of them goes out.
    fn field<R: Reader>(&mut self, field: &Field<'_>, facts: &Facts<'_, R>) -> Result<()> {
        let Source::Events(events @ Events { within: Some((from, to)), .. }) = &field.source else {
            return Ok(());
        };
        let Some(interval) = field.term.within else { return Ok(()) };
        if let Some(next) = facts.first_event(events, moved(*to, 1))? {
            self.note(next.micros());
        }
        let (now, back) = (self.now.micros(), moved(*from, -MONTH_ENDS));
        // At the end of the day, it may go back to what it has left behind.
        if interval.has_months() && facts.first_event(events, back)?.is_some_and(|first| first < *from) {
            self.note(day_after(now));
        }
        if let Some(first) = facts.first_event(events, *from)? {
            self.reaches(interval.negated(), *from, moved(first, 1));
        }
        Ok(())
    }

    /// Of the instant of asking and so much: when it comes to a time, and when it has passed it.
    fn passing(&mut self, field: &Field<'_>, other: Option<&Value>) {
        let (TermKind::Now(interval), Source::Value(Value::Time(at))) = (&field.term.kind, &field.source)
        else {
            return;
        };
        if let Some(Value::Time(time)) = other {
            self.reaches(*interval, *at, *time);
            self.reaches(*interval, *at, moved(*time, 1));
        }
    }

    /// Notes when the instant of asking, moved by an interval, reaches a time; it is at `at` now.
    fn reaches(&mut self, interval: Interval, at: Time, time: Time) {
        let (now, left) = (self.now.micros(), time.micros().saturating_sub(at.micros()));
        if !interval.has_months() {
            if left > 0 {
                self.note(now.saturating_add(left));
            }
        } else if left > MONTH_ENDS {
            // Surely not before: asked again then.
            let Ok(back) = interval.negated().after(time) else { return };
            self.note(back.micros().saturating_sub(MONTH_ENDS));
        } else if left > -MONTH_ENDS {
            // Within a day both go on alike; at its end, the other may even go back.
            let reached = if left > 0 { now.saturating_add(left) } else { i64::MAX };
            self.note(reached.min(day_after(now)));
        }
    }
}

/// The end of a day.
const fn day_after(micros: i64) -> i64 {
    micros.saturating_sub(micros.rem_euclid(DAY)).saturating_add(DAY)
}

/// A time moved by microseconds, as far as times go.
fn moved(time: Time, micros: i64) -> Time {
    Time::from_micros(time.micros().saturating_add(micros)).unwrap_or(time)
}
