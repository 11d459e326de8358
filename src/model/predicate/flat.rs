//! Predicates as they are stored: their parts in a row, each behind its own, so that no bytes make a reader go deep.

use super::{Comparison, Node, Pattern, Predicate, Term, TermKind, Truth};
use crate::model::Value;
use crate::model::predicate::Interval;
use bincode::de::Decoder;
use bincode::enc::Encoder;
use bincode::error::{DecodeError, EncodeError};
use bincode::{Decode, Encode};

/// Parts of a stored predicate may lie in each other this deep.
pub(crate) const MAX_DEPTH: usize = 256;

/// One part, of as many that stand before it as it joins.
#[derive(Encode, Decode)]
enum Part {
    All(u32),
    Any(u32),
    Not,
    Is(Truth),
    Compare(Term, Comparison, Term),
    In(Term, Vec<Value>),
    Like(Term, Pattern),
    IsNull(Term),
    Has(Term, String),
    InSegment(Term),
    /// The condition before, of whose terms the one in this place is only of items of which that before it is true.
    Of(u8),
}

/// Without its place, for it is stored, not read, and without its condition on items, which is a part of its own.
impl Encode for Term {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        self.kind.encode(encoder)?;
        self.within.encode(encoder)
    }
}

impl<Context> Decode<Context> for Term {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let (kind, within) = (TermKind::decode(decoder)?, Option::<Interval>::decode(decoder)?);
        Ok(Self { kind, within, of: None, place: None })
    }
}

bincode::impl_borrow_decode!(Term);
bincode::impl_borrow_decode!(Predicate);

impl Encode for Predicate {
    fn encode<E: Encoder>(&self, encoder: &mut E) -> Result<(), EncodeError> {
        let mut parts = Vec::new();
        flatten(&self.node, &mut parts);
        parts.encode(encoder)
    }
}

impl<Context> Decode<Context> for Predicate {
    fn decode<D: Decoder<Context = Context>>(decoder: &mut D) -> Result<Self, DecodeError> {
        let parts: Vec<Part> = Vec::decode(decoder)?;
        joined(parts).map(Self::from).ok_or(DecodeError::Other("parts that make no predicate"))
    }
}

fn flatten(node: &Node, parts: &mut Vec<Part>) {
    match node {
        Node::All(all) | Node::Any(all) => all.iter().for_each(|part| flatten(part, parts)),
        Node::Not(part) | Node::Is(part, _) => flatten(part, parts),
        condition => condition.items().for_each(|(_, items)| flatten(items, parts)),
    }
    parts.push(match node {
        Node::All(all) => Part::All(all.len() as u32),
        Node::Any(all) => Part::Any(all.len() as u32),
        Node::Not(_) => Part::Not,
        Node::Is(_, truth) => Part::Is(*truth),
        Node::Compare(left, comparison, right) => Part::Compare(left.clone(), *comparison, right.clone()),
        Node::In(term, values) => Part::In(term.clone(), values.clone()),
        Node::Like(term, pattern) => Part::Like(term.clone(), pattern.clone()),
        Node::IsNull(term) => Part::IsNull(term.clone()),
        Node::Has(term, text) => Part::Has(term.clone(), text.clone()),
        Node::InSegment(segment) => Part::InSegment(segment.clone()),
    });
    if !node.is_joined() {
        // The last stands next before the condition.
        parts.extend(node.items().rev().map(|(place, _)| Part::Of(place)));
    }
}

impl Node {
    /// Whether it is made of other parts.
    const fn is_joined(&self) -> bool {
        matches!(self, Self::All(_) | Self::Any(_) | Self::Not(_) | Self::Is(..))
    }

    /// The conditions on items of its terms, with the terms' places.
    fn items(&self) -> impl DoubleEndedIterator<Item = (u8, &Self)> {
        let terms: Vec<_> =
            (0..).zip(self.terms()).filter_map(|(place, term)| Some((place, term.of.as_deref()?))).collect();
        terms.into_iter()
    }

