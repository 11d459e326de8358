//! The ids of users and items, by their records, and where these are damaged by the keys of their names.

use super::super::reader::{EachReader, Reader};
use super::super::verify::sound;
use crate::error::Result;
use crate::storage::keys::{Key, Subject, u32_at};
use crate::storage::{Contents, codec};
use lru::LruCache;
use roaring::RoaringBitmap;
use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::ops::ControlFlow;

/// Ids that are kept at hand.
const CAPACITY: NonZeroUsize = NonZeroUsize::new(1 << 16).unwrap();

/// Where ids are read.
pub(super) struct Place {
    /// The key of a record.
    pub record: fn(u32) -> Key,
    /// What the keys of all records begin with, and of all names.
    pub records: Key,
    pub names: Key,
    /// The id that a record's value has.
    pub id: fn(&[u8]) -> Result<String>,
}

/// The ids of users, or of items.
pub(super) struct Ids<'a> {
    opened: &'a Contents,
    place: Place,
    /// Numbers whose records can be read.
    sound: RoaringBitmap,
    /// Of the others, those whose names can.
    named: BTreeMap<u32, String>,
    recent: LruCache<u32, String>,
}

impl<'a> Ids<'a> {
    /// Reads all records of a kind, and all keys of their names.
    pub(super) fn read(opened: &'a Contents, place: Place) -> Result<Self> {
        let (mut records, mut named) = (RoaringBitmap::new(), BTreeMap::new());
        opened.each(&place.records, &mut |key, value| {
            let id = sound(value.and_then(|value| (place.id)(&value)))?;
            records.extend(u32_at(key, 1).filter(|_| id.is_some()));
            Ok(ControlFlow::Continue(()))
        })?;
        opened.each(&place.names, &mut |key, value| {
            let no: Option<u32> = sound(value.and_then(|value| codec::decode("name", &value)))?;
            if let (Some(no), Some(Subject::UserName(id) | Subject::ItemName(id))) = (no, Subject::of(key))
                && !records.contains(no)
            {
                named.insert(no, id.to_owned());
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let recent = LruCache::new(CAPACITY);
        Ok(Self { opened, place, sound: records, named, recent })
    }

    /// The id of a number, if it can be told.
    pub(super) fn of(&mut self, no: u32) -> Result<Option<String>> {
        if let Some(id) = self.recent.get(&no) {
            return Ok(Some(id.clone()));
        }
        let id = if self.sound.contains(no) {
            let value = self.opened.raw(&(self.place.record)(no))?;
            value.map(|value| (self.place.id)(&value)).transpose()?
        } else {
            self.named.get(&no).cloned()
        };
        if let Some(id) = &id {
            self.recent.put(no, id.clone());
        }
        Ok(id)
    }

    /// The keys of records that cannot be read, with the ids that their names tell.
    pub(super) fn only_named(&self) -> BTreeMap<Key, String> {
        self.named.iter().map(|(&no, id)| ((self.place.record)(no), id.clone())).collect()
    }

    /// What the keys of all records begin with.
    pub(super) fn records(&self) -> &Key {
        &self.place.records
    }
}
