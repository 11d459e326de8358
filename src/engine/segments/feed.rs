//! The feed of who came into a segment and who left: its end is also how who is in segments is known, since the parts of that are put
//! down only now and then.

use super::Segments;
use super::stored::{CHANGES_OF_BLOCK, Part, StoredChange};
use crate::engine::reader::Reader;
use crate::engine::session::Session;
use crate::error::{Error, Result};
use crate::storage::{codec, keys};
use std::collections::VecDeque;
use std::sync::Arc;

/// Changes that the feed keeps; older ones go. In tests so few that some do.
const MOST_CHANGES: u64 = if cfg!(test) { 2 * CHANGES_OF_BLOCK } else { 1_000_000 };
/// Changes behind which parts are put down, long before the feed lets go of the oldest that is not in one.
pub(super) const UNSETTLED: u64 = MOST_CHANGES / 2;

/// Changes of one write, of which no more are held than the feed keeps.
#[derive(Default)]
pub(super) struct Told {
    /// How many there were.
    count: u64,
    latest: VecDeque<StoredChange>,
}

impl Told {
    pub(super) fn push(&mut self, change: StoredChange) {
        if self.latest.len() as u64 == MOST_CHANGES {
            self.latest.pop_front();
        }
        self.latest.push_back(change);
        self.count += 1;
    }

    pub(super) const fn count(&self) -> u64 {
        self.count
    }
}

impl Segments {
    /// The changes under the key of a block of the feed.
    ///
    /// # Errors
    /// [`Error::Damaged`] also where there are none, or not as many as there must be.
    pub(crate) fn block(&self, reader: &impl Reader, block: u64) -> Result<Vec<StoredChange>> {
        let changes: Option<Vec<StoredChange>> = reader.read("changes", &keys::changes_of(block))?;
        let wanted = self.head.changes_of(block);
        changes.filter(|changes| changes.len() as u64 == wanted).ok_or_else(|| {
            Error::damaged(
                format!("block {block} of the feed of segments"),
                format!("it has not {wanted} changes"),
            )
        })
    }

    /// Has who is in segments, as the parts have it, follow the end of the feed.
    ///
    /// # Errors
    /// [`Error::Damaged`] where some of that cannot be read.
    pub(super) fn replay(&mut self, reader: &impl Reader) -> Result<()> {
        let settled = self.head.settled;
        for block in settled / CHANGES_OF_BLOCK..self.head.position.div_ceil(CHANGES_OF_BLOCK) {
            let changes = self.block(reader, block)?;
            for (position, change) in (block * CHANGES_OF_BLOCK..).zip(&changes) {
                if position >= settled {
                    self.set(change.segment, change.user, change.entered, position);
                }
            }
            self.tail = Arc::new(changes);
        }
        if self.head.position.is_multiple_of(CHANGES_OF_BLOCK) {
            self.tail = Arc::default();
        }
        Ok(())
    }
}

impl Session<'_, '_> {
    /// Puts changes down at the end of the feed, which lets go of the oldest.
    pub(super) fn put_feed(&mut self, told: Told) -> Result<()> {
        if told.count == 0 {
            return Ok(());
        }
        let before = self.segments.head.position;
        let end = before + told.count;
        self.segments.head.position = end;
        self.let_go(end.saturating_sub(MOST_CHANGES).next_multiple_of(CHANGES_OF_BLOCK), before);
        let first = self.segments.head.first.max(before);
        // Whole blocks from their first change on, which may be of an earlier write.
        let mut changes: Vec<StoredChange> =
            if first > before { Vec::new() } else { self.segments.tail.to_vec() };
        let skipped = told.latest.len() as u64 - (end - first);
        changes.extend(told.latest.into_iter().skip(skipped as usize));
        let mut block = first / CHANGES_OF_BLOCK;
        let mut blocks = changes.chunks(CHANGES_OF_BLOCK as usize).peekable();
        while let Some(changes) = blocks.next() {
            let (key, value) = (keys::changes_of(block), codec::encode(&changes)?);
            if block * CHANGES_OF_BLOCK < before {
                self.tx.put(key, value);
            } else {
                self.tx.put_new(key, value);
            }
            if blocks.peek().is_none() {
                let is_full = changes.len() as u64 == CHANGES_OF_BLOCK;
                self.segments.tail = if is_full { Arc::default() } else { Arc::new(changes.to_vec()) };
            }
            block += 1;
        }
        Ok(())
    }

    /// Deletes blocks of the feed before a position, of those that there are before the end.
    fn let_go(&mut self, first: u64, end: u64) {
        let head = &mut self.segments.head;
        if first <= head.first {
            return;
        }
        let blocks = head.first / CHANGES_OF_BLOCK
            ..first.min(end.next_multiple_of(CHANGES_OF_BLOCK)) / CHANGES_OF_BLOCK;
        head.first = first;
        blocks.for_each(|block| self.tx.delete(keys::changes_of(block)));
    }

    /// Has the feed begin anew, since some of it cannot be read: whoever follows it is told to read the members.
    pub(super) fn begin_feed_anew(&mut self) -> Result<()> {
        let end = self.segments.head.position;
        // Behind the end, also for who has read all of it.
        let first = (end + 1).next_multiple_of(CHANGES_OF_BLOCK);
        self.let_go(first, end);
        self.segments.head.position = first;
        self.segments.tail = Arc::default();
        self.settle(0)
    }

    /// Puts down the parts in which changes are missing that are that old, or all.
    pub(super) fn settle(&mut self, behind: u64) -> Result<()> {
        let horizon = self.segments.head.position.saturating_sub(behind);
        while let Some((_, (segment, part))) =
            self.segments.unsettled.first().filter(|(position, _)| *position < horizon)
        {
            self.put_part(segment, part)?;
        }
        let first = self.segments.unsettled.first();
        self.segments.head.settled = first.map_or(self.segments.head.position, |(position, _)| position);
        Ok(())
    }

    /// Puts down who is in a part of a segment.
    pub(super) fn put_part(&mut self, segment: u32, part: u32) -> Result<()> {
        self.segments.unsettled.put((segment, part), None);
        let members = self.segments.members.get(&segment);
        let stored = Part::of(members.into_iter().flat_map(|members| members.of_part(part)));
        if stored.is_empty() {
            self.tx.delete(keys::members(segment, part));
            return Ok(());
        }
        self.put(keys::members(segment, part), &stored)
    }
}
