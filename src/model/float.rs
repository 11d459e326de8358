//! 32-bit floats in JSON: the same bits back, and infinity by name.

use serde::de::{Error, Visitor};
use serde::{Deserialize, Deserializer, Serializer};
use std::fmt;

/// Bits that a 64-bit float has more than a 32-bit one, and of these the first alone: the middle between two.
const SURPLUS: u64 = (1 << 29) - 1;
const MIDDLE: u64 = 1 << 28;

/// The 32-bit float nearest to a decimal number that was read as a 64-bit one.
///
/// Rounding twice goes wrong where the decimal is nearer to the middle between two 32-bit floats than a 64-bit one can tell.
/// Its digits are still known then, if there were no more than 15 of them, and are read again.
pub(crate) fn narrowed(number: f64) -> f32 {
    let twice = number as f32;
    let doubtful = number.to_bits() & SURPLUS == MIDDLE || number.abs() < f64::from(f32::MIN_POSITIVE);
    if doubtful { format!("{number:e}").parse().unwrap_or(twice) } else { twice }
}

/// Writes a float; infinity, which JSON lacks, as `"inf"`.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands fields by reference")]
pub(super) fn serialize<S: Serializer>(number: &f32, serializer: S) -> Result<S::Ok, S::Error> {
    if number.is_infinite() && *number > 0.0 {
        serializer.serialize_str("inf")
    } else {
        serializer.serialize_f32(*number)
    }
}

/// Reads what [`serialize`] wrote.
pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<f32, D::Error> {
    struct Number;
    impl Visitor<'_> for Number {
        type Value = f32;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a number or \"inf\"")
        }
        fn visit_f64<E: Error>(self, number: f64) -> Result<f32, E> {
            let narrowed = narrowed(number);
            // Beyond all 32-bit floats: infinity is said by name.
            if narrowed.is_finite() {
                Ok(narrowed)
            } else {
                Err(E::custom(format!("{number:e} is out of range")))
            }
        }
        fn visit_i64<E: Error>(self, number: i64) -> Result<f32, E> {
            Ok(number as f32)
        }
        fn visit_u64<E: Error>(self, number: u64) -> Result<f32, E> {
            Ok(number as f32)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<f32, E> {
            if text == "inf" {
                Ok(f32::INFINITY)
            } else {
                Err(E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
    }
    deserializer.deserialize_any(Number)
}

/// Reads a vector, if there is one.
pub(super) fn vector<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<f32>>, D::Error> {
    let numbers: Option<Vec<f64>> = Option::deserialize(deserializer)?;
    Ok(numbers.map(|numbers| numbers.into_iter().map(narrowed).collect()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first is the float whose shortest decimal, rounded to 64 bits and then to 32, is its neighbour.
    #[test]
    fn shortest_decimals_are_read_back_to_the_bit() {
        for number in [7.038_531e-26_f32, f32::MIN_POSITIVE, 1e-45, -1e-45, f32::MAX, 0.1, -0.0, 16_777_216.0]
        {
            let read: f64 = number.to_string().parse().unwrap();
            assert_eq!(narrowed(read).to_bits(), number.to_bits(), "{number:e}");
        }
        assert_ne!(("7.038531e-26".parse::<f64>().unwrap() as f32).to_bits(), 7.038_531e-26_f32.to_bits());
    }

    #[test]
    fn infinity_is_said_by_name_only() {
        let read = |json: &str| deserialize(&mut serde_json::Deserializer::from_str(json)).ok();
        assert_eq!(read("\"inf\"").map(f32::to_bits), Some(f32::INFINITY.to_bits()));
        assert_eq!(read("-3").map(f32::to_bits), Some((-3.0_f32).to_bits()));
        for bad in ["1e39", "-1e39", "\"-inf\"", "\"nan\"", "null", "true"] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(20_000))]
        #[test]
        fn every_float_is_read_back(bits in any::<u32>()) {
            let number = f32::from_bits(bits);
            prop_assume!(number.is_finite());
            let read: f64 = serde_json::from_str(&serde_json::to_string(&number).unwrap()).unwrap();
            prop_assert_eq!(narrowed(read).to_bits(), bits);
        }
    }
}
