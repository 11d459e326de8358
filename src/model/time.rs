//! Points in time: microseconds since 1970 in UTC.

use crate::error::{Error, Result};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;
use std::str::FromStr;

/// A point in time, in microseconds since 1970-01-01T00:00:00Z; years 1 to 9999.
///
/// Reads RFC 3339 (`2017-03-01T10:00:00+01:00`), an epoch in seconds, milliseconds or
/// microseconds (told apart by magnitude), or a date (`2017-03-01`, midnight UTC).
///
/// ```
/// use kindred::model::Time;
/// let t: Time = "2017-03-01T10:00:00+01:00".parse()?;
/// assert_eq!(t.to_string(), "2017-03-01T09:00:00Z");
/// assert_eq!("1488358800".parse::<Time>()?, t);
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default, bincode::Encode, bincode::Decode,
)]
pub struct Time(i64);

const MICROS: i64 = 1_000_000;
/// 0001-01-01T00:00:00Z and 9999-12-30T22:00:00Z: what the calendar library can show.
const EARLIEST: i64 = -62_135_596_800 * MICROS;
const LATEST: i64 = 253_402_207_200 * MICROS;

impl Time {
    /// The first and the last that there are.
    pub(crate) const EARLIEST: Self = Self(EARLIEST);
    pub(crate) const LATEST: Self = Self(LATEST);

    /// From microseconds since 1970.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside the years 1 to 9999.
    pub fn from_micros(micros: i64) -> Result<Self> {
        if (EARLIEST..=LATEST).contains(&micros) {
            Ok(Self(micros))
        } else {
            Err(Error::invalid("time", micros, "microseconds must lie in the years 1 to 9999"))
        }
    }

    /// From seconds since 1970.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside the years 1 to 9999.
    pub fn from_secs(secs: i64) -> Result<Self> {
        Self::from_micros(secs.saturating_mul(MICROS))
    }

    /// From a number whose unit is told by its size: below 10^11 seconds, below 10^14
    /// milliseconds, else microseconds.
    ///
    /// # Errors
    /// [`Error::Invalid`] outside the years 1 to 9999.
    pub fn from_epoch(number: i64) -> Result<Self> {
        match number.unsigned_abs() {
            0..100_000_000_000 => Self::from_secs(number),
            100_000_000_000..100_000_000_000_000 => Self::from_micros(number.saturating_mul(1000)),
            _ => Self::from_micros(number),
        }
    }

    /// The clock of this machine, now.
    #[must_use]
    pub fn now() -> Self {
        Self(jiff::Timestamp::now().as_microsecond())
    }

    /// Microseconds since 1970.
    #[must_use]
    pub const fn micros(self) -> i64 {
        self.0
    }

    /// Seconds from `earlier` to `self`, negative where `self` is the earlier one.
    #[must_use]
    pub fn secs_since(self, earlier: Self) -> f64 {
        let micros = (self.0 - earlier.0) as f64;
        micros / 1e6
    }

    /// Hour of the day in UTC, 0 to 23.
    #[must_use]
    pub const fn hour(self) -> usize {
        (self.0.div_euclid(3600 * MICROS)).rem_euclid(24) as usize
    }
}

impl FromStr for Time {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let text = text.trim();
        if let Ok(number) = text.parse::<i64>() {
            return Self::from_epoch(number);
        }
        if let Ok(stamp) = text.parse::<jiff::Timestamp>() {
            return Self::from_micros(stamp.as_microsecond());
        }
        let expected = "a time is RFC 3339 (2017-03-01T10:00:00Z), a date (2017-03-01) or an epoch, \
                        and at most 9999-12-30T22:00:00Z";
        let refusal = || Error::invalid("time", format!("{text:?}"), expected);
        // The name of a zone would be passed over in silence, and the time be taken for UTC.
        if text.contains('[') {
            return Err(refusal());
        }
        let civil: jiff::civil::DateTime = text.parse().map_err(|_| refusal())?;
        let stamp = jiff::tz::TimeZone::UTC
            .to_timestamp(civil)
            .map_err(|e| Error::invalid("time", format!("{text:?}"), e.to_string()))?;
        Self::from_micros(stamp.as_microsecond())
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_microsecond(self.0) {
            Ok(stamp) => write!(f, "{stamp}"),
            Err(_) => write!(f, "{}µs", self.0),
        }
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Time;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a time: RFC 3339, a date or an epoch")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Time, E> {
                text.parse().map_err(E::custom)
            }
            fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Time, E> {
                Time::from_epoch(number).map_err(E::custom)
            }
            fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Time, E> {
                i64::try_from(number).map_err(E::custom).and_then(|n| self.visit_i64(n))
            }
            fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Time, E> {
                if !number.is_finite() || number.abs() >= 1e11 {
                    return Err(E::custom(format!("{number} is no epoch in seconds")));
                }
                let micros = (number * 1e6).round() as i64;
                Time::from_micros(micros).map_err(E::custom)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_of_one_instant_agree() {
        let t = Time::from_secs(1_488_358_800).unwrap();
        for text in [
            "2017-03-01T09:00:00Z",
            "2017-03-01T10:00:00+01:00",
            "1488358800",
            "1488358800000",
            "1488358800000000",
            "2017-03-01 09:00:00",
        ] {
            assert_eq!(text.parse::<Time>().unwrap(), t, "{text}");
        }
        assert_eq!("2017-03-01".parse::<Time>().unwrap().hour(), 0);
    }

    #[test]
    fn display_round_trips_at_the_edges() {
        for micros in [EARLIEST, -1, 0, 1, LATEST] {
            let t = Time::from_micros(micros).unwrap();
            assert_eq!(t.to_string().parse::<Time>().unwrap(), t);
        }
        assert!(Time::from_micros(LATEST + 1).is_err());
        assert!(Time::from_secs(i64::MAX).is_err());
    }

    #[test]
    fn nonsense_is_refused() {
        for text in ["", "yesterday", "2017-02-30", "2017-13-01", "99999999999999999999"] {
            assert!(text.parse::<Time>().is_err(), "{text}");
        }
    }
}
