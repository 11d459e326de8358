//! Whom a predicate matches: bound to a store, evaluated for each user, and checked against the attributes that there are.

mod bind;
mod catalogue;
mod evaluate;
mod facts;

use super::scan::stored_users;
use super::similar::tell_left_out;
use crate::engine::{Published, Settings};
use crate::error::{ErrorKind, Result};
use crate::model::predicate::Truth;
use crate::model::{Predicate, Time};
use crate::storage::View;
use bind::bind;
use catalogue::Catalogue;
use facts::Facts;
use roaring::RoaringBitmap;

/// The numbers of the users of whom a predicate is true at `now`. Users whose values are damaged are left out, with a warning.
///
/// # Errors
/// [`crate::Error::Predicate`], or without a place [`crate::Error::Invalid`] or [`crate::Error::Unknown`], for what is misspelt
/// or cannot be compared.
pub(super) fn matching(
    view: &View<Published>,
    settings: &Settings,
    predicate: &Predicate,
    now: Time,
) -> Result<RoaringBitmap> {
    let bound = bind(&predicate.node, settings, now)?;
    let (mut matching, mut catalogue, mut lost) = (RoaringBitmap::new(), Catalogue::new(), None);
    for user in stored_users(view) {
        catalogue.is_whole &= user.is_ok();
        let truth = user.and_then(|(no, user)| {
            catalogue.see(&user.attributes);
            Ok((no, bound.truth(&Facts::new(view, no, &user))?))
        });
        match truth {
            Ok((no, Truth::True)) => drop(matching.insert(no)),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Damage => lost = Some(error),
            Err(error) => return Err(error),
        }
    }
    tell_left_out(lost.as_ref());
    catalogue.check(&predicate.node)?;
    Ok(matching)
}
