//! Predicates built in Rust.

use super::{Comparison, Figure, Interval, Node, Pattern, Predicate, Term, TermKind};
use crate::model::Value;
use std::ops::{BitAnd, BitOr, Not};

/// An attribute of the user, by its name; within [`Term::of`], one of the item.
#[must_use]
pub fn attribute(name: impl Into<String>) -> Term {
    TermKind::Attribute(name.into()).into()
}

/// The user's id.
#[must_use]
pub fn id() -> Term {
    TermKind::Id.into()
}

/// Within [`Term::of`], the item's id.
#[must_use]
pub fn item() -> Term {
    TermKind::Item.into()
}

/// Within [`Term::of`], the item's text.
#[must_use]
pub fn item_text() -> Term {
    TermKind::ItemText.into()
}

/// The number of the user's texts, those of events apart.
#[must_use]
pub fn texts() -> Term {
    TermKind::Texts.into()
}

/// Of which kind events are counted.
///
/// The name of a kind is that kind.
///
/// ```
/// use kindred::model::{Acts, Interval, ago, count, last};
/// let lapsed = last(Acts::All).lt(ago(Interval::months(6))) & count("purchase").ge(3);
/// assert_eq!(lapsed.to_string(), "last(*) < now() - interval '6 months' and count('purchase') >= 3");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Acts {
    /// Of whatever kind.
    All,
    /// Of the kind of this name.
    Of(String),
}

impl<T: Into<String>> From<T> for Acts {
    fn from(kind: T) -> Self {
        Self::Of(kind.into())
    }
}

fn of_events(figure: Figure, acts: Acts) -> Term {
    let kind = match acts {
        Acts::All => None,
        Acts::Of(kind) => Some(kind),
    };
    TermKind::Events(figure, kind).into()
}

/// The number of the user's events; 0 before the first.
#[must_use]
pub fn count(acts: impl Into<Acts>) -> Term {
    of_events(Figure::Count, acts.into())
}

/// The sum of the values of the user's events; 0 before the first.
#[must_use]
pub fn sum(acts: impl Into<Acts>) -> Term {
    of_events(Figure::Sum, acts.into())
}

/// The sum of the quantities of the user's events, where one without counts 1; 0 before the first.
#[must_use]
pub fn quantity(acts: impl Into<Acts>) -> Term {
    of_events(Figure::Quantity, acts.into())
}

/// The time of the user's first event; missing before it.
#[must_use]
pub fn first(acts: impl Into<Acts>) -> Term {
    of_events(Figure::First, acts.into())
}

/// The time of the user's last event; missing before the first.
#[must_use]
pub fn last(acts: impl Into<Acts>) -> Term {
    of_events(Figure::Last, acts.into())
}

/// How alike a user is to the one of this id: the score of [`crate::Snapshot::similar`], exact; missing for who has no embedding. Only for
/// questions: a segment cannot ask for it.
///
/// ```
/// use kindred::model::{attribute, id, similar_to, similar_to_text};
/// let alike = similar_to("ada").gt(0.6) & id().ne("ada");
/// assert_eq!(alike.to_string(), "similar_to('ada') > 0.6 and id() <> 'ada'");
/// let described = similar_to_text("cooks a lot of fish").ge(0.3);
/// assert_eq!(described.to_string(), "similar_to_text('cooks a lot of fish') >= 0.3");
/// ```
#[must_use]
pub fn similar_to(user: impl Into<String>) -> Term {
    TermKind::SimilarTo(user.into()).into()
}

/// How much a sentence describes a user: the score of [`crate::Snapshot::similar`] for [`crate::Like::text`]. Else as [`similar_to`].
#[must_use]
pub fn similar_to_text(text: impl Into<String>) -> Term {
    TermKind::SimilarToText(text.into()).into()
}

/// The user is in a segment of the store: see [`crate::Transaction::define_segment`].
#[must_use]
pub fn in_segment(name: impl Into<String>) -> Predicate {
    Node::InSegment(TermKind::Segment(name.into()).into()).into()
}

/// The instant of asking.
#[must_use]
pub fn now() -> Term {
    ahead(Interval::days(0))
}

/// The instant of asking, less an interval.
#[must_use]
pub fn ago(interval: Interval) -> Term {
    TermKind::Now(interval.negated()).into()
}

/// The instant of asking, and an interval.
#[must_use]
pub fn ahead(interval: Interval) -> Term {
    TermKind::Now(interval).into()
}

impl From<TermKind> for Term {
    fn from(kind: TermKind) -> Self {
        Self { kind, within: None, of: None, place: None }
    }
}

impl<V: Into<Value>> From<V> for Term {
    fn from(value: V) -> Self {
        TermKind::Value(value.into()).into()
    }
}

impl Term {
    /// Counts only what happened in the last part of the time: from the instant of asking less the interval, inclusive, to
    /// that instant. Only for what is made of events; of those that were folded ([`crate::Options::keep_events`]) nothing
    /// is counted.
    #[must_use]
    pub fn within(mut self, interval: Interval) -> Self {
        self.within = Some(interval);
        self
    }

