//! Keys read back: what a key says that its value is.

use super::{
    ARCHIVE, ARCHIVE_HEAD, CHANGE, CONTRIBUTION, DUE, EVENT, EVENT_IDS, GROUP, GROUP_FACTOR, GROUP_NAME,
    ITEM, ITEM_FACTOR, ITEM_NAME, MEMBERS, META, SEGMENT, STATE, SUMS, TEXT, TEXT_USES, TEXT_VECTOR,
    TOMBSTONE, TextHash, UNSEALED, USER, USER_NAME, VECTOR, block_at, time_at, u32_at,
};
use crate::model::Time;

/// What a key says that its value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject<'k> {
    Meta(&'k str),
    UserName(&'k str),
    User(u32),
    Vector(u32),
    ItemName(&'k str),
    Item(u32),
    GroupName(TextHash),
    Group(u32),
    Event { user: u32, time: Time },
    EventIds(u32),
    Text { user: u32, time: Time },
    State(u32),
    Sums { epoch: u32, user: u32 },
    Archive { user: u32 },
    ArchiveHead(u32),
    Contributions { user: u32 },
    TextVector { encoder: u32, hash: TextHash },
    TextUses(TextHash),
    ItemFactor { version: u32, item: u32 },
    GroupFactor { version: u32, group: u32 },
    Unsealed(u32),
    Tombstone([u8; 16]),
    Segment(u32),
    Members { segment: u32, part: u32 },
    Due(u32),
    Changes(u64),
}

impl<'k> Subject<'k> {
    /// What a key stands for; `None` where no key is like that.
    pub(crate) fn of(key: &'k [u8]) -> Option<Self> {
        let (&tag, rest) = key.split_first()?;
        let name = || std::str::from_utf8(rest).ok().filter(|name| !name.is_empty());
        match (tag, rest.len()) {
            (META, _) => name().map(Self::Meta),
            (USER_NAME, _) => name().map(Self::UserName),
            (ITEM_NAME, _) => name().map(Self::ItemName),
            (USER, 4) => u32_at(key, 1).map(Self::User),
            (VECTOR, 4) => u32_at(key, 1).map(Self::Vector),
            (ITEM, 4) => u32_at(key, 1).map(Self::Item),
            (GROUP, 4) => u32_at(key, 1).map(Self::Group),
            (STATE, 4) => u32_at(key, 1).map(Self::State),
            (EVENT_IDS, 4) => u32_at(key, 1).map(Self::EventIds),
            (ARCHIVE_HEAD, 4) => u32_at(key, 1).map(Self::ArchiveHead),
            (UNSEALED, 4) => u32_at(key, 1).map(Self::Unsealed),
            (GROUP_NAME, 16) => rest.try_into().ok().map(Self::GroupName),
            (TEXT_USES, 16) => rest.try_into().ok().map(Self::TextUses),
            (TOMBSTONE, 16) => rest.try_into().ok().map(Self::Tombstone),
            (EVENT, 20) => Some(Self::Event { user: u32_at(key, 1)?, time: time_at(key)? }),
            (TEXT, 20) => Some(Self::Text { user: u32_at(key, 1)?, time: time_at(key)? }),
            (SUMS, 8) => Some(Self::Sums { epoch: u32_at(key, 1)?, user: u32_at(key, 5)? }),
            (ARCHIVE, 8) => Some(Self::Archive { user: u32_at(key, 1)? }),
            (CONTRIBUTION, 8) => Some(Self::Contributions { user: u32_at(key, 1)? }),
            (TEXT_VECTOR, 20) => {
                Some(Self::TextVector { encoder: u32_at(key, 1)?, hash: rest.get(4..)?.try_into().ok()? })
            }
            (ITEM_FACTOR, 8) => Some(Self::ItemFactor { version: u32_at(key, 1)?, item: u32_at(key, 5)? }),
            (GROUP_FACTOR, 8) => Some(Self::GroupFactor { version: u32_at(key, 1)?, group: u32_at(key, 5)? }),
            (SEGMENT, 4) => u32_at(key, 1).map(Self::Segment),
            (MEMBERS, 8) => Some(Self::Members { segment: u32_at(key, 1)?, part: u32_at(key, 5)? }),
            (DUE, 4) => u32_at(key, 1).map(Self::Due),
            (CHANGE, 8) => block_at(key).map(Self::Changes),
            _ => None,
        }
    }

    /// The user whose record it is, by number.
    pub(crate) fn user(self) -> Option<u32> {
        match self {
            Self::User(no)
            | Self::Vector(no)
            | Self::State(no)
            | Self::ArchiveHead(no)
            | Self::Unsealed(no)
            | Self::Due(no) => Some(no),
            Self::Event { user, .. }
            | Self::Text { user, .. }
            | Self::Sums { user, .. }
            | Self::Archive { user }
            | Self::Contributions { user } => Some(user),
            _ => None,
        }
    }

    /// The item that it is about, by number.
    pub(crate) fn item(self) -> Option<u32> {
        match self {
            Self::Item(item) | Self::ItemFactor { item, .. } => Some(item),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{
        archive, archive_head, changes_of, contributions, due, event, event_ids, group, group_factor,
        group_name, item, item_factor, item_name, members, meta, segment, state, sums, text, text_uses,
        text_vector, tombstone, unsealed, user, user_name, vector,
    };
    use super::*;

    #[test]
    fn every_key_is_read_back() {
        let time = Time::from_secs(-7).unwrap();
        let all = [
            (meta("counters"), Subject::Meta("counters")),
            (user_name("ann"), Subject::UserName("ann")),
            (user(7), Subject::User(7)),
            (vector(7), Subject::Vector(7)),
            (item_name("p1"), Subject::ItemName("p1")),
            (item(8), Subject::Item(8)),
            (group_name([3; 16]), Subject::GroupName([3; 16])),
            (group(9), Subject::Group(9)),
            (event(7, time, [1; 8]), Subject::Event { user: 7, time }),
            (event_ids(2), Subject::EventIds(2)),
            (text(7, time, [1; 8]), Subject::Text { user: 7, time }),
            (state(7), Subject::State(7)),
            (sums(1, 7), Subject::Sums { epoch: 1, user: 7 }),
            (archive(7, 0), Subject::Archive { user: 7 }),
            (archive_head(7), Subject::ArchiveHead(7)),
            (contributions(7, 0), Subject::Contributions { user: 7 }),
            (text_vector(5, [4; 16]), Subject::TextVector { encoder: 5, hash: [4; 16] }),
            (text_uses([4; 16]), Subject::TextUses([4; 16])),
            (item_factor(1, 8), Subject::ItemFactor { version: 1, item: 8 }),
            (group_factor(1, 9), Subject::GroupFactor { version: 1, group: 9 }),
            (unsealed(7), Subject::Unsealed(7)),
            (tombstone([6; 16]), Subject::Tombstone([6; 16])),
            (segment(3), Subject::Segment(3)),
            (members(3, 1), Subject::Members { segment: 3, part: 1 }),
            (due(7), Subject::Due(7)),
            (changes_of(11), Subject::Changes(11)),
        ];
        for (key, subject) in all {
            assert_eq!(Subject::of(&key), Some(subject));
            let longer = [&key[..], &[0xFF]].concat();
            assert_eq!(Subject::of(&longer), None, "{subject:?}");
            assert_eq!(Subject::of(&key[..1]), None, "{subject:?}");
        }
        assert_eq!(Subject::of(b"z1234"), None);
        assert_eq!(Subject::of(b""), None);
    }
}
