//! A predicate narrowed down by the columns of attributes, part by part, before any user's record is read.

use super::bounds::Bounds;
use super::plan::{Access, Step};
use crate::columns::{Column, Columns, Users};
use crate::engine::predicate::{Bound, Field, Source, Values, holds, not};
use crate::engine::{Published, Reader};
use crate::error::{ErrorKind, Result};
use crate::model::Value;
use crate::model::predicate::{Comparison, Family, Node, Truth};
use crate::storage::View;
use roaring::RoaringBitmap;
use std::borrow::Cow;
use std::sync::Arc;

/// Values of a column that are gone through in the time that it takes to read one user's record, about.
const VALUES_PER_RECORD: u64 = if cfg!(test) { 1 } else { 64 };

/// Values of a range that are counted to know which of two parts takes less, and to tell of it.
pub(super) const MOST_COUNTED: u64 = 4096;

/// What it takes to narrow by a part, in values that are gone through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Effort {
    Values(u64),
    /// All embeddings are compared.
    Embeddings,
    /// It is in no column: users are asked, for their state, or for their events.
    State,
    Events,
}

/// Of whom a condition is true, and of whom it is true or false; of all others it is unknown.
struct Known {
    is_true: Arc<RoaringBitmap>,
    is_known: Arc<RoaringBitmap>,
}

impl Known {
    /// The opposite, of whom it is known.
    fn not(self) -> Self {
        Self { is_true: Arc::new(&*self.is_known - &*self.is_true), is_known: self.is_known }
    }
}

/// A user of whom nothing is asked but how alike.
struct OfScores(u32);

impl Values<Field<'_>> for OfScores {
    fn value<'f>(&'f self, field: &'f Field<'_>) -> Result<Option<Cow<'f, Value>>> {
        Ok(match &field.source {
            Source::Value(value) => Some(Cow::Borrowed(value)),
            Source::Alike(scores) => scores.of(self.0)?.map(|score| Cow::Owned(Value::Float(score.into()))),
            _ => None,
        })
    }
}

pub(super) struct Narrowing<'a> {
    pub view: &'a View<Published>,
    pub columns: &'a Columns,
}

