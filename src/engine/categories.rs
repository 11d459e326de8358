//! Which item is of which category, as of a commit: made when it is first asked for, and then as often as items changed meanwhile.

use super::reader::from_key;
use super::stored::StoredItem;
use super::{Reader, published::Published};
use crate::error::{ErrorKind, Result};
use crate::storage::{View, codec, keys, prefix_end};
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::{Arc, OnceLock};

/// Items changed since categories were made. Behind more, they are made of the records again.
const MOST_NOTED: usize = 100_000;
/// In the place of a category, where an item has none.
const NONE: u32 = u32::MAX;

/// The categories of items, by number: 4 bytes for each item.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Categories {
    of: Vec<u32>,
    names: Vec<Arc<str>>,
    numbers: HashMap<Arc<str>, u32>,
}

impl Categories {
    /// The number of an item's category.
    pub(crate) fn of(&self, item: u32) -> Option<u32> {
        self.of.get(item as usize).copied().filter(|&category| category != NONE)
    }

    /// A category's name; empty for a number that none has.
    pub(crate) fn name(&self, category: u32) -> &str {
        self.names.get(category as usize).map_or("", |name| name)
    }

    /// The number of a category.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        self.numbers.get(name).copied()
    }

    /// All names, in the order of their numbers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().map(|name| &**name)
    }

    fn set(&mut self, item: u32, name: Option<String>) {
        let at = item as usize;
        if at >= self.of.len() {
            if name.is_none() {
                return;
            }
            self.of.resize(at + 1, NONE);
        }
        self.of[at] = name.map_or(NONE, |name| self.numbered(&name));
    }

    fn numbered(&mut self, name: &str) -> u32 {
        if let Some(known) = self.number(name) {
            return known;
        }
        let (number, name) = (self.names.len() as u32, Arc::from(name));
        self.names.push(Arc::clone(&name));
        self.numbers.insert(name, number);
        number
    }
}

/// The categories as of all commits between which no item changed.
#[derive(Default)]
pub(crate) struct LazyCategories {
    made: OnceLock<Arc<Categories>>,
    /// The latest that were made before, and the items that changed since.
    before: Option<(Arc<Categories>, Vec<u32>)>,
}

impl LazyCategories {
    /// Those of a commit upon these that changed items.
    pub(super) fn followed(self: &Arc<Self>, items: &[u32]) -> Arc<Self> {
        if items.is_empty() {
            return Arc::clone(self);
        }
        let (made, noted): (_, &[u32]) = match (self.made.get(), &self.before) {
            (Some(made), _) => (made, &[]),
            (None, Some((made, noted))) => (made, noted),
            (None, None) => return Arc::default(),
        };
        if noted.len() + items.len() > MOST_NOTED {
            return Arc::default();
        }
        let before = Some((Arc::clone(made), [noted, items].concat()));
        Arc::new(Self { before, made: OnceLock::new() })
    }

    /// The categories that an attribute of items names, made of `view` if need be, which is of a commit that they are of.
    pub(crate) fn get(&self, view: &View<Published>, attribute: &str) -> Result<&Categories> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let made = match &self.before {
            Some((before, changed)) => changed_since(view, attribute, before, changed)?,
            None => of_records(view, attribute)?,
        };
        Ok(self.made.get_or_init(|| Arc::new(made)))
    }
}

fn changed_since(
    view: &View<Published>,
    attribute: &str,
    before: &Categories,
    changed: &[u32],
) -> Result<Categories> {
    let mut categories = before.clone();
    for &item in changed {
        match view.item(item) {
            Ok(stored) => categories.set(item, stored.and_then(|stored| category(&stored, attribute))),
            Err(error) if error.kind() == ErrorKind::Damage => categories.set(item, None),
            Err(error) => return Err(error),
        }
    }
    Ok(categories)
}

/// Reads all items. One whose record is damaged has no category.
fn of_records(view: &View<Published>, attribute: &str) -> Result<Categories> {
    let mut categories = Categories::default();
    let first = keys::items();
    view.scan_from(&first, prefix_end(&first).as_deref(), |key, value| {
        let no = from_key("item", key, keys::u32_at(key, 1))?;
        match value.and_then(|value| codec::decode::<StoredItem>("item", &value)) {
            Ok(item) => categories.set(no, category(&item, attribute)),
            Err(error) if error.kind() == ErrorKind::Damage => {}
            Err(error) => return Err(error),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(categories)
}

fn category(item: &StoredItem, attribute: &str) -> Option<String> {
    item.attributes.get(attribute).map(ToString::to_string)
}

#[cfg(test)]
mod tests {
    use super::super::Engine;
    use super::super::settings::Request;
    use super::*;
    use crate::model::{Item, Record, Removal};

    const ATTRIBUTE: &str = "category";

    fn item(id: &str, category: Option<&str>) -> Record {
        let attributes = category.map(|name| (ATTRIBUTE.to_owned(), name.into()));
        Record::Item(Item { id: id.to_owned(), attributes: attributes.into_iter().collect(), text: None })
    }

    fn lazy(engine: &Engine) -> Arc<LazyCategories> {
        Arc::clone(&engine.view().attachment().categories)
    }

    /// By name: numbers depend on the way that they came about.
    fn named(categories: &Categories) -> Vec<Option<String>> {
        let end = categories.of.iter().rposition(|&category| category != NONE).map_or(0, |at| at + 1);
        (0..end as u32).map(|no| categories.of(no).map(|number| categories.name(number).to_owned())).collect()
    }

    #[test]
    fn they_follow_the_items_that_change() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), &Request { dim: Some(2), ..Request::default() }).unwrap();
        let write = |records: &[Record]| engine.write(records, &|_| {}).unwrap();
        let is_right = || {
            let view = engine.view();
            let found = named(lazy(&engine).get(&view, ATTRIBUTE).unwrap());
            found == named(&of_records(&view, ATTRIBUTE).unwrap())
        };
        write(&[item("a", Some("tea")), item("b", None), item("c", Some("bread"))]);
        assert!(lazy(&engine).made.get().is_none() && is_right());
        let made = lazy(&engine);
        // A commit that changes no item has the same.
        write(&[Record::User(crate::model::User { id: "ann".into(), ..Default::default() })]);
        assert!(Arc::ptr_eq(&made, &lazy(&engine)));
        write(&[item("a", Some("coffee")), item("d", Some("tea"))]);
        write(&[Record::Remove(Removal::Item { item: "c".into() }), item("b", Some("bread"))]);
        let newest = lazy(&engine);
        assert_eq!(newest.before.as_ref().map(|(_, changed)| changed.len()), Some(4));
        assert!(is_right() && newest.made.get().is_some());
        let view = engine.view();
        let found = newest.get(&view, ATTRIBUTE).unwrap();
        assert_eq!(found.names().collect::<Vec<_>>(), ["tea", "bread", "coffee"]);
        assert_eq!((found.of(2), found.number("coffee")), (None, found.of(0)));
        // Too many to be looked at one by one.
        assert!(newest.followed(&vec![0; MOST_NOTED + 1]).before.is_none());
    }
}
