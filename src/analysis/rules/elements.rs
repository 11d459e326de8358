//! What each item counts as in a basket.

use super::Lost;
use super::options::Element;
use crate::engine::{EachReader, Published, Reader, StoredItem, from_key};
use crate::error::{Error, Result, shorten};
use crate::model::nearest_name;
use crate::storage::{View, codec, keys};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::rc::Rc;

/// Most names of attributes among which the nearest to a mistyped one is looked for.
const MOST_NAMES: usize = 10_000;

/// No element.
const NONE: u32 = u32::MAX;

/// The element that each item counts as: four bytes for each item, and the values of an attribute, or the texts of groups, once each.
pub(super) struct Elements<'a> {
    view: &'a View<Published>,
    by: &'a Element,
    of_item: Vec<u32>,
    values: Vec<Rc<str>>,
}

/// A name and, of an item, its text.
pub(super) type Named = (String, Option<String>);

impl<'a> Elements<'a> {
    /// Reads all items; `category` is the attribute that names an item's category. One whose record is damaged is in no basket.
    ///
    /// # Errors
    /// [`Error::Unknown`] for an attribute that no item has, while some have others.
    pub(super) fn read(
        view: &'a View<Published>,
        by: &'a Element,
        category: &str,
        lost: &mut Lost,
    ) -> Result<Self> {
        let mut of_item = vec![NONE; view.attachment().counters.next_item as usize];
        let mut values = Values::default();
        let attribute = match by {
            Element::Attribute(name) => Some(name.as_str()),
            Element::Category => Some(category),
            Element::Item | Element::Group => None,
        };
        view.each(&keys::items(), &mut |key, value| {
            let Some((no, item)) = lost.noted(read_item(key, value))? else {
                return Ok(ControlFlow::Continue(()));
            };
            let element = match (attribute, by) {
                (Some(name), _) => item.attributes.get(name).map(|value| values.number(&value.to_string())),
                // Told by their texts: a store without an encoder gives groups no numbers.
                (None, Element::Group) => item.text.map(|text| values.number(&text)),
                (None, _) => Some(no),
            };
            if let (Some(place), Some(element)) = (of_item.get_mut(no as usize), element) {
                *place = element;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let (Some(name), true) = (attribute, values.texts.is_empty()) {
            refuse_unknown(view, name)?;
        }
        Ok(Self { view, by, of_item, values: values.texts })
    }

    /// What an item counts as, if anything.
    pub(super) fn of(&self, item: u32) -> Option<u32> {
        self.of_item.get(item as usize).copied().filter(|element| *element != NONE)
    }

    /// The name of an element.
    pub(super) fn name(&self, element: u32) -> Result<Named> {
        let gone = || Error::Bug(format!("element {element} of a basket has no name"));
        if *self.by == Element::Item {
            let item = self.view.item(element)?.ok_or_else(gone)?;
            return Ok((item.id, item.text));
        }
        let value = self.values.get(element as usize).ok_or_else(gone)?;
        Ok((value.to_string(), None))
    }
}

fn read_item(key: &[u8], value: Result<Vec<u8>>) -> Result<(u32, StoredItem)> {
    let no = from_key("item", key, keys::u32_at(key, 1))?;
    Ok((no, codec::decode("item", &value?)?))
}

/// Texts, numbered as they come.
#[derive(Default)]
struct Values {
    numbers: HashMap<Rc<str>, u32>,
    texts: Vec<Rc<str>>,
}

impl Values {
    fn number(&mut self, text: &str) -> u32 {
        if let Some(number) = self.numbers.get(text) {
            return *number;
        }
        // Fewer than items.
        let number = self.texts.len() as u32;
        let text: Rc<str> = text.into();
        self.texts.push(Rc::clone(&text));
        self.numbers.insert(text, number);
        number
    }
}

/// An attribute that no item has is misspelt, unless no item has any.
fn refuse_unknown(view: &View<Published>, name: &str) -> Result<()> {
    let mut names = BTreeSet::new();
    view.each(&keys::items(), &mut |key, value| {
        if let Ok((_, item)) = read_item(key, value) {
            names.extend(item.attributes.into_keys());
        }
        Ok(if names.len() < MOST_NAMES { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
    })?;
    if names.is_empty() {
        return Ok(());
    }
    let nearest = nearest_name(name, names.iter().map(String::as_str));
    Err(Error::Unknown { what: "attribute of items", name: shorten(name), nearest })
}
