//! Behaviour figures of a user: recency, frequency, value and quantity by kind, and active hours.

use crate::model::Time;

/// Acts of one kind, summed up.
#[derive(Clone, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct KindFigures {
    /// Position of the kind among the store's kinds.
    pub kind: u8,
    /// Number of acts.
    pub count: u64,
    /// Sum of the acts' values.
    pub value: f64,
    /// Sum of the acts' quantities; an act without one counts 1.
    pub quantity: f64,
    /// Time of the first act.
    pub first: Time,
    /// Time of the last act.
    pub last: Time,
}

/// What is counted of a user.
#[derive(Clone, Debug, Default, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Figures {
    /// By kind, in the order of the store's kinds: the same in whatever order acts came in.
    pub kinds: Vec<KindFigures>,
    /// Acts by hour of the day (UTC); empty before the first.
    pub hours: Vec<u32>,
    /// Time of the newest act or text.
    pub newest: Option<Time>,
}

impl Figures {
    /// Counts one act in.
    pub(crate) fn record(&mut self, kind: u8, time: Time, value: Option<f64>, quantity: Option<f64>) {
        let figures = self.of_kind(kind, time);
        figures.count += 1;
        figures.value = add(figures.value, value.unwrap_or(0.0));
        figures.quantity = add(figures.quantity, quantity.unwrap_or(1.0));
        figures.first = figures.first.min(time);
        figures.last = figures.last.max(time);
        self.hours.resize(24, 0);
        let hour = &mut self.hours[time.hour()];
        *hour = hour.saturating_add(1);
        self.touch(time);
    }

    /// The figures of a kind, new ones with an act at `time`.
    pub(super) fn of_kind(&mut self, kind: u8, time: Time) -> &mut KindFigures {
        let position = self.kinds.binary_search_by_key(&kind, |f| f.kind).unwrap_or_else(|position| {
            let none = KindFigures { kind, count: 0, value: 0.0, quantity: 0.0, first: time, last: time };
            self.kinds.insert(position, none);
            position
        });
        &mut self.kinds[position]
    }

    /// Number of acts, over all kinds.
    pub(crate) fn acts(&self) -> u64 {
        self.kinds.iter().fold(0, |sum, kind| sum.saturating_add(kind.count))
    }

    /// Time of the newest act.
    pub(crate) fn newest_act(&self) -> Option<Time> {
        self.kinds.iter().map(|kind| kind.last).max()
    }

    /// Moves the newest time on.
    pub(crate) fn touch(&mut self, time: Time) {
        self.newest = Some(self.newest.map_or(time, |newest| newest.max(time)));
    }

    /// The hours of the day with the most acts, most first, at most `n`; earlier hours first in ties.
    pub(crate) fn active_hours(&self, n: usize) -> Vec<u8> {
        let mut hours: Vec<(u32, u8)> =
            self.hours.iter().zip(0..24).filter(|(count, _)| **count > 0).map(|(c, h)| (*c, h)).collect();
        hours.sort_by_key(|&(count, hour)| (std::cmp::Reverse(count), hour));
        hours.into_iter().take(n).map(|(_, hour)| hour).collect()
    }
}

/// A sum that stops at the largest number: an infinity could never be taken back by a later act.
pub(super) fn add(sum: f64, value: f64) -> f64 {
    (sum + value).clamp(f64::MIN, f64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_sum_up() {
        let mut figures = Figures::default();
        let at = |s| Time::from_secs(s).unwrap();
        figures.record(2, at(7200), Some(3.0), Some(2.0));
        figures.record(2, at(3600), Some(1.5), None);
        figures.record(0, at(7300), None, None);
        assert_eq!((figures.kinds[0].kind, figures.kinds[1].kind), (0, 2));
        assert_eq!(figures.kinds[1].count, 2);
        assert_eq!((figures.kinds[1].value, figures.kinds[1].quantity), (4.5, 3.0));
        assert_eq!((figures.kinds[1].first, figures.kinds[1].last), (at(3600), at(7200)));
        assert_eq!(figures.newest, Some(at(7300)));
        assert_eq!(figures.active_hours(3), [2, 1]);
    }

    #[test]
    fn sums_stay_finite() {
        let mut figures = Figures::default();
        let time = Time::from_secs(0).unwrap();
        (0..3).for_each(|_| figures.record(0, time, Some(f64::MAX), Some(-f64::MAX)));
        assert_eq!((figures.kinds[0].value, figures.kinds[0].quantity), (f64::MAX, f64::MIN));
    }
}