    /// Counts only events on items of which a predicate is true: one over [`item`], [`item_text`] and, as [`attribute`], the item's
    /// attributes as they are now, its category among them. Only for what is made of events; one that is on no item is not counted. A second
    /// one holds beside the first.
    ///
    /// ```
    /// use kindred::model::{Interval, attribute, count, item, sum};
    /// let parents = count("purchase").within(Interval::days(30)).of(attribute("category").eq("baby food")).ge(2);
    /// assert_eq!(
    ///     parents.to_string(),
    ///     r#"count('purchase', interval '30 days') filter (where "category" = 'baby food') >= 2"#
    /// );
    /// let spent = sum("purchase").of(item().one_of(["p1", "p2"])).gt(99.5);
    /// assert_eq!(spent.to_string(), "sum('purchase') filter (where item in ('p1', 'p2')) > 99.5");
    /// ```
    #[must_use]
    pub fn of(mut self, items: impl Into<Predicate>) -> Self {
        let items = items.into().node;
        self.of = Some(Box::new(match self.of {
            Some(before) => before.and(items),
            None => items,
        }));
        self
    }

    /// Equal to `other`.
    #[must_use]
    pub fn eq(self, other: impl Into<Self>) -> Predicate {
        self.compare(Comparison::Equal, other)
    }

    /// Another than `other`.
    #[must_use]
    pub fn ne(self, other: impl Into<Self>) -> Predicate {
        self.compare(Comparison::NotEqual, other)
    }

    /// Less, earlier, or before in the order of bytes.
    #[must_use]
    pub fn lt(self, other: impl Into<Self>) -> Predicate {
        self.compare(Comparison::Less, other)
    }

    /// As [`Term::lt`], or equal.
    #[must_use]
    pub fn le(self, other: impl Into<Self>) -> Predicate {
        self.compare(Comparison::LessOrEqual, other)
    }

    /// Greater, later, or after in the order of bytes.
    #[must_use]
    pub fn gt(self, other: impl Into<Self>) -> Predicate {
        self.compare(Comparison::Greater, other)
    }

    /// As [`Term::gt`], or equal.
    #[must_use]
    pub fn ge(self, other: impl Into<Self>) -> Predicate {
        self.compare(Comparison::GreaterOrEqual, other)
    }

    /// At least `low` and at most `high`.
    #[must_use]
    pub fn between(self, low: impl Into<Self>, high: impl Into<Self>) -> Predicate {
        self.clone().ge(low) & self.le(high)
    }

    /// Equal to one of these, which are all of one type. Nobody's value is one of none.
    #[must_use]
    pub fn one_of<V: Into<Value>>(self, values: impl IntoIterator<Item = V>) -> Predicate {
        let values: Vec<Value> = values.into_iter().map(Into::into).collect();
        // SQL has no list of nothing, and among nothing is nobody.
        if values.is_empty() { Node::Any(Vec::new()).into() } else { Node::In(self, values).into() }
    }

    /// A text as the pattern says: `%` stands for any characters, `_` for one.
    #[must_use]
    pub fn like(self, pattern: impl Into<Pattern>) -> Predicate {
        Node::Like(self, pattern.into()).into()
    }

    /// Missing.
    #[must_use]
    pub fn is_null(&self) -> Predicate {
        Node::IsNull(self.clone()).into()
    }

    /// A set that has this text.
    #[must_use]
    pub fn has(self, text: impl Into<String>) -> Predicate {
        Node::Has(self, text.into()).into()
    }

    pub(crate) fn compare(self, comparison: Comparison, other: impl Into<Self>) -> Predicate {
        Node::Compare(self, comparison, other.into()).into()
    }
}

impl From<Node> for Predicate {
    fn from(node: Node) -> Self {
        Self { node }
    }
}

impl Node {
    /// Both, as one list where they are chained.
    pub(crate) fn and(self, other: Self) -> Self {
        let mut parts = match self {
            Self::All(parts) if !parts.is_empty() => parts,
            one => vec![one],
        };
        match other {
            Self::All(more) if !more.is_empty() => parts.extend(more),
            one => parts.push(one),
        }
        Self::All(parts)
    }

    /// Either, as one list where they are chained.
    pub(crate) fn or(self, other: Self) -> Self {
        let mut parts = match self {
            Self::Any(parts) if !parts.is_empty() => parts,
            one => vec![one],
        };
        match other {
            Self::Any(more) if !more.is_empty() => parts.extend(more),
            one => parts.push(one),
        }
        Self::Any(parts)
    }
}

impl BitAnd for Predicate {
    type Output = Self;

    fn bitand(self, other: Self) -> Self {
        self.node.and(other.node).into()
    }
}

impl BitOr for Predicate {
    type Output = Self;

    fn bitor(self, other: Self) -> Self {
        self.node.or(other.node).into()
    }
}

impl Not for Predicate {
    type Output = Self;

    fn not(self) -> Self {
        Node::Not(Box::new(self.node)).into()
    }
}
