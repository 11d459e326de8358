//! Spans of time, as people say them.

use crate::error::{Error, Result};
use crate::model::Time;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp};
use std::fmt;
use std::str::FromStr;

/// A span of time: months of the calendar, and an exact time beside them.
///
/// Reads what SQL takes for an interval: whole numbers, each with its unit.
///
/// ```
/// use kindred::model::{Interval, Time};
/// let interval: Interval = "1 month 2 days".parse()?;
/// let time: Time = "2026-03-31T12:00:00Z".parse()?;
/// assert_eq!(interval.before(time)?, "2026-02-26T12:00:00Z".parse()?);
/// assert_eq!(Interval::days(14).to_string(), "14 days");
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, bincode::Encode, bincode::Decode)]
pub struct Interval {
    months: i32,
    micros: i64,
}

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;
/// More lie in no calendar.
const MOST_MONTHS: i32 = 12 * 9999;
const MOST_MICROS: i64 = 9999 * 366 * DAY;

/// Units by name, from the longest: in months, or in microseconds.
const UNITS: [(&str, i64, i64); 8] = [
    ("year", 12, 0),
    ("month", 1, 0),
    ("week", 0, 7 * DAY),
    ("day", 0, DAY),
    ("hour", 0, 3600 * SECOND),
    ("minute", 0, 60 * SECOND),
    ("second", 0, SECOND),
    ("microsecond", 0, 1),
];

impl Interval {
    /// Months of the calendar: the same day of the month, or its last.
    #[must_use]
    pub const fn months(months: u16) -> Self {
        Self { months: months as i32, micros: 0 }
    }

    /// Days of 24 hours.
    #[must_use]
    pub const fn days(days: u16) -> Self {
        Self { months: 0, micros: days as i64 * DAY }
    }

    /// Hours.
    #[must_use]
    pub const fn hours(hours: u16) -> Self {
        Self { months: 0, micros: hours as i64 * 3600 * SECOND }
    }

    /// So many of a unit: `day`, `days`.
    pub(crate) fn of(number: i64, unit: &str) -> Result<Self> {
        let lower = unit.to_lowercase();
        let singular = lower.strip_suffix('s').unwrap_or(&lower);
        let Some((_, months, micros)) = UNITS.iter().find(|(name, _, _)| *name == singular) else {
            return Err(Error::invalid(
                "unit of an interval",
                unit,
                "years, months, weeks, days, hours, minutes or seconds",
            ));
        };
        let too_long = || Error::invalid("interval", format!("{number} {unit}"), "at most 9999 years");
        let months = number.checked_mul(*months).and_then(|months| i32::try_from(months).ok());
        let micros = number.checked_mul(*micros);
        Self { months: months.ok_or_else(too_long)?, micros: micros.ok_or_else(too_long)? }.checked()
    }

    fn checked(self) -> Result<Self> {
        if self.months.abs() <= MOST_MONTHS && self.micros.abs() <= MOST_MICROS {
            Ok(self)
        } else {
            Err(Error::invalid("interval", self, "at most 9999 years"))
        }
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Result<Self> {
        // Each is far below half of what its type holds.
        Self { months: self.months + other.months, micros: self.micros + other.micros }.checked()
    }

    pub(crate) const fn negated(self) -> Self {
        Self { months: -self.months, micros: -self.micros }
    }

    /// Whether it is of months, whose length differs.
    pub(crate) const fn has_months(self) -> bool {
        self.months != 0
    }

    pub(crate) const fn is_negative(self) -> bool {
        self.months < 0 || self.micros < 0
    }

    /// The instant this long before another. Months are counted in UTC.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside the years 1 to 9999.
    pub fn before(self, time: Time) -> Result<Time> {
        self.negated().after(time)
    }

    /// The instant this long after another. Months are counted in UTC.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside the years 1 to 9999.
    pub fn after(self, time: Time) -> Result<Time> {
        let outside = || Error::invalid("interval", self, "the instant must lie in the years 1 to 9999");
        let stamp = Timestamp::from_microsecond(time.micros()).map_err(|_| outside())?;
        let span = Span::new().try_months(self.months).map_err(|_| outside())?;
        let civil = TimeZone::UTC.to_datetime(stamp).checked_add(span).map_err(|_| outside())?;
        let moved = TimeZone::UTC.to_timestamp(civil).map_err(|_| outside())?;
        let micros = moved.as_microsecond().checked_add(self.micros);
        micros.and_then(|micros| Time::from_micros(micros).ok()).ok_or_else(outside)
    }
}

impl FromStr for Interval {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let refusal = || {
            Error::invalid(
                "interval",
                format!("{text:?}"),
                "whole numbers with their units: '30 days', '1 year 6 months'",
            )
        };
        let words: Vec<&str> = text.split_whitespace().collect();
        let pairs = words.chunks_exact(2);
        if words.is_empty() || !pairs.remainder().is_empty() {
            return Err(refusal());
        }
        let mut interval = Self { months: 0, micros: 0 };
        for pair in pairs {
            if !pair[0].bytes().all(|byte| byte.is_ascii_digit()) {
                return Err(refusal());
            }
            let number = pair[0].parse().map_err(|_| refusal())?;
            interval = interval.plus(Self::of(number, pair[1])?)?;
        }
        Ok(interval)
    }
}

/// In the longest units that it is whole in, without a sign.
impl fmt::Display for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mut months, mut micros) = (i64::from(self.months).abs(), self.micros.abs());
        let mut is_first = true;
        for (name, in_months, in_micros) in UNITS {
            // Weeks are told as days.
            if name == "week" {
                continue;
            }
            let (rest, size) =
                if in_months > 0 { (&mut months, in_months) } else { (&mut micros, in_micros) };
            let number = *rest / size;
            *rest %= size;
            if number > 0 {
                let (space, plural) = (if is_first { "" } else { " " }, if number == 1 { "" } else { "s" });
                write!(f, "{space}{number} {name}{plural}")?;
                is_first = false;
            }
        }
        if is_first { f.write_str("0 days") } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_read_back() {
        for text in
            ["30 days", "1 year 6 months", "1 day", "2 hours 1 minute 7 seconds", "3 microseconds", "0 days"]
        {
            let interval: Interval = text.parse().unwrap();
            assert_eq!(interval.to_string(), text);
        }
        assert_eq!("2 weeks".parse::<Interval>().unwrap(), Interval::days(14));
        assert_eq!("12 MONTHS".parse::<Interval>().unwrap().to_string(), "1 year");
    }

    #[test]
    fn nonsense_is_refused() {
        for text in [
            "",
            "30",
            "days",
            "30 days 1",
            "-1 day",
            "1.5 days",
            "1 fortnight",
            "10000 years",
            "9999999999999999999 days",
        ] {
            assert!(text.parse::<Interval>().is_err(), "{text}");
        }
        let ancient = "9998 years".parse::<Interval>().unwrap();
        assert!(ancient.before("2026-01-01".parse().unwrap()).is_err());
    }

    #[test]
    fn months_end_with_the_month() {
        let time: Time = "2024-03-31".parse().unwrap();
        assert_eq!(Interval::months(1).before(time).unwrap(), "2024-02-29".parse().unwrap());
        assert_eq!(Interval::months(1).after(time).unwrap(), "2024-04-30".parse().unwrap());
    }
}
