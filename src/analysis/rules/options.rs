//! What baskets hold, how often is often, and which rules come first.

use crate::error::{Error, Result};
use std::fmt;
use std::str::FromStr;

/// What baskets hold.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Element {
    /// Items, named by their ids.
    #[default]
    Item,
    /// Groups, which are the items of one text, named by it. Items without a text are left out.
    Group,
    /// Categories: the item attribute that the store was made with names them ([`crate::Fusion::category`]). Items without it are left out.
    Category,
    /// Another attribute of items, a set of texts being one value. Items without it are left out.
    Attribute(String),
}

/// `item`, `group` and `category` stand for these; all else names an attribute.
impl FromStr for Element {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        Ok(match text {
            "item" => Self::Item,
            "group" => Self::Group,
            "category" => Self::Category,
            "" => return Err(Error::invalid("what baskets hold", "\"\"", "name an attribute of items")),
            name => Self::Attribute(name.to_owned()),
        })
    }
}

/// How many baskets are enough.
///
/// ```
/// use kindred::analysis::Support;
/// assert_eq!(Support::from(0.01), "0.01".parse()?);
/// assert_eq!(Support::from(100), "100".parse()?);
/// assert_eq!(Support::Share(0.01), "1%".parse()?);
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Support {
    /// This share of all baskets, more than 0 and at most 1.
    Share(f64),
    /// So many, at least 1.
    Baskets(u64),
}

impl From<f64> for Support {
    fn from(share: f64) -> Self {
        Self::Share(share)
    }
}

impl From<u64> for Support {
    fn from(baskets: u64) -> Self {
        Self::Baskets(baskets)
    }
}

impl Support {
    /// Refuses what no number of baskets can be.
    pub(super) fn check(self) -> Result<()> {
        let is_sound = match self {
            Self::Share(share) => share > 0.0 && share <= 1.0,
            Self::Baskets(baskets) => baskets > 0,
        };
        if is_sound {
            return Ok(());
        }
        let expected = "a share of all baskets, more than 0 and at most 1, or a whole number of them from 1";
        Err(Error::invalid("min_support", self, expected))
    }

    /// What is enough of so many baskets unless said. What one alone bears out is no rule.
    pub(super) fn usual(baskets: u32) -> u32 {
        Self::Share(0.001).count(baskets).max(2)
    }

    /// The least number of baskets that is enough.
    pub(super) fn count(self, baskets: u32) -> u32 {
        match self {
            Self::Baskets(count) => u32::try_from(count).unwrap_or(u32::MAX),
            Self::Share(share) => {
                // The product may come out above the whole number that it is.
                let count = (share * f64::from(baskets)).ceil().max(1.0) as u32;
                let less = count.saturating_sub(1);
                if less > 0 && f64::from(less) / f64::from(baskets) >= share { less } else { count }
            }
        }
    }
}

/// As it is read.
impl fmt::Display for Support {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Share(share) => write!(f, "{share:?}"),
            Self::Baskets(baskets) => write!(f, "{baskets}"),
        }
    }
}

/// A whole number is one of baskets; with a point, an exponent or a percent sign it is a share.
impl FromStr for Support {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refusal = || {
            let expected = "a share such as 0.01 or 1%, or a whole number of baskets";
            Error::invalid("min_support", format!("{text:?}"), expected)
        };
        if let Ok(baskets) = text.parse() {
            return Ok(Self::Baskets(baskets));
        }
        let (number, whole) = text.strip_suffix('%').map_or((text, 1.0), |percent| (percent, 100.0));
        number.trim().parse::<f64>().map(|share| Self::Share(share / whole)).map_err(|_| refusal())
    }
}

/// Which rules come first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum RuleOrder {
    /// Those of the highest lift.
    #[default]
    Lift,
    /// Those of the highest confidence.
    Confidence,
    /// Those that most baskets bear out.
    Support,
}

impl FromStr for RuleOrder {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "lift" => Ok(Self::Lift),
            "confidence" => Ok(Self::Confidence),
            "support" => Ok(Self::Support),
            _ => Err(Error::invalid("order of rules", format!("{text:?}"), "lift, confidence or support")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn numbers_are_read_as_shares_or_baskets() {
        for (text, support) in [
            ("0.5", Support::Share(0.5)),
            ("1", Support::Baskets(1)),
            ("1.0", Support::Share(1.0)),
            ("2.5 %", Support::Share(0.025)),
            ("1e-3", Support::Share(0.001)),
        ] {
            assert_eq!(text.parse::<Support>().unwrap(), support, "{text}");
            assert_eq!(support.to_string().parse::<Support>().unwrap(), support);
        }
        for text in ["", "%", "many", "-", "0x1"] {
            assert!(text.parse::<Support>().is_err(), "{text}");
        }
        for bad in ["0", "0.0", "-1", "NaN", "1.0001", "inf", "101%"] {
            assert!(bad.parse::<Support>().unwrap().check().is_err(), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn a_share_is_the_least_number_that_reaches_it(of in 1..100_000_u32, part in 1..100_000_u32, digits in 1..4_i32) {
            let share = f64::from(part.min(of)) / f64::from(of);
            prop_assert_eq!(Support::Share(share).count(of), part.min(of));
            let rounded = (share * 10_f64.powi(digits)).ceil() / 10_f64.powi(digits);
            let count = Support::Share(rounded).count(of);
            prop_assert!(f64::from(count) / f64::from(of) >= rounded, "{} of {}", count, of);
            prop_assert!(count == 1 || f64::from(count - 1) / f64::from(of) < rounded, "{} of {}", count, of);
        }
    }
}
