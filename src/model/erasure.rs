//! What is kept of a user who was erased: enough to know the id again, and nothing to read it from.

use super::check_id;
use crate::error::Result;
use bincode::{Decode, Encode};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt::Write;

/// Drawn at random for each store, so that tombstones of two stores cannot be compared.
pub type Salt = Hex<32>;

/// The mark that a user was erased. It keeps no personal data: a keyed hash of the id, which tells only whether an id that
/// somebody names is the one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tombstone {
    /// The store's salt.
    pub salt: Salt,
    /// The first 16 bytes of BLAKE3 of the id, keyed with the salt.
    pub hash: Hex<16>,
}

impl Tombstone {
    /// The tombstone of a user's id.
    ///
    /// # Errors
    /// [`crate::Error::Invalid`] for an id that no user has.
    ///
    /// ```
    /// use kindred::model::{Hex, Tombstone};
    /// let (a, b) = (Tombstone::of("ann", Hex([1; 32]))?, Tombstone::of("ann", Hex([2; 32]))?);
    /// assert_ne!(a.hash, b.hash);
    /// assert_eq!(a, Tombstone::of("ann", a.salt)?);
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn of(user: &str, salt: Salt) -> Result<Self> {
        check_id("user id", user)?;
        let mut hash = Hex([0; 16]);
        hash.0.copy_from_slice(&blake3::keyed_hash(&salt.0, user.as_bytes()).as_bytes()[..16]);
        Ok(Self { salt, hash })
    }
}

/// Bytes that are written as lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Encode, Decode)]
pub struct Hex<const N: usize>(
    /// The bytes.
    pub [u8; N],
);

impl<const N: usize> Hex<N> {
    /// Reads exactly twice as many digits as there are bytes.
    fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; N];
        if text.len() != 2 * N || !text.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return None;
        }
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
        }
        Some(Self(bytes))
    }
}

impl<const N: usize> std::fmt::Display for Hex<N> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl<const N: usize> std::str::FromStr for Hex<N> {
    type Err = crate::Error;

    fn from_str(text: &str) -> Result<Self> {
        let expected = || format!("it is {} hexadecimal digits", 2 * N);
        Self::parse(text).ok_or_else(|| crate::Error::invalid("a hash or salt", text, expected()))
    }
}

impl<const N: usize> Serialize for Hex<N> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(2 * N);
        // Writing to a string cannot fail.
        let _ = write!(text, "{self}");
        serializer.serialize_str(&text)
    }
}

impl<'de, const N: usize> Deserialize<'de> for Hex<N> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_read_back_and_anything_else_is_refused() {
        let bytes = Hex([0, 1, 0xAB, 0xFF]);
        assert_eq!(bytes.to_string(), "0001abff");
        assert_eq!("0001ABff".parse::<Hex<4>>().unwrap(), bytes);
        for bad in ["", "0001abf", "0001abff0", "0001abfg", "+001abff", "é001abf"] {
            assert!(bad.parse::<Hex<4>>().is_err(), "{bad}");
        }
    }
}
