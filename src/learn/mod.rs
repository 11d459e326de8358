//! Algorithms that learn from numbers alone: no store, no ids.

mod baskets;
mod components;
#[cfg(feature = "hdbscan")]
mod density;
mod fp_tree;
mod itemsets;
mod kmeans;
mod logistic;
mod rows;
mod rules;
mod silhouette;
#[cfg(test)]
mod tests;
mod ward;

pub(crate) use baskets::Baskets;
pub(crate) use components::components;
#[cfg(feature = "hdbscan")]
pub(crate) use density::by_density;
pub(crate) use itemsets::{Itemsets, Mining, frequent_itemsets};
pub(crate) use kmeans::{assign, k_means, means, restarted};
pub(crate) use logistic::logistic;
pub(crate) use rows::Rows;
pub(crate) use rules::{Figures, each_rule};
pub(crate) use silhouette::{distances, silhouette, silhouette_of};
pub(crate) use ward::ward;
