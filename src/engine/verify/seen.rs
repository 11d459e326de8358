//! What is there, noted while values are read, for what must hold between them.

use crate::model::Time;
use crate::storage::keys::{Subject, TextHash};
use roaring::RoaringBitmap;
use std::collections::HashMap;

/// Numbers and sums of what was read. Per user it takes some 20 bytes of memory, with an archive some 60, and as many per item, however much there is of each.
#[derive(Default)]
pub(super) struct Seen {
    pub users: RoaringBitmap,
    pub named_users: RoaringBitmap,
    pub items: RoaringBitmap,
    pub named_items: RoaringBitmap,
    pub groups: RoaringBitmap,
    /// The groups of items that have one.
    pub groups_of_items: HashMap<u32, u32>,
    pub named_groups: RoaringBitmap,
    pub states: RoaringBitmap,
    /// Users with sums of the epoch in force.
    pub sums: RoaringBitmap,
    /// Whether anybody was erased.
    pub has_marks: bool,
    pub contributions: Tally,
    /// Entries of archives, and the events in them.
    pub archived: Tally,
    pub folded: Tally,
    /// Users with the head of an archive, and what it says of the newest folded event.
    pub heads: RoaringBitmap,
    pub horizons: HashMap<u32, Time>,
    pub events: Tally,
    pub texts: Tally,
    /// What the figures of users say of their texts.
    pub counted_texts: Tally,
    /// Ids that events have, and that the buckets have.
    pub event_ids: Multiset,
    pub bucketed_ids: Multiset,
    /// Uses of texts' vectors, by the records and by what is counted.
    pub text_uses: Multiset,
    pub counted_uses: Multiset,
}

impl Seen {
    /// Notes a key, whatever its value is: where that is damaged, nothing is missing beside.
    pub(super) fn note(&mut self, subject: Subject<'_>, epoch: Option<u32>) {
        match subject {
            Subject::User(no) => drop(self.users.insert(no)),
            Subject::Item(no) => drop(self.items.insert(no)),
            Subject::Group(no) => drop(self.groups.insert(no)),
            Subject::State(no) => drop(self.states.insert(no)),
            Subject::ArchiveHead(no) => drop(self.heads.insert(no)),
            Subject::Tombstone(_) => self.has_marks = true,
            Subject::Sums { epoch: of, user } if Some(of) == epoch => drop(self.sums.insert(user)),
            Subject::Event { user, .. } => self.events.add(user, 1),
            Subject::Text { user, .. } => self.texts.add(user, 1),
            _ => {}
        }
    }
}

/// How many of something each user has, added in the order of their numbers.
#[derive(Default)]
pub(super) struct Tally(Vec<(u32, u64)>);

impl Tally {
    pub(super) fn add(&mut self, user: u32, count: u64) {
        match self.0.last_mut() {
            Some((last, sum)) if *last == user => *sum = sum.saturating_add(count),
            _ if count > 0 => self.0.push((user, count)),
            _ => {}
        }
    }

    pub(super) fn of(&self, user: u32) -> u64 {
        self.0.binary_search_by_key(&user, |&(user, _)| user).map_or(0, |at| self.0[at].1)
    }

    pub(super) fn total(&self) -> u64 {
        self.0.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
    }

    pub(super) fn users(&self) -> impl Iterator<Item = u32> {
        self.0.iter().map(|&(user, _)| user)
    }
}

/// A multiset of hashes, by its size and the sum of its members: two that differ have other sums, but for one chance in 2¹²⁸.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Multiset {
    pub count: u64,
    sum: u128,
}

impl Multiset {
    pub(super) fn add(&mut self, hash: TextHash, times: u64) {
        self.count = self.count.saturating_add(times);
        self.sum = self.sum.wrapping_add(u128::from_le_bytes(hash).wrapping_mul(u128::from(times)));
    }
}
