//! Which elements are often in one basket: FP-growth (Han, Pei and Yin, "Mining Frequent Patterns without Candidate Generation",
//! SIGMOD 2000), kept to sets of few elements.

use super::Baskets;
use super::fp_tree::{Paths, Tree};
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress};

/// How often it is told how far the work is, about.
const TOLD: usize = 200;

/// What is sought.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mining {
    /// In how many baskets a set is at least, 1 or more.
    pub min_count: u32,
    /// How many elements a set has at most; as deep is the recursion.
    pub max_len: usize,
    /// How many sets there may be: more are an error.
    pub most: usize,
}

/// Sets of elements, each ascending, in lexicographic order, with how many baskets hold each. In memory four bytes for each element of
/// a set, and twelve for each set.
#[derive(Debug, Default)]
pub(crate) struct Itemsets {
    sets: Baskets,
    counts: Vec<u32>,
    order: Vec<u32>,
    /// How many different elements are in any basket.
    pub elements: usize,
}

impl Itemsets {
    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// The set at a place in the order.
    pub(crate) fn get(&self, at: usize) -> &[u32] {
        self.order.get(at).map(|&no| self.sets.get(no as usize)).unwrap_or_default()
    }

    /// How many baskets hold the set at a place in the order.
    pub(crate) fn count(&self, at: usize) -> u32 {
        let no = self.order.get(at);
        no.and_then(|&no| self.counts.get(no as usize)).copied().unwrap_or_default()
    }

    /// How many baskets hold a set, ascending, if it is one of these.
    pub(crate) fn count_of(&self, set: &[u32]) -> Option<u32> {
        let found = self.order.binary_search_by_key(&set, |&no| self.sets.get(no as usize)).ok()?;
        Some(self.count(found))
    }

    fn put_in_order(&mut self) {
        let sets = &self.sets;
        self.order = (0..).take(sets.len()).collect();
        self.order.sort_unstable_by_key(|&no| sets.get(no as usize));
    }
}

/// All sets of at most `max_len` elements that at least `min_count` baskets hold. Beside the baskets, in whose place they are renumbered, it
/// takes 16 bytes for each of their elements at most, and the itemsets.
///
/// # Errors
/// [`Error::Invalid`] where there are more than `most`.
pub(crate) fn frequent_itemsets(
    baskets: Baskets,
    mining: &Mining,
    progress: OnProgress<'_>,
) -> Result<Itemsets> {
    let counts = baskets.counts();
    let mut frequent: Vec<u32> =
        (0..).zip(&counts).filter(|(_, count)| **count >= mining.min_count).map(|(no, _)| no).collect();
    // What is in most baskets comes first, so that most of them share their beginnings.
    frequent.sort_by_key(|no| (std::cmp::Reverse(counts[*no as usize]), *no));
    let mut ranks = vec![None; counts.len()];
    (0..).zip(&frequent).for_each(|(rank, no)| ranks[*no as usize] = Some(rank));
    let baskets = baskets.renumbered(|no| ranks[no as usize]);
    let tree = Tree::new(&Paths { baskets, counts: Vec::new() }, frequent);
    let mut growing = Growing { mining, found: Itemsets::default(), set: Vec::new() };
    growing.found.elements = counts.iter().filter(|count| **count > 0).count();
    let step = tree.len() / TOLD + 1;
    for rank in 0..tree.len() {
        if rank % step == 0 {
            progress(Progress::of("finding what goes together", rank, tree.len()));
        }
        growing.grow(&tree, rank)?;
    }
    growing.found.put_in_order();
    Ok(growing.found)
}

struct Growing<'a> {
    mining: &'a Mining,
    found: Itemsets,
    /// The set that is grown.
    set: Vec<u32>,
}

