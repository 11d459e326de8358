//! The first of many rules.

use super::options::RuleOrder;
use crate::learn::Figures;
use std::cmp::{Ordering, Reverse};

/// Rules beyond the limit that are kept until they are cut off together.
const SPARE: usize = 1024;

/// A rule by its itemset's place in their order, and the place of its right side in that.
#[derive(Clone, Copy)]
pub(super) struct Ranked {
    pub set: usize,
    pub right: usize,
    pub figures: Figures,
}

/// As many rules as are wanted, the first of all that are offered.
pub(super) struct Best {
    order: RuleOrder,
    limit: usize,
    rules: Vec<Ranked>,
    /// How many were offered.
    pub offered: u64,
}

impl Best {
    pub(super) fn new(order: RuleOrder, limit: usize) -> Self {
        Self { order, limit, rules: Vec::new(), offered: 0 }
    }

    pub(super) fn offer(&mut self, rule: Ranked) {
        self.offered += 1;
        self.rules.push(rule);
        if self.rules.len() >= self.limit.saturating_mul(2).saturating_add(SPARE) {
            self.cut();
        }
    }

    /// The first, in order.
    pub(super) fn into_rules(mut self) -> Vec<Ranked> {
        self.cut();
        self.rules
    }

    fn cut(&mut self) {
        let order = self.order;
        self.rules.sort_unstable_by(|left, right| compare(order, left, right));
        self.rules.truncate(self.limit);
    }
}

/// What comes first is less. Ties go by the other figures, then by what of the left side was first seen.
fn compare(order: RuleOrder, left: &Ranked, right: &Ranked) -> Ordering {
    let (l, r) = (&left.figures, &right.figures);
    let by_lift = r.lift.total_cmp(&l.lift);
    let by_confidence = r.confidence.total_cmp(&l.confidence);
    let by_support = r.baskets.cmp(&l.baskets);
    let by_figures = match order {
        RuleOrder::Lift => by_lift.then(by_confidence).then(by_support),
        RuleOrder::Confidence => by_confidence.then(by_lift).then(by_support),
        RuleOrder::Support => by_support.then(by_lift).then(by_confidence),
    };
    by_figures.then_with(|| (left.set, Reverse(left.right)).cmp(&(right.set, Reverse(right.right))))
}
