//! Typed reading, the same over a snapshot, inside a write and at open.

use super::stored::{State, StoredGroup, StoredItem, StoredUser};
use crate::error::{Error, Result};
use crate::model::Time;
use crate::profile::{Space, Sums};
use crate::storage::{Contents, View, Writer, codec, keys, prefix_end};
use std::ops::ControlFlow;

/// Continue, or stop a scan early.
pub(crate) type Flow = Result<ControlFlow<()>>;

/// Takes an entry.
pub(crate) type Visit<'f> = dyn FnMut(&[u8], &[u8]) -> Flow + 'f;

/// Anything that keys can be read from.
pub(crate) trait Reader {
    fn raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>>;
    /// All entries with `from <= key < to`, to the end where `to` is `None`, ascending.
    fn scan_between(&self, from: &[u8], to: Option<&[u8]>, f: &mut Visit<'_>) -> Result<()>;

    /// All entries whose key starts with `prefix`, ascending.
    fn scan(&self, prefix: &[u8], f: &mut Visit<'_>) -> Result<()> {
        self.scan_between(prefix, prefix_end(prefix).as_deref(), f)
    }

    fn read<T: bincode::Decode<()>>(&self, what: &str, key: &[u8]) -> Result<Option<T>> {
        self.raw(key)?.map(|bytes| codec::decode(what, &bytes)).transpose()
    }

    fn user_no(&self, id: &str) -> Result<Option<u32>> {
        self.read("user name", &keys::user_name(id))
    }

    fn item_no(&self, id: &str) -> Result<Option<u32>> {
        self.read("item name", &keys::item_name(id))
    }

    fn user(&self, no: u32) -> Result<Option<StoredUser>> {
        self.read("user", &keys::user(no))
    }

    fn item(&self, no: u32) -> Result<Option<StoredItem>> {
        self.read("item", &keys::item(no))
    }

    fn group(&self, no: u32) -> Result<Option<StoredGroup>> {
        self.read("group", &keys::group(no))
    }

    /// A user's sums under the epoch of a space; empty where there are none yet.
    fn sums(&self, space: &Space, no: u32) -> Result<Sums> {
        let sums: Sums = self.read("sums", &keys::sums(space.learned.epoch, no))?.unwrap_or_default();
        let len = space.layout.summed_dim();
        if sums.fits(len) {
            Ok(sums)
        } else {
            Err(Error::damaged(format!("sums of user {no}"), format!("they are not of {len} dimensions")))
        }
    }

    fn state(&self, no: u32) -> Result<State> {
        Ok(self.read("state", &keys::state(no))?.unwrap_or_default())
    }
}

/// Takes an entry, its value perhaps damaged.
pub(crate) type Each<'f> = dyn FnMut(&[u8], Result<Vec<u8>>) -> Flow + 'f;

/// Anything whose values can be read each by itself, damaged ones too.
pub(crate) trait EachReader: Reader {
    /// All entries whose key starts with `prefix`, ascending, a damaged value as the error that it is.
    fn each(&self, prefix: &[u8], f: &mut Each<'_>) -> Result<()>;
}

impl<A: Send + Sync + 'static> EachReader for View<A> {
    fn each(&self, prefix: &[u8], f: &mut Each<'_>) -> Result<()> {
        self.scan_from(prefix, prefix_end(prefix).as_deref(), f)
    }
}

impl EachReader for Contents {
    fn each(&self, prefix: &[u8], f: &mut Each<'_>) -> Result<()> {
        self.scan_each(prefix, f)
    }
}

impl<A: Send + Sync + 'static> Reader for View<A> {
    fn raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(key)
    }

    fn scan_between(&self, from: &[u8], to: Option<&[u8]>, f: &mut Visit<'_>) -> Result<()> {
        self.scan_from(from, to, |key, value| f(key, &value?))
    }
}

impl<A: Send + Sync + 'static> Reader for Writer<'_, A> {
    fn raw(&self, key: &[u8]) -> Result<Option<Vec<u8>>> {
        self.get(key)
    }

    fn scan_between(&self, from: &[u8], to: Option<&[u8]>, f: &mut Visit<'_>) -> Result<()> {
        Writer::scan_between(self, from, to, f)
    }
}

/// A field out of a key, or the word that the key is damaged.
pub(crate) fn from_key<T>(what: &str, key: &[u8], field: Option<T>) -> Result<T> {
    field.ok_or_else(|| Error::damaged(format!("{what} {key:02x?}"), "the key is too short"))
}

/// The time in the key of an event or text.
pub(crate) fn time_of(key: &[u8]) -> Result<Time> {
    from_key("event key", key, keys::time_at(key))
}

/// Nothing stored.
#[cfg(test)]
pub(super) struct Empty;

#[cfg(test)]
impl Reader for Empty {
    fn raw(&self, _: &[u8]) -> Result<Option<Vec<u8>>> {
        Ok(None)
    }

    fn scan_between(&self, _: &[u8], _: Option<&[u8]>, _: &mut Visit<'_>) -> Result<()> {
        Ok(())
    }
}
