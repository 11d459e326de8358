//! Who has which attributes, as of a commit: made when it is first asked for, and from then on brought up to date with each commit.

use super::reader::from_key;
use super::session::Session;
use super::stored::StoredUser;
use super::{Reader, published::Published};
use crate::columns::Columns;
use crate::error::{ErrorKind, Result};
use crate::model::Attributes;
use crate::storage::{View, codec, keys, prefix_end};
use imbl::Vector;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Commits that wait for the columns before them to be made. Behind more, they are made of the records again.
const MOST_BEHIND: usize = 65_536;

/// What a commit changed: users with their attributes before and after it, if they were and are there.
pub(crate) type AttributeChanges = Vec<(u32, Option<Attributes>, Option<Attributes>)>;

/// The columns of all commits between which users' records are the same.
///
/// Who never asks pays nothing for them. While they are made, out of a snapshot, writers go on, and keep what they change.
#[derive(Default)]
pub(crate) struct LazyColumns {
    made: OnceLock<Columns>,
    /// Whether they are being made, or those that they follow.
    wanted: AtomicBool,
    /// Held by who makes them.
    making: Mutex<()>,
    /// Until they are made: what they follow.
    behind: Mutex<Option<Behind>>,
}

/// Columns that are being made, and what commits changed since.
#[derive(Clone)]
struct Behind {
    first: Arc<LazyColumns>,
    changes: Vector<Arc<AttributeChanges>>,
}

impl Behind {
    /// What has become of them, if the first are made.
    fn columns(&self) -> Option<Columns> {
        let mut columns = self.first.made.get()?.clone();
        self.changes.iter().for_each(|changes| replace_all(&mut columns, changes));
        Some(columns)
    }
}

impl LazyColumns {
    fn of(columns: Columns) -> Arc<Self> {
        Arc::new(Self { made: columns.into(), ..Self::default() })
    }

    /// Whether a commit is to say what it changes.
    pub(super) fn is_wanted(&self) -> bool {
        self.made.get().is_some() || self.wanted.load(Ordering::SeqCst)
    }

    /// Those of a commit upon these. `None` where it is not known what it changed. Never waits for who makes any.
    pub(super) fn followed(self: &Arc<Self>, changes: Option<AttributeChanges>) -> Arc<Self> {
        let Some(changes) = changes else { return Arc::default() };
        let behind = lock(&self.behind).clone();
        let made = self.made.get().cloned().or_else(|| behind.as_ref()?.columns());
        if let Some(mut columns) = made {
            replace_all(&mut columns, &changes);
            return Self::of(columns);
        }
        let first = Behind { first: Arc::clone(self), changes: Vector::new() };
        let mut behind = behind.unwrap_or(first);
        if behind.changes.len() == MOST_BEHIND {
            return Arc::default();
        }
        behind.changes.push_back(Arc::new(changes));
        Arc::new(Self { wanted: true.into(), behind: Mutex::new(Some(behind)), ..Self::default() })
    }

    /// The columns, made of `view` if need be, which is of the commit that they are of.
    pub(crate) fn get(&self, view: &View<Published>) -> Result<&Columns> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        self.wanted.store(true, Ordering::SeqCst);
        let _making = lock(&self.making);
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let behind = lock(&self.behind).clone();
        let followed = behind.and_then(|behind| {
            // Whoever makes them needs no longer than making these would take.
            drop(lock(&behind.first.making));
            behind.columns()
        });
        let columns = match followed.map_or_else(|| of_records(view), Ok) {
            Ok(columns) => columns,
            Err(error) => {
                self.wanted.store(false, Ordering::SeqCst);
                return Err(error);
            }
        };
        let made = self.made.get_or_init(|| columns);
        *lock(&self.behind) = None;
        Ok(made)
    }
}

/// No panic leaves what these guard half changed.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn replace_all(columns: &mut Columns, changes: &AttributeChanges) {
    for (user, before, now) in changes {
        columns.replace(*user, before.as_ref(), now.as_ref());
    }
}

