//! Predicates of one user or item, in the logic of three values.

use super::bind::Prepared;
use crate::error::Result;
use crate::model::Value;
use crate::model::predicate::{Comparison, Node, Truth, compare};
use std::borrow::Cow;
use std::cmp::Ordering;

/// What fields are of something: a user, or an item.
pub(crate) trait Values<F> {
    /// The value of a field, if there is one.
    fn value<'f>(&'f self, field: &'f F) -> Result<Option<Cow<'f, Value>>>;
}

impl<F> Node<F, Prepared<'_>> {
    /// What this is of a user, or an item.
    pub(crate) fn truth(&self, of: &impl Values<F>) -> Result<Truth> {
        Ok(match self {
            Self::All(parts) => return of_all(parts, of, Truth::True, Truth::min),
            Self::Any(parts) => return of_all(parts, of, Truth::False, Truth::max),
            Self::Not(part) => not(part.truth(of)?),
            Self::Is(part, truth) => known(part.truth(of)? == *truth),
            Self::Compare(left, comparison, right) => {
                let (left, right) = (of.value(left)?, of.value(right)?);
                left.zip(right).map_or(Truth::Unknown, |(left, right)| holds(*comparison, &left, &right))
            }
            Self::In(field, values) => with(of, field, |value| is_among(value, values))?,
            Self::Like(field, like) => {
                with(of, field, |value| value.as_text().map(|text| like.matcher.matches(text)))?
            }
            Self::Has(field, text) => with(of, field, |value| match value {
                Value::Set(texts) => Some(texts.contains(text)),
                _ => None,
            })?,
            Self::IsNull(field) => known(of.value(field)?.is_none()),
            Self::InSegment(field) => with(of, field, |value| match value {
                Value::Bool(is_in) => Some(*is_in),
                _ => None,
            })?,
        })
    }
}

/// The least or the greatest of some, which the first of the other kind decides.
fn of_all<F>(
    parts: &[Node<F, Prepared<'_>>],
    of: &impl Values<F>,
    neutral: Truth,
    join: fn(Truth, Truth) -> Truth,
) -> Result<Truth> {
    let mut truth = neutral;
    for part in parts {
        truth = join(truth, part.truth(of)?);
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
fn with<F>(of: &impl Values<F>, field: &F, say: impl Fn(&Value) -> Option<bool>) -> Result<Truth> {
    Ok(of.value(field)?.and_then(|value| say(&value)).map_or(Truth::Unknown, known))
}