impl Growing<'_> {
    /// Finds all sets of a rank, what is in the set already and lesser ranks.
    fn grow(&mut self, tree: &Tree, rank: usize) -> Result<()> {
        self.set.push(tree.element(rank));
        self.add(tree.count(rank))?;
        if self.set.len() < self.mining.max_len {
            let counts = tree.counts_beside(rank);
            let is_frequent = |rank: &u32| counts[*rank as usize] >= self.mining.min_count;
            let kept: Vec<u32> = (0..).take(counts.len()).filter(is_frequent).collect();
            if self.set.len() + 1 == self.mining.max_len {
                // They grow no further, so they need no tree.
                for rank in kept {
                    self.set.push(tree.element(rank as usize));
                    self.add(counts[rank as usize])?;
                    self.set.pop();
                }
            } else if !kept.is_empty() {
                let beside = tree.beside(rank, &kept);
                (0..beside.len()).try_for_each(|rank| self.grow(&beside, rank))?;
            }
        }
        self.set.pop();
        Ok(())
    }

    fn add(&mut self, count: u32) -> Result<()> {
        if self.found.sets.len() == self.mining.most {
            let expected = "raise min_support, or lower max_len";
            return Err(Error::invalid(
                "number of frequent itemsets",
                format!("more than {}", self.mining.most),
                expected,
            ));
        }
        self.found.counts.push(count);
        self.found.sets.push(&mut self.set.clone())
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{BTreeMap, BTreeSet};

    /// Baskets of few elements, so that many are alike.
    pub(in crate::learn) fn some_baskets() -> impl Strategy<Value = Vec<BTreeSet<u32>>> {
        let elements = prop_oneof![3 => 0..6_u32, 1 => 0..12_u32];
        prop::collection::vec(prop::collection::btree_set(elements, 1..8), 0..40)
    }

    pub(in crate::learn) fn mined(
        baskets: &[BTreeSet<u32>],
        min_count: u32,
        max_len: usize,
        most: usize,
    ) -> Result<Itemsets> {
        let mut all = Baskets::default();
        baskets.iter().for_each(|basket| all.push(&mut basket.iter().rev().copied().collect()).unwrap());
        frequent_itemsets(all, &Mining { min_count, max_len, most }, &|_| {})
    }

    /// Every subset of every basket, counted.
    pub(in crate::learn) fn naive(baskets: &[BTreeSet<u32>], max_len: usize) -> BTreeMap<Vec<u32>, u32> {
        let mut counts = BTreeMap::new();
        for basket in baskets {
            let basket: Vec<u32> = basket.iter().copied().collect();
            for bits in 1_u32..1 << basket.len() {
                let chosen = (0..).zip(&basket).filter(|(bit, _)| bits >> bit & 1 == 1);
                let set: Vec<u32> = chosen.map(|(_, element)| *element).collect();
                if set.len() <= max_len {
                    *counts.entry(set).or_default() += 1;
                }
            }
        }
        counts
    }

    proptest! {
        #[test]
        fn just_the_frequent_sets_are_found(baskets in some_baskets(), min_count in 1..6_u32, max_len in 1..6_usize) {
            let mut expected = naive(&baskets, max_len);
            expected.retain(|_, count| *count >= min_count);
            let found = mined(&baskets, min_count, max_len, usize::MAX).unwrap();
            let as_map: Vec<(Vec<u32>, u32)> =
                (0..found.len()).map(|at| (found.get(at).to_vec(), found.count(at))).collect();
            prop_assert_eq!(as_map, expected.clone().into_iter().collect::<Vec<_>>());
            for (set, count) in &expected {
                prop_assert_eq!(found.count_of(set), Some(*count));
            }
            prop_assert_eq!(found.count_of(&[99]), None);
            let elements: BTreeSet<u32> = baskets.iter().flatten().copied().collect();
            prop_assert_eq!(found.elements, elements.len());
            if let Some(fewer) = expected.len().checked_sub(1) {
                let error = mined(&baskets, min_count, max_len, fewer).unwrap_err().to_string();
                prop_assert!(error.contains("raise min_support"), "{}", error);
            }
        }
    }
}
