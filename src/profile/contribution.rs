//! What one item, group or text adds to a user, and how it fades.

use crate::model::Time;

/// What a user's act adds a vector of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Target {
    /// An item, by its number.
    Item(u32),
    /// The items of one text, by the group's number.
    Group(u32),
    /// A text of the user's own, by the first 8 bytes of its hash.
    Text(u64),
}

impl Target {
    /// The stored form: a tag and a number.
    pub(crate) const fn to_parts(self) -> (u8, u64) {
        match self {
            Self::Item(no) => (0, no as u64),
            Self::Group(no) => (1, no as u64),
            Self::Text(hash) => (2, hash),
        }
    }

    /// The inverse of [`Target::to_parts`].
    pub(crate) fn from_parts(tag: u8, number: u64) -> Option<Self> {
        match tag {
            0 => u32::try_from(number).ok().map(Self::Item),
            1 => u32::try_from(number).ok().map(Self::Group),
            2 => Some(Self::Text(number)),
            _ => None,
        }
    }
}

/// A user's acts of one kind on one target, summed up: enough to take its share out of the profile and
/// put the new one in.
#[derive(Clone, Copy, Debug, PartialEq, bincode::Encode, bincode::Decode)]
pub(crate) struct Contribution {
    /// How often.
    pub count: u32,
    /// When last.
    pub last: Time,
}

impl Contribution {
    /// One act.
    pub(crate) fn once(time: Time) -> Self {
        Self { count: 1, last: time }
    }

    /// The acts of both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self { count: self.count.saturating_add(other.count), last: self.last.max(other.last) }
    }

    /// The tenth act adds less than the second: `1 + ln n`, and `1 + ln(1 + ln n)` for a group, whose
    /// counts add up over its items.
    pub(crate) fn damped_count(self, target: Target) -> f64 {
        let damped = f64::from(self.count.max(1)).ln();
        1.0 + if matches!(target, Target::Group(_)) { damped.ln_1p() } else { damped }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn acts_in_any_order_sum_up_alike() {
        let times = [30, 10, 20].map(|s| Time::from_secs(s).unwrap());
        let forward = times.map(Contribution::once).into_iter().reduce(Contribution::and);
        let backward = times.map(Contribution::once).into_iter().rev().reduce(Contribution::and);
        assert_eq!(forward, backward);
        assert_eq!(forward.unwrap().last, times[0]);
    }

    #[test]
    fn targets_survive_their_parts() {
        for target in [Target::Item(7), Target::Group(u32::MAX), Target::Text(u64::MAX)] {
            let (tag, number) = target.to_parts();
            assert_eq!(Target::from_parts(tag, number), Some(target));
        }
        assert_eq!(Target::from_parts(0, u64::MAX), None);
        assert_eq!(Target::from_parts(9, 0), None);
    }
}
