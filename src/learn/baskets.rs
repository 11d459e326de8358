//! Baskets: sets of numbers, in two flat arrays.

use crate::error::{Error, Result};

/// Sets of elements, one after the other, each ascending. In memory four bytes for each element of a basket, and four for each basket.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Baskets {
    elements: Vec<u32>,
    ends: Vec<u32>,
}

impl Baskets {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// Puts in what a basket holds, each element once, and empties it. One that holds nothing is none.
    ///
    /// # Errors
    /// [`Error::Invalid`] where all baskets together would have 2³² elements.
    pub(crate) fn push(&mut self, basket: &mut Vec<u32>) -> Result<()> {
        if basket.is_empty() {
            return Ok(());
        }
        basket.sort_unstable();
        basket.dedup();
        let end = u32::try_from(self.elements.len() + basket.len()).map_err(|_| {
            Error::invalid(
                "number of elements of all baskets",
                "2³² and more",
                "ask for fewer users or kinds",
            )
        })?;
        self.elements.append(basket);
        self.ends.push(end);
        Ok(())
    }

    /// Keeps the first baskets only.
    pub(crate) fn truncate(&mut self, len: usize) {
        self.ends.truncate(len);
        let end = self.ends.last().copied().unwrap_or_default();
        self.elements.truncate(end as usize);
    }

    /// The elements of a basket; none where there is no such basket.
    pub(crate) fn get(&self, at: usize) -> &[u32] {
        let start = at.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or_default();
        let end = self.ends.get(at).copied().unwrap_or(start);
        self.elements.get(start as usize..end as usize).unwrap_or_default()
    }

    /// In how many baskets each element is, by its number.
    pub(super) fn counts(&self) -> Vec<u32> {
        let elements = self.elements.iter().max().map_or(0, |most| *most as usize + 1);
        let mut counts = vec![0; elements];
        for element in &self.elements {
            if let Some(count) = counts.get_mut(*element as usize) {
                *count += 1;
            }
        }
        counts
    }

    /// The same baskets with other numbers, in place; elements without one go out, and so do baskets that are then empty.
    pub(super) fn renumbered(mut self, number: impl Fn(u32) -> Option<u32>) -> Self {
        let (mut from, mut kept, mut baskets) = (0, 0, 0);
        for at in 0..self.ends.len() {
            let (start, end) = (kept, self.ends[at] as usize);
            for read in from..end {
                if let Some(number) = number(self.elements[read]) {
                    self.elements[kept] = number;
                    kept += 1;
                }
            }
            from = end;
            if kept > start {
                self.elements[start..kept].sort_unstable();
                self.ends[baskets] = kept as u32;
                baskets += 1;
            }
        }
        self.elements.truncate(kept);
        self.ends.truncate(baskets);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(baskets: &[&[u32]]) -> Baskets {
        let mut all = Baskets::default();
        baskets.iter().for_each(|basket| all.push(&mut basket.to_vec()).unwrap());
        all
    }

    #[test]
    fn what_is_put_in_comes_out_each_element_once() {
        let baskets = of(&[&[3, 1, 3], &[], &[2], &[5, 4]]);
        let all: Vec<&[u32]> = (0..baskets.len()).map(|at| baskets.get(at)).collect();
        assert_eq!(all, [&[1, 3][..], &[2], &[4, 5]]);
        assert_eq!((baskets.get(3), baskets.get(usize::MAX)), (&[][..], &[][..]));
        assert_eq!(baskets.counts(), [0, 1, 1, 1, 1, 1]);
    }

    #[test]
    fn the_last_baskets_go() {
        let mut baskets = of(&[&[1, 2], &[3], &[4]]);
        baskets.truncate(5);
        assert_eq!(baskets.len(), 3);
        baskets.truncate(1);
        baskets.push(&mut vec![7]).unwrap();
        assert_eq!(baskets, of(&[&[1, 2], &[7]]));
        baskets.truncate(0);
        assert_eq!(baskets, Baskets::default());
    }

    #[test]
    fn other_numbers_are_in_order_and_those_without_one_gone() {
        let baskets = of(&[&[1, 2, 3], &[4], &[2, 4]]);
        let renumbered = baskets.renumbered(|element| (element < 4).then(|| 10 - element));
        assert_eq!(renumbered, of(&[&[7, 8, 9], &[8]]));
    }
}
