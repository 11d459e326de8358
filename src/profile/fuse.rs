//! From sums and attributes to the embedding.

use super::contribution::{Contribution, Target};
use super::declared::add_attribute;
use super::layout::{ATTRIBUTE_DIMS, Block};
use super::space::Space;
use super::sums::Sums;
use crate::compute::distance::{dot, norm, normalize};
use crate::model::{Attributes, Time};

/// What an embedding is made of.
pub(crate) struct Parts<'a> {
    /// The decayed sums over text, items and groups, as of the user's newest act; may be empty.
    pub total: &'a [f32],
    /// The vector of the sentence made of the attributes, in the text block.
    pub sentence: Option<&'a [f32]>,
    /// The declared attributes.
    pub attributes: &'a Attributes,
}

/// A block shorter than this share of all that was added to it is what rounding left of shares that
/// cancelled out, such as a like and an equal dislike: brought to unit length it would be noise.
const ROUNDING: f64 = 2e-6;
/// A block that faded to less than this would vanish in single precision.
pub(crate) const VANISHED: f64 = 1e-15;

impl Space {
    /// A user's sums as of `now`, without blocks in which nothing but rounding is left; empty where nothing
    /// was ever added.
    pub(crate) fn total(&self, sums: &Sums, now: Time) -> Vec<f32> {
        let (mut total, mass) = sums.total(now);
        let least = (ROUNDING * f64::from(mass)).max(VANISHED);
        for block in [Block::Text, Block::Items, Block::Groups] {
            if let Some(values) = total.get_mut(self.layout.range(block))
                && norm(values) < least
            {
                values.fill(0.0);
            }
        }
        total
    }

    /// The unit embedding of a user, slack included; `None` for one of whom nothing is known yet.
    pub(crate) fn embed(&self, parts: &Parts<'_>) -> Option<Vec<f32>> {
        let mut embedding = vec![0.0; self.layout.dim()];
        if !parts.total.is_empty() {
            embedding[..parts.total.len()].copy_from_slice(parts.total);
        }
        let text = self.layout.range(Block::Text);
        normalize(&mut embedding[text.clone()]);
        if let Some(sentence) = self.shared_sentence(parts.sentence) {
            blend(&mut embedding[text], sentence, self.fusion.sentence_share);
        }
        let attributes = self.layout.range(Block::Attributes);
        for (name, value) in parts.attributes {
            add_attribute(&mut embedding[attributes.clone()], &self.learned.scales, name, value);
        }
        let present = self.weigh(&mut embedding);
        if present <= 0.0 {
            return None;
        }
        if let Some(slack) = embedding.last_mut() {
            *slack = (1.0 - present).max(0.0).sqrt();
        }
        Some(embedding)
    }

    /// The sentence of the attributes, unless sentences have no share.
    fn shared_sentence<'s>(&self, sentence: Option<&'s [f32]>) -> Option<&'s [f32]> {
        sentence.filter(|_| self.fusion.sentence_share > 0.0)
    }

    /// The unit query for a sentence: its vector in the text block, nothing else.
    pub(crate) fn text_query(&self, text: &[f32]) -> Vec<f32> {
        let mut query = vec![0.0; self.layout.dim()];
        query[self.layout.range(Block::Text)].copy_from_slice(text);
        normalize(&mut query);
        query
    }

    /// Brings each block to unit length times the root of its weight; returns the weights of those present.
    fn weigh(&self, embedding: &mut [f32]) -> f32 {
        let mut present = 0.0;
        for block in Block::ALL {
            let values = &mut embedding[self.layout.range(block)];
            let weight = self.layout.weight(block);
            if normalize(values) > 0.0 {
                values.iter_mut().for_each(|value| *value *= weight.sqrt());
                present += weight;
            }
        }
        present
    }

    /// The weights of the blocks that an embedding has.
    pub(crate) fn present_weight(&self, embedding: &[f32]) -> f32 {
        let has = |block: &Block| embedding[self.layout.range(*block)].iter().any(|&value| value != 0.0);
        Block::ALL.into_iter().filter(has).map(|block| self.layout.weight(block)).sum()
    }

    /// The inner product of a block's vector with that block of a whole embedding.
    pub(crate) fn block_dot(&self, block: Block, vector: &[f32], embedding: &[f32]) -> f32 {
        dot(vector, &embedding[self.layout.range(block)])
    }

    /// By how much each part of an embedding was scaled when it was fused: what [`Space::embed`] does to
    /// a share before it lands in the embedding.
    pub(crate) fn part_scales(
        &self,
        total: &[f32],
        sentence: Option<&[f32]>,
        attributes: &Attributes,
    ) -> PartScales {
        let norm = |values: &[f32]| norm(values) as f32;
        let inverse = |norm: f32| if norm > 0.0 { norm.recip() } else { 0.0 };
        let mut scales = PartScales { blocks: [0.0; 4], sentence: 0.0 };
        for block in [Block::Text, Block::Items, Block::Groups] {
            let values = total.get(self.layout.range(block)).unwrap_or_default();
            scales.blocks[block as usize] = inverse(norm(values)) * self.layout.weight(block).sqrt();
        }
        if let Some(sentence) = self.shared_sentence(sentence) {
            let mut text = total.get(self.layout.range(Block::Text)).unwrap_or_default().to_vec();
            text.resize(sentence.len(), 0.0);
            let present = normalize(&mut text) > 0.0;
            blend(&mut text, sentence, self.fusion.sentence_share);
            let blended = inverse(norm(&text));
            let share = if present { self.fusion.sentence_share } else { 1.0 };
            scales.blocks[0] *= (1.0 - share) * blended;
            scales.sentence = share * blended * self.layout.weight(Block::Text).sqrt();
        }
        let mut block = [0.0; ATTRIBUTE_DIMS];
        for (name, value) in attributes {
            add_attribute(&mut block, &self.learned.scales, name, value);
        }
        scales.blocks[3] = inverse(norm(&block)) * self.layout.weight(Block::Attributes).sqrt();
        scales
    }

    /// A contribution's share as of `now`.
    pub(crate) fn faded_share(
        &self,
        contribution: Contribution,
        (target, kind): (Target, u8),
        idf: f32,
        now: Time,
    ) -> f32 {
        let (_, half_life_days) = self.weight_and_half_life(kind);
        let half_lives = now.secs_since(contribution.last) / (86_400.0 * f64::from(half_life_days));
        (self.share(contribution, (target, kind), idf) * (-half_lives).exp2()) as f32
    }
}

