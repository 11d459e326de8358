//! Algorithms that learn from numbers alone: no store, no ids.

mod baskets;
mod fp_tree;
mod itemsets;
mod rules;

pub(crate) use baskets::Baskets;
pub(crate) use itemsets::{Itemsets, Mining, frequent_itemsets};
pub(crate) use rules::{Figures, each_rule};
