//! The attributes that a store's items have, and whether a condition on items fits them.

use super::catalogue::{Catalogued, Families, missing};
use crate::engine::{EachReader, Published, StoredItem};
use crate::error::{ErrorKind, Result};
use crate::model::predicate::{Family, Node, Term, TermKind};
use crate::storage::{View, codec, keys};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Names and types of the attributes of items, of those that were looked at.
#[derive(Default)]
struct ItemCatalogue {
    attributes: BTreeMap<String, Families>,
    /// Whether these are all that items have.
    is_whole: bool,
}

/// Refuses a condition on items that asks for what no item has, or compares what cannot be compared.
///
/// Items are read until one has what is asked for: only what is misspelt, or rare, takes all of them.
pub(super) fn check(view: &View<Published>, items: &Node, is_before_any: bool) -> Result<()> {
    let mut catalogue = ItemCatalogue::default();
    let mut is_damaged = false;
    if !catalogue.suffices(items) {
        view.each(&keys::items(), &mut |_, value| {
            match value.and_then(|value| codec::decode::<StoredItem>("item", &value)) {
                Ok(item) => {
                    if catalogue.add(item) && catalogue.suffices(items) {
                        return Ok(ControlFlow::Break(()));
                    }
                }
                Err(error) if error.kind() == ErrorKind::Damage => is_damaged = true,
                Err(error) => return Err(error),
            }
            Ok(ControlFlow::Continue(()))
        })?;
    }
    // What cannot be read may have it.
    let may_have_more = is_damaged || is_before_any && catalogue.attributes.is_empty();
    catalogue.is_whole = !may_have_more;
    catalogue.check(items)
}

impl ItemCatalogue {
    /// Whether no other item can make anything else of a condition: all that it asks for is there, and fits.
    fn suffices(&self, items: &Node) -> bool {
        let is_known = |term: &Term| match &term.kind {
            TermKind::Attribute(name) => self.attributes.contains_key(name),
            _ => true,
        };
        items.terms().into_iter().all(is_known) && self.check(items).is_ok()
    }

    /// Takes an item's attributes in; returns whether they tell anything new.
    fn add(&mut self, item: StoredItem) -> bool {
        let mut is_new = false;
        for (name, value) in item.attributes {
            let family = Families::of(value.family());
            let known = self.attributes.entry(name).or_default();
            is_new |= known.or(family) != *known;
            *known = known.or(family);
        }
        is_new
    }
}

impl Catalogued for ItemCatalogue {
    fn families(&self, term: &Term) -> Result<Families> {
        Ok(match &term.kind {
            TermKind::Attribute(name) => {
                if let Some(families) = self.attributes.get(name) {
                    return Ok(*families);
                }
                let names = self.attributes.keys().map(String::as_str);
                missing(name, term, self.is_whole, "attribute of items", names)?
            }
            TermKind::Value(value) => Families::of(value.family()),
            // An id or a text; nothing else is bound.
            _ => Families::of(Family::Text),
        })
    }
}
