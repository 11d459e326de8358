//! Baskets out of what users did.

use super::elements::Elements;
use super::{Lost, Question};
use crate::engine::{EachReader, Published, StoredEvent, archive_in, contributions_in, from_key, time_of};
use crate::error::Result;
use crate::learn::Baskets;
use crate::model::{Interval, OnProgress, Progress, Time};
use crate::profile::Target;
use crate::storage::keys::Key;
use crate::storage::{View, codec, keys};
use roaring::RoaringBitmap;
use std::ops::ControlFlow;

/// Users between two words of progress.
const STEP: usize = 64;

/// Where the keys of one kind lie: of all users, and of one.
type Keys = (fn() -> Key, fn(u32) -> Key);

/// Takes an entry, its value perhaps damaged.
type Take<'f> = dyn FnMut(&[u8], Result<Vec<u8>>) -> Result<()> + 'f;

/// What baskets are made of.
pub(super) struct Gathering<'a> {
    pub view: &'a View<Published>,
    pub question: &'a Question,
    pub elements: &'a Elements<'a>,
    /// Whose baskets, if not everybody's.
    pub users: Option<&'a RoaringBitmap>,
}

impl Gathering<'_> {
    /// All baskets, in the order of users, then of time. A user of whom a value is damaged has none.
    pub(super) fn baskets(&self, lost: &mut Lost, progress: OnProgress<'_>) -> Result<Baskets> {
        let total = self.users.map_or(self.view.attachment().counters.users, RoaringBitmap::len);
        let mut baskets = Building { total: total as usize, progress, ..Building::new() };
        if self.question.per_user {
            self.each((keys::all_contributions, keys::contributions_of), &mut |key, value| {
                baskets.take(key, lost, |baskets| self.contributions(key, &value?, baskets))
            })?;
        } else {
            self.each((keys::events, keys::events_of), &mut |key, value| {
                baskets.take(key, lost, |baskets| self.event(key, &value?, baskets))
            })?;
        }
        baskets.end_user()?;
        progress(Progress::of(READING, baskets.users, baskets.users));
        Ok(baskets.done)
    }

    /// How many events of these kinds, on what counts as an element, are folded, so that their baskets are not known.
    pub(super) fn folded(&self, lost: &mut Lost) -> Result<u64> {
        let mut folded: u64 = 0;
        if self.question.per_user || self.view.attachment().folded.is_none() {
            return Ok(folded);
        }
        self.each((keys::all_archives, keys::archive_of), &mut |key, value| {
            let entries = lost.noted(value.and_then(|value| archive_in(key, &value)))?;
            for entry in entries.into_iter().flatten() {
                if self.element(entry.item, entry.kind).is_some() {
                    folded = folded.saturating_add(entry.acts.count);
                }
            }
            Ok(())
        })?;
        Ok(folded)
    }

    fn each(&self, (all, of): Keys, f: &mut Take<'_>) -> Result<()> {
        let mut visit = |key: &[u8], value| f(key, value).map(ControlFlow::Continue);
        match self.users {
            None => self.view.each(&all(), &mut visit),
            Some(users) => users.iter().try_for_each(|no| self.view.each(&of(no), &mut visit)),
        }
    }

    fn element(&self, item: Option<u32>, kind: u8) -> Option<u32> {
        item.filter(|_| self.question.kinds.contains(&kind)).and_then(|item| self.elements.of(item))
    }

    fn event(&self, key: &[u8], value: &[u8], baskets: &mut Building<'_>) -> Result<()> {
        let event: StoredEvent = codec::decode("event", value)?;
        if let Some(element) = self.element(event.item, event.kind) {
            baskets.put(element, time_of(key)?, self.question.within)?;
        }
        Ok(())
    }

    fn contributions(&self, key: &[u8], value: &[u8], baskets: &mut Building<'_>) -> Result<()> {
        for (target, kind, _) in contributions_in(key, value)? {
            if let Target::Item(item) = target {
                baskets.open.extend(self.element(Some(item), kind));
            }
        }
        Ok(())
    }
}

const READING: &str = "reading baskets";

/// Baskets on their way, the last of them still open.
struct Building<'a> {
    done: Baskets,
    open: Vec<u32>,
    /// Until when what comes goes into the open basket; none: whenever it was.
    until: Option<Time>,
    user: Option<u32>,
    /// How many baskets there were before the user's.
    before: usize,
    /// Whether a value of the user is damaged.
    is_lost: bool,
    users: usize,
    total: usize,
    progress: OnProgress<'a>,
}

impl Building<'_> {
    fn new() -> Self {
        Self {
            done: Baskets::default(),
            open: Vec::new(),
            until: None,
            user: None,
            before: 0,
            is_lost: false,
            users: 0,
            total: 0,
            progress: &|_| {},
        }
    }

    /// Takes an entry of a user's, unless another of theirs is damaged.
    fn take(
        &mut self,
        key: &[u8],
        lost: &mut Lost,
        read: impl FnOnce(&mut Self) -> Result<()>,
    ) -> Result<()> {
        let user = from_key("event", key, keys::u32_at(key, 1))?;
        if self.user != Some(user) {
            self.end_user()?;
            (self.user, self.before, self.is_lost) = (Some(user), self.done.len(), false);
        }
        if self.is_lost {
            return Ok(());
        }
        let read = read(self);
        self.is_lost = lost.noted(read)?.is_none();
        Ok(())
    }

    /// Puts an element into the open basket, or where that is from too long before into the next.
    fn put(&mut self, element: u32, time: Time, within: Interval) -> Result<()> {
        if self.open.is_empty() || self.until.is_some_and(|until| time > until) {
            self.done.push(&mut self.open)?;
            // Beyond the last year everything is within.
            self.until = within.after(time).ok();
        }
        self.open.push(element);
        Ok(())
    }

    fn end_user(&mut self) -> Result<()> {
        if self.is_lost {
            self.done.truncate(self.before);
            self.open.clear();
        }
        self.done.push(&mut self.open)?;
        if self.user.is_some() {
            self.users += 1;
            if self.users.is_multiple_of(STEP) {
                (self.progress)(Progress::of(READING, self.users, self.total.max(self.users)));
            }
        }
        Ok(())
    }
}
