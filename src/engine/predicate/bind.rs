//! Predicates bound to a store and an instant: kinds by their numbers, times relative to now as times, patterns ready.

use super::items::Items;
use crate::engine::segments::Segments;
use crate::error::{Error, ErrorKind, Result, shorten};
use crate::model::predicate::{Figure, MAX_DEPTH, Matcher, Node, Pattern, Term, TermKind, compare};
use crate::model::{Kinds, Time, Value, nearest_name};
use std::cmp::Ordering;
use std::fmt::{self, Display, Formatter};
use std::sync::Arc;

/// A bound part, which is shown as it was written. What is looked for among values is among them in their order.
pub(crate) type Bound<'p> = Node<Field<'p>, Prepared<'p>>;

/// A bound term.
pub(crate) struct Field<'p> {
    pub(super) term: &'p Term,
    pub source: Source<'p>,
}

/// Where a term's value is from.
pub(crate) enum Source<'p> {
    Id,
    Texts,
    Attribute(&'p str),
    Value(Value),
    Events(Events<'p>),
    /// The segment's number.
    Segment(u32),
    /// How alike users are.
    Alike(Arc<dyn Scores>),
}

/// How alike each user is to something.
pub(crate) trait Scores: Send + Sync {
    /// A user's score; none where there is nothing to compare.
    fn of(&self, user: u32) -> Result<Option<f32>>;
}

/// Who can tell how alike users are.
pub(crate) trait Alike {
    /// To the user of an id.
    fn to_user(&self, id: &str) -> Result<Arc<dyn Scores>>;
    /// To a sentence.
    fn to_text(&self, text: &str) -> Result<Arc<dyn Scores>>;
}

/// What is made of events.
pub(crate) struct Events<'p> {
    pub figure: Figure,
    /// The kind's number; of whatever kind where there is none.
    pub kind: Option<u8>,
    /// From when to when, both inclusive; all where there is none.
    pub within: Option<(Time, Time)>,
    /// On which items; on whatever, or nothing, where there is none.
    pub items: Option<Items<'p>>,
}

/// A pattern that is ready to be matched.
pub(crate) struct Prepared<'p> {
    pattern: &'p Pattern,
    pub matcher: Matcher,
}

impl Field<'_> {
    /// What it is as it was written.
    pub(crate) const fn kind(&self) -> &TermKind {
        &self.term.kind
    }
}

impl Display for Field<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.term.fmt(f)
    }
}

impl Display for Prepared<'_> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.pattern.fmt(f)
    }
}

/// Binds a predicate.
///
/// # Errors
/// For kinds of events and segments that the store does not know, and for what cannot be asked of any store.
pub(crate) fn bind<'p>(node: &'p Node, to: &Binding<'_>) -> Result<Bound<'p>> {
    with_fields(node, 0, &|term, depth| to.field(term, depth))
}

/// A part that lies as deep, with its terms bound, for which it is told how deep they lie.
pub(super) fn with_fields<'p, F>(
    node: &'p Node,
    depth: usize,
    field: &dyn Fn(&'p Term, usize) -> Result<F>,
) -> Result<Node<F, Prepared<'p>>> {
    if depth >= MAX_DEPTH {
        let expected = format!("at most {MAX_DEPTH} parts may lie in each other");
        return Err(Error::invalid("the predicate", "too deep", expected));
    }
    let part = |part: &'p Node| with_fields(part, depth + 1, field);
    let parts = |parts: &'p [Node]| parts.iter().map(part).collect::<Result<_>>();
    let field = |term: &'p Term| field(term, depth);
    Ok(match node {
        Node::All(all) => Node::All(parts(all)?),
        Node::Any(any) => Node::Any(parts(any)?),
        Node::Not(not) => Node::Not(Box::new(part(not)?)),
        Node::Is(is, truth) => Node::Is(Box::new(part(is)?), *truth),
        Node::Compare(left, comparison, right) => Node::Compare(field(left)?, *comparison, field(right)?),
        Node::In(term, values) => Node::In(field(term)?, sorted(term, values)?),
        Node::Like(term, pattern) => {
            Node::Like(field(term)?, Prepared { pattern, matcher: Matcher::new(pattern)? })
        }
        Node::IsNull(term) => Node::IsNull(field(term)?),
        Node::Has(term, text) => Node::Has(field(term)?, text.clone()),
        Node::InSegment(term) => Node::InSegment(field(term)?),
    })
}

/// What predicates are bound to.
pub(crate) struct Binding<'a> {
    pub kinds: &'a Kinds,
    pub segments: &'a Segments,
    pub now: Time,
    /// Where nobody can tell, how alike users are is not to be asked for.
    pub alike: Option<&'a dyn Alike>,
}

