//! The space that embeddings of one version live in: the learned model of the store and its options.

use super::contribution::{Contribution, Target};
use super::declared::Scale;
use super::layout::{Block, Layout};
use super::sums::Sums;
use super::whiten::Whitening;
use crate::compute::distance::{axpy, dot};
use crate::model::{Fusion, Kinds};
use std::collections::BTreeMap;
use std::sync::Arc;

/// The pseudo-kind of texts that a user wrote, beside the store's own kinds (see [`Kinds::MAX`]).
pub(crate) const OWN_TEXT: u8 = u8::MAX;

/// What `fit` learns from the store, factors apart (they are kept one by one).
#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Learned {
    /// Counts the fits of this store; 0 before the first. Factors are kept under it.
    pub version: u32,
    /// Counts how often all profiles were fused anew. Sums are kept under it.
    pub epoch: u32,
    /// Whitening of text vectors.
    pub whitening: Option<Whitening>,
    /// From a whitened text to the factor of an item too new to have one: rows x text dimensions.
    pub ridge: Option<Vec<f32>>,
    /// IDF of an item, and of a group, that nobody had acted on.
    pub new_idf: [f32; 2],
    /// Scales of numeric attributes.
    pub scales: BTreeMap<String, Scale>,
    /// State of an encoder that learns from the store.
    pub encoder_state: Option<Vec<u8>>,
}

/// What acts on one target add: the vectors of its blocks and its rarity.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Point {
    /// In the text block.
    pub text: Option<Arc<[f32]>>,
    /// In the item or group block.
    pub factor: Option<Arc<[f32]>>,
    /// Inverse document frequency; 1 for a user's own texts.
    pub idf: f32,
}

impl Point {
    /// The blocks that acts on the target add to, with its vector in each.
    pub(crate) fn blocks(&self, target: Target) -> impl Iterator<Item = (Block, &[f32])> {
        let factor_block = if matches!(target, Target::Group(_)) { Block::Groups } else { Block::Items };
        let text = self.text.as_deref().map(|vector| (Block::Text, vector));
        let factor = self.factor.as_deref().map(|vector| (factor_block, vector));
        text.into_iter().chain(factor)
    }
}

/// All that turns acts into embeddings.
#[derive(Debug)]
pub(crate) struct Space {
    pub learned: Learned,
    /// Number of the encoder whose text vectors this space is made of.
    pub encoder: u32,
    pub layout: Layout,
    pub fusion: Fusion,
    pub kinds: Kinds,
}

impl Space {
    pub(crate) fn new(
        (encoder, text_dims): (u32, usize),
        fusion: Fusion,
        kinds: Kinds,
        learned: Learned,
    ) -> Self {
        Self { layout: Layout::new(text_dims, &fusion), encoder, learned, fusion, kinds }
    }

    /// Dimensions of the text block.
    pub(crate) fn text_dims(&self) -> usize {
        self.layout.range(Block::Text).len()
    }

    /// Weight and half-life in days of a kind of act.
    pub(crate) fn weight_and_half_life(&self, kind: u8) -> (f32, f32) {
        match self.kinds.get(kind) {
            Some(kind) => (kind.weight, kind.half_life_days),
            None => (self.fusion.own_text_weight, self.fusion.own_text_half_life_days),
        }
    }

    /// `weight(kind) · idf · damped count`: a contribution's share before it fades.
    pub(crate) fn share(&self, contribution: Contribution, (target, kind): (Target, u8), idf: f32) -> f64 {
        f64::from(self.weight_and_half_life(kind).0) * f64::from(idf) * contribution.damped_count(target)
    }

    /// Takes a target's old share out of the sums and puts its new one in.
    pub(crate) fn replace_share(
        &self,
        sums: &mut Sums,
        (target, kind): (Target, u8),
        point: &Point,
        old: Option<Contribution>,
        new: Contribution,
    ) {
        let (_, half_life) = self.weight_and_half_life(kind);
        let class = sums.class(half_life, new.last, self.layout.summed_dim());
        let faded = |c: Contribution| self.share(c, (target, kind), point.idf) * class.weight_at(c.last);
        let change = (faded(new) - old.map_or(0.0, faded)) as f32;
        class.count(change);
        for (block, vector) in point.blocks(target) {
            axpy(class.part_mut(self.layout.range(block)), change, vector);
        }
    }

    /// A sentence to ask with: centred like the texts but not whitened, which would drown its meaning in
    /// directions that hardly vary among the texts (`docs/quality.md` has the figures).
    pub(crate) fn sentence_vector(&self, raw: &[f32]) -> Vec<f32> {
        match &self.learned.whitening {
            Some(whitening) if says_something(raw) => whitening.centre(raw),
            _ => raw.to_vec(),
        }
    }

    /// A text's vector in the text block: whitened, once that is learned.
    pub(crate) fn text_vector(&self, raw: &[f32]) -> Vec<f32> {
        match &self.learned.whitening {
            Some(whitening) if says_something(raw) => whitening.apply(raw),
            _ => raw.to_vec(),
        }
    }

    /// The rarity of a target that nobody had acted on at the last fit; 1 before the first.
    pub(crate) fn new_idf(&self, target: Target) -> f32 {
        if self.learned.version == 0 {
            return 1.0;
        }
        self.learned.new_idf[usize::from(matches!(target, Target::Group(_)))]
    }

    /// The factor that the text of an item suggests, for items that have none of their own yet.
    pub(crate) fn predict_factor(&self, text: &[f32]) -> Option<Vec<f32>> {
        let ridge = self.learned.ridge.as_ref()?;
        Some(ridge.chunks_exact(text.len()).map(|row| dot(row, text)).collect())
    }
}

/// An encoder gives zeros for a text without content: centred, they would say "unlike the mean".
fn says_something(raw: &[f32]) -> bool {
    raw.iter().any(|&value| value != 0.0)
}

#[cfg(test)]
mod tests {
    use super::super::whiten::WhiteningLearner;
    use super::*;

    #[test]
    fn a_text_without_content_stays_nothing_when_whitened() {
        let mut whitening = WhiteningLearner::new(2);
        whitening.add(&[1.0, 0.0], 1.0);
        whitening.add(&[0.8, 0.6], 1.0);
        let learned = Learned { whitening: whitening.finish(), ..Learned::default() };
        let space = Space::new((0, 2), Fusion::default(), Kinds::default(), learned);
        assert_eq!(space.text_vector(&[0.0, 0.0]), [0.0, 0.0]);
        assert_eq!(space.sentence_vector(&[0.0, 0.0]), [0.0, 0.0]);
        assert_ne!(space.text_vector(&[1.0, 0.0]), [1.0, 0.0]);
    }
}
