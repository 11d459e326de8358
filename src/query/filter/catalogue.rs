//! The attributes that a store's users have, and whether a predicate fits them.

use super::item_catalogue;
use crate::columns::Columns;
use crate::engine::Published;
use crate::error::{Error, Result, shorten};
use crate::model::nearest_name;
use crate::model::predicate::{Family, Figure, Node, Term, TermKind};
use crate::storage::View;

/// Types, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Families(u8);

impl Families {
    pub(super) const ANY: Self = Self(u8::MAX);

    pub(super) const fn of(family: Family) -> Self {
        Self(1 << family as u8)
    }

    pub(super) const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn has(self, family: Family) -> bool {
        self.0 & Self::of(family).0 != 0
    }

    /// Whether a value of the one can be compared with one of the other.
    const fn meets(self, other: Self) -> bool {
        self.0 & other.0 & !Self::of(Family::Set).0 != 0
    }

    fn words(self) -> String {
        let words: Vec<&str> =
            Family::ALL.into_iter().filter(|family| self.has(*family)).map(Family::words).collect();
        words.join(" or ")
    }
}

/// What terms may be, of users or of items.
pub(super) trait Catalogued {
    /// What a term may be.
    fn families(&self, term: &Term) -> Result<Families>;

    /// Refuses a predicate that asks for what nobody has, or compares what cannot be compared.
    fn check(&self, node: &Node) -> Result<()> {
        match node {
            Node::All(parts) | Node::Any(parts) => parts.iter().try_for_each(|part| self.check(part)),
            Node::Not(part) | Node::Is(part, _) => self.check(part),
            Node::Compare(left, _, right) => {
                let (ours, theirs) = (self.families(left)?, self.families(right)?);
                if ours.meets(theirs) { Ok(()) } else { Err(clash(left, ours, theirs)) }
            }
            Node::In(term, values) => {
                let ours = self.families(term)?;
                match values.first().map(|value| Families::of(value.family())) {
                    Some(theirs) if !ours.meets(theirs) => Err(clash(term, ours, theirs)),
                    _ => Ok(()),
                }
            }
            Node::Like(term, _) => self.wanted(term, Family::Text, "only texts are like a pattern"),
            Node::Has(term, _) => {
                self.wanted(term, Family::Set, "only sets have texts: ask with `=`, `in` or `like`")
            }
            Node::IsNull(term) => self.families(term).map(drop),
            Node::InSegment(_) => Ok(()),
        }
    }

    fn wanted(&self, term: &Term, family: Family, reason: &str) -> Result<()> {
        let families = self.families(term)?;
        if families.has(family) {
            Ok(())
        } else {
            Err(term.refuse(format!("this is {}, and {reason}", families.words())))
        }
    }
}

/// Names and types of users' attributes.
pub(super) struct Catalogue<'a> {
    view: &'a View<Published>,
    columns: &'a Columns,
    /// Whether what nobody has may be anything where nobody has any attribute.
    is_before_any: bool,
}

impl<'a> Catalogue<'a> {
    pub(super) fn new(view: &'a View<Published>) -> Result<Self> {
        Ok(Self { view, columns: view.attachment().columns.get(view)?, is_before_any: false })
    }

    /// For what is asked before there may be anything.
    pub(super) fn before_any(self) -> Self {
        Self { is_before_any: true, ..self }
    }

    /// What an attribute may be. One that nobody has may be anything, unless it was written by people: then it is misspelt.
    fn attribute(&self, name: &str, term: &Term) -> Result<Families> {
        if let Some(column) = self.columns.get(name) {
            let families = Family::ALL.into_iter().filter(|family| column.of(*family).is_some());
            return Ok(families.map(Families::of).fold(Families::default(), Families::or));
        }
        let is_before_any = self.is_before_any && self.columns.names().next().is_none();
        // Who cannot be read may have it.
        let is_whole = self.columns.unread().is_empty() && !is_before_any;
        missing(name, term, is_whole, "attribute", self.columns.names())
    }
}

impl Catalogued for Catalogue<'_> {
    fn families(&self, term: &Term) -> Result<Families> {
        if let Some(items) = &term.of {
            item_catalogue::check(self.view, items, self.is_before_any)?;
        }
        Ok(Families::of(match &term.kind {
            TermKind::Attribute(name) => return self.attribute(name, term),
            TermKind::Value(value) => value.family(),
            TermKind::Id | TermKind::Item | TermKind::ItemText => Family::Text,
            TermKind::Segment(_) => Family::Bool,
            TermKind::Now(_) | TermKind::Events(Figure::First | Figure::Last, _) => Family::Time,
            TermKind::Texts | TermKind::Events(..) | TermKind::SimilarTo(_) | TermKind::SimilarToText(_) => {
                Family::Number
            }
        }))
    }
}

/// What an attribute may be that nobody has: anything, unless people wrote it and all there are is known.
pub(super) fn missing<'n>(
    name: &str,
    term: &Term,
    is_whole: bool,
    what: &'static str,
    known: impl Iterator<Item = &'n str>,
) -> Result<Families> {
    let Some(place) = term.place.as_ref().filter(|_| is_whole) else { return Ok(Families::ANY) };
    let nearest = nearest_name(name, known);
    let name = shorten(name);
    let hint = if place.is_quoted() {
        format!(". A text stands between single quotes: '{name}'")
    } else {
        String::new()
    };
    let unknown = Error::Unknown { what, name, nearest };
    Err(place.refuse(format!("{unknown}{hint}")))
}

fn clash(term: &Term, ours: Families, theirs: Families) -> Error {
    let hint = if ours.has(Family::Set) || theirs.has(Family::Set) {
        ": a set is asked with has(tags, 'vegan')"
    } else if ours.has(Family::Time) && theirs.has(Family::Text)
        || ours.has(Family::Text) && theirs.has(Family::Time)
    {
        ": a time is written timestamp '2026-01-01T12:00:00Z'"
    } else {
        ""
    };
    term.refuse(format!("this is {}, and cannot be compared with {}{hint}", ours.words(), theirs.words()))
}
