//! What is found by looking at many users of a snapshot at once.

mod rules;

pub use rules::{Element, FoundRules, Rule, RuleOrder, Rules, Support};
