//! Acts of one kind, summed up so far that figures and contributions can be made of the sums alone.

use super::figures::add;
use super::{Contribution, Figures};
use crate::model::Time;

/// Acts that are no longer kept one by one.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Tally {
    pub count: u64,
    /// Sum of the acts' values.
    pub value: f64,
    /// Sum of the acts' quantities; an act without one counts 1.
    pub quantity: f64,
    pub first: Time,
    pub last: Time,
    /// Acts by hour of the day (UTC), hours without any left out, in their order.
    pub hours: Vec<(u8, u32)>,
}

impl Tally {
    /// Of one act.
    pub(crate) fn of(time: Time, value: Option<f64>, quantity: Option<f64>) -> Self {
        Self {
            count: 1,
            value: value.unwrap_or(0.0),
            quantity: quantity.unwrap_or(1.0),
            first: time,
            last: time,
            hours: vec![(time.hour() as u8, 1)],
        }
    }

    /// Adds other acts.
    pub(crate) fn add(&mut self, other: &Self) {
        self.count = self.count.saturating_add(other.count);
        self.value = add(self.value, other.value);
        self.quantity = add(self.quantity, other.quantity);
        self.first = self.first.min(other.first);
        self.last = self.last.max(other.last);
        for &(hour, count) in &other.hours {
            match self.hours.binary_search_by_key(&hour, |&(hour, _)| hour) {
                Ok(at) => self.hours[at].1 = self.hours[at].1.saturating_add(count),
                Err(at) => self.hours.insert(at, (hour, count)),
            }
        }
    }

    /// What these acts add to a target.
    pub(crate) fn contribution(&self) -> Contribution {
        Contribution { count: u32::try_from(self.count).unwrap_or(u32::MAX), last: self.last }
    }
}

impl Figures {
    /// Counts acts in that were summed up before.
    pub(crate) fn absorb(&mut self, kind: u8, acts: &Tally) {
        let figures = self.of_kind(kind, acts.first);
        figures.count = figures.count.saturating_add(acts.count);
        figures.value = add(figures.value, acts.value);
        figures.quantity = add(figures.quantity, acts.quantity);
        figures.first = figures.first.min(acts.first);
        figures.last = figures.last.max(acts.last);
        self.hours.resize(24, 0);
        for &(hour, count) in &acts.hours {
            if let Some(sum) = self.hours.get_mut(usize::from(hour)) {
                *sum = sum.saturating_add(count);
            }
        }
        self.touch(acts.last);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn acts_summed_up_in_parts_give_the_figures_of_each(
            acts in prop::collection::vec((0_u8..3, -90_000_i64..90_000, prop::option::of(-9_i32..9)), 1..40),
            parts in 1_usize..5,
        ) {
            let (mut figures, mut absorbed) = (Figures::default(), Figures::default());
            let mut tallies: std::collections::BTreeMap<(u8, usize), Tally> = std::collections::BTreeMap::new();
            for (n, &(kind, secs, value)) in acts.iter().enumerate() {
                let (time, value) = (Time::from_secs(secs).unwrap(), value.map(f64::from));
                figures.record(kind, time, value, value);
                let act = Tally::of(time, value, value);
                tallies.entry((kind, n % parts)).and_modify(|tally| tally.add(&act)).or_insert(act);
            }
            for ((kind, _), tally) in &tallies {
                prop_assert_eq!(tally.hours.iter().map(|&(_, n)| u64::from(n)).sum::<u64>(), tally.count);
                absorbed.absorb(*kind, tally);
            }
            prop_assert_eq!(absorbed, figures);
        }
    }
}
