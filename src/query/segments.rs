//! Segments of a snapshot: which there are, who is in them, and who came and went.

use super::similar::user_id;
use crate::engine::segments::{CHANGES_OF_BLOCK, Head, Segment, StoredChange};
use crate::engine::{Published, Reader};
use crate::error::{Error, ErrorKind, Result, known, shorten};
use crate::model::{SegmentChange, SegmentChanges, SegmentSummary, nearest_name};
use crate::storage::View;
use crate::telemetry::tell_left_out;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

/// All segments, in the order in which they were first defined.
pub(crate) fn segments(view: &View<Published>) -> Result<Vec<SegmentSummary>> {
    let segments = &view.attachment().segments;
    let summary = |segment: &Arc<Segment>| {
        let stored = &segment.stored;
        Ok(SegmentSummary {
            name: stored.name.clone(),
            version: stored.version,
            predicate: stored.predicate.clone(),
            members: segments.members(segment.no)?.len(),
        })
    };
    segments.all().map(summary).collect()
}

/// The number of a segment that must be there.
pub(super) fn known_segment(view: &View<Published>, name: &str) -> Result<u32> {
    let segments = &view.attachment().segments;
    segments.no(name).ok_or_else(|| {
        let nearest = nearest_name(name, segments.names());
        Error::Unknown { what: "segment", name: shorten(name), nearest }
    })
}

/// The ids of the users in a segment, in the order in which the users were first seen.
pub(crate) fn members(view: &View<Published>, name: &str) -> Result<Vec<String>> {
    let members = view.attachment().segments.members(known_segment(view, name)?)?;
    let (mut users, mut lost) = (Vec::new(), None);
    for user in members.iter() {
        users.extend(known(user_id(view, user), &mut lost)?);
    }
    tell_left_out(lost.as_ref());
    Ok(users)
}

/// The names of the segments that a user is in, in the order in which they were first defined.
pub(crate) fn segments_of(view: &View<Published>, user: u32) -> Result<Vec<String>> {
    let (segments, mut names) = (&view.attachment().segments, Vec::new());
    for segment in segments.all() {
        if segments.members(segment.no)?.has(user) {
            names.push(segment.stored.name.clone());
        }
    }
    Ok(names)
}

/// At most `limit` changes of the feed, from a position on, and the position of the next.
pub(crate) fn changes_since(view: &View<Published>, position: u64, limit: usize) -> Result<SegmentChanges> {
    let segments = &view.attachment().segments;
    let head = segments.head;
    if position < head.first || position > head.position {
        let expected = format!(
            "changes are kept from position {} to {}: read the members of the segments anew, and go on from {1}",
            head.first, head.position
        );
        return Err(Error::invalid("position in the feed of segments", position, expected));
    }
    let (mut changes, mut next, mut ids, mut lost) = (Vec::new(), position, HashMap::new(), None);
    while next < head.position && changes.len() < limit {
        let block =
            segments.block(view, next / CHANGES_OF_BLOCK).map_err(|error| unreadable(error, next, head))?;
        for stored in block.into_iter().skip((next % CHANGES_OF_BLOCK) as usize) {
            if changes.len() == limit {
                break;
            }
            changes.extend(known(change(view, next, stored, &mut ids), &mut lost)?.flatten());
            next += 1;
        }
    }
    tell_left_out(lost.as_ref());
    Ok(SegmentChanges { changes, next })
}

/// The word to whoever follows the feed that they cannot.
fn unreadable(error: Error, position: u64, head: Head) -> Error {
    if error.kind() != ErrorKind::Damage {
        return error;
    }
    let what = format!("{error}: read the members of the segments anew, and go on from {}", head.position);
    Error::damaged(format!("the feed of segments from position {position} on"), what)
}

/// A change, unless its user or its segment is gone.
fn change(
    view: &View<Published>,
    position: u64,
    stored: StoredChange,
    ids: &mut HashMap<u32, Option<String>>,
) -> Result<Option<SegmentChange>> {
    let StoredChange { segment, version, user, entered, now } = stored;
    let Some(segment) = view.attachment().segments.get(segment) else { return Ok(None) };
    if let Entry::Vacant(new) = ids.entry(user) {
        new.insert(view.user(user)?.map(|user| user.id));
    }
    let id = ids.get(&user).cloned().flatten();
    let segment = segment.stored.name.clone();
    Ok(id.map(|user| SegmentChange { position, segment, version, user, entered, now }))
}
