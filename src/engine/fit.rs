//! Learning the model of the store: encoder weights, rarity, whitening, factors, scales. Everything is
//! streamed from the store, so memory grows with items and dimensions, not with events; of each user it holds
//! no more than the embedding that the index holds as well, and of each text, where the encoder learns, its hash.

use super::Engine;
use super::contributions::each_user;
use super::points::{narrow, raw_text};
use super::published::Published;
use super::reader::from_key;
use super::refuse::commit_aside;
use super::rows::{Rarity, row};
use super::stored::{StoredFactor, StoredGroup, StoredItem, StoredUser, encoder_number};
use crate::encoder::Encoder;
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress};
use crate::profile::{
    FactorLearner, Factors, Learned, RidgeLearner, Scale, ScaleLearner, Space, Target, Whitening,
    WhiteningLearner,
};
use crate::storage::keys::{self, Key};
use crate::storage::{View, codec};
use serde::Serialize;
use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

/// Passes over all contributions that the factors take; the figures of `docs/quality.md` do not change
/// with more.
const PASSES: usize = 4;
/// Factors that are put down in one commit.
const CHUNK: usize = 4096;
const SEED: u64 = 0x6b69_6e64;

/// What a fit learned from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct FitReport {
    /// Counts the fits of this store, from 1.
    pub version: u32,
    /// Users with at least one act.
    pub users: u64,
    /// Items that anybody acted on.
    pub items: u64,
    /// Groups of items that anybody acted on.
    pub groups: u64,
    /// Distinct texts the whitening was learned from.
    pub texts: u64,
}

/// A fit in progress, over one snapshot.
struct Fit<'a> {
    view: View<Published>,
    space: Arc<Space>,
    encoder: u32,
    text_dims: usize,
    rarity: Rarity,
    progress: OnProgress<'a>,
}

impl Engine {
    /// Learns the model of the store and swaps it in, with all profiles fused anew.
    pub(crate) fn fit(&self, progress: OnProgress<'_>) -> Result<FitReport> {
        let _one_at_a_time = super::lock(&self.shared.fitting)?;
        let view = self.view();
        let Some(encoder) = view.attachment().encoder.clone() else {
            return Err(Error::NoEncoder { what: "learning a model of the store" });
        };
        // What a fit left that did not get to its end would pass for what this one learns.
        self.shared.sweep(&view.attachment().space)?;
        let encoder = self.shared.learn_encoder(&view, encoder, progress)?;
        let mut fit = Fit::new(self.view(), encoder.as_ref(), progress)?;
        let old = fit.space.learned.clone();
        let mut learned = Learned {
            version: old.version.checked_add(1).ok_or_else(|| Error::Bug("2^32 fits".to_owned()))?,
            epoch: old.epoch,
            new_idf: fit.rarity.new_idf(),
            scales: fit.scales()?,
            encoder_state: encoder.state(),
            ..Learned::default()
        };
        let texts;
        (learned.whitening, texts) = fit.whitening()?;
        let (items, groups) = fit.factors()?;
        let fitted = Space::new(
            (fit.encoder, fit.text_dims),
            fit.space.fusion.clone(),
            fit.space.kinds.clone(),
            learned,
        );
        let ridge = fit.ridge(&fitted, &items)?;
        self.shared.put_factors(fitted.learned.version, &fit.rarity, &items, &groups, progress)?;
        let learned = Learned { ridge, ..fitted.learned };
        let report = FitReport {
            version: learned.version,
            users: fit.rarity.users,
            items: fit.rarity.items_seen(),
            groups: fit.rarity.groups_seen(),
            texts,
        };
        drop(fit);
        self.shared.refuse(&self.shared.settings, learned, Some(encoder), progress)?;
        self.upkeep.wake();
        let FitReport { version, users, items, .. } = report;
        tracing::info!(version, users, items, "fitted");
        Ok(report)
    }
}

impl<'a> Fit<'a> {
    fn new(view: View<Published>, encoder: &dyn Encoder, progress: OnProgress<'a>) -> Result<Self> {
        let space = Arc::clone(&view.attachment().space);
        let rarity = Rarity::count(&view, progress)?;
        let (encoder, text_dims) = (encoder_number(encoder.id()), encoder.dim());
        Ok(Self { view, space, encoder, text_dims, rarity, progress })
    }

