//! Conditions on users as trees. Their text form is the WHERE clause of SQL.

#[cfg(test)]
pub(crate) mod arbitrary;
mod build;
mod compare;
mod flat;
mod interval;
mod like;
mod show;

pub use build::{
    Acts, ago, ahead, attribute, count, first, id, in_segment, item, item_text, last, now, quantity,
    similar_to, similar_to_text, sum, texts,
};
pub(crate) use compare::{Family, compare};
pub(crate) use flat::MAX_DEPTH;
pub use interval::Interval;
pub(crate) use like::Matcher;
pub use like::Pattern;
pub(crate) use show::Constant;

use super::Value;
use crate::error::Error;
use std::sync::Arc;

/// A condition on users, as filters have it.
///
/// Built of terms, or, with the feature `sql`, read from the WHERE clause of SQL; both give the same tree, and
/// [`ToString`] writes it as SQL: what is read again is the same, unless it is longer or deeper than a text may be. What it says is in `docs/predicates.md`: SQL's logic of three values, in which a
/// comparison with what a user has not is neither true nor false, and only those match for whom the whole is true.
///
/// ```
/// use kindred::model::{Interval, Predicate, attribute, count};
///
/// let adults = attribute("age").ge(18) & attribute("country").one_of(["DE", "AT"]);
/// let loyal = count("purchase").within(Interval::days(30)).ge(3);
/// let wanted: Predicate = adults & (loyal | attribute("tags").has("staff"));
/// assert_eq!(
///     wanted.to_string(),
///     r#""age" >= 18 and "country" in ('DE', 'AT') and (count('purchase', interval '30 days') >= 3 or has("tags", 'staff'))"#
/// );
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    pub(crate) node: Node,
}

impl Predicate {
    /// A predicate beside one that may be there before.
    pub(crate) fn both(before: Option<Self>, other: Self) -> Self {
        match before {
            Some(before) => before & other,
            None => other,
        }
    }

    /// As one that was built: of a text that nobody has before them any more.
    pub(crate) fn without_places(mut self) -> Self {
        self.node.forget_places();
        self
    }
}

/// One part of a predicate, of terms and patterns as they were written, or made ready to be evaluated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node<T = Term, P = Pattern> {
    /// Each of them; true of everybody where there are none.
    All(Vec<Self>),
    /// Any of them; true of nobody where there are none.
    Any(Vec<Self>),
    Not(Box<Self>),
    /// Whether a part is just this, which is true or false and never unknown.
    Is(Box<Self>, Truth),
    Compare(T, Comparison, T),
    In(T, Vec<Value>),
    Like(T, P),
    IsNull(T),
    /// Whether a set of texts has this one.
    Has(T, String),
    /// Whether the user is in a segment.
    InSegment(T),
}

/// What a condition is of a user: where a value is missing, neither true nor false.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize, bincode::Encode, bincode::Decode,
)]
#[serde(rename_all = "lowercase")]
pub enum Truth {
    /// It does not hold.
    False,
    /// It is not known.
    Unknown,
    /// It holds.
    True,
}

impl<T, P> Node<T, P> {
    /// All terms, in their order.
    pub(crate) fn terms(&self) -> Vec<&T> {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter().flat_map(Self::terms).collect(),
            Self::Not(part) | Self::Is(part, _) => part.terms(),
            Self::Compare(left, _, right) => vec![left, right],
            Self::In(term, _)
            | Self::Like(term, _)
            | Self::IsNull(term)
            | Self::Has(term, _)
            | Self::InSegment(term) => vec![term],
        }
    }

    fn each_term_mut(&mut self, call: &mut impl FnMut(&mut T)) {
        match self {
            Self::All(parts) | Self::Any(parts) => parts.iter_mut().for_each(|part| part.each_term_mut(call)),
            Self::Not(part) | Self::Is(part, _) => part.each_term_mut(call),
            Self::Compare(left, _, right) => {
                call(left);
                call(right);
            }
            Self::In(term, _)
            | Self::Like(term, _)
            | Self::IsNull(term)
            | Self::Has(term, _)
            | Self::InSegment(term) => call(term),
        }
    }
}

