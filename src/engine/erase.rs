//! Erasing users for good: nothing of them stays but a mark that keeps late records from bringing them back.

use super::Engine;
use super::apply::Outcome;
use super::reader::Reader;
use super::session::Session;
use crate::error::{Error, Result};
use crate::model::{Hex, Record, Salt, Tombstone, check_id};
use crate::storage::keys;
use std::hash::{BuildHasher, Hasher, RandomState};

impl Session<'_, '_> {
    /// Whether the user is not there and must not come back.
    pub(super) fn is_erased(&self, user: &str) -> Result<bool> {
        self.salt.map_or(Ok(false), |salt| is_erased(&self.tx, salt, user))
    }

    /// Removes the user, and keeps them from coming back; also one whom the store does not know.
    pub(super) fn erase(&mut self, user: &str) -> Result<Outcome> {
        let removed = self.remove_user(user)?;
        let salt = self.salt.unwrap_or_else(draw);
        let marked = self.put_tombstone(Tombstone::of(user, salt)?)?;
        Ok(if marked == Outcome::Changed { marked } else { removed })
    }

    /// Lets an erased user come back.
    pub(super) fn readmit(&mut self, user: &str) -> Result<Outcome> {
        if !self.is_erased(user)? {
            return Ok(Outcome::Absent);
        }
        if let Some(salt) = self.salt {
            self.tx.delete(keys::tombstone(Tombstone::of(user, salt)?.hash.0));
        }
        Ok(Outcome::Changed)
    }

    /// Puts a tombstone. The first one decides the store's salt.
    ///
    /// # Errors
    /// [`Error::Invalid`] for one with another salt, which could not be told from others.
    pub(super) fn put_tombstone(&mut self, tombstone: Tombstone) -> Result<Outcome> {
        check_salt(self.salt, &tombstone)?;
        if self.salt.is_none() {
            self.put(keys::meta("salt"), &tombstone.salt)?;
            self.salt = Some(tombstone.salt);
        }
        let key = keys::tombstone(tombstone.hash.0);
        if self.tx.raw(&key)?.is_some() {
            return Ok(Outcome::Duplicate);
        }
        let seq = self.tx.next_seq();
        self.put(key, &seq)?;
        Ok(Outcome::Changed)
    }
}

impl Engine {
    /// Whether the user is not there and must not come back, as of the newest snapshot.
    pub(super) fn is_erased(&self, user: &str) -> Result<bool> {
        let view = self.view();
        let salt = view.attachment().salt.filter(|_| check_id("user id", user).is_ok());
        salt.map_or(Ok(false), |salt| is_erased(&view, salt, user))
    }
}

fn is_erased(reader: &impl Reader, salt: Salt, user: &str) -> Result<bool> {
    if reader.user_no(user)?.is_some() {
        return Ok(false);
    }
    let tombstone = Tombstone::of(user, salt)?;
    Ok(reader.raw(&keys::tombstone(tombstone.hash.0))?.is_some())
}

/// Refuses a tombstone with another salt than the store's.
pub(super) fn check_salt(salt: Option<Salt>, tombstone: &Tombstone) -> Result<()> {
    match salt {
        Some(salt) if salt != tombstone.salt => Err(Error::invalid(
            "salt of an erased user",
            tombstone.salt,
            "users were erased from this store already, under another salt: import into a new store",
        )),
        _ => Ok(()),
    }
}

/// The user whom a record would make, if they were not there.
pub(super) fn named_user(record: &Record) -> Option<&str> {
    match record {
        Record::Event(event) => Some(&event.user),
        Record::User(user) => Some(&user.id),
        Record::Text(text) => Some(&text.user),
        Record::Archive(archive) => Some(&archive.user),
        Record::Store(_)
        | Record::Item(_)
        | Record::Remove(_)
        | Record::Erase(_)
        | Record::Readmit(_)
        | Record::Erased(_)
        | Record::Segment(_) => None,
    }
}

/// A new salt, of what the system draws for hash maps.
fn draw() -> Salt {
    let mut hasher = blake3::Hasher::new();
    for _ in 0..4 {
        hasher.update(&RandomState::new().build_hasher().finish().to_le_bytes());
    }
    Hex(*hasher.finalize().as_bytes())
}
