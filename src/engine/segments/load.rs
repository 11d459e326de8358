//! Segments read when a store is opened.

use super::stored::{Head, Part, StoredSegment, USERS_OF_PART};
use super::{Segment, Segments};
use crate::engine::reader::{EachReader, from_key};
use crate::error::{Error, ErrorKind, Result};
use crate::model::{Kinds, Time};
use crate::storage::{codec, keys};
use roaring::RoaringBitmap;
use std::ops::ControlFlow;

/// Reads all segments. Who is in them is derived: where it is damaged, that is for a write to make anew.
///
/// # Errors
/// [`Error::Damaged`] where a definition is damaged, and those of reading.
pub(crate) fn load(reader: &impl EachReader, kinds: &Kinds) -> Result<Segments> {
    let mut segments = Segments::default();
    let Some(head) = reader.read::<Head>("segments", &keys::meta("segments"))? else {
        return Ok(segments);
    };
    if !head.is_sound() {
        let (first, settled, position) = (head.first, head.settled, head.position);
        let what = format!("positions {first}, {settled} and {position} do not stand so to each other");
        return Err(Error::damaged("what is kept of segments", what));
    }
    segments.head = head;
    reader.scan(&keys::segments(), &mut |key, value| {
        let no = from_key("segment", key, keys::u32_at(key, 1))?;
        let stored: StoredSegment = codec::decode("segment", value)?;
        segments.insert(Segment { no, stored });
        Ok(ControlFlow::Continue(()))
    })?;
    segments.route(kinds)?;
    let mut lost = RoaringBitmap::new();
    reader.each(&keys::all_members(), &mut |key, value| {
        let (no, part) = (keys::u32_at(key, 1), keys::u32_at(key, 5));
        let (no, part) = (from_key("members", key, no)?, from_key("members", key, part)?);
        match value.and_then(|value| users(&value, part)) {
            Ok(users) => {
                if let Some(members) = segments.members.get_mut(&no) {
                    members.extend(users);
                } else {
                    tracing::warn!("members of a segment that is not there are left out");
                }
            }
            Err(error) if error.kind() == ErrorKind::Damage => drop(lost.insert(no)),
            Err(error) => return Err(error),
        }
        Ok(ControlFlow::Continue(()))
    })?;
    reader.each(&keys::all_due(), &mut |key, value| {
        let user = from_key("due", key, keys::u32_at(key, 1))?;
        let due = match value.and_then(|value| codec::decode::<Time>("due", &value)) {
            Ok(time) => Some(time),
            // Whom to look at again nobody knows when, is looked at now.
            Err(error) if error.kind() == ErrorKind::Damage => head.now,
            Err(error) => return Err(error),
        };
        segments.due.put(user, due);
        Ok(ControlFlow::Continue(()))
    })?;
    match segments.replay(reader) {
        Err(error) if error.kind() == ErrorKind::Damage => {
            segments.is_feed_lost = true;
            // Where the parts have followed all of it, nobody's place depends on it.
            if head.settled < head.position {
                lost.extend(segments.all().map(|segment| segment.no));
            }
        }
        replayed => replayed?,
    }
    segments.lost = lost.into_iter().filter(|no| segments.get(*no).is_some()).collect();
    Ok(segments)
}

fn users(value: &[u8], part: u32) -> Result<Vec<u32>> {
    let stored: Part = codec::decode("members", value)?;
    let users = stored.users(part).map(Iterator::collect);
    users.ok_or_else(|| Error::damaged("members", format!("it is no part of {USERS_OF_PART} users")))
}
