//! Association rules out of frequent itemsets (Agrawal, Imieliński and Swami, "Mining Association Rules between Sets of Items in Large
//! Databases", SIGMOD 1993), with one element on the right.

use super::Itemsets;

/// What is counted of a rule "baskets with all of these also hold that".
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Figures {
    /// Baskets that hold both sides.
    pub baskets: u32,
    /// These, as a share of all baskets.
    pub support: f64,
    /// As a share of the baskets that hold the left side.
    pub confidence: f64,
    /// The confidence by the share of all baskets that hold the right side.
    pub lift: f64,
    /// The support less what it would be if the sides were independent.
    pub leverage: f64,
    /// How often the rule would fail if its sides were independent, by how often it does (Brin et al., SIGMOD 1997); none where it
    /// never does.
    pub conviction: Option<f64>,
}

impl Figures {
    /// Of `all` baskets, `left` and `right` hold the sides, and `both` both. None of them is 0.
    fn new(both: u32, (left, right): (u32, u32), all: u32) -> Self {
        let [count, left, right, all] = [both, left, right, all].map(f64::from);
        let (support, confidence) = (count / all, count / left);
        Self {
            baskets: both,
            support,
            confidence,
            // Multiplied first, so that both directions of a pair have the very same.
            lift: count * all / (left * right),
            leverage: support - left / all * (right / all),
            conviction: (count < left).then(|| (1.0 - right / all) / (1.0 - confidence)),
        }
    }
}

/// Hands over each rule that the sets make, in their order: the place of its set, which of the set's elements is on the right, and its
/// figures. `baskets` is the number of those that the sets were found in.
pub(crate) fn each_rule(sets: &Itemsets, baskets: u32, f: &mut dyn FnMut(usize, usize, Figures)) {
    let mut left = Vec::new();
    for at in 0..sets.len() {
        let (set, both) = (sets.get(at), sets.count(at));
        if set.len() < 2 {
            continue;
        }
        for right in 0..set.len() {
            left.clear();
            left.extend_from_slice(set);
            let element = left.remove(right);
            // What is left of a frequent set is frequent, so both are there.
            if let (Some(on_left), Some(on_right)) = (sets.count_of(&left), sets.count_of(&[element])) {
                f(at, right, Figures::new(both, (on_left, on_right), baskets));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::itemsets::tests::{mined, naive, some_baskets};
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn figures_are_those_of_counting(baskets in some_baskets(), min_count in 1..5_u32, max_len in 2..5_usize) {
            let sets = mined(&baskets, min_count, max_len, usize::MAX).unwrap();
            let all = baskets.len() as u32;
            let mut rules = 0;
            let mut failed = None;
            each_rule(&sets, all, &mut |at, right, figures| {
                rules += 1;
                let set = sets.get(at);
                let holds_left = |basket: &std::collections::BTreeSet<u32>| {
                    set.iter().enumerate().all(|(i, element)| i == right || basket.contains(element))
                };
                let left = baskets.iter().filter(|basket| holds_left(basket)).count();
                let then = baskets.iter().filter(|basket| basket.contains(&set[right])).count();
                let both = baskets.iter().filter(|basket| holds_left(basket) && basket.contains(&set[right])).count();
                let [p_left, p_then, p_both] = [left, then, both].map(|n| n as f64 / baskets.len() as f64);
                let expected = [p_both, p_both / p_left, p_both / p_left / p_then, p_both - p_left * p_then];
                let found = [figures.support, figures.confidence, figures.lift, figures.leverage];
                let close = found.iter().zip(expected).all(|(found, expected)| (found - expected).abs() < 1e-9);
                let conviction = (1.0 - p_then) / (1.0 - p_both / p_left);
                let convinces = match figures.conviction {
                    None => both == left,
                    Some(found) => both < left && (found - conviction).abs() < 1e-9 * conviction.max(1.0),
                };
                if !close || !convinces || figures.baskets as usize != both {
                    failed = Some(format!("{set:?} {right}: {figures:?}"));
                }
            });
            prop_assert_eq!(failed, None);
            let expected: usize = naive(&baskets, max_len)
                .into_iter()
                .filter(|(set, count)| set.len() > 1 && *count >= min_count)
                .map(|(set, _)| set.len())
                .sum();
            prop_assert_eq!(rules, expected);
        }
    }

    #[test]
    fn both_directions_of_a_pair_have_the_same_lift() {
        for (left, right) in [(3, 7), (49, 10), (1_000_003, 17)] {
            let [there, back] = [(left, right), (right, left)].map(|sides| Figures::new(3, sides, 2_000_000));
            assert_eq!(there.lift.to_bits(), back.lift.to_bits());
        }
    }
}
