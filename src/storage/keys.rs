//! The whole key layout: one constructor per kind of key.
//!
//! A key is a tag byte, then big-endian fields of fixed length, so that the order of keys is the order
//! of their fields; only names, which end a key, vary in length. `docs/format.md` lists them all.

mod subject;

pub(crate) use subject::Subject;

use crate::model::Time;

/// A key of the store.
pub(crate) type Key = Vec<u8>;

/// The first 16 bytes of the BLAKE3 hash of a text: what its vector is kept under.
pub(crate) type TextHash = [u8; 16];

/// The first 8 bytes of the BLAKE3 hash of an event: tells events of one instant apart.
pub(crate) type EventHash = [u8; 8];

const META: u8 = b'M';
const USER_NAME: u8 = b'u';
const USER: u8 = b'U';
const VECTOR: u8 = b'V';
const ITEM_NAME: u8 = b'i';
const ITEM: u8 = b'I';
const GROUP_NAME: u8 = b'g';
const GROUP: u8 = b'G';
const EVENT: u8 = b'e';
const EVENT_IDS: u8 = b'x';
const TEXT: u8 = b't';
const STATE: u8 = b's';
const SUMS: u8 = b'S';
const ARCHIVE: u8 = b'a';
const ARCHIVE_HEAD: u8 = b'b';
const CONTRIBUTION: u8 = b'c';
const TEXT_VECTOR: u8 = b'v';
const TEXT_USES: u8 = b'n';
const ITEM_FACTOR: u8 = b'f';
const GROUP_FACTOR: u8 = b'h';
const UNSEALED: u8 = b'j';
const TOMBSTONE: u8 = b'd';
const SEGMENT: u8 = b'q';
const MEMBERS: u8 = b'm';
const DUE: u8 = b'r';
const CHANGE: u8 = b'w';

fn key(tag: u8, parts: &[&[u8]]) -> Key {
    let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
    key.push(tag);
    parts.iter().for_each(|part| key.extend_from_slice(part));
    key
}

/// Flips the sign bit, so that earlier times sort first also before 1970.
fn time_bytes(time: Time) -> [u8; 8] {
    ((time.micros() as u64) ^ (1 << 63)).to_be_bytes()
}

pub(crate) fn meta(name: &str) -> Key {
    key(META, &[name.as_bytes()])
}

pub(crate) fn user_name(id: &str) -> Key {
    key(USER_NAME, &[id.as_bytes()])
}

pub(crate) fn user_names() -> Key {
    key(USER_NAME, &[])
}

pub(crate) fn user(no: u32) -> Key {
    key(USER, &[&no.to_be_bytes()])
}

pub(crate) fn users() -> Key {
    key(USER, &[])
}

pub(crate) fn vector(user: u32) -> Key {
    key(VECTOR, &[&user.to_be_bytes()])
}

pub(crate) fn vectors() -> Key {
    key(VECTOR, &[])
}

pub(crate) fn item_name(id: &str) -> Key {
    key(ITEM_NAME, &[id.as_bytes()])
}

pub(crate) fn item_names() -> Key {
    key(ITEM_NAME, &[])
}

pub(crate) fn item(no: u32) -> Key {
    key(ITEM, &[&no.to_be_bytes()])
}

pub(crate) fn items() -> Key {
    key(ITEM, &[])
}

/// A group, by the text that its items have in common.
pub(crate) fn group_name(hash: TextHash) -> Key {
    key(GROUP_NAME, &[&hash])
}

pub(crate) fn groups() -> Key {
    key(GROUP, &[])
}

pub(crate) fn group(no: u32) -> Key {
    key(GROUP, &[&no.to_be_bytes()])
}

pub(crate) fn event(user: u32, time: Time, hash: EventHash) -> Key {
    key(EVENT, &[&user.to_be_bytes(), &time_bytes(time), &hash])
}

pub(crate) fn events() -> Key {
    key(EVENT, &[])
}

pub(crate) fn events_of(user: u32) -> Key {
    key(EVENT, &[&user.to_be_bytes()])
}

/// All buckets of the ids of events.
pub(crate) fn all_event_ids() -> Key {
    key(EVENT_IDS, &[])
}

/// A bucket of the ids of events.
pub(crate) fn event_ids(bucket: u32) -> Key {
    key(EVENT_IDS, &[&bucket.to_be_bytes()])
}

pub(crate) fn text(user: u32, time: Time, hash: EventHash) -> Key {
    key(TEXT, &[&user.to_be_bytes(), &time_bytes(time), &hash])
}

pub(crate) fn all_texts() -> Key {
    key(TEXT, &[])
}

pub(crate) fn texts_of(user: u32) -> Key {
    key(TEXT, &[&user.to_be_bytes()])
}

pub(crate) fn state(user: u32) -> Key {
    key(STATE, &[&user.to_be_bytes()])
}

pub(crate) fn states() -> Key {
    key(STATE, &[])
}

/// A user's sums, as of one fusion of all profiles.
pub(crate) fn sums(epoch: u32, user: u32) -> Key {
    key(SUMS, &[&epoch.to_be_bytes(), &user.to_be_bytes()])
}

pub(crate) fn all_sums() -> Key {
    key(SUMS, &[])
}

/// A bucket of a user's archive: what is left of events that were folded.
pub(crate) fn archive(user: u32, bucket: u32) -> Key {
    key(ARCHIVE, &[&user.to_be_bytes(), &bucket.to_be_bytes()])
}

pub(crate) fn archive_of(user: u32) -> Key {
    key(ARCHIVE, &[&user.to_be_bytes()])
}

