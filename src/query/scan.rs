//! Walking over users, items, events and texts in the order of the store, a page at a time.

use super::similar::known_user;
use crate::engine::{Published, Reader, Settings, State, StoredEvent, StoredItem, StoredUser, time_of};
use crate::error::{Error, Result};
use crate::model::{Event, Hex, Item, Text, Tombstone, User};
use crate::storage::keys::{self, Key};
use crate::storage::{View, codec, prefix_end};
use std::collections::VecDeque;
use std::ops::ControlFlow;

/// Entries that are read at a time.
const PAGE: usize = 256;

type Entry = (Key, Result<Vec<u8>>);
type Read<'a, T> = Box<dyn FnMut(&View<Published>, &[u8], &[u8]) -> Result<T> + 'a>;

/// An iterator over stored records; an entry that cannot be read is an `Err`, and the walk goes on after it.
pub struct Records<'a, T> {
    view: &'a View<Published>,
    prefix: Key,
    from: Option<Key>,
    page: VecDeque<Entry>,
    read: Read<'a, T>,
}

impl<'a, T> Records<'a, T> {
    fn new(
        view: &'a View<Published>,
        prefix: Key,
        read: impl FnMut(&View<Published>, &[u8], &[u8]) -> Result<T> + 'a,
    ) -> Self {
        Self { view, from: Some(prefix.clone()), prefix, page: VecDeque::new(), read: Box::new(read) }
    }

    fn turn_page(&mut self) -> Result<()> {
        let Some(from) = self.from.take() else { return Ok(()) };
        let mut page = VecDeque::with_capacity(PAGE);
        self.view.scan_from(&from, prefix_end(&self.prefix).as_deref(), |key, value| {
            page.push_back((key.to_vec(), value));
            Ok(if page.len() < PAGE { ControlFlow::Continue(()) } else { ControlFlow::Break(()) })
        })?;
        if let (PAGE, Some((last, _))) = (page.len(), page.back()) {
            let mut next = last.clone();
            next.push(0);
            self.from = Some(next);
        }
        self.page = page;
        Ok(())
    }
}

impl<T> Iterator for Records<'_, T> {
    type Item = Result<T>;

    fn next(&mut self) -> Option<Result<T>> {
        if self.page.is_empty()
            && let Err(error) = self.turn_page()
        {
            return Some(Err(error));
        }
        let (key, value) = self.page.pop_front()?;
        Some(value.and_then(|value| (self.read)(self.view, &key, &value)))
    }
}

pub(crate) fn users(view: &View<Published>) -> Records<'_, User> {
    Records::new(view, keys::users(), |view, key, value| {
        let StoredUser { id, attributes } = codec::decode("user", value)?;
        let no = crate::engine::from_key("user", key, keys::u32_at(key, 1))?;
        let vector = view.read("vector", &keys::vector(no))?;
        Ok(User { id, attributes, vector })
    })
}

/// The stored records of all users, with their numbers.
pub(super) fn stored_users(view: &View<Published>) -> Records<'_, (u32, StoredUser)> {
    Records::new(view, keys::users(), |_, key, value| {
        let no = crate::engine::from_key("user", key, keys::u32_at(key, 1))?;
        Ok((no, codec::decode("user", value)?))
    })
}

/// Users' numbers and states, in the order in which the users were first seen. Who has none yet is not among them.
pub(super) fn stored_states(view: &View<Published>) -> Records<'_, (u32, State)> {
    Records::new(view, keys::states(), |_, key, value| {
        let no = crate::engine::from_key("state", key, keys::u32_at(key, 1))?;
        Ok((no, codec::decode("state", value)?))
    })
}

pub(crate) fn items(view: &View<Published>) -> Records<'_, Item> {
    Records::new(view, keys::items(), |_, _, value| {
        let StoredItem { id, text, attributes, .. } = codec::decode("item", value)?;
        Ok(Item { id, text, attributes })
    })
}

/// The marks of erased users.
pub(crate) fn erased(view: &View<Published>) -> Records<'_, Tombstone> {
    Records::new(view, keys::tombstones(), |view, key, _| {
        let hash = crate::engine::from_key("tombstone", key, keys::tombstone_at(key))?;
        let salt = view.attachment().salt;
        let salt = salt.ok_or_else(|| Error::damaged("salt", "it is missing, but users were erased"))?;
        Ok(Tombstone { salt, hash: Hex(hash) })
    })
}

/// A user's events, oldest first.
pub(crate) fn events<'a>(
    view: &'a View<Published>,
    settings: &'a Settings,
    user: &str,
) -> Result<Records<'a, Event>> {
    let no = known_user(view, user)?;
    let user = user.to_owned();
    Ok(Records::new(view, keys::events_of(no), move |view, key, value| {
        let stored: StoredEvent = codec::decode("event", value)?;
        let item = stored.item.map(|no| view.item(no)).transpose()?.flatten();
        Ok(Event {
            id: stored.id,
            user: user.clone(),
            item: item.map(|item| item.id),
            kind: settings.kinds.get(stored.kind).map(|kind| kind.name.clone()).unwrap_or_default(),
            time: time_of(key)?,
            value: stored.value,
            quantity: stored.quantity,
            text: stored.text,
        })
    }))
}

/// A user's texts, oldest first.
pub(crate) fn texts<'a>(view: &'a View<Published>, user: &str) -> Result<Records<'a, Text>> {
    let no = known_user(view, user)?;
    let user = user.to_owned();
    Ok(Records::new(view, keys::texts_of(no), move |_, key, value| {
        Ok(Text { user: user.clone(), text: codec::decode("text", value)?, time: time_of(key)? })
    }))
}
