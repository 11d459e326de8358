//! How values stand to each other.

use super::Comparison;
use crate::model::Value;
use std::cmp::Ordering;

/// What can be compared with each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Family {
    Bool,
    Number,
    Text,
    Time,
    Set,
}

impl Family {
    pub(crate) const ALL: [Self; 5] = [Self::Bool, Self::Number, Self::Text, Self::Time, Self::Set];

    /// In words, for one of them.
    pub(crate) const fn words(self) -> &'static str {
        match self {
            Self::Bool => "true or false",
            Self::Number => "a number",
            Self::Text => "a text",
            Self::Time => "a time",
            Self::Set => "a set of texts",
        }
    }
}

impl Value {
    pub(crate) const fn family(&self) -> Family {
        match self {
            Self::Bool(_) => Family::Bool,
            Self::Int(_) | Self::Float(_) => Family::Number,
            Self::Text(_) => Family::Text,
            Self::Time(_) => Family::Time,
            Self::Set(_) => Family::Set,
        }
    }
}

impl Comparison {
    /// Whether it asks for one value, or for all but one.
    pub(crate) const fn is_equality(self) -> bool {
        matches!(self, Self::Equal | Self::NotEqual)
    }

    /// The same with its sides exchanged.
    pub(crate) const fn flipped(self) -> Self {
        match self {
            Self::Equal | Self::NotEqual => self,
            Self::Less => Self::Greater,
            Self::LessOrEqual => Self::GreaterOrEqual,
            Self::Greater => Self::Less,
            Self::GreaterOrEqual => Self::LessOrEqual,
        }
    }

    pub(crate) const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::GreaterOrEqual => order.is_ge(),
        }
    }
}

/// The order of two values; none where they are of different families, or sets. Whole numbers and floats are compared as the
/// numbers that they are, without rounding.
pub(crate) fn compare(left: &Value, right: &Value) -> Option<Ordering> {
    match (left, right) {
        (Value::Bool(left), Value::Bool(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Int(right)) => Some(left.cmp(right)),
        (Value::Int(left), Value::Float(right)) => int_and_float(*left, *right),
        (Value::Float(left), Value::Int(right)) => int_and_float(*right, *left).map(Ordering::reverse),
        (Value::Float(left), Value::Float(right)) => left.partial_cmp(right),
        (Value::Text(left), Value::Text(right)) => Some(left.cmp(right)),
        (Value::Time(left), Value::Time(right)) => Some(left.cmp(right)),
        _ => None,
    }
}

/// 2^63.
const BEYOND: f64 = 9_223_372_036_854_775_808.0;

fn int_and_float(int: i64, float: f64) -> Option<Ordering> {
    if float >= BEYOND {
        Some(Ordering::Less)
    } else if float < -BEYOND {
        Some(Ordering::Greater)
    } else {
        let whole = int.cmp(&(float.trunc() as i64));
        0.0.partial_cmp(&float.fract()).map(|rest| whole.then(rest))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_and_floats_are_compared_without_rounding() {
        let order = |int: i64, float: f64| {
            let one = compare(&Value::Int(int), &Value::Float(float)).unwrap();
            let other = compare(&Value::Float(float), &Value::Int(int)).unwrap();
            assert_eq!(one, other.reverse());
            one
        };
        assert_eq!(order((1 << 53) + 1, (1_i64 << 53) as f64), Ordering::Greater);
        assert_eq!(order(i64::MAX, BEYOND), Ordering::Less);
        assert_eq!(order(i64::MIN, -BEYOND), Ordering::Equal);
        assert_eq!(order(i64::MIN, -BEYOND * 1.5), Ordering::Greater);
        for (int, float, expected) in [
            (3, 3.0, Ordering::Equal),
            (3, 3.5, Ordering::Less),
            (4, 3.5, Ordering::Greater),
            (-3, -3.5, Ordering::Greater),
            (-4, -3.5, Ordering::Less),
            (0, -0.0, Ordering::Equal),
            (0, -0.5, Ordering::Greater),
        ] {
            assert_eq!(order(int, float), expected, "{int} and {float}");
        }
    }

    #[test]
    fn what_is_of_two_families_is_not_compared() {
        assert_eq!(compare(&Value::Int(1), &Value::Text("1".into())), None);
        assert_eq!(compare(&Value::Bool(true), &Value::Int(1)), None);
        assert_eq!(compare(&Value::Set([].into()), &Value::Set([].into())), None);
    }
}
