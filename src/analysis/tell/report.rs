//! What was told, and how well.

use crate::eval::LabelQuality;
use serde::Serialize;

/// How a value is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum ToldBy {
    /// Always the most frequent one: what the others must beat.
    Majority,
    /// That of the nearest users, each as much as it is alike (by L2 distances, all as much).
    Neighbors,
    /// That with the best odds by logistic regression, one value against all others.
    Logistic,
}

/// A value that too few users have to be in each fold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RareValue {
    /// The value.
    pub value: String,
    /// Users who have it.
    pub users: usize,
}

/// How well one method told the values.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ToldValues {
    /// The method.
    pub by: ToldBy,
    /// How well; classes are the values, in their order.
    #[serde(flatten)]
    pub quality: LabelQuality,
}

/// How well an attribute is told, as [`super::TellAttribute::run`] finds it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct ToldAttribute {
    /// The attribute.
    pub attribute: String,
    /// Users whose value was told.
    pub users: usize,
    /// Users who have the attribute, and no vector to tell it from.
    pub without_vector: usize,
    /// Whether the attribute is part of embeddings.
    pub is_fused: bool,
    /// Whether it was told from embeddings that were made without all attributes.
    pub without_attributes: bool,
    /// The values that were told, in their order.
    pub values: Vec<String>,
    /// Values that were left out.
    pub left_out: Vec<RareValue>,
    /// How well, by each method.
    pub methods: Vec<ToldValues>,
}