impl Narrowing<'_> {
    /// Has the parts of each chain in the order in which they take the least.
    pub(super) fn arrange(&self, node: &mut Bound<'_>) {
        match node {
            Node::All(parts) | Node::Any(parts) => {
                parts.iter_mut().for_each(|part| self.arrange(part));
                parts.sort_by_cached_key(|part| (self.effort(part, MOST_COUNTED), self.expected(part)));
            }
            Node::Not(part) | Node::Is(part, _) => self.arrange(part),
            _ => {}
        }
    }

    /// Of whom a part is `wanted`, and how that was found.
    pub(super) fn of(&self, node: &Bound<'_>, wanted: Truth) -> Result<(Bounds, Step)> {
        let (bounds, access, parts) = match (node, wanted) {
            (Node::Not(part), wanted) => {
                let (bounds, step) = self.of(part, not(wanted))?;
                (bounds, Access::Parts, vec![step])
            }
            (Node::Is(part, truth), Truth::True) => {
                let (bounds, step) = self.of(part, *truth)?;
                (bounds, Access::Parts, vec![step])
            }
            (Node::Is(part, truth), Truth::False) => {
                let (bounds, step) = self.of(part, *truth)?;
                (bounds.others(self.columns.all()), Access::Parts, vec![step])
            }
            (Node::Is(..), Truth::Unknown) => (Bounds::exactly(Arc::default()), Access::Unneeded, Vec::new()),
            (Node::All(_) | Node::Any(_), Truth::Unknown) => self.neither(node)?,
            (Node::All(parts), Truth::True) | (Node::Any(parts), Truth::False) => {
                self.each_of(parts, wanted)?
            }
            (Node::All(parts), Truth::False) | (Node::Any(parts), Truth::True) => {
                self.any_of(parts, wanted)?
            }
            _ => self.condition(node, wanted)?,
        };
        let step = Step { access, users: bounds.perhaps.len(), is_exact: bounds.is_exact(), parts };
        Ok((bounds, step))
    }

    /// Of whom a chain is neither true nor false.
    fn neither(&self, node: &Bound<'_>) -> Result<(Bounds, Access, Vec<Step>)> {
        let (is_true, is_false) = self.both(node)?;
        Ok((is_true.or(&is_false).others(self.columns.all()), Access::Parts, Vec::new()))
    }

    /// Of whom a part is true, and of whom it is false: each of its own parts is looked at once.
    fn both(&self, node: &Bound<'_>) -> Result<(Bounds, Bounds)> {
        let (all, nobody) =
            (Bounds::exactly(Arc::clone(self.columns.all())), Bounds::exactly(Arc::default()));
        Ok(match node {
            Node::All(parts) => parts.iter().try_fold((all, nobody), |(is_true, is_false), part| {
                self.both(part).map(|(other, not)| (is_true.and(&other), is_false.or(&not)))
            })?,
            Node::Any(parts) => parts.iter().try_fold((nobody, all), |(is_true, is_false), part| {
                self.both(part).map(|(other, not)| (is_true.or(&other), is_false.and(&not)))
            })?,
            Node::Not(part) => {
                let (is_true, is_false) = self.both(part)?;
                (is_false, is_true)
            }
            Node::Is(part, truth) => {
                let (is_it, _) = self.of(part, *truth)?;
                let is_not = is_it.others(self.columns.all());
                (is_it, is_not)
            }
            _ => {
                let (is_true, ..) = self.condition(node, Truth::True)?;
                let (is_false, ..) = self.condition(node, Truth::False)?;
                (is_true, is_false)
            }
        })
    }

    /// Of whom each part is `wanted`. What would take longer than to ask the users that are left is not done.
    fn each_of(&self, parts: &[Bound<'_>], wanted: Truth) -> Result<(Bounds, Access, Vec<Step>)> {
        let all = self.columns.all();
        let (mut bounds, mut steps) = (Bounds::exactly(Arc::clone(all)), Vec::new());
        for part in parts {
            let left = bounds.perhaps.len();
            let most = left.saturating_mul(VALUES_PER_RECORD);
            let (of_part, step) = if left == 0 {
                (Bounds::any_of(all), Step::unneeded())
            } else if matches!(self.effort(part, most), Effort::Values(values) if values > most) {
                (Bounds::any_of(all), Step::records(left))
            } else {
                self.of(part, wanted)?
            };
            bounds = bounds.and(&of_part);
            steps.push(step);
        }
        Ok((bounds, Access::Parts, steps))
    }

    fn any_of(&self, parts: &[Bound<'_>], wanted: Truth) -> Result<(Bounds, Access, Vec<Step>)> {
        let (mut bounds, mut steps) = (Bounds::exactly(Arc::default()), Vec::new());
        for part in parts {
            let (of_part, step) = self.of(part, wanted)?;
            bounds = bounds.or(&of_part);
            steps.push(step);
        }
        Ok((bounds, Access::Parts, steps))
    }

    fn condition(&self, node: &Bound<'_>, wanted: Truth) -> Result<(Bounds, Access, Vec<Step>)> {
        let all = self.columns.all();
        let Some(Known { is_true, is_known }) = self.known(node)? else {
            return Ok((Bounds::any_of(all), Access::Records, Vec::new()));
        };
        let users = match wanted {
            Truth::True => is_true,
            Truth::False => Arc::new(&*is_known - &*is_true),
            Truth::Unknown => Arc::new(&**all - &*is_known),
        };
        let access = match self.effort(node, MOST_COUNTED) {
            Effort::Values(values) if values > 1 => Access::Values(values),
            Effort::Embeddings => Access::Embeddings(self.view.attachment().index.len() as u64),
            _ => Access::Lookup,
        };
        Ok((Bounds::exactly(users), access, Vec::new()))
    }

    /// Of whom a condition is true or known, if the columns tell.
    fn known(&self, node: &Bound<'_>) -> Result<Option<Known>> {
        Ok(match node {
            Node::Compare(left, comparison, right) => match (&left.source, &right.source) {
                (Source::Attribute(name), Source::Value(value)) => {
                    Some(self.compared(name, *comparison, value))
                }
                (Source::Value(value), Source::Attribute(name)) => {
                    Some(self.compared(name, comparison.flipped(), value))
                }
                (Source::Value(left), Source::Value(right)) => {
                    Some(self.same_for_all(holds(*comparison, left, right)))
                }
                (Source::Id, Source::Value(value)) | (Source::Value(value), Source::Id)
                    if comparison.is_equality() =>
                {
                    let named = self.named(std::slice::from_ref(value))?;
                    named.map(|known| if *comparison == Comparison::Equal { known } else { known.not() })
                }
                (Source::Alike(_), Source::Value(_) | Source::Alike(_))
                | (Source::Value(_), Source::Alike(_)) => Some(self.alike(node)?),
                _ => None,
            },
            Node::In(Field { source: Source::Alike(_), .. }, _)
            | Node::IsNull(Field { source: Source::Alike(_), .. }) => Some(self.alike(node)?),
            Node::In(Field { source: Source::Id, .. }, values) => self.named(values)?,
            Node::In(Field { source: Source::Attribute(name), .. }, values) => {
                let family = values.first().map_or(Family::Set, Value::family);
                Some(self.of_column(name, family, |column| column.among(values)))
            }
            Node::Like(Field { source: Source::Attribute(name), .. }, like) => {
                let holds = |text: &str| like.matcher.matches(text);
                Some(self.of_column(name, Family::Text, |column| column.texts_where(holds)))
            }
            Node::Has(Field { source: Source::Attribute(name), .. }, text) => {
                let having = |column: &Column| column.having(text).map(Users::to_set).unwrap_or_default();
                Some(self.of_column(name, Family::Set, having))
            }
            Node::IsNull(Field { source: Source::Attribute(name), .. }) => {
                let all = self.columns.all();
                let is_true = match self.columns.get(name) {
                    Some(column) => Arc::new(&**all - &*column.present()),
                    None => Arc::clone(all),
                };
                Some(Known { is_true, is_known: Arc::clone(all) })
            }
            Node::InSegment(Field { source: Source::Segment(no), .. }) => {
                let (all, members) = (self.columns.all(), self.view.attachment().segments.members(*no)?);
                Some(Known { is_true: Arc::new(&**all & members.to_set()), is_known: Arc::clone(all) })
            }
            _ => None,
        })
    }

    fn compared(&self, name: &str, comparison: Comparison, value: &Value) -> Known {
        match value.family() {
            // Nothing compares with a set.
            Family::Set => Known { is_true: Arc::default(), is_known: Arc::default() },
            family => self.of_column(name, family, |column| column.compared(comparison, value)),
        }
    }

    /// What is true of some who have an attribute in a type, and known of all these.
    fn of_column(
        &self,
        name: &str,
        family: Family,
        find: impl FnOnce(&Column) -> Arc<RoaringBitmap>,
    ) -> Known {
        let column = self.columns.get(name);
        let of_family = column.and_then(|column| Some((column, column.of(family)?)));
        match of_family {
            Some((column, users)) => Known { is_true: find(column), is_known: users.to_set() },
            None => Known { is_true: Arc::default(), is_known: Arc::default() },
        }
    }

    /// What a condition is that asks for nothing but how alike users are, of whom all are compared at once.
    fn alike(&self, node: &Bound<'_>) -> Result<Known> {
        let (mut is_true, mut is_known) = (RoaringBitmap::new(), RoaringBitmap::new());
        for user in &**self.columns.all() {
            let truth = node.truth(&OfScores(user))?;
            if truth == Truth::True {
                is_true.insert(user);
            }
            if truth != Truth::Unknown {
                is_known.insert(user);
            }
        }
        Ok(Known { is_true: Arc::new(is_true), is_known: Arc::new(is_known) })
    }

    fn same_for_all(&self, truth: Truth) -> Known {
        let all_if = |holds: bool| if holds { Arc::clone(self.columns.all()) } else { Arc::default() };
        Known { is_true: all_if(truth == Truth::True), is_known: all_if(truth != Truth::Unknown) }
    }

    /// The users of some ids, unless it cannot be read who they are. An id is a text, and compares with nothing else.
    fn named(&self, ids: &[Value]) -> Result<Option<Known>> {
        let (all, mut is_true) = (self.columns.all(), RoaringBitmap::new());
        if ids.iter().any(|id| id.family() != Family::Text) {
            return Ok(Some(Known { is_true: Arc::default(), is_known: Arc::default() }));
        }
        for id in ids.iter().filter_map(Value::as_text) {
            match self.view.user_no(id) {
                Ok(no) => is_true.extend(no.filter(|no| all.contains(*no))),
                Err(error) if error.kind() == ErrorKind::Damage => return Ok(None),
                Err(error) => return Err(error),
            }
        }
        Ok(Some(Known { is_true: Arc::new(is_true), is_known: Arc::clone(all) }))
    }

    /// Values of a range are counted up to one more than `most`.
    fn effort(&self, node: &Bound<'_>, most: u64) -> Effort {
        match node {
            Node::All(parts) | Node::Any(parts) => {
                let of_parts = parts.iter().map(|part| self.effort(part, most));
                of_parts.fold(Effort::Values(0), |all, one| match (all, one) {
                    (Effort::Values(all), Effort::Values(one)) => Effort::Values(all.saturating_add(one)),
                    (all, one) => all.max(one),
                })
            }
            Node::Not(part) | Node::Is(part, _) => self.effort(part, most),
            Node::Compare(left, comparison, right) => {
                self.effort_of_comparison((left, *comparison, right), most)
            }
            Node::In(Field { source: Source::Id, .. }, values) => Effort::Values(values.len() as u64),
            Node::In(field, values) => self.effort_of(field, |_| values.len()),
            Node::Like(field, _) => self.effort_of(field, |column| column.distinct(Family::Text)),
            Node::Has(field, _) | Node::IsNull(field) => self.effort_of(field, |_| 1),
            Node::InSegment(_) => Effort::Values(1),
        }
    }

    fn effort_of_comparison(
        &self,
        (left, comparison, right): (&Field<'_>, Comparison, &Field<'_>),
        most: u64,
    ) -> Effort {
        match (&left.source, &right.source) {
            (Source::Value(_), Source::Value(_)) => Effort::Values(0),
            (Source::Attribute(_), Source::Value(value)) => {
                let most = usize::try_from(most.saturating_add(1)).unwrap_or(usize::MAX);
                self.effort_of(left, |column| column.values_compared(comparison, value, most))
            }
            (Source::Value(_), Source::Attribute(_) | Source::Id) => {
                self.effort_of_comparison((right, comparison.flipped(), left), most)
            }
            (Source::Id, Source::Value(_)) if comparison.is_equality() => Effort::Values(1),
            (_, _) => asked(left).max(asked(right)),
        }
    }

    fn effort_of(&self, field: &Field<'_>, values: impl FnOnce(&Column) -> usize) -> Effort {
        match field.source {
            Source::Attribute(name) => Effort::Values(self.columns.get(name).map_or(0, values) as u64),
            _ => asked(field),
        }
    }

    /// How many users a condition is expected to leave, where that is known without any work; else all.
    fn expected(&self, node: &Bound<'_>) -> u64 {
        let count = |name: &str, of: &dyn Fn(&Column) -> Option<u64>| {
            self.columns.get(name).and_then(of).unwrap_or_default()
        };
        match node {
            Node::Compare(left, Comparison::Equal, right) => match (&left.source, &right.source) {
                (Source::Attribute(name), Source::Value(value))
                | (Source::Value(value), Source::Attribute(name)) => {
                    count(name, &|column| column.equal(value).map(Users::len))
                }
                (Source::Id, Source::Value(_)) => 1,
                _ => u64::MAX,
            },
            Node::Has(Field { source: Source::Attribute(name), .. }, text) => {
                count(name, &|column| column.having(text).map(Users::len))
            }
            _ => u64::MAX,
        }
    }
}

/// What it takes to ask a user for it.
const fn asked(field: &Field<'_>) -> Effort {
    match &field.source {
        Source::Events(events) if events.within.is_some() || events.items.is_some() => Effort::Events,
        Source::Events(_) | Source::Texts => Effort::State,
        Source::Alike(_) => Effort::Embeddings,
        Source::Id | Source::Attribute(_) | Source::Value(_) | Source::Segment(_) => Effort::Values(u64::MAX),
    }
}