    /// Whitening of the texts of groups, each as often as users acted on it; of all texts, where nobody
    /// acted on any.
    fn whitening(&self) -> Result<(Option<Whitening>, u64)> {
        let mut learner = WhiteningLearner::new(self.text_dims);
        let mut texts = 0;
        let anybody = self.rarity.groups_seen() > 0;
        self.view.scan(&keys::groups(), |key, value| {
            let no = from_key("group", key, keys::u32_at(key, 1))?;
            let weight = if anybody { f64::from(self.rarity.group_df(no)) } else { 1.0 };
            if weight > 0.0
                && let Some(vector) = self.raw_group_text(value)?
            {
                learner.add(&vector, weight);
                texts += 1;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        (self.progress)(Progress::of("whitening texts", 1, 1));
        Ok((learner.finish(), texts))
    }

    fn raw_group_text(&self, group: &[u8]) -> Result<Option<Vec<f32>>> {
        let group: StoredGroup = codec::decode("group", group)?;
        raw_text(&self.view, (self.encoder, self.text_dims), group.text)
    }

    /// Factors of items and groups, from the same passes over all contributions.
    fn factors(&mut self) -> Result<(Factors, Factors)> {
        let fusion = &self.space.fusion;
        let mut items = FactorLearner::new(self.rarity.items(), fusion.item_dims, SEED);
        let mut groups = FactorLearner::new(self.rarity.groups(), fusion.group_dims, SEED + 1);
        for pass in 0..PASSES {
            each_user(&self.view, &mut |_, contributions| {
                items.row(&row(&self.space, &self.rarity, contributions, |target| match target {
                    Target::Item(no) => (self.rarity.item_df(no) > 0).then_some(no),
                    _ => None,
                }));
                groups.row(&row(&self.space, &self.rarity, contributions, |target| match target {
                    Target::Group(no) => (self.rarity.group_df(no) > 0).then_some(no),
                    _ => None,
                }));
                Ok(())
            })?;
            items.end_pass();
            groups.end_pass();
            (self.progress)(Progress::of("learning factors", pass + 1, PASSES));
        }
        Ok((items.finish(0.0), groups.finish(-0.5)))
    }

    /// From the texts of items that have a factor to that factor.
    fn ridge(&self, fitted: &Space, items: &Factors) -> Result<Option<Vec<f32>>> {
        let mut learner = RidgeLearner::new(self.text_dims, fitted.fusion.item_dims);
        self.view.scan(&keys::items(), |key, value| {
            let no = from_key("item", key, keys::u32_at(key, 1))?;
            let item: StoredItem = codec::decode("item", value)?;
            if let (true, Some(hash)) = (self.rarity.item_df(no) > 0, item.text_hash)
                && let Some(raw) = raw_text(&self.view, (self.encoder, self.text_dims), hash)?
            {
                learner.add(&fitted.text_vector(&raw), &items.of(no));
            }
            Ok(ControlFlow::Continue(()))
        })?;
        (self.progress)(Progress::of("learning factors of new items", 1, 1));
        Ok(learner.finish())
    }

    fn scales(&self) -> Result<BTreeMap<String, Scale>> {
        let mut learner = ScaleLearner::default();
        self.view.scan(&keys::users(), |_, value| {
            let user: StoredUser = codec::decode("user", value)?;
            learner.add(&user.attributes);
            Ok(ControlFlow::Continue(()))
        })?;
        Ok(learner.finish())
    }
}

impl super::Shared {
    /// Puts the factors of a version down. Nothing refers to them before the version is swapped in.
    fn put_factors(
        &self,
        version: u32,
        rarity: &Rarity,
        items: &Factors,
        groups: &Factors,
        progress: OnProgress<'_>,
    ) -> Result<()> {
        let items = rarity.seen_items().map(|no| {
            let values = narrow(&items.of(no));
            (keys::item_factor(version, no), StoredFactor { idf: rarity.item_idf(no), values })
        });
        let groups = rarity.seen_groups().map(|no| {
            let values = narrow(&groups.of(no));
            (keys::group_factor(version, no), StoredFactor { idf: rarity.group_idf(no), values })
        });
        let total = (rarity.items_seen() + rarity.groups_seen()) as usize;
        let mut done = 0;
        let mut chunk: Vec<(Key, StoredFactor)> = Vec::with_capacity(CHUNK);
        for factor in items.chain(groups) {
            chunk.push(factor);
            if chunk.len() == CHUNK {
                done += CHUNK;
                self.put_aside(std::mem::take(&mut chunk))?;
                progress(Progress::of("storing factors", done, total));
            }
        }
        self.put_aside(chunk)
    }

    /// Commits keys that nothing refers to yet.
    pub(super) fn put_aside<T: bincode::Encode>(
        &self,
        entries: impl IntoIterator<Item = (Key, T)>,
    ) -> Result<()> {
        let mut tx = self.db.begin()?;
        for (key, value) in entries {
            tx.put(key, codec::encode(&value)?);
        }
        commit_aside(tx)
    }
}
