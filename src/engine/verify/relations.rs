//! What must hold between records, once all were read. Where values are damaged that it rests on, it is not asked.

use super::super::reader::EachReader;
use super::super::stored::{Counters, StoredGroup, StoredItem, StoredUser};
use super::Check;
use super::findings::sound;
use super::seen::Seen;
use crate::error::Result;
use crate::storage::keys::{self, Key};
use roaring::RoaringBitmap;

impl<R: EachReader> Check<'_, R> {
    pub(super) fn relations(&mut self) -> Result<()> {
        if self.entries == 0 {
            return Ok(());
        }
        if sound(self.reader.raw(&keys::meta("settings")))?.is_some_and(|value| value.is_none()) {
            self.findings.add(&keys::meta("settings"), "they are missing");
        }
        if self.seen.has_marks && sound(self.reader.raw(&keys::meta("salt")))? == Some(None) {
            self.findings.add(&keys::meta("salt"), "it is missing, and without it the marks say nothing");
        }
        self.counts();
        self.counts_of_folded()?;
        self.unnamed()?;
        self.missing_profiles();
        self.counts_of_texts();
        self.ids_of_events();
        self.uses_of_texts();
        Ok(())
    }

    fn counts(&mut self) {
        let Some(counters) = self.basis.counters else { return };
        let seen = &self.seen;
        let counts = [
            ("users", counters.users, seen.users.len()),
            ("items", counters.items, seen.items.len()),
            ("events", counters.events, seen.events.total()),
            ("texts", counters.texts, seen.texts.total()),
        ];
        let wrong = counts.iter().filter(|(_, counted, found)| counted != found);
        let mut told: Vec<String> = wrong
            .map(|(what, counted, found)| format!("it says {counted} {what}, and there are {found}"))
            .collect();
        told.extend(given_twice(&counters, seen));
        if !told.is_empty() {
            self.findings.add(&keys::meta("counters"), told.join("; "));
        }
    }

    /// Each archive has a head, and all together are counted.
    fn counts_of_folded(&mut self) -> Result<()> {
        let headless: Vec<u32> =
            self.seen.archived.users().filter(|user| !self.seen.heads.contains(*user)).collect();
        headless.iter().for_each(|&user| self.findings.add(&keys::archive_head(user), "it is missing"));
        let key = keys::meta("folded");
        let Some(counted) = sound(self.reader.read::<u64>("folded events", &key))? else { return Ok(()) };
        let found = self.seen.folded.total();
        let is_missing = counted.is_none() && !self.seen.heads.is_empty();
        if (counted.unwrap_or(0) != found || is_missing) && !self.findings.concern(&[keys::all_archives()]) {
            let counted = counted.map_or("nothing".to_owned(), |counted| counted.to_string());
            self.findings.add(&key, format!("it says {counted}, and there are {found}"));
        }
        Ok(())
    }

    /// Each record's name leads to it. That none leads elsewhere was seen when they were read.
    fn unnamed(&mut self) -> Result<()> {
        let users = self.seen.users.clone() - &self.seen.named_users;
        self.each_unnamed(&users, keys::user, |reader, no| {
            Ok(reader.user(no)?.map(|user: StoredUser| keys::user_name(&user.id)))
        })?;
        let items = self.seen.items.clone() - &self.seen.named_items;
        self.each_unnamed(&items, keys::item, |reader, no| {
            Ok(reader.item(no)?.map(|item: StoredItem| keys::item_name(&item.id)))
        })?;
        let groups = self.seen.groups.clone() - &self.seen.named_groups;
        self.each_unnamed(&groups, keys::group, |reader, no| {
            Ok(reader.group(no)?.map(|group: StoredGroup| keys::group_name(group.text)))
        })
    }

    fn each_unnamed(
        &mut self,
        unnamed: &RoaringBitmap,
        key: impl Fn(u32) -> Key,
        name: impl Fn(&R, u32) -> Result<Option<Key>>,
    ) -> Result<()> {
        for no in unnamed {
            // What is damaged, the record or its name, is told of already.
            let Some(Some(name)) = sound(name(self.reader, no))? else { continue };
            if sound(self.reader.raw(&name))?.is_some() {
                self.findings.add(&key(no), "no name leads to it");
            }
        }
        Ok(())
    }

    /// Every user has figures, and sums where the store has an encoder, and nobody else has.
    fn missing_profiles(&mut self) {
        let epoch = self.basis.learned.as_ref().map(|learned| learned.epoch);
        let (seen, mut found) = (&self.seen, Vec::new());
        found.extend((&seen.users - &seen.states).iter().map(|no| (keys::state(no), "they are missing")));
        if let Some(epoch) = epoch {
            let sums = |no| keys::sums(epoch, no);
            if self.basis.text_dim().is_some() {
                found.extend((&seen.states - &seen.sums).iter().map(|no| (sums(no), "they are missing")));
            }
            found.extend((&seen.sums - &seen.users).iter().map(|no| (sums(no), "their user is not there")));
        }
        found.into_iter().for_each(|(key, what)| self.findings.add(&key, what));
    }

    fn counts_of_texts(&mut self) {
        let seen = &self.seen;
        let users: RoaringBitmap = seen.texts.users().chain(seen.counted_texts.users()).collect();
        let differ = |no: &u32| seen.texts.of(*no) != seen.counted_texts.of(*no) && seen.states.contains(*no);
        let damaged = self.findings.concern(&[keys::states()]);
        let wrong: Vec<u32> = users.iter().filter(differ).filter(|_| !damaged).collect();
        for no in wrong {
            let (counted, found) = (self.seen.counted_texts.of(no), self.seen.texts.of(no));
            self.findings.add(&keys::state(no), format!("it counts {counted} texts, and there are {found}"));
        }
    }

    /// The ids that events have are those that are known, by which a later one is told for a duplicate.
    fn ids_of_events(&mut self) {
        let (events, known) = (self.seen.event_ids, self.seen.bucketed_ids);
        if events != known && !self.findings.concern(&[keys::events(), keys::all_event_ids()]) {
            let what =
                format!("the ids of {} events are not the {} that are known", events.count, known.count);
            self.findings.add(&keys::event_ids(0), what);
        }
    }

    fn uses_of_texts(&mut self) {
        let (used, counted) = (self.seen.text_uses, self.seen.counted_uses);
        let rests_on = [
            keys::items(),
            keys::events(),
            keys::all_archives(),
            keys::all_texts(),
            keys::states(),
            keys::all_text_uses(),
        ];
        if self.basis.text_dim().is_some() && used != counted && !self.findings.concern(&rests_on) {
            let what = format!(
                "{} uses of texts are counted, and there are {}, or others",
                counted.count, used.count
            );
            self.findings.add(&keys::all_text_uses(), what);
        }
    }
}

/// Numbers that would be given a second time.
fn given_twice(counters: &Counters, seen: &Seen) -> Option<String> {
    let next = [
        ("user", counters.next_user, &seen.users),
        ("item", counters.next_item, &seen.items),
        ("group", counters.next_group, &seen.groups),
    ];
    next.iter().find_map(|(what, next, there)| {
        let last = there.max().filter(|last| last >= next)?;
        Some(format!("the next {what} would get number {next}, and {last} is given already"))
    })
}