pub(crate) fn all_archives() -> Key {
    key(ARCHIVE, &[])
}

/// What is known of a user's archive as a whole.
pub(crate) fn archive_head(user: u32) -> Key {
    key(ARCHIVE_HEAD, &[&user.to_be_bytes()])
}

pub(crate) fn archive_heads() -> Key {
    key(ARCHIVE_HEAD, &[])
}

/// A bucket of a user's contributions.
pub(crate) fn contributions(user: u32, bucket: u32) -> Key {
    key(CONTRIBUTION, &[&user.to_be_bytes(), &bucket.to_be_bytes()])
}

pub(crate) fn contributions_of(user: u32) -> Key {
    key(CONTRIBUTION, &[&user.to_be_bytes()])
}

pub(crate) fn all_contributions() -> Key {
    key(CONTRIBUTION, &[])
}

/// The vector of a text by one encoder.
pub(crate) fn text_vector(encoder: u32, hash: TextHash) -> Key {
    key(TEXT_VECTOR, &[&encoder.to_be_bytes(), &hash])
}

pub(crate) fn text_vectors_by(encoder: u32) -> Key {
    key(TEXT_VECTOR, &[&encoder.to_be_bytes()])
}

pub(crate) fn text_vectors() -> Key {
    key(TEXT_VECTOR, &[])
}

/// Reads the text's hash out of the key of a text's vector.
pub(crate) fn text_hash_at(key: &[u8]) -> Option<TextHash> {
    key.get(5..21)?.try_into().ok()
}

/// How many items, events, texts and attribute sentences use a text's vector.
pub(crate) fn text_uses(hash: TextHash) -> Key {
    key(TEXT_USES, &[&hash])
}

pub(crate) fn all_text_uses() -> Key {
    key(TEXT_USES, &[])
}

pub(crate) fn item_factor(version: u32, item: u32) -> Key {
    key(ITEM_FACTOR, &[&version.to_be_bytes(), &item.to_be_bytes()])
}

pub(crate) fn item_factors() -> Key {
    key(ITEM_FACTOR, &[])
}

pub(crate) fn group_factor(version: u32, group: u32) -> Key {
    key(GROUP_FACTOR, &[&version.to_be_bytes(), &group.to_be_bytes()])
}

pub(crate) fn group_factors() -> Key {
    key(GROUP_FACTOR, &[])
}

/// A user whose vector may differ from what the index's files hold.
pub(crate) fn unsealed(user: u32) -> Key {
    key(UNSEALED, &[&user.to_be_bytes()])
}

pub(crate) fn all_unsealed() -> Key {
    key(UNSEALED, &[])
}

/// The mark of an erased user, by the hash of the id.
pub(crate) fn tombstone(hash: [u8; 16]) -> Key {
    key(TOMBSTONE, &[&hash])
}

pub(crate) fn tombstones() -> Key {
    key(TOMBSTONE, &[])
}

/// Reads the hash out of the key of a tombstone.
pub(crate) fn tombstone_at(key: &[u8]) -> Option<[u8; 16]> {
    key.get(1..17)?.try_into().ok()
}

/// The definition of a segment.
pub(crate) fn segment(no: u32) -> Key {
    key(SEGMENT, &[&no.to_be_bytes()])
}

pub(crate) fn segments() -> Key {
    key(SEGMENT, &[])
}

/// Who of some users with neighbouring numbers is in a segment.
pub(crate) fn members(segment: u32, part: u32) -> Key {
    key(MEMBERS, &[&segment.to_be_bytes(), &part.to_be_bytes()])
}

pub(crate) fn all_members() -> Key {
    key(MEMBERS, &[])
}

/// When a user is to be looked at again for segments, because time goes on.
pub(crate) fn due(user: u32) -> Key {
    key(DUE, &[&user.to_be_bytes()])
}

pub(crate) fn all_due() -> Key {
    key(DUE, &[])
}

/// A block of changes of the feed of who came into a segment and who left.
pub(crate) fn changes_of(block: u64) -> Key {
    key(CHANGE, &[&block.to_be_bytes()])
}

pub(crate) fn changes() -> Key {
    key(CHANGE, &[])
}

/// Reads the block out of the key of a block of changes.
pub(crate) fn block_at(key: &[u8]) -> Option<u64> {
    key.get(1..9)?.try_into().ok().map(u64::from_be_bytes)
}

/// Reads a big-endian `u32` at `at`, if the key is long enough.
pub(crate) fn u32_at(key: &[u8], at: usize) -> Option<u32> {
    key.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes)
}

/// Reads the time out of the key of an event or a text.
pub(crate) fn time_at(key: &[u8]) -> Option<Time> {
    let biased = u64::from_be_bytes(key.get(5..13)?.try_into().ok()?);
    Time::from_micros((biased ^ (1 << 63)) as i64).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn events_sort_by_user_then_time(a in any::<(u32, i64)>(), b in any::<(u32, i64)>()) {
            let range = -62_135_596_800_000_000..253_402_207_200_000_000_i64;
            let clamp = |t: i64| Time::from_micros(t.clamp(range.start, range.end - 1)).unwrap();
            let (ta, tb) = (clamp(a.1), clamp(b.1));
            let order = event(a.0, ta, [0; 8]).cmp(&event(b.0, tb, [0; 8]));
            prop_assert_eq!(order, (a.0, ta).cmp(&(b.0, tb)));
            prop_assert_eq!(time_at(&event(a.0, ta, [9; 8])), Some(ta));
        }
    }
}