/// Reads all users. Those whose records are damaged are noted, and left out.
fn of_records(view: &View<Published>) -> Result<Columns> {
    let mut columns = Columns::default();
    let first = keys::users();
    view.scan_from(&first, prefix_end(&first).as_deref(), |key, value| {
        let no = from_key("user", key, keys::u32_at(key, 1))?;
        match value.and_then(|value| codec::decode::<StoredUser>("user", &value)) {
            Ok(user) => columns.replace(no, None, Some(&user.attributes)),
            Err(error) if error.kind() == ErrorKind::Damage => columns.note_unread(no),
            Err(error) => return Err(error),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    Ok(columns)
}

/// What a write changes of users' attributes.
pub(super) enum Noted {
    /// Nothing so far; it is kept if the columns are wanted.
    Unchanged { wanted: bool },
    /// What they were before it.
    Before(BTreeMap<u32, Option<Attributes>>),
    /// They change, and nobody asked how, or it cannot be known.
    Unknown,
}

impl Noted {
    pub(super) const fn nothing(wanted: bool) -> Self {
        Self::Unchanged { wanted }
    }

    /// The place of a user who is changed, if it is to be noted how.
    fn entry(&mut self, user: u32) -> Option<Entry<'_, u32, Option<Attributes>>> {
        if let Self::Unchanged { wanted } = *self {
            *self = if wanted { Self::Before(BTreeMap::new()) } else { Self::Unknown };
        }
        match self {
            Self::Before(before) => Some(before.entry(user)),
            _ => None,
        }
    }
}

impl Session<'_, '_> {
    /// Notes a user's attributes, who is to get others, or to go.
    pub(super) fn note_attributes(&mut self, user: u32) -> Result<()> {
        let place = match self.noted.entry(user) {
            Some(Entry::Vacant(place)) => place,
            Some(Entry::Occupied(_)) => return Ok(()),
            None => {
                self.touch_all(user);
                return Ok(());
            }
        };
        match self.tx.user(user) {
            Ok(known) => {
                place.insert(known.map(|known| known.attributes));
                return Ok(());
            }
            Err(error) if error.kind() == ErrorKind::Damage => {}
            Err(error) => return Err(error),
        }
        if let Noted::Before(before) = std::mem::replace(&mut self.noted, Noted::Unknown) {
            before.into_keys().for_each(|user| self.touch_all(user));
        }
        self.touch_all(user);
        Ok(())
    }

    /// Notes a user who was not there before.
    pub(super) fn note_new_user(&mut self, user: u32) {
        self.noted.entry(user).map(Entry::or_default);
        self.touch_all(user);
    }

    /// Has all segments look at a user again.
    pub(super) fn touch_all(&mut self, user: u32) {
        if let Some(touched) = self.touched(user) {
            touched.is_new = true;
        }
    }

    /// The columns as this write leaves them.
    pub(super) fn columns(&mut self) -> Result<Arc<LazyColumns>> {
        let columns = &self.tx.attachment().columns;
        let before = match std::mem::replace(&mut self.noted, Noted::Unknown) {
            Noted::Unchanged { .. } => return Ok(Arc::clone(columns)),
            Noted::Before(before) => before,
            Noted::Unknown => return Ok(columns.followed(None)),
        };
        let columns = Arc::clone(columns);
        let mut changes = AttributeChanges::new();
        for (user, before) in before {
            let now = self.tx.user(user)?.map(|known| known.attributes);
            if let Some(touched) = self.touched(user) {
                touched.note(before.as_ref(), now.as_ref());
            }
            changes.push((user, before, now));
        }
        Ok(columns.followed(Some(changes).filter(|_| columns.is_wanted())))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Engine;
    use super::super::settings::Request;
    use super::*;
    use crate::model::{Record, Removal, User};

    fn user(n: u32, age: i64) -> Record {
        let attributes = [("age".to_owned(), age.into()), ("name".to_owned(), format!("n{n}").into())].into();
        Record::User(User { id: format!("u{n}"), attributes, ..User::default() })
    }

    fn engine() -> (tempfile::TempDir, Engine) {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), &Request { dim: Some(2), ..Request::default() }).unwrap();
        engine.write(&(0..9).map(|n| user(n, 20)).collect::<Vec<_>>(), &|_| {}).unwrap();
        (folder, engine)
    }

    /// Users who change, one of them twice, one who is new and one who goes.
    fn change(engine: &Engine, age: i64) {
        let gone = Record::Remove(Removal::User { user: "u3".to_owned() });
        let records = [user(1, age), user(age.try_into().unwrap(), 1), user(1, age + 1), gone, user(3, age)];
        engine.write(&records, &|_| {}).unwrap();
    }

    fn lazy(engine: &Engine) -> Arc<LazyColumns> {
        Arc::clone(&engine.view().attachment().columns)
    }

    fn is_right(engine: &Engine) -> bool {
        let view = engine.view();
        *view.attachment().columns.get(&view).unwrap() == of_records(&view).unwrap()
    }

    #[test]
    fn they_are_made_when_asked_for_and_follow_each_commit() {
        let (_folder, engine) = engine();
        change(&engine, 30);
        assert!(!lazy(&engine).is_wanted());
        let before = engine.view();
        let old = before.attachment().columns.get(&before).unwrap().clone();
        for age in 40..44 {
            change(&engine, age);
            assert!(lazy(&engine).made.get().is_some());
            assert!(is_right(&engine));
        }
        // A commit that changes no user has the same.
        let same = lazy(&engine);
        engine
            .write(&[Record::Item(crate::model::Item { id: "i".into(), ..Default::default() })], &|_| {})
            .unwrap();
        assert!(Arc::ptr_eq(&same, &lazy(&engine)));
        assert_eq!(*before.attachment().columns.get(&before).unwrap(), old);
        assert_eq!(old, of_records(&before).unwrap());
    }

    #[test]
    fn writers_do_not_wait_while_they_are_made() {
        let (_folder, engine) = engine();
        let view = engine.view();
        let columns = Arc::clone(&view.attachment().columns);
        columns.wanted.store(true, Ordering::SeqCst);
        let making = lock(&columns.making);
        change(&engine, 30);
        change(&engine, 40);
        let newest = lazy(&engine);
        assert!(newest.made.get().is_none() && newest.is_wanted());
        assert_eq!(lock(&newest.behind).as_ref().unwrap().changes.len(), 2);
        drop(making);
        columns.get(&view).unwrap();
        assert!(is_right(&engine) && lock(&newest.behind).is_none());
        // What waited and was never asked for is made by the next commit.
        let view = engine.view();
        change(&engine, 50);
        assert!(lazy(&engine).made.get().is_some() && is_right(&engine));
        drop(view);
    }

    #[test]
    fn where_making_them_failed_they_are_made_of_the_records() {
        let (_folder, engine) = engine();
        lazy(&engine).wanted.store(true, Ordering::SeqCst);
        change(&engine, 30);
        assert!(lock(&lazy(&engine).behind).is_some());
        assert!(is_right(&engine));
        change(&engine, 40);
        assert!(is_right(&engine));
    }
}