impl Binding<'_> {
    fn field<'p>(&self, term: &'p Term, depth: usize) -> Result<Field<'p>> {
        let is_of_events = matches!(term.kind, TermKind::Events(..));
        if term.within.is_some() && !is_of_events {
            return Err(term.refuse("only what is made of events is counted within a part of the time"));
        }
        if term.of.is_some() && !is_of_events {
            return Err(term.refuse("only what is made of events is counted of some items"));
        }
        let source = match &term.kind {
            TermKind::Id => Source::Id,
            TermKind::Texts => Source::Texts,
            TermKind::Attribute(name) => Source::Attribute(name),
            TermKind::Value(value) => {
                check_finite(term, value)?;
                Source::Value(value.clone())
            }
            TermKind::Now(interval) => {
                Source::Value(in_reach(term, self.now, interval.after(self.now))?.into())
            }
            TermKind::Events(figure, kind) => {
                let kind = kind.as_deref().map(|kind| self.kind(term, kind)).transpose()?;
                let from = term.within.map(|interval| in_reach(term, self.now, interval.before(self.now)));
                let within = from.transpose()?.map(|from| (from, self.now));
                let items = term.of.as_deref().map(|items| Items::bind(items, depth + 1)).transpose()?;
                Source::Events(Events { figure: *figure, kind, within, items })
            }
            TermKind::Segment(name) => Source::Segment(self.segment(term, name)?),
            TermKind::SimilarTo(id) => Source::Alike(self.alike(term, |alike| alike.to_user(id))?),
            TermKind::SimilarToText(text) => Source::Alike(self.alike(term, |alike| alike.to_text(text))?),
            TermKind::Item | TermKind::ItemText => {
                return Err(term.refuse("a user is no item: ask it of what is counted, as in count(purchase) filter (where item = 'p1')"));
            }
        };
        Ok(Field { term, source })
    }

    fn alike(
        &self,
        term: &Term,
        scores: impl FnOnce(&dyn Alike) -> Result<Arc<dyn Scores>>,
    ) -> Result<Arc<dyn Scores>> {
        let Some(alike) = self.alike else {
            return Err(term.refuse(
                "a segment cannot ask how alike users are, which any write may change for everybody: ask it in a question (users_where, --where), or write what that finds as an attribute",
            ));
        };
        scores(alike).map_err(|error| match error.kind() {
            ErrorKind::Usage if term.place.is_some() => term.refuse(error.to_string()),
            _ => error,
        })
    }

    fn kind(&self, term: &Term, name: &str) -> Result<u8> {
        let kind = self.kinds.find(name).map(|(no, _)| no);
        kind.ok_or_else(|| {
            unknown(term, "event kind", name, self.kinds.iter().map(|kind| kind.name.as_str()))
        })
    }

    fn segment(&self, term: &Term, name: &str) -> Result<u32> {
        self.segments.no(name).ok_or_else(|| unknown(term, "segment", name, self.segments.names()))
    }
}

fn unknown<'a>(term: &Term, what: &'static str, name: &str, known: impl Iterator<Item = &'a str>) -> Error {
    let unknown = Error::Unknown { what, name: shorten(name), nearest: nearest_name(name, known) };
    if term.place.is_some() { term.refuse(unknown.to_string()) } else { unknown }
}

fn in_reach(term: &Term, now: Time, time: Result<Time>) -> Result<Time> {
    time.map_err(|error| term.refuse(format!("{error} (now is {now})")))
}

/// Values of one type, in their order.
fn sorted(term: &Term, values: &[Value]) -> Result<Vec<Value>> {
    let is_mixed = |pair: &[Value]| pair[0].family() != pair[1].family();
    if values.windows(2).any(is_mixed) {
        return Err(term.refuse("the values that it is looked for among are of one type"));
    }
    values.iter().try_for_each(|value| check_finite(term, value))?;
    let mut values = values.to_vec();
    values.sort_by(|left, right| compare(left, right).unwrap_or(Ordering::Equal));
    Ok(values)
}

pub(super) fn check_finite(term: &Term, value: &Value) -> Result<()> {
    match value {
        Value::Float(number) if !number.is_finite() => {
            Err(term.refuse(format!("{number} is no number to compare with")))
        }
        _ => Ok(()),
    }
}

impl Bound<'_> {
    /// Whether users are asked for what stands in their records.
    pub(crate) fn reads_record(&self) -> bool {
        let is_of_record = |field: &Field<'_>| matches!(field.source, Source::Id | Source::Attribute(_));
        self.terms().into_iter().any(is_of_record)
    }
}
