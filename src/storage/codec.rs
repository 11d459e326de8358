//! Values to bytes and back with bincode, within limits that follow from the input's length.

use bincode::config::{self, Configuration, Limit, LittleEndian, Varint};
use bincode::error::DecodeError;

use crate::error::{Error, Result};

/// Longest encoding, in bytes.
pub(crate) const MAX_ENCODED_BYTES: usize = 64 << 20;

/// What one encoded byte may claim in memory: an empty string is one byte there and 24 here.
const CLAIM_PER_BYTE: usize = 64;

/// The bytes of `value`.
///
/// # Errors
/// [`Error::Invalid`] where they are more than [`MAX_ENCODED_BYTES`].
pub(crate) fn encode<T: bincode::Encode>(value: &T) -> Result<Vec<u8>> {
    let bytes = bincode::encode_to_vec(value, config::standard())
        .map_err(|e| Error::Bug(format!("a value cannot be encoded: {e}")))?;
    if bytes.len() > MAX_ENCODED_BYTES {
        return Err(Error::invalid("a record", format!("{} bytes", bytes.len()), "at most 64 MiB"));
    }
    Ok(bytes)
}

/// The value whose bytes are `bytes`, all of them; `place` is named when they are not one.
/// What it allocates is bounded by a multiple of the input's length, whatever the bytes claim.
///
/// # Errors
/// [`Error::Damaged`].
pub(crate) fn decode<T: bincode::Decode<()>>(place: &str, bytes: &[u8]) -> Result<T> {
    let claimed = bytes.len().saturating_mul(CLAIM_PER_BYTE);
    let decoded = match claimed {
        0..=0x400 => within::<T, 0x400>(bytes),
        0x401..=0x1000 => within::<T, 0x1000>(bytes),
        0x1001..=0x4000 => within::<T, 0x4000>(bytes),
        0x4001..=0x1_0000 => within::<T, 0x1_0000>(bytes),
        0x1_0001..=0x4_0000 => within::<T, 0x4_0000>(bytes),
        0x4_0001..=0x40_0000 => within::<T, 0x40_0000>(bytes),
        0x40_0001..=0x400_0000 => within::<T, 0x400_0000>(bytes),
        0x400_0001..=0x4000_0000 => within::<T, 0x4000_0000>(bytes),
        _ => within::<T, { MAX_ENCODED_BYTES * CLAIM_PER_BYTE }>(bytes),
    };
    match decoded {
        Ok((value, consumed)) if consumed == bytes.len() => Ok(value),
        Ok((_, consumed)) => {
            Err(Error::damaged(place, format!("{} bytes follow its end", bytes.len() - consumed)))
        }
        Err(e) => Err(Error::damaged(place, e.to_string())),
    }
}

fn within<T: bincode::Decode<()>, const LIMIT: usize>(bytes: &[u8]) -> Result<(T, usize), DecodeError> {
    const fn config<const LIMIT: usize>() -> Configuration<LittleEndian, Varint, Limit<LIMIT>> {
        config::standard().with_limit::<LIMIT>()
    }
    bincode::decode_from_slice(bytes, config::<LIMIT>())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Sample = (u64, Vec<String>, Option<Vec<f32>>, i32);

    proptest! {
        #[test]
        fn what_goes_in_comes_out(sample: Sample) {
            let bytes = encode(&sample).unwrap();
            let back: (u64, Vec<String>, Option<Vec<u32>>, i32) = decode("x", &bytes).map(|s: Sample| {
                (s.0, s.1, s.2.map(|v| v.iter().map(|f| f.to_bits()).collect()), s.3)
            }).unwrap();
            let bits = sample.2.map(|v| v.iter().map(|f| f.to_bits()).collect::<Vec<_>>());
            prop_assert_eq!(back, (sample.0, sample.1, bits, sample.3));
        }

        #[test]
        fn any_bytes_are_an_error_or_a_value(bytes: Vec<u8>) {
            let _ = decode::<Sample>("x", &bytes);
        }
    }

    #[test]
    fn trailing_and_missing_bytes_are_damage() {
        let mut bytes = encode(&7_u64).unwrap();
        bytes.push(0);
        assert!(matches!(decode::<u64>("key", &bytes), Err(Error::Damaged { place, .. }) if place == "key"));
        assert!(matches!(decode::<u64>("key", &[]), Err(Error::Damaged { .. })));
    }

    #[test]
    fn a_long_list_of_small_values_fits() {
        let list = vec![String::new(); 300_000];
        assert_eq!(decode::<Vec<String>>("x", &encode(&list).unwrap()).unwrap(), list);
    }

    #[test]
    fn a_hostile_length_is_refused_before_it_is_allocated() {
        let mut bytes = vec![253];
        bytes.extend((1_u64 << 60).to_le_bytes());
        assert!(matches!(decode::<Vec<u8>>("x", &bytes), Err(Error::Damaged { .. })));
        let mut bytes = vec![252];
        bytes.extend((2_000_u32).to_le_bytes());
        assert!(matches!(decode::<Vec<u8>>("x", &bytes), Err(Error::Damaged { .. })));
    }
}
