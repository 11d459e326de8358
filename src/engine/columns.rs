//! Who has which attributes, as of a commit: made when it is first asked for, and from then on brought up to date with each commit.

use super::reader::from_key;
use super::session::Session;
use super::stored::StoredUser;
use super::{Reader, published::Published};
use crate::columns::Columns;
use crate::error::{ErrorKind, Result};
use crate::model::{Attributes, Value};
use crate::storage::{View, codec, keys, prefix_end};
use rpds::VectorSync;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::ops::ControlFlow;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// Users changed by commits behind columns that are not made yet. Behind more, they are made of the records again.
const MOST_NOTED: usize = 1_000_000;
/// Of these a commit itself takes in so many at most; more are for whoever asks.
const MOST_TAKEN: usize = 10_000;

/// What a commit changed: users with their attributes before and after it, if they were and are there.
pub(crate) type AttributeChanges = Vec<(u32, Option<Attributes>, Option<Attributes>)>;

/// The columns of all commits between which users' records are the same.
///
/// Who never asks pays nothing for them. Once somebody has asked, each commit carries them on; while they are made, out of a snapshot,
/// commits keep what they change, and wait for nobody.
#[derive(Default)]
pub(crate) struct LazyColumns {
    made: OnceLock<Columns>,
    line: Arc<Line>,
    /// What commits changed since the line began.
    changes: VectorSync<Arc<AttributeChanges>>,
    /// Users in these.
    noted: usize,
}

/// Commits one behind the other, each of which is known by what it changed.
#[derive(Default)]
struct Line {
    /// Whether anybody ever asked; of the store.
    wanted: Arc<AtomicBool>,
    /// Held by who makes columns of records.
    making: Mutex<()>,
    /// The latest that were made in the line, and behind how many changes.
    base: Mutex<Option<(usize, Columns)>>,
}

impl Line {
    /// The latest columns that were made up to a place.
    fn base(&self, at: usize) -> Option<(usize, Columns)> {
        lock(&self.base).clone().filter(|(place, _)| *place <= at)
    }

    fn keep(&self, at: usize, columns: &Columns) {
        let mut base = lock(&self.base);
        if base.as_ref().is_none_or(|(place, _)| *place < at) {
            *base = Some((at, columns.clone()));
        }
    }
}

impl LazyColumns {
    /// Whether a commit is to say what it changes.
    pub(super) fn is_wanted(&self) -> bool {
        self.line.wanted.load(Ordering::SeqCst)
    }

    /// The first of a line of its own.
    fn first(&self) -> Self {
        Self {
            line: Arc::new(Line { wanted: Arc::clone(&self.line.wanted), ..Line::default() }),
            ..Self::default()
        }
    }

    /// Those of a commit upon these. `None` where it is not known what it changed.
    pub(super) fn followed(&self, changes: Option<AttributeChanges>) -> Arc<Self> {
        let first = self.first();
        let Some(changes) = changes else { return Arc::new(first) };
        if let Some(mut columns) = self.made.get().cloned().or_else(|| self.taken(MOST_TAKEN)) {
            replace_all(&mut columns, &changes);
            return Arc::new(Self { made: columns.into(), ..first });
        }
        let noted = self.noted.saturating_add(changes.len());
        if noted > MOST_NOTED {
            return Arc::new(first);
        }
        let (line, mut all) = (Arc::clone(&self.line), self.changes.clone());
        all.push_back_mut(Arc::new(changes));
        Arc::new(Self { line, changes: all, noted, ..Self::default() })
    }

    /// The latest columns made in the line, with what was changed since, unless that is of more users.
    fn taken(&self, most: usize) -> Option<Columns> {
        let (place, mut columns) = self.line.base(self.changes.len())?;
        let since = || self.changes.iter().skip(place);
        if since().map(|changes| changes.len()).sum::<usize>() > most {
            return None;
        }
        since().for_each(|changes| replace_all(&mut columns, changes));
        Some(columns)
    }

    /// The columns, made of `view` if need be, which is of a commit that they are of.
    pub(crate) fn get(&self, view: &View<Published>) -> Result<&Columns> {
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        self.line.wanted.store(true, Ordering::SeqCst);
        // Whoever makes them needs no longer than making these would take.
        let _making = lock(&self.line.making);
        if let Some(made) = self.made.get() {
            return Ok(made);
        }
        let columns = self.taken(usize::MAX).map_or_else(|| of_records(view), Ok)?;
        self.line.keep(self.changes.len(), &columns);
        Ok(self.made.get_or_init(|| columns))
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
                let known = place.insert(known.map(|known| known.attributes)).as_ref();
                let bytes = known.map_or(0, |known| known.values().map(Value::text_bytes).sum());
                self.count_noted(bytes);
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
        columns.line.wanted.store(true, Ordering::SeqCst);
        let making = lock(&columns.line.making);
        change(&engine, 30);
        change(&engine, 40);
        let newest = lazy(&engine);
        assert!(newest.made.get().is_none() && newest.changes.len() == 2);
        drop(making);
        columns.get(&view).unwrap();
        // What waited is made by the next commit, without reading anybody.
        change(&engine, 50);
        assert!(lazy(&engine).made.get().is_some() && is_right(&engine));
        assert!(newest.made.get().is_none() && newest.taken(0).is_none() && newest.taken(99).is_some());
    }

    /// Also where the first are never made, and where one commit did not know that it was to say what it changes.
    #[test]
    fn they_are_carried_on_however_they_came_to_be_made() {
        let (_folder, engine) = engine();
        let ignorant = lazy(&engine).followed(None);
        assert!(!ignorant.is_wanted());
        lazy(&engine).line.wanted.store(true, Ordering::SeqCst);
        assert!(ignorant.is_wanted());
        for age in [30, 40] {
            change(&engine, age);
        }
        let view = engine.view();
        change(&engine, 50);
        assert!(lazy(&engine).made.get().is_none());
        view.attachment().columns.get(&view).unwrap();
        change(&engine, 60);
        assert!(lazy(&engine).made.get().is_some() && is_right(&engine));
        // An older snapshot reads its own.
        let first = lazy(&engine).first();
        assert!(first.is_wanted() && first.made.get().is_none());
    }
}