impl Node {
    fn forget_places(&mut self) {
        self.each_term_mut(&mut |term| {
            term.place = None;
            if let Some(items) = &mut term.of {
                items.forget_places();
            }
        });
    }
}

/// How two values are to stand to each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub(crate) enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

/// A value in a [`Predicate`]: an attribute of the user, a figure such as a number of acts, or the same for everybody.
///
/// Any [`Value`], and what makes one, is a term.
#[derive(Clone, Debug)]
pub struct Term {
    pub(crate) kind: TermKind,
    /// The last part of the time that a figure counts in.
    pub(crate) within: Option<Interval>,
    /// Of which items' events alone a figure is made: a condition on items.
    pub(crate) of: Option<Box<Node>>,
    /// Where it stands in the text it was read from.
    pub(crate) place: Option<Place>,
}

/// Terms are the same wherever they were read.
impl PartialEq for Term {
    fn eq(&self, other: &Self) -> bool {
        (&self.kind, self.within, &self.of) == (&other.kind, other.within, &other.of)
    }
}

/// What a term is.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) enum TermKind {
    /// The user's id.
    Id,
    /// An attribute of that name; in a condition on items, one of the item.
    Attribute(String),
    /// Something of the user's events of a kind, or of all.
    Events(Figure, Option<String>),
    /// The number of the user's texts.
    Texts,
    /// The same for everybody.
    Value(Value),
    /// The instant of asking and this much.
    Now(Interval),
    /// A segment of that name.
    Segment(String),
    /// In a condition on items, the item's id.
    Item,
    /// In a condition on items, the item's text.
    ItemText,
    /// How alike the user of this id is.
    SimilarTo(String),
    /// How much this sentence describes the user.
    SimilarToText(String),
}

/// What is made of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq, bincode::Encode, bincode::Decode)]
pub(crate) enum Figure {
    Count,
    /// Of the values.
    Sum,
    Quantity,
    First,
    Last,
}

impl Figure {
    /// Its function's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Count => "count",
            Self::Sum => "sum",
            Self::Quantity => "quantity",
            Self::First => "first",
            Self::Last => "last",
        }
    }
}

/// A place in a text.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    pub text: Arc<str>,
    /// From 1.
    pub line: usize,
    /// From 1, in characters.
    pub column: usize,
}

impl Place {
    /// The word that what stands there is wrong.
    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Error {
        let line = self.text.lines().nth(self.line.saturating_sub(1)).unwrap_or_default().to_owned();
        Error::Predicate { line, line_no: self.line, column: self.column, reason: reason.into() }
    }

    /// Whether a double quote stands there.
    pub(crate) fn is_quoted(&self) -> bool {
        let line = self.text.lines().nth(self.line.saturating_sub(1)).unwrap_or_default();
        line.chars().nth(self.column.saturating_sub(1)) == Some('"')
    }
}

impl Term {
    /// The word that something is wrong with it.
    pub(crate) fn refuse(&self, reason: impl Into<String>) -> Error {
        match &self.place {
            Some(place) => place.refuse(reason),
            None => Error::invalid("the predicate's term", self, reason),
        }
    }
}

impl From<&Self> for Predicate {
    fn from(predicate: &Self) -> Self {
        predicate.clone()
    }
}

impl Predicate {
    /// Holds for everybody.
    #[must_use]
    pub fn everybody() -> Self {
        Self { node: Node::All(Vec::new()) }
    }

    /// Whether this is true, which is never unknown: with `!`, also for those of whom it is not known.
    ///
    /// ```
    /// use kindred::model::attribute;
    /// assert_eq!((!attribute("age").lt(18).is_true()).to_string(), r#"not "age" < 18 is true"#);
    /// ```
    #[must_use]
    pub fn is_true(&self) -> Self {
        Self { node: Node::Is(Box::new(self.node.clone()), Truth::True) }
    }
}