/// An embedding as a query: without its slack, at unit length.
pub(crate) fn user_query(embedding: &[f32]) -> Vec<f32> {
    let mut query = embedding.to_vec();
    if let Some(slack) = query.last_mut() {
        *slack = 0.0;
    }
    normalize(&mut query);
    query
}

/// By how much the shares of an embedding's parts were scaled when it was fused.
pub(crate) struct PartScales {
    blocks: [f32; 4],
    /// Of the sentence made of the attributes.
    pub sentence: f32,
}

impl PartScales {
    /// Of the shares in a block.
    pub(crate) fn of(&self, block: Block) -> f32 {
        self.blocks[block as usize]
    }
}

/// Mixes a unit sentence into a unit (or empty) text block by its share.
fn blend(text: &mut [f32], sentence: &[f32], share: f32) {
    let rest = if text.iter().any(|&value| value != 0.0) { 1.0 - share } else { 0.0 };
    let share = if rest == 0.0 { 1.0 } else { share };
    for (value, s) in text.iter_mut().zip(sentence) {
        *value = rest * *value + share * s;
    }
}

#[cfg(test)]
mod tests {
    use super::super::space::Learned;
    use super::*;
    use crate::model::{Fusion, Kinds, Value};

    fn space() -> Space {
        let fusion = Fusion { item_dims: 2, group_dims: 2, ..Fusion::default() };
        Space::new((0, 2), fusion, Kinds::default(), Learned::default())
    }

    #[test]
    fn embeddings_have_unit_length_whatever_is_missing() {
        let space = space();
        let town: Attributes = [("town".to_owned(), Value::from("Bonn"))].into();
        for (total, attributes) in [
            (&[3.0, 4.0, 0.0, 0.0, 0.0, 0.0][..], &Attributes::new()),
            (&[3.0, 4.0, 1.0, 0.0, 0.0, 2.0][..], &town),
            (&[][..], &town),
        ] {
            let embedding = space.embed(&Parts { total, sentence: None, attributes }).unwrap();
            assert!((dot(&embedding, &embedding) - 1.0).abs() < 1e-5, "{embedding:?}");
        }
        let nothing = Parts { total: &[], sentence: None, attributes: &Attributes::new() };
        assert_eq!(space.embed(&nothing), None);
    }

    #[test]
    fn what_cancels_out_leaves_no_noise() {
        let space = space();
        let time = Time::from_secs(0).unwrap();
        let mut sums = Sums::default();
        for (change, vector) in [(0.7, [0.6, 0.8]), (0.3, [0.8, 0.6]), (-0.7, [0.6, 0.8]), (-0.3, [0.8, 0.6])]
        {
            let class = sums.class(10.0, time, space.layout.summed_dim());
            class.count(change);
            crate::compute::distance::axpy(class.part_mut(0..2), change, &vector);
        }
        // Something in another block, so that the text block alone is gone.
        sums.class(10.0, time, 0).part_mut(2..3)[0] = 1.0;
        let total = space.total(&sums, time);
        assert_eq!(total, [0.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    }

    #[test]
    fn a_missing_block_neither_helps_nor_hurts_the_others() {
        let space = space();
        let none = Attributes::new();
        let full = Parts { total: &[1.0, 0.0, 1.0, 0.0, 1.0, 0.0], sentence: None, attributes: &none };
        let text_only = Parts { total: &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0], sentence: None, attributes: &none };
        let (full, text_only) = (space.embed(&full).unwrap(), space.embed(&text_only).unwrap());
        let query = space.text_query(&[1.0, 0.0]);
        assert!((dot(&query, &full) - dot(&query, &text_only)).abs() < 1e-6);
    }
}
