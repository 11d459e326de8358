//! Options of how a profile's embedding is put together, and where its blocks lie.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};
use std::ops::Range;

/// How a user's embedding is put together. Recorded with the store.
///
/// The embedding has four blocks, each of unit length before its weight: the texts that the user wrote
/// and of the items acted on (in the encoder's space), learned factors of the items, learned factors of
/// groups of items, and the declared attributes. Items of one text are a group. The score of two users
/// is the weighted sum of the blocks' cosines; weights count relative to their sum.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, bincode::Encode, bincode::Decode)]
#[serde(deny_unknown_fields)]
pub struct Fusion {
    /// Weight of the text block, 0 to 1.
    pub text_weight: f32,
    /// Weight of the item factors, 0 to 1.
    pub item_weight: f32,
    /// Weight of the group factors, 0 to 1.
    pub group_weight: f32,
    /// Weight of the attributes, 0 to 1.
    pub attribute_weight: f32,
    /// Dimensions of the item factors, 1 to 1024.
    pub item_dims: usize,
    /// Dimensions of the group factors, 1 to 1024.
    pub group_dims: usize,
    /// The item attribute that names an item's category, for figures and explanations.
    pub category: String,
    /// How much one text that a user wrote counts, beside an act of weight 1 on an item; −100 to 100.
    pub own_text_weight: f32,
    /// Days until a text that a user wrote counts half.
    pub own_text_half_life_days: f32,
    /// Share of the text block that the sentence made of the declared attributes takes, 0 to 1.
    pub sentence_share: f32,
}

impl Default for Fusion {
    fn default() -> Self {
        Self {
            text_weight: 0.4,
            item_weight: 0.5,
            group_weight: 0.1,
            attribute_weight: 0.1,
            item_dims: 320,
            group_dims: 64,
            category: "category".to_owned(),
            own_text_weight: 5.0,
            own_text_half_life_days: 730.0,
            sentence_share: 0.2,
        }
    }
}

impl Fusion {
    /// Refuses weights and sizes outside their ranges.
    pub(crate) fn check(&self) -> Result<()> {
        let shares = [
            ("text_weight", self.text_weight),
            ("item_weight", self.item_weight),
            ("group_weight", self.group_weight),
            ("attribute_weight", self.attribute_weight),
            ("sentence_share", self.sentence_share),
        ];
        for (name, value) in shares {
            if !(0.0..=1.0).contains(&value) {
                return Err(Error::invalid(name, value, "it lies in 0 to 1"));
            }
        }
        for (name, value) in [("item_dims", self.item_dims), ("group_dims", self.group_dims)] {
            if !(1..=1024).contains(&value) {
                return Err(Error::invalid(name, value, "it lies in 1 to 1024"));
            }
        }
        if self.text_weight + self.item_weight + self.group_weight + self.attribute_weight <= 0.0 {
            return Err(Error::invalid("fusion", "all weights 0", "at least one block has a weight"));
        }
        if !(self.own_text_weight.abs() <= 100.0 && self.own_text_half_life_days > 0.0) {
            return Err(Error::invalid(
                "weight or half-life of a user's own texts",
                format!("{} and {}", self.own_text_weight, self.own_text_half_life_days),
                "the weight lies in -100 to 100 and the half-life is more than 0 days",
            ));
        }
        crate::model::check_id("category", &self.category)
    }
}

/// A block of the embedding.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Block {
    /// Texts, in the encoder's space.
    Text,
    /// Learned item factors.
    Items,
    /// Learned group factors.
    Groups,
    /// Declared attributes.
    Attributes,
}

impl Block {
    /// All blocks, in the order in which they lie in the embedding.
    pub const ALL: [Self; 4] = [Self::Text, Self::Items, Self::Groups, Self::Attributes];
}

/// Dimensions of the attribute block.
pub(crate) const ATTRIBUTE_DIMS: usize = 31;

/// Where the blocks lie in an embedding, and their weights, which sum to 1.
///
/// A user without one of the blocks would be shorter than the others. One more dimension, the *slack*,
/// brings every embedding to unit length; queries hold 0 there, so it never counts (the reduction of
/// inner product to cosine of Bachrach et al., RecSys 2014, section 3).
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Layout {
    ends: [usize; 4],
    weights: [f32; 4],
}

impl Layout {
    pub(crate) fn new(text_dims: usize, fusion: &Fusion) -> Self {
        let items = text_dims + fusion.item_dims;
        let groups = items + fusion.group_dims;
        let weights = [fusion.text_weight, fusion.item_weight, fusion.group_weight, fusion.attribute_weight];
        let sum: f32 = weights.iter().sum();
        Self { ends: [text_dims, items, groups, groups + ATTRIBUTE_DIMS], weights: weights.map(|w| w / sum) }
    }

    /// Dimensions of the whole, the slack included.
    pub(crate) fn dim(&self) -> usize {
        self.ends[3] + 1
    }

    /// Dimensions of the blocks that acts add to: text, items and groups.
    pub(crate) fn summed_dim(&self) -> usize {
        self.ends[2]
    }

    pub(crate) fn range(&self, block: Block) -> Range<usize> {
        let end = self.ends[block as usize];
        let start = if block == Block::Text { 0 } else { self.ends[block as usize - 1] };
        start..end
    }

    pub(crate) fn weight(&self, block: Block) -> f32 {
        self.weights[block as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_follow_each_other_and_weights_sum_to_one() {
        let layout = Layout::new(384, &Fusion::default());
        assert_eq!(layout.range(Block::Text), 0..384);
        assert_eq!(layout.range(Block::Items), 384..704);
        assert_eq!(layout.range(Block::Groups), 704..768);
        assert_eq!(layout.dim(), 800);
        let sum: f32 = Block::ALL.iter().map(|&block| layout.weight(block)).sum();
        assert!((sum - 1.0).abs() < 1e-6);
    }

    #[test]
    fn senseless_options_are_refused() {
        let bad = [
            Fusion { text_weight: -0.1, ..Fusion::default() },
            Fusion { item_weight: f32::NAN, ..Fusion::default() },
            Fusion { item_dims: 0, ..Fusion::default() },
            Fusion { own_text_half_life_days: 0.0, ..Fusion::default() },
            Fusion { own_text_weight: 1e30, ..Fusion::default() },
            Fusion { own_text_weight: f32::NAN, ..Fusion::default() },
            Fusion { category: String::new(), ..Fusion::default() },
        ];
        for fusion in bad {
            assert!(fusion.check().is_err(), "{fusion:?}");
        }
        assert!(Fusion::default().check().is_ok());
    }
}
