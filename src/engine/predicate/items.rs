//! Predicates of items: which events a figure is made of, by what they are on.

use super::bind::{Prepared, check_finite, with_fields};
use super::evaluate::Values;
use crate::engine::{Reader, StoredItem};
use crate::error::{Error, Result};
use crate::model::Value;
use crate::model::predicate::{Node, Term, TermKind, Truth};
use std::borrow::Cow;
use std::cell::RefCell;
use std::collections::HashMap;

/// A bound condition on items, with what it was found to be of some: many users act on the same.
pub(crate) struct Items<'p> {
    condition: Node<ItemField<'p>, Prepared<'p>>,
    known: RefCell<HashMap<u32, bool>>,
}

/// A bound term of an item: where its value is from.
enum ItemField<'p> {
    Id,
    Text,
    Attribute(&'p str),
    Value(&'p Value),
}

impl<'p> Items<'p> {
    /// Binds a condition that lies as deep in a predicate.
    ///
    /// # Errors
    /// For what no item has.
    pub(super) fn bind(node: &'p Node, depth: usize) -> Result<Self> {
        let condition = with_fields(node, depth, &|term, _| ItemField::bind(term))?;
        Ok(Self { condition, known: RefCell::default() })
    }

    /// Whether an event on an item counts. One that is on none never does.
    pub(super) fn hold(&self, reader: &impl Reader, item: Option<u32>) -> Result<bool> {
        let Some(no) = item else { return Ok(false) };
        if let Some(known) = self.known.borrow().get(&no) {
            return Ok(*known);
        }
        let item = reader.item(no)?;
        let item = item.ok_or_else(|| Error::damaged(format!("item {no}"), "its record is missing"))?;
        let holds = self.condition.truth(&item)? == Truth::True;
        self.known.borrow_mut().insert(no, holds);
        Ok(holds)
    }

    /// The attributes that it asks for.
    pub(crate) fn attributes(&self) -> impl Iterator<Item = &'p str> {
        self.condition.terms().into_iter().filter_map(|field| match field {
            ItemField::Attribute(name) => Some(*name),
            _ => None,
        })
    }

    /// Whether it asks for texts.
    pub(crate) fn asks_text(&self) -> bool {
        self.condition.terms().into_iter().any(|field| matches!(field, ItemField::Text))
    }
}

impl<'p> ItemField<'p> {
    fn bind(term: &'p Term) -> Result<Self> {
        let field = match &term.kind {
            TermKind::Item => ItemField::Id,
            TermKind::ItemText => ItemField::Text,
            TermKind::Attribute(name) => ItemField::Attribute(name),
            TermKind::Value(value) => {
                check_finite(term, value)?;
                ItemField::Value(value)
            }
            _ => {
                return Err(
                    term.refuse("an item has an id (item), a text (text) and attributes, and no more")
                );
            }
        };
        if term.within.is_some() || term.of.is_some() {
            return Err(term.refuse("only what is made of events is kept to some of them"));
        }
        Ok(field)
    }
}

impl<'p> Values<ItemField<'p>> for StoredItem {
    fn value<'f>(&'f self, field: &'f ItemField<'p>) -> Result<Option<Cow<'f, Value>>> {
        Ok(match field {
            ItemField::Id => Some(Cow::Owned(Value::Text(self.id.clone()))),
            ItemField::Text => self.text.clone().map(Value::Text).map(Cow::Owned),
            ItemField::Attribute(name) => self.attributes.get(*name).map(Cow::Borrowed),
            ItemField::Value(value) => Some(Cow::Borrowed(value)),
        })
    }
}
