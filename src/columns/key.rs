//! Values as keys, in the order in which predicates compare them.

use crate::model::Value;
use crate::model::predicate::{Family, compare};
use std::cmp::Ordering;

/// A value, or the place before or after all of a family.
#[derive(Clone, Debug)]
pub(super) enum Key {
    Before(Family),
    Of(Value),
    After(Family),
}

impl Key {
    fn family(&self) -> Family {
        match self {
            Self::Before(family) | Self::After(family) => *family,
            Self::Of(value) => value.family(),
        }
    }

    const fn place(&self) -> u8 {
        match self {
            Self::Before(_) => 0,
            Self::Of(_) => 1,
            Self::After(_) => 2,
        }
    }
}

/// Families apart, and each in the order of its values. Whole numbers and floats that are the same number are the same key.
impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        let values = || match (self, other) {
            // Values of one family compare, but for numbers that are none, which no store takes.
            (Self::Of(left), Self::Of(right)) => compare(left, right).unwrap_or(Ordering::Equal),
            _ => Ordering::Equal,
        };
        let families = (self.family() as u8).cmp(&(other.family() as u8));
        families.then_with(|| self.place().cmp(&other.place())).then_with(values)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Key {}