    /// This condition, of whose terms the one in a place is of some items; none where there is no such condition.
    fn of_items(mut self, place: u8, items: Self) -> Option<Self> {
        if self.is_joined() {
            return None;
        }
        let (mut at, mut items) = (0..=u8::MAX, Some(items));
        self.each_term_mut(&mut |term| {
            if at.next() == Some(place) && term.of.is_none() {
                term.of = items.take().map(Box::new);
            }
        });
        items.is_none().then_some(self)
    }
}

/// The tree of some parts, if they make one that is not too deep.
fn joined(parts: Vec<Part>) -> Option<Node> {
    // Each with its depth.
    let mut made: Vec<(Node, usize)> = Vec::new();
    for part in parts {
        let joins = match part {
            Part::All(joined) | Part::Any(joined) => joined as usize,
            Part::Not | Part::Is(_) => 1,
            Part::Of(_) => 2,
            _ => 0,
        };
        let own = made.split_off(made.len().checked_sub(joins)?);
        let depth = match (&part, &own[..]) {
            (Part::Of(_), [(_, of_items), (_, depth)]) => (of_items + 1).max(*depth),
            _ => own.iter().map(|(_, depth)| depth + 1).max().unwrap_or(0),
        };
        if depth >= MAX_DEPTH {
            return None;
        }
        let mut own = own.into_iter().map(|(node, _)| node);
        let node = match part {
            Part::All(_) => Node::All(own.collect()),
            Part::Any(_) => Node::Any(own.collect()),
            Part::Not => Node::Not(Box::new(own.next()?)),
            Part::Is(truth) => Node::Is(Box::new(own.next()?), truth),
            Part::Compare(left, comparison, right) => Node::Compare(left, comparison, right),
            Part::In(term, values) => Node::In(term, values),
            Part::Like(term, pattern) => Node::Like(term, pattern),
            Part::IsNull(term) => Node::IsNull(term),
            Part::Has(term, text) => Node::Has(term, text),
            Part::InSegment(segment) => Node::InSegment(segment),
            Part::Of(place) => {
                let (items, condition) = (own.next()?, own.next()?);
                condition.of_items(place, items)?
            }
        };
        made.push((node, depth));
    }
    match <[_; 1]>::try_from(made) {
        Ok([(node, _)]) => Some(node),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::arbitrary::a_predicate;
    use super::*;
    use proptest::prelude::*;

    fn encoded(value: &impl Encode) -> Vec<u8> {
        bincode::encode_to_vec(value, bincode::config::standard()).unwrap()
    }

    fn decoded(bytes: &[u8]) -> Result<Predicate, DecodeError> {
        bincode::decode_from_slice(bytes, bincode::config::standard()).map(|(predicate, _)| predicate)
    }

    proptest! {
        #[test]
        fn what_is_stored_is_read_back(predicate in a_predicate()) {
            prop_assert_eq!(decoded(&encoded(&predicate)).unwrap(), predicate);
        }
    }

    #[test]
    fn parts_that_make_no_predicate_are_damage() {
        let leaf = || Part::IsNull(TermKind::Id.into());
        let nots =
            |count: usize| std::iter::once(leaf()).chain((0..count).map(|_| Part::Not)).collect::<Vec<_>>();
        let of = |place: u8| vec![leaf(), leaf(), Part::Of(place)];
        assert!(decoded(&encoded(&of(0))).is_ok());
        let of_not = vec![leaf(), leaf(), Part::Not, Part::Of(0)];
        let twice = vec![leaf(), leaf(), leaf(), Part::Of(0), Part::Of(0)];
        for parts in [
            vec![],
            vec![Part::Not],
            vec![leaf(), leaf()],
            vec![leaf(), Part::All(2)],
            nots(MAX_DEPTH),
            vec![leaf(), Part::Of(0)],
            of(1),
            of_not,
            twice,
        ] {
            assert!(decoded(&encoded(&parts)).is_err());
        }
        assert!(decoded(&encoded(&nots(MAX_DEPTH - 1))).is_ok());
    }
}
