//! Rules as they are told.

use serde::Serialize;
use std::collections::BTreeMap;

/// "Baskets that hold all of these also hold that."
///
/// With n baskets, and s(X) the share of them that hold all of X:
#[derive(Clone, Debug, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Rule {
    /// The left side X, in the order of names; at least one.
    #[serde(rename = "if")]
    pub if_: Vec<String>,
    /// The right side y, which is none of these.
    pub then: String,
    /// Baskets that hold both sides: n · s(X ∪ y).
    pub baskets: u32,
    /// s(X ∪ y), 0 to 1.
    pub support: f64,
    /// s(X ∪ y) / s(X), 0 to 1: how often the rule is right.
    pub confidence: f64,
    /// Confidence / s(y), 0 and up: how many times as often y is in a basket with X as in any. 1 where they have nothing to do with each
    /// other.
    pub lift: f64,
    /// s(X ∪ y) − s(X) · s(y), −0.25 to 0.25: the share of baskets that hold both beyond what chance would give.
    pub leverage: f64,
    /// (1 − s(y)) / (1 − confidence), 0 and up: how many times as often the rule would be wrong were its sides independent. None where it is never
    /// wrong.
    pub conviction: Option<f64>,
}

/// What [`super::Rules::run`] found.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
#[non_exhaustive]
pub struct FoundRules {
    /// The first rules, in the order that was asked for; as many as the limit, or all.
    pub rules: Vec<Rule>,
    /// How many rules there are within the bounds, whatever the limit.
    pub matching: u64,
    /// Baskets that hold anything.
    pub baskets: u64,
    /// Different elements that are in any of them.
    pub elements: u64,
    /// Sets of elements that enough baskets hold, single elements among them.
    pub itemsets: u64,
    /// The least number of baskets that was enough.
    pub min_baskets: u64,
    /// Events that would be in baskets, were they not folded: of them is only known that the user acted on the item. None with one
    /// basket for each user, which has them.
    pub folded: u64,
    /// Where baskets hold items: the texts of those that rules name, by id.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub texts: BTreeMap<String, String>,
}
