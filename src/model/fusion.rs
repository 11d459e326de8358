//! How a profile's embedding is put together.

use crate::error::{Error, Result};
use serde::{Deserialize, Serialize};

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
    #[serde(with = "super::float")]
    pub text_weight: f32,
    /// Weight of the item factors, 0 to 1.
    #[serde(with = "super::float")]
    pub item_weight: f32,
    /// Weight of the group factors, 0 to 1.
    #[serde(with = "super::float")]
    pub group_weight: f32,
    /// Weight of the attributes, 0 to 1.
    #[serde(with = "super::float")]
    pub attribute_weight: f32,
    /// Dimensions of the item factors, 1 to 1024.
    pub item_dims: usize,
    /// Dimensions of the group factors, 1 to 1024.
    pub group_dims: usize,
    /// The item attribute that names an item's category, for figures and explanations.
    pub category: String,
    /// How much one text that a user wrote counts, beside an act of weight 1 on an item; −100 to 100.
    #[serde(with = "super::float")]
    pub own_text_weight: f32,
    /// Days until a text that a user wrote counts half.
    #[serde(with = "super::float")]
    pub own_text_half_life_days: f32,
    /// Share of the text block that the sentence made of the declared attributes takes, 0 to 1.
    #[serde(with = "super::float")]
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
        super::check_id("category", &self.category)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
