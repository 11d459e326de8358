//! Predicates of one user, in the logic of three values.

use super::bind::{Bound, Field, Source};
use super::facts::Facts;
use crate::engine::Reader;
use crate::error::Result;
use crate::model::Value;
use crate::model::predicate::{Comparison, Truth, compare};
use std::cmp::Ordering;

impl Bound<'_> {
    /// What this is of a user.
    pub(crate) fn truth<R: Reader>(&self, facts: &Facts<'_, R>) -> Result<Truth> {
        Ok(match self {
            Self::All(parts) => return of_all(parts, facts, Truth::True, Truth::min),
            Self::Any(parts) => return of_all(parts, facts, Truth::False, Truth::max),
            Self::Not(part) => not(part.truth(facts)?),
            Self::Is(part, truth) => known(part.truth(facts)? == *truth),
            Self::Compare(left, comparison, right) => {
                let (left, right) = (facts.value(left)?, facts.value(right)?);
                left.zip(right).map_or(Truth::Unknown, |(left, right)| holds(*comparison, &left, &right))
            }
            Self::In(field, values) => with(facts, field, |value| is_among(value, values))?,
            Self::Like(field, like) => {
                with(facts, field, |value| value.as_text().map(|text| like.matcher.matches(text)))?
            }
            Self::Has(field, text) => with(facts, field, |value| match value {
                Value::Set(texts) => Some(texts.contains(text)),
                _ => None,
            })?,
            Self::IsNull(field) => known(facts.value(field)?.is_none()),
            Self::InSegment(field) => match field.source {
                Source::Segment(no) => known(facts.is_in(no)),
                _ => Truth::Unknown,
            },
        })
    }
}

/// The least or the greatest of some, which the first of the other kind decides.
fn of_all<R: Reader>(
    parts: &[Bound<'_>],
    facts: &Facts<'_, R>,
    neutral: Truth,
    join: fn(Truth, Truth) -> Truth,
) -> Result<Truth> {
    let mut truth = neutral;
    for part in parts {
        truth = join(truth, part.truth(facts)?);
        if truth == not(neutral) {
            break;
        }
    }
    Ok(truth)
}

pub(crate) const fn not(truth: Truth) -> Truth {
    match truth {
        Truth::False => Truth::True,
        Truth::Unknown => Truth::Unknown,
        Truth::True => Truth::False,
    }
}

const fn known(holds: bool) -> Truth {
    if holds { Truth::True } else { Truth::False }
}

/// Whether a value is among some of one type, in their order; unknown where it is of another.
fn is_among(value: &Value, values: &[Value]) -> Option<bool> {
    compare(value, values.first()?)?;
    Some(values.binary_search_by(|one| compare(one, value).unwrap_or(Ordering::Less)).is_ok())
}

pub(crate) fn holds(comparison: Comparison, left: &Value, right: &Value) -> Truth {
    compare(left, right).map_or(Truth::Unknown, |order| known(comparison.holds(order)))
}

/// What is said of a field's value; unknown where there is none, or none of which it can be said.
fn with<R: Reader>(
    facts: &Facts<'_, R>,
    field: &Field<'_>,
    say: impl Fn(&Value) -> Option<bool>,
) -> Result<Truth> {
    Ok(facts.value(field)?.and_then(|value| say(&value)).map_or(Truth::Unknown, known))
}
