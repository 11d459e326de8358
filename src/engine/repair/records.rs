//! What was written into a store, read back out of what is left of it.

use super::super::reader::{EachReader, Reader, from_key, time_of};
use super::super::stored::{StoredEvent, StoredItem, StoredUser};
use super::super::verify::{Findings, sound};
use super::ids::{Ids, Place};
use super::target::Target;
use crate::error::Result;
use crate::model::{Event, Hex, Item, Kinds, Record, Salt, Text, Tombstone, User};
use crate::storage::codec::decode;
use crate::storage::{Contents, keys};
use std::ops::ControlFlow;

/// What is left of a store.
pub(super) struct Source<'a> {
    pub opened: &'a Contents,
    users: Ids<'a>,
    items: Ids<'a>,
}

/// How records are made of stored values.
struct Form {
    record: fn(&[u8]) -> Result<Record>,
    /// Of no more than the id.
    bare: fn(String) -> Record,
    /// What is kept then, in words.
    kept: &'static str,
}

const ITEMS: Form = Form {
    record: |value| {
        let StoredItem { id, text, attributes, .. } = decode("item", value)?;
        Ok(Record::Item(Item { id, text, attributes }))
    },
    bare: |id| Record::Item(Item { id, ..Item::default() }),
    kept: "its id is kept",
};

const USERS: Form = Form {
    record: |value| {
        let StoredUser { id, attributes } = decode("user", value)?;
        Ok(Record::User(User { id, attributes, vector: None }))
    },
    bare: |id| Record::User(User { id, ..User::default() }),
    kept: "its id is kept, and all else of the user",
};

impl<'a> Source<'a> {
    pub(super) fn read(opened: &'a Contents) -> Result<Self> {
        let users = Place {
            record: keys::user,
            records: keys::users(),
            names: keys::user_names(),
            id: |value| decode("user", value).map(|user: StoredUser| user.id),
        };
        let items = Place {
            record: keys::item,
            records: keys::items(),
            names: keys::item_names(),
            id: |value| decode("item", value).map(|item: StoredItem| item.id),
        };
        Ok(Self { opened, users: Ids::read(opened, users)?, items: Ids::read(opened, items)? })
    }

    /// The id of an item, if it can be told.
    pub(super) fn item(&mut self, no: u32) -> Result<Option<String>> {
        self.items.of(no)
    }

    /// The id of a user, if it can be told.
    pub(super) fn user(&mut self, no: u32) -> Result<Option<String>> {
        self.users.of(no)
    }

    /// Items go before what acts on them.
    pub(super) fn save_items(&self, target: &mut Target<'_>) -> Result<u64> {
        self.save_named(&self.items, &ITEMS, target)
    }

    pub(super) fn save_users(&self, target: &mut Target<'_>) -> Result<u64> {
        self.save_named(&self.users, &USERS, target)
    }

    /// Of a record that cannot be read the id is kept, where its name can. Returns how many there are.
    fn save_named(&self, ids: &Ids<'_>, form: &Form, target: &mut Target<'_>) -> Result<u64> {
        let (mut rest, mut there) = (ids.only_named(), 0);
        self.opened.each(ids.records(), &mut |key, value| {
            there += 1;
            match (value.and_then(|value| (form.record)(&value)), rest.remove(key)) {
                (Ok(record), _) => target.put(key, record)?,
                (Err(error), None) => target.lost.add_error(key, error)?,
                (Err(error), Some(id)) => {
                    target.lost.add_kept(key, error, form.kept)?;
                    target.put(key, (form.bare)(id))?;
                }
            }
            Ok(ControlFlow::Continue(()))
        })?;
        there += rest.len() as u64;
        for (key, id) in rest {
            target.lost.add(&key, format!("it is missing; {}", form.kept));
            target.put(&key, (form.bare)(id))?;
        }
        target.flush()?;
        Ok(there)
    }

    /// The host's own vectors of users.
    pub(super) fn save_vectors(&mut self, target: &mut Target<'_>) -> Result<u64> {
        self.save_of_users(&keys::vectors(), target, |_, id, _, value, _| {
            let vector = Some(decode("vector", value)?);
            Ok(Some(Record::User(User { id, vector, ..User::default() })))
        })
    }

    pub(super) fn save_events(&mut self, kinds: &Kinds, target: &mut Target<'_>) -> Result<u64> {
        self.save_of_users(&keys::events(), target, |source, user, key, value, lost| {
            let StoredEvent { id, item, kind, value, quantity, text } = decode("event", value)?;
            let Some(kind) = kinds.get(kind) else {
                lost.add(key, format!("the store knows no kind number {kind}"));
                return Ok(None);
            };
            let (number, kind, time) = (item, kind.name.clone(), time_of(key)?);
            let item = number.map(|no| source.items.of(no)).transpose()?.flatten();
            if let (Some(no), None) = (number, &item) {
                lost.add(key, format!("its item number {no} cannot be told: it is kept without"));
            }
            Ok(Some(Record::Event(Event { id, user, item, kind, time, value, quantity, text })))
        })
    }

    pub(super) fn save_texts(&mut self, target: &mut Target<'_>) -> Result<u64> {
        self.save_of_users(&keys::all_texts(), target, |_, user, key, value, _| {
            let text = decode("text", value)?;
            Ok(Some(Record::Text(Text { user, text, time: time_of(key)? })))
        })
    }

    /// Saves the sound ones among the records of users whose ids can be told; the others are lost. Returns how
    /// many there are.
    fn save_of_users(
        &mut self,
        prefix: &[u8],
        target: &mut Target<'_>,
        record: impl Fn(&mut Self, String, &[u8], &[u8], &mut Findings) -> Result<Option<Record>>,
    ) -> Result<u64> {
        let mut there = 0;
        self.opened.each(prefix, &mut |key, value| {
            there += 1;
            let user = from_key("user", key, keys::u32_at(key, 1)).and_then(|no| self.users.of(no))?;
            let made = match (value, user) {
                (Ok(value), Some(user)) => record(self, user, key, &value, &mut target.lost),
                (Err(error), _) => Err(error),
                (Ok(_), None) => {
                    target.lost.add(key, "its user cannot be told");
                    Ok(None)
                }
            };
            match made {
                Ok(Some(record)) => target.put(key, record)?,
                Ok(None) => {}
                Err(error) => target.lost.add_error(key, error)?,
            }
            Ok(ControlFlow::Continue(()))
        })?;
        target.flush()?;
        Ok(there)
    }

    /// The marks of erased users. They are in their keys, and say nothing without the salt. Returns how many were saved.
    pub(super) fn save_marks(&self, target: &mut Target<'_>) -> Result<u64> {
        let salt: Result<Option<Salt>> = self.opened.read("salt", &keys::meta("salt"));
        let known = sound(salt)?.flatten();
        let mut saved = 0;
        self.opened.each(&keys::tombstones(), &mut |key, _| {
            match (known, keys::tombstone_at(key)) {
                (Some(salt), Some(hash)) => {
                    saved += 1;
                    target.put(key, Record::Erased(Tombstone { salt, hash: Hex(hash) }))?;
                }
                (None, Some(_)) => target.lost.add(key, "the salt is lost, without which it says nothing"),
                (_, None) => target.lost.add(key, "the key is too short"),
            }
            Ok(ControlFlow::Continue(()))
        })?;
        target.flush()?;
        Ok(saved)
    }
}
