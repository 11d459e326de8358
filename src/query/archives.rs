//! What is left of folded events, as records that may be read back.

use crate::engine::{Folded, Published, Reader, Settings, archive_of, each_folded, head_of, raw_text};
use crate::error::{Error, Result};
use crate::model::{Archive, ArchiveEntry, FoldedText, Hex, MAX_ARCHIVE_ENTRIES};
use crate::storage::View;
use crate::storage::keys::{self, TextHash};
use std::collections::HashMap;

/// The archives of a snapshot, on their way out.
pub(super) struct Archives<'a> {
    view: &'a View<Published>,
    settings: &'a Settings,
    /// Of texts that nothing else uses, and whose vectors were not given yet: in how many entries they are.
    texts: HashMap<TextHash, u32>,
}

impl<'a> Archives<'a> {
    /// Looks through all archives for texts of which nothing is left but a vector; in memory it keeps their hashes.
    pub(super) fn read(view: &'a View<Published>, settings: &'a Settings) -> Result<Self> {
        let mut texts: HashMap<TextHash, u32> = HashMap::new();
        if view.attachment().encoder.is_some() {
            each_folded(view, &mut |entry| {
                entry.text.into_iter().for_each(|text| *texts.entry(text).or_default() += 1);
                Ok(())
            })?;
        }
        Ok(Self { view, settings, texts })
    }

    /// The archive of a user as one record after the other; none where there is none.
    pub(super) fn of(&mut self, id: &str) -> Result<Vec<Archive>> {
        let Some(user) = self.view.user_no(id)? else { return Ok(Vec::new()) };
        let Some(head) = head_of(self.view, user)? else { return Ok(Vec::new()) };
        let record = |entries| Archive { user: id.to_owned(), horizon: head.horizon, entries };
        let mut records = Vec::new();
        for entries in archive_of(self.view, user)?.chunks(MAX_ARCHIVE_ENTRIES) {
            let entries = entries.iter().map(|entry| self.entry(entry)).collect::<Result<_>>()?;
            records.push(record(entries));
        }
        if records.is_empty() {
            records.push(record(Vec::new()));
        }
        Ok(records)
    }

    fn entry(&mut self, folded: &Folded) -> Result<ArchiveEntry> {
        let Folded { item, text, kind, acts } = folded;
        let item = item.map(|no| self.item(no)).transpose()?;
        let kind = self.settings.kinds.get(*kind).ok_or_else(|| damaged("it names an unknown kind"))?;
        let hash = *text;
        let vector = hash.map(|hash| self.vector(hash)).transpose()?.flatten();
        Ok(ArchiveEntry {
            item,
            text: hash.map(|hash| FoldedText { hash: Hex(hash), vector }),
            kind: kind.name.clone(),
            count: acts.count,
            value: acts.value,
            quantity: acts.quantity,
            first: acts.first,
            last: acts.last,
            hours: acts.hours.clone(),
        })
    }

    fn item(&self, no: u32) -> Result<String> {
        let item = self.view.item(no)?.ok_or_else(|| damaged("it names an unknown item"))?;
        Ok(item.id)
    }

    /// A text's vector, once, where the store made of the export could not make it from the text itself.
    fn vector(&mut self, hash: TextHash) -> Result<Option<Vec<f32>>> {
        let Some(folded) = self.texts.remove(&hash) else { return Ok(None) };
        let uses: Option<u32> = self.view.read("text uses", &keys::text_uses(hash))?;
        if uses.is_some_and(|uses| uses > folded) {
            return Ok(None);
        }
        let space = &self.view.attachment().space;
        raw_text(self.view, (space.encoder, space.text_dims()), hash)
    }
}

fn damaged(reason: &str) -> Error {
    Error::damaged("an archive of folded events", reason)
}
