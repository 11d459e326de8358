//! The attributes that a store's users have, and whether a predicate fits them.

use crate::columns::Columns;
use crate::error::{Error, Result, shorten};
use crate::model::nearest_name;
use crate::model::predicate::{Family, Figure, Node, Term, TermKind};

/// Types, as a set.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Families(u8);

impl Families {
    const ANY: Self = Self(u8::MAX);

    const fn of(family: Family) -> Self {
        Self(1 << family as u8)
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

/// Names and types of attributes.
pub(super) struct Catalogue<'a>(pub &'a Columns);

impl Catalogue<'_> {
    /// Refuses a predicate that asks for what nobody has, or compares what cannot be compared.
    pub(super) fn check(&self, node: &Node) -> Result<()> {
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

    /// What a term may be.
    fn families(&self, term: &Term) -> Result<Families> {
        Ok(Families::of(match &term.kind {
            TermKind::Attribute(name) => return self.attribute(name, term),
            TermKind::Value(value) => value.family(),
            TermKind::Id => Family::Text,
            TermKind::Segment(_) => Family::Bool,
            TermKind::Now(_) | TermKind::Events(Figure::First | Figure::Last, _) => Family::Time,
            TermKind::Texts | TermKind::Events(..) => Family::Number,
        }))
    }

    /// What an attribute may be. One that nobody has may be anything, unless it was written by people: then it is misspelt.
    fn attribute(&self, name: &str, term: &Term) -> Result<Families> {
        if let Some(column) = self.0.get(name) {
            let families = Family::ALL.into_iter().filter(|family| column.of(*family).is_some());
            return Ok(families.fold(Families::default(), |all, one| Families(all.0 | Families::of(one).0)));
        }
        // Who cannot be read may have it.
        let is_whole = self.0.unread().is_empty();
        let Some(place) = term.place.as_ref().filter(|_| is_whole) else { return Ok(Families::ANY) };
        let nearest = nearest_name(name, self.0.names());
        let name = shorten(name);
        let hint = if place.is_quoted() {
            format!(". A text stands between single quotes: '{name}'")
        } else {
            String::new()
        };
        let unknown = Error::Unknown { what: "attribute", name, nearest };
        Err(place.refuse(format!("{unknown}{hint}")))
    }
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
