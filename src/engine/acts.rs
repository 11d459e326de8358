//! What users did with items, kept at hand: a recommendation asks a hundred users, and many of them are asked again and again.

use super::contributions::contributions_of;
use super::published::Published;
use crate::error::Result;
use crate::model::Time;
use crate::profile::Target;
use crate::storage::View;
use lru::LruCache;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Acts that are kept at most, of all users together: 64 MiB.
const MOST: usize = 1 << 22;
/// A user who is kept takes as much memory as so many acts, beside their own.
const USER: usize = 8;
/// Users whose numbers leave the same rest are changed together.
const STRIPES: usize = 1 << 12;

/// A user's acts of one kind on one item.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct ItemAct {
    pub item: u32,
    pub kind: u8,
    /// When last.
    pub last: Time,
}

/// All of a user's acts on items, by item, then kind.
pub(crate) type ItemActs = Arc<[ItemAct]>;

/// The acts of users lately asked.
///
/// What is kept of a user is as of the commit of the view that it was read from, and of all later ones: a commit that changes any of it has
/// it forgotten before anybody sees the commit. From then on, only views of that commit and later ones may put something down of that user.
pub(crate) struct KnownActs(Mutex<Known>);

struct Known {
    of: LruCache<u32, (u64, ItemActs)>,
    acts: usize,
    /// The latest commit that changed the acts of anybody of a stripe.
    changed: Box<[u64]>,
}

impl Default for KnownActs {
    fn default() -> Self {
        Self(Mutex::new(Known { of: LruCache::unbounded(), acts: 0, changed: vec![0; STRIPES].into() }))
    }
}

impl KnownActs {
    /// A user's acts as of a view.
    pub(crate) fn of(&self, view: &View<Published>, user: u32) -> Result<ItemActs> {
        if let Some((since, acts)) = self.lock().of.get(&user)
            && *since <= view.seq()
        {
            return Ok(Arc::clone(acts));
        }
        let acts = read(view, user)?;
        let mut known = self.lock();
        if view.seq() >= known.changed[stripe(user)] {
            known.put(user, view.seq(), Arc::clone(&acts));
        }
        Ok(acts)
    }

    /// Forgets users whose acts a commit changes, which nobody sees yet.
    pub(super) fn forget(&self, commit: u64, users: &[u32]) {
        if users.is_empty() {
            return;
        }
        let mut known = self.lock();
        for &user in users {
            known.pop(user);
            known.changed[stripe(user)] = known.changed[stripe(user)].max(commit);
        }
    }

    /// No panic leaves it half changed.
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Known {
    fn put(&mut self, user: u32, commit: u64, acts: ItemActs) {
        self.pop(user);
        self.acts += acts.len() + USER;
        self.of.put(user, (commit, acts));
        while self.acts > MOST
            && let Some((_, (_, acts))) = self.of.pop_lru()
        {
            self.acts -= acts.len() + USER;
        }
    }

    fn pop(&mut self, user: u32) {
        if let Some((_, acts)) = self.of.pop(&user) {
            self.acts -= acts.len() + USER;
        }
    }
}

const fn stripe(user: u32) -> usize {
    user as usize % STRIPES
}

fn read(view: &View<Published>, user: u32) -> Result<ItemActs> {
    let of_item = |(target, kind, contribution): (Target, u8, crate::profile::Contribution)| match target {
        Target::Item(item) => Some(ItemAct { item, kind, last: contribution.last }),
        Target::Group(_) | Target::Text(_) => None,
    };
    Ok(contributions_of(view, user)?.into_iter().filter_map(of_item).collect())
}

#[cfg(test)]
mod tests {
    use super::super::Engine;
    use super::super::settings::Request;
    use super::*;
    use crate::model::{Event, Record, Removal};
    use proptest::prelude::*;

    fn act(user: u8, item: u8, time: usize) -> Record {
        let time = Time::from_secs(time as i64).unwrap();
        Record::Event(Event::new(format!("u{user}"), "view", time).item(format!("i{item}")))
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        /// Whatever is written and removed, and however old the view, it is told what it holds.
        #[test]
        fn views_are_told_what_they_hold(
            steps in prop::collection::vec((0_u8..4, 0_u8..3, 0_u8..8), 1..40),
            asked in prop::collection::vec((any::<prop::sample::Index>(), 0_u32..4), 40),
        ) {
            let folder = tempfile::tempdir().unwrap();
            let engine = Engine::open(folder.path(), &Request { dim: Some(2), ..Request::default() }).unwrap();
            let mut views = vec![engine.view()];
            for (at, ((user, item, what), (view, of))) in steps.into_iter().zip(asked).enumerate() {
                let record = match what {
                    0 => Record::Remove(Removal::User { user: format!("u{user}") }),
                    1 => Record::Remove(Removal::Item { item: format!("i{item}") }),
                    _ => act(user, item, at),
                };
                engine.write(&[record], &|_| {}).unwrap();
                views.push(engine.view());
                for view in [view.get(&views), &views[at + 1]] {
                    let known = &view.attachment().acts;
                    prop_assert_eq!(known.of(view, of).unwrap(), read(view, of).unwrap());
                    let known = known.lock();
                    prop_assert_eq!(known.acts, known.of.iter().map(|(_, (_, acts))| acts.len() + USER).sum::<usize>());
                }
            }
        }
    }

    #[test]
    fn an_old_view_puts_nothing_down_for_newer_ones() {
        let folder = tempfile::tempdir().unwrap();
        let engine = Engine::open(folder.path(), &Request { dim: Some(2), ..Request::default() }).unwrap();
        engine.write(&[act(0, 0, 0)], &|_| {}).unwrap();
        let old = engine.view();
        engine.write(&[act(0, 1, 1)], &|_| {}).unwrap();
        let (known, new) = (Arc::clone(&old.attachment().acts), engine.view());
        assert_eq!(known.of(&old, 0).unwrap().len(), 1);
        assert!(known.lock().of.is_empty());
        assert_eq!(known.of(&new, 0).unwrap().len(), 2);
        assert_eq!(known.lock().of.len(), 1);
        assert_eq!(known.of(&old, 0).unwrap().len(), 1);
        // A commit that changes nobody's acts leaves what is known.
        engine
            .write(&[Record::User(crate::model::User { id: "x".into(), ..Default::default() })], &|_| {})
            .unwrap();
        assert_eq!(known.lock().of.len(), 1);
        assert_eq!(known.of(&engine.view(), 0).unwrap().len(), 2);
    }

    #[test]
    fn it_forgets_who_was_asked_longest_ago() {
        let known = KnownActs::default();
        let many: ItemActs =
            vec![ItemAct { item: 0, kind: 0, last: Time::from_secs(0).unwrap() }; MOST / 2].into();
        (0..3).for_each(|user| known.lock().put(user, 0, Arc::clone(&many)));
        let known = known.lock();
        assert_eq!((known.of.len(), known.of.contains(&0)), (1, false));
        assert!(known.acts <= MOST);
    }
}
