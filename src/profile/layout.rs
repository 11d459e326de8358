//! Where the blocks of a profile's embedding lie.

use crate::model::Fusion;
use serde::Serialize;
use std::ops::Range;

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
}
