//! The learned model of a damaged store, carried over under the new store's numbers; learned anew where it is damaged.

use super::super::Shared;
use super::super::open::adapt;
use super::super::reader::{EachReader, Reader};
use super::super::settings::Source as Vectors;
use super::super::stored::{StoredFactor, StoredItem};
use super::super::verify::sound;
use super::records::Source;
use super::report::RepairedModel;
use super::target::Target;
use crate::error::{Error, Result};
use crate::model::OnProgress;
use crate::profile::Learned;
use crate::storage::codec::decode;
use crate::storage::keys::{self, Key, Subject, TextHash};
use std::collections::BTreeMap;
use std::ops::ControlFlow;

/// Factors that are put down in one commit.
const CHUNK: usize = 4096;

impl Source<'_> {
    /// Puts the store's learned model in force, once the items are there and before anything is that it makes profiles of.
    pub(super) fn save_model(
        &mut self,
        target: &mut Target<'_>,
        progress: OnProgress<'_>,
    ) -> Result<RepairedModel> {
        let shared = &target.engine.shared;
        let Vectors::Encoder { dim, .. } = shared.settings.source else { return Ok(RepairedModel::None) };
        let key = keys::meta("learned");
        let learned = match self.opened.read::<Learned>("learned model", &key) {
            Ok(Some(learned)) if learned.version > 0 => learned,
            Ok(_) => return Ok(RepairedModel::None),
            Err(error) => return self.relearned(&key, error, target),
        };
        if learned.whitening.as_ref().is_some_and(|whitening| !whitening.fits(dim)) {
            let error = Error::damaged("learned model", format!("its whitening is not of {dim} dimensions"));
            return self.relearned(&key, error, target);
        }
        let base = shared.db.view().attachment().encoder.clone();
        let encoder = match adapt(base, &learned) {
            Ok(encoder) => encoder,
            Err(error) => return self.relearned(&key, error, target),
        };
        self.save_factors(shared, learned.version)?;
        shared.refuse(&shared.settings, learned, encoder, progress)?;
        Ok(RepairedModel::Kept)
    }

    /// A store has factors only once a model was learned; one without may have had a model all the same, which is lost then.
    fn relearned(&self, key: &[u8], error: Error, target: &mut Target<'_>) -> Result<RepairedModel> {
        let mut model = RepairedModel::None;
        for prefix in [keys::item_factors(), keys::group_factors()] {
            self.opened.each(&prefix, &mut |_, _| {
                model = RepairedModel::Relearned;
                Ok(ControlFlow::Break(()))
            })?;
        }
        match error {
            error if model == RepairedModel::None => target.lost.add_error(key, error)?,
            Error::Damaged { .. } => {}
            error => return Err(error),
        }
        Ok(model)
    }

    /// One that is damaged is predicted from the item's text, as for a new item, until the next fit.
    fn save_factors(&mut self, shared: &Shared, version: u32) -> Result<()> {
        let groups = self.texts_of_groups()?;
        let opened = self.opened;
        for prefix in [keys::item_factors(), keys::group_factors()] {
            let mut chunk: Vec<(Key, StoredFactor)> = Vec::new();
            opened.each(&prefix, &mut |key, value| {
                let factor = sound(value.and_then(|value| decode::<StoredFactor>("factor", &value)))?;
                if let (Some(factor), Some(key)) = (factor, self.new_key(shared, version, key, &groups)?) {
                    chunk.push((key, factor));
                }
                if chunk.len() == CHUNK {
                    shared.put_aside(std::mem::take(&mut chunk))?;
                }
                Ok(ControlFlow::Continue(()))
            })?;
            shared.put_aside(chunk)?;
        }
        Ok(())
    }

    /// Where a factor goes in the new store.
    fn new_key(
        &mut self,
        shared: &Shared,
        version: u32,
        key: &[u8],
        groups: &BTreeMap<u32, TextHash>,
    ) -> Result<Option<Key>> {
        let view = shared.db.view();
        match Subject::of(key) {
            Some(Subject::ItemFactor { version: of, item }) if of == version => {
                let Some(id) = self.item(item)? else { return Ok(None) };
                Ok(view.item_no(&id)?.map(|no| keys::item_factor(version, no)))
            }
            Some(Subject::GroupFactor { version: of, group }) if of == version => {
                let Some(&hash) = groups.get(&group) else { return Ok(None) };
                let no: Option<u32> = view.read("group name", &keys::group_name(hash))?;
                Ok(no.map(|no| keys::group_factor(version, no)))
            }
            _ => Ok(None),
        }
    }

    fn texts_of_groups(&self) -> Result<BTreeMap<u32, TextHash>> {
        let mut groups = BTreeMap::new();
        self.opened.each(&keys::items(), &mut |_, value| {
            let item = sound(value.and_then(|value| decode::<StoredItem>("item", &value)))?;
            groups.extend(item.and_then(|item| item.group.zip(item.text_hash)));
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(groups)
    }
}
