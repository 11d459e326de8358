//! Stretches of time that are counted together.

use crate::error::{Error, Result};
use crate::model::Time;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde::Serialize;
use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

const DAY_MICROS: i64 = 86_400_000_000;

/// Stretches of time that are counted together, each beginning where the one before ends, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum TimeBin {
    /// A day.
    Day,
    /// A week, from Monday.
    Week,
    /// A month of the calendar.
    Month,
    /// A year of the calendar.
    Year,
    /// Ten years, from one that ends in 0.
    Decade,
}

impl TimeBin {
    const ALL: [Self; 5] = [Self::Day, Self::Week, Self::Month, Self::Year, Self::Decade];
    /// Bins that a picture of them shows well.
    const SHOWN: i64 = 120;

    /// The shortest of which no more than 120 reach from one instant to another; a decade where it takes more of any.
    ///
    /// ```
    /// use kindred::analysis::TimeBin;
    /// let day = |day: &str| day.parse::<kindred::model::Time>();
    /// assert_eq!(TimeBin::for_span(day("2026-01-01")?, day("2026-04-01")?), TimeBin::Day);
    /// assert_eq!(TimeBin::for_span(day("2025-01-01")?, day("2026-04-01")?), TimeBin::Week);
    /// assert_eq!(TimeBin::for_span(day("2020-01-01")?, day("2026-04-01")?), TimeBin::Month);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    #[must_use]
    pub fn for_span(from: Time, to: Time) -> Self {
        let fits = |bin: &Self| bin.number(to).saturating_sub(bin.number(from)) < Self::SHOWN;
        Self::ALL.into_iter().find(fits).unwrap_or(Self::Decade)
    }

    /// Counts bins: that of an instant, and one more for each later one.
    pub(super) fn number(self, time: Time) -> i64 {
        let day = time.micros().div_euclid(DAY_MICROS);
        let (year, month) = year_and_month(time);
        match self {
            Self::Day => day,
            // 1970 began on a Thursday.
            Self::Week => (day + 3).div_euclid(7),
            Self::Month => year * 12 + month - 1,
            Self::Year => year,
            Self::Decade => year.div_euclid(10),
        }
    }

    /// When a bin begins; the earliest instant that there is where it would begin before that.
    pub(super) fn start(self, number: i64) -> Time {
        let of_day = |day: i64| Time::from_micros(day.saturating_mul(DAY_MICROS)).ok();
        let start = match self {
            Self::Day => of_day(number),
            Self::Week => of_day(number * 7 - 3),
            Self::Month => first_of(number.div_euclid(12), number.rem_euclid(12) + 1),
            Self::Year => first_of(number, 1),
            Self::Decade => first_of(number * 10, 1),
        };
        start.unwrap_or(Time::EARLIEST)
    }
}

/// The year, and the month from 1 to 12.
fn year_and_month(time: Time) -> (i64, i64) {
    let stamp = Timestamp::from_microsecond(time.micros()).unwrap_or_default();
    let civil = TimeZone::UTC.to_datetime(stamp);
    (civil.year().into(), civil.month().into())
}

/// The midnight that a month begins with; none where that is no instant that there is.
fn first_of(year: i64, month: i64) -> Option<Time> {
    let date = Date::new(year.try_into().ok()?, month.try_into().ok()?, 1).ok()?;
    let stamp = TimeZone::UTC.to_timestamp(date.to_datetime(jiff::civil::Time::midnight())).ok()?;
    Time::from_micros(stamp.as_microsecond()).ok()
}

impl Display for TimeBin {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
            Self::Year => "year",
            Self::Decade => "decade",
        })
    }
}

impl FromStr for TimeBin {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|bin| bin.to_string() == name);
        found.ok_or_else(|| Error::invalid("bin", format!("{name:?}"), "day, week, month, year or decade"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn time(text: &str) -> Time {
        text.parse().unwrap()
    }

    #[test]
    fn bins_begin_where_the_calendar_says() {
        for (bin, at, start) in [
            (TimeBin::Day, "1969-12-31T23:59:59.999999Z", "1969-12-31"),
            (TimeBin::Week, "2026-01-04T23:59:59Z", "2025-12-29"),
            (TimeBin::Week, "2026-01-05", "2026-01-05"),
            (TimeBin::Month, "2024-02-29T12:00:00Z", "2024-02-01"),
            (TimeBin::Year, "2024-12-31T23:59:59Z", "2024-01-01"),
            (TimeBin::Decade, "2029-12-31T23:59:59Z", "2020-01-01"),
            (TimeBin::Decade, "0007-03-01", "0001-01-01"),
            (TimeBin::Month, "9999-12-30T22:00:00Z", "9999-12-01"),
        ] {
            assert_eq!(bin.start(bin.number(time(at))), time(start), "{bin} of {at}");
        }
        assert!("fortnight".parse::<TimeBin>().is_err());
    }

    proptest! {
        #[test]
        fn an_instant_lies_in_its_bin_and_in_no_other(micros in -62_135_596_800_000_000_i64..253_402_207_200_000_000) {
            let at = Time::from_micros(micros).unwrap();
            for bin in TimeBin::ALL {
                let number = bin.number(at);
                prop_assert!(bin.start(number) <= at);
                prop_assert!(bin.start(number + 1) > at || bin.start(number + 1) == Time::EARLIEST);
                prop_assert_eq!(bin.number(bin.start(number)), number);
                prop_assert_eq!(bin.to_string().parse::<TimeBin>().unwrap(), bin);
            }
        }

        #[test]
        fn a_span_takes_few_bins(from in -60_000_000_000_i64..250_000_000_000, secs in 0_i64..3_000_000_000) {
            let (from, to) = (Time::from_secs(from).unwrap(), Time::from_secs(from + secs).unwrap());
            let bin = TimeBin::for_span(from, to);
            prop_assert!(bin.number(to) - bin.number(from) < 120);
            for shorter in TimeBin::ALL.into_iter().filter(|other| *other < bin) {
                prop_assert!(shorter.number(to) - shorter.number(from) >= 120);
            }
        }
    }
}
