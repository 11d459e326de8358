//! Predicates bound to a store and an instant: kinds by their numbers, times relative to now as times, patterns ready.

use crate::engine::Settings;
use crate::error::{Error, Result, shorten};
use crate::model::predicate::{Comparison, Figure, Matcher, Node, Term, TermKind, Truth, compare};
use crate::model::{Time, Value, nearest_name};
use std::cmp::Ordering;

/// A predicate's parts may lie in each other this deep.
const MAX_DEPTH: usize = 256;

/// A bound part.
pub(super) enum Bound {
    All(Vec<Bound>),
    Any(Vec<Bound>),
    Not(Box<Bound>),
    Is(Box<Bound>, Truth),
    Compare(Field, Comparison, Field),
    /// Among values of one type, in their order.
    In(Field, Vec<Value>),
    Like(Field, Matcher),
    IsNull(Field),
    Has(Field, String),
}

/// A bound term.
pub(super) enum Field {
    Id,
    Texts,
    Attribute(String),
    Value(Value),
    Events(Events),
}

/// What is made of events.
pub(super) struct Events {
    pub figure: Figure,
    /// The kind's number; of whatever kind where there is none.
    pub kind: Option<u8>,
    /// From when to when, both inclusive; all where there is none.
    pub within: Option<(Time, Time)>,
}

/// Binds a predicate.
///
/// # Errors
/// For kinds of events that the store does not know, and for what cannot be asked of any store.
pub(super) fn bind(node: &Node, settings: &Settings, now: Time) -> Result<Bound> {
    Binding { settings, now }.node(node, 0)
}

struct Binding<'a> {
    settings: &'a Settings,
    now: Time,
}

impl Binding<'_> {
    fn node(&self, node: &Node, depth: usize) -> Result<Bound> {
        if depth >= MAX_DEPTH {
            let expected = format!("at most {MAX_DEPTH} parts may lie in each other");
            return Err(Error::invalid("the predicate", "too deep", expected));
        }
        Ok(match node {
            Node::All(parts) => Bound::All(self.parts(parts, depth)?),
            Node::Any(parts) => Bound::Any(self.parts(parts, depth)?),
            Node::Not(part) => Bound::Not(Box::new(self.node(part, depth + 1)?)),
            Node::Is(part, truth) => Bound::Is(Box::new(self.node(part, depth + 1)?), *truth),
            Node::Compare(left, comparison, right) => {
                Bound::Compare(self.field(left)?, *comparison, self.field(right)?)
            }
            Node::In(term, values) => {
                let is_mixed = |pair: &[Value]| pair[0].family() != pair[1].family();
                if values.windows(2).any(is_mixed) {
                    return Err(term.refuse("the values that it is looked for among are of one type"));
                }
                values.iter().try_for_each(|value| check_finite(term, value))?;
                let mut values = values.clone();
                values.sort_by(|left, right| compare(left, right).unwrap_or(Ordering::Equal));
                Bound::In(self.field(term)?, values)
            }
            Node::Like(term, pattern) => Bound::Like(self.field(term)?, Matcher::new(pattern)?),
            Node::IsNull(term) => Bound::IsNull(self.field(term)?),
            Node::Has(term, text) => Bound::Has(self.field(term)?, text.clone()),
        })
    }

    /// The parts of a chain, those first that take the least to know.
    fn parts(&self, parts: &[Node], depth: usize) -> Result<Vec<Bound>> {
        let mut bound: Vec<Bound> =
            parts.iter().map(|part| self.node(part, depth + 1)).collect::<Result<_>>()?;
        bound.sort_by_cached_key(Bound::cost);
        Ok(bound)
    }

    fn field(&self, term: &Term) -> Result<Field> {
        if term.within.is_some() && !matches!(term.kind, TermKind::Events(..)) {
            return Err(term.refuse("only what is made of events is counted within a part of the time"));
        }
        Ok(match &term.kind {
            TermKind::Id => Field::Id,
            TermKind::Texts => Field::Texts,
            TermKind::Attribute(name) => Field::Attribute(name.clone()),
            TermKind::Value(value) => {
                check_finite(term, value)?;
                Field::Value(value.clone())
            }
            TermKind::Now(interval) => Field::Value(self.in_reach(term, interval.after(self.now))?.into()),
            TermKind::Events(figure, kind) => {
                let kind = kind.as_deref().map(|kind| self.kind(term, kind)).transpose()?;
                let from = term.within.map(|interval| self.in_reach(term, interval.before(self.now)));
                let within = from.transpose()?.map(|from| (from, self.now));
                Field::Events(Events { figure: *figure, kind, within })
            }
        })
    }

    fn in_reach(&self, term: &Term, time: Result<Time>) -> Result<Time> {
        time.map_err(|error| term.refuse(format!("{error} (now is {})", self.now)))
    }

    fn kind(&self, term: &Term, name: &str) -> Result<u8> {
        if let Some((no, _)) = self.settings.kinds.find(name) {
            return Ok(no);
        }
        let nearest = nearest_name(name, self.settings.kinds.iter().map(|kind| kind.name.as_str()));
        let unknown = Error::Unknown { what: "event kind", name: shorten(name), nearest };
        Err(if term.place.is_some() { term.refuse(unknown.to_string()) } else { unknown })
    }
}

fn check_finite(term: &Term, value: &Value) -> Result<()> {
    match value {
        Value::Float(number) if !number.is_finite() => {
            Err(term.refuse(format!("{number} is no number to compare with")))
        }
        _ => Ok(()),
    }
}

impl Bound {
    /// What it takes to know it: nothing but the user's record, the state, or a walk over events.
    fn cost(&self) -> u8 {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().map(Self::cost).max().unwrap_or(0),
            Self::Not(part) | Self::Is(part, _) => part.cost(),
            Self::Compare(left, _, right) => left.cost().max(right.cost()),
            Self::In(field, _) | Self::Like(field, _) | Self::IsNull(field) | Self::Has(field, _) => {
                field.cost()
            }
        }
    }
}

impl Field {
    const fn cost(&self) -> u8 {
        match self {
            Self::Events(Events { within: Some(_), .. }) => 2,
            Self::Events(_) | Self::Texts => 1,
            Self::Id | Self::Attribute(_) | Self::Value(_) => 0,
        }
    }
}
