//! Which item is of which category, as of a commit: made when it is first asked for, and then brought up to date by the items that changed.

use super::reader::from_key;
use super::stored::StoredItem;
use super::{Reader, published::Published};
use crate::error::{Error, ErrorKind, Result};
use crate::storage::{View, codec, keys, prefix_end};
use roaring::RoaringBitmap;
use rpds::VectorSync;
use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Items changed since categories were made. Behind more, they are made of the records again.
const MOST_NOTED: usize = 100_000;
/// Names that no item has any more. Where more of these than others are kept, the others are numbered anew.
const MOST_DEAD: usize = 1_000;
/// In the place of a category, where an item has none.
const NONE: u32 = u32::MAX;

/// The categories of items, by number: 4 bytes for each item.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Categories {
    of: Vec<u32>,
    names: Vec<Arc<str>>,
    /// How many items have each.
    items: Vec<u32>,
    numbers: HashMap<Arc<str>, u32>,
    /// Items whose records could not be read.
    unread: RoaringBitmap,
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

    /// The number of a category that some item has.
    pub(crate) fn number(&self, name: &str) -> Option<u32> {
        let number = self.numbers.get(name).copied()?;
        (self.items[number as usize] > 0).then_some(number)
    }

    /// The names that items have, in the order of their numbers.
    pub(crate) fn names(&self) -> impl Iterator<Item = &str> {
        self.names.iter().zip(&self.items).filter(|(_, items)| **items > 0).map(|(name, _)| &**name)
    }

    fn set(&mut self, item: u32, name: Option<String>) {
        self.unread.remove(item);
        let at = item as usize;
        if at >= self.of.len() {
            if name.is_none() {
                return;
            }
            self.of.resize(at + 1, NONE);
        }
        if let Some(before) = self.of(item) {
            self.items[before as usize] -= 1;
        }
        self.of[at] = name.map_or(NONE, |name| self.numbered(&name));
        if let Some(now) = self.of(item) {
            self.items[now as usize] += 1;
        }
    }

    fn numbered(&mut self, name: &str) -> u32 {
        if let Some(&known) = self.numbers.get(name) {
            return known;
        }
        let (number, name) = (self.names.len() as u32, Arc::from(name));
        self.names.push(Arc::clone(&name));
        self.items.push(0);
        self.numbers.insert(name, number);
        number
    }

    /// Looks at items again.
    fn read(
        &mut self,
        view: &View<Published>,
        attribute: &str,
        items: impl IntoIterator<Item = u32>,
    ) -> Result<()> {
        for item in items {
            match view.item(item) {
                Ok(stored) => self.set(item, stored.and_then(|stored| category(&stored, attribute))),
                Err(error) if error.kind() == ErrorKind::Damage => self.note_unread(item),
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn note_unread(&mut self, item: u32) {
        self.set(item, None);
        self.unread.insert(item);
    }

    /// The same without the names that no item has, where these are too many.
    fn without_dead(self) -> Self {
        let living = self.names().count();
        if self.names.len() - living <= MOST_DEAD.max(living) {
            return self;
        }
        let mut anew = Self { unread: self.unread.clone(), ..Self::default() };
        for item in 0..self.of.len() as u32 {
            if let Some(category) = self.of(item) {
                anew.set(item, Some(self.name(category).to_owned()));
            }
        }
        anew.unread = self.unread;
        anew
    }
}

/// The categories as of all commits between which no item changed.
#[derive(Default)]
pub(crate) struct LazyCategories {
    made: Mutex<Option<Arc<Categories>>>,
    line: Arc<Line>,
    /// The items that commits changed since the line began.
    changes: VectorSync<Arc<[u32]>>,
    /// How many these are.
    noted: usize,
}

/// Commits one behind the other.
#[derive(Default)]
struct Line {
    /// Whether anybody ever asked.
    wanted: AtomicBool,
    /// Held by who makes categories of records.
    making: Mutex<()>,
    /// The latest that were made in the line, and behind how many changes.
    base: Mutex<Option<(usize, Arc<Categories>)>>,
}

impl LazyCategories {
    /// Those of a commit upon these that changed items.
    pub(super) fn followed(self: &Arc<Self>, items: &[u32]) -> Arc<Self> {
        if items.is_empty() {
            return Arc::clone(self);
        }
        if let Some(made) = lock(&self.made).clone() {
            let line = Line { wanted: true.into(), base: Some((0, made)).into(), ..Line::default() };
            return Arc::new(Self::default().behind(Arc::new(line), items));
        }
        if !self.line.wanted.load(Ordering::SeqCst) || self.noted + items.len() > MOST_NOTED {
            return Arc::default();
        }
        Arc::new(self.behind(Arc::clone(&self.line), items))
    }

    fn behind(&self, line: Arc<Line>, items: &[u32]) -> Self {
        let (changes, noted) = (self.changes.push_back(items.into()), self.noted + items.len());
        Self { made: Mutex::default(), line, changes, noted }
    }

    /// The categories that an attribute of items names, made of `view` if need be, which is of a commit that they are of; and, where the records
    /// of some items are damaged, so that their categories are not known, the error that says so of one of them.
    pub(crate) fn get(
        &self,
        view: &View<Published>,
        attribute: &str,
    ) -> Result<(Arc<Categories>, Option<Error>)> {
        self.line.wanted.store(true, Ordering::SeqCst);
        let known = lock(&self.made).clone();
        let categories = match known {
            Some(categories) => categories,
            None => self.make(view, attribute)?,
        };
        let Some(unread) = categories.unread.min() else { return Ok((categories, None)) };
        // What was damaged may have been healed.
        match view.item(unread) {
            Err(error) if error.kind() == ErrorKind::Damage => Ok((categories, Some(error))),
            Err(error) => Err(error),
            Ok(_) => {
                let mut anew = Categories::clone(&categories);
                anew.read(view, attribute, &categories.unread)?;
                *lock(&self.made) = Some(Arc::new(anew));
                self.get(view, attribute)
            }
        }
    }

    fn make(&self, view: &View<Published>, attribute: &str) -> Result<Arc<Categories>> {
        // Whoever makes them needs no longer than making these would take.
        let _making = lock(&self.line.making);
        if let Some(made) = lock(&self.made).clone() {
            return Ok(made);
        }
        let place = self.changes.len();
        let base = lock(&self.line.base).clone().filter(|(behind, _)| *behind <= place);
        let made = match base {
            Some((behind, base)) => {
                let mut categories = Categories::clone(&base);
                for items in self.changes.iter().skip(behind) {
                    categories.read(view, attribute, items.iter().copied())?;
                }
                Arc::new(categories.without_dead())
            }
            None => Arc::new(of_records(view, attribute)?),
        };
        let mut base = lock(&self.line.base);
        if base.as_ref().is_none_or(|(behind, _)| *behind < place) {
            *base = Some((place, Arc::clone(&made)));
        }
        *lock(&self.made) = Some(Arc::clone(&made));
        Ok(made)
    }
}

/// No panic leaves what these guard half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Reads all items.
fn of_records(view: &View<Published>, attribute: &str) -> Result<Categories> {
    let mut categories = Categories::default();
    let (first, end) = (keys::items(), view.attachment().counters.next_item);
    view.scan_from(&first, prefix_end(&first).as_deref(), |key, value| {
        let no = from_key("item", key, keys::u32_at(key, 1).filter(|no| *no < end))?;
        match value.and_then(|value| codec::decode::<StoredItem>("item", &value)) {
            Ok(item) => categories.set(no, category(&item, attribute)),
            Err(error) if error.kind() == ErrorKind::Damage => categories.note_unread(no),
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
            let found = named(&lazy(&engine).get(&view, ATTRIBUTE).unwrap().0);
            found == named(&of_records(&view, ATTRIBUTE).unwrap())
        };
        write(&[item("a", Some("tea")), item("b", None), item("c", Some("bread"))]);
        assert!(lock(&lazy(&engine).made).is_none() && is_right());
        let made = lazy(&engine);
        // A commit that changes no item has the same.
        write(&[Record::User(crate::model::User { id: "ann".into(), ..Default::default() })]);
        assert!(Arc::ptr_eq(&made, &lazy(&engine)));
        write(&[item("a", Some("coffee")), item("d", Some("tea"))]);
        write(&[Record::Remove(Removal::Item { item: "c".into() }), item("b", Some("bread"))]);
        assert_eq!((lazy(&engine).noted, lazy(&engine).changes.len()), (4, 2));
        assert!(is_right() && lock(&lazy(&engine).made).is_some());
        let (view, newest) = (engine.view(), lazy(&engine));
        let (found, lost) = newest.get(&view, ATTRIBUTE).unwrap();
        assert!(lost.is_none());
        assert_eq!(found.names().collect::<Vec<_>>(), ["tea", "bread", "coffee"]);
        assert_eq!((found.of(2), found.number("coffee")), (None, found.of(0)));
        // Too many to be looked at one by one.
        let many = newest.followed(&vec![0; MOST_NOTED]);
        assert_eq!((many.noted, many.followed(&[0]).noted), (MOST_NOTED, 0));
    }

    /// What was asked before makes no difference to what is known.
    #[test]
    fn a_name_that_no_item_has_any_more_is_no_name() {
        let mut categories = Categories::default();
        for name in 0..3 * MOST_DEAD {
            categories.set(7, Some(name.to_string()));
        }
        categories.set(8, Some("tea".to_owned()));
        assert_eq!((categories.number("0"), categories.names().count()), (None, 2));
        categories.unread.insert(9);
        let anew = categories.clone().without_dead();
        assert_eq!((anew.names.len(), named(&anew), anew.unread.len()), (2, named(&categories), 1));
        assert_eq!(anew.clone().without_dead(), anew);
    }

    /// Who asks an older snapshot is told what was so, whoever made what before.
    #[test]
    fn a_line_serves_all_of_its_commits() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), &Request { dim: Some(2), ..Request::default() }).unwrap();
        engine.write(&[item("a", Some("tea")), item("b", Some("tea"))], &|_| {}).unwrap();
        lazy(&engine).get(&engine.view(), ATTRIBUTE).unwrap();
        let mut views = Vec::new();
        for name in ["bread", "fish", "toys"] {
            engine.write(&[item("a", Some(name))], &|_| {}).unwrap();
            views.push((engine.view(), name));
        }
        for at in [1, 0, 2] {
            let (view, name) = &views[at];
            let (found, _) = view.attachment().categories.get(view, ATTRIBUTE).unwrap();
            assert_eq!(named(&found), [Some((*name).to_owned()), Some("tea".to_owned())]);
        }
    }
}
