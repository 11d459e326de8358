//! The frame around each stored value: version, kind and a checksum that covers the key too, so
//! that a flipped bit and a misplaced value are both found.

use crate::error::{Error, Result};

/// Version of the frame.
const VERSION: u8 = 1;

/// Bytes before the payload.
pub(crate) const HEADER_BYTES: usize = 6;

/// What the payload is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The whole value.
    Whole = 0,
    /// Length and checksum of a value that lies in parts.
    Head = 1,
    /// One part of a value.
    Part = 2,
}

/// Appends the framed `payload` of `key` to `out`.
pub(crate) fn write(out: &mut Vec<u8>, key: &[u8], kind: Kind, payload: &[u8]) {
    out.extend([VERSION, kind as u8]);
    out.extend(checksum(key, kind as u8, payload).to_le_bytes());
    out.extend(payload);
}

/// The framed `payload` of `key` by itself.
pub(crate) fn framed(key: &[u8], kind: Kind, payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(HEADER_BYTES + payload.len());
    write(&mut bytes, key, kind, payload);
    bytes
}

/// Kind and payload of what is stored under `key`.
///
/// # Errors
/// [`Error::Damaged`], naming the key in hexadecimal.
pub(crate) fn read<'a>(key: &[u8], bytes: &'a [u8]) -> Result<(Kind, &'a [u8])> {
    let Some(([version, kind, crc @ ..], payload)) = bytes.split_first_chunk::<HEADER_BYTES>() else {
        return Err(damaged(key, "it is too short"));
    };
    if *version != VERSION {
        return Err(damaged(key, &format!("its frame has version {version}")));
    }
    if checksum(key, *kind, payload) != u32::from_le_bytes(*crc) {
        return Err(damaged(key, "its checksum does not match"));
    }
    let kind = match kind {
        0 => Kind::Whole,
        1 => Kind::Head,
        2 => Kind::Part,
        _ => return Err(damaged(key, &format!("its kind is {kind}"))),
    };
    Ok((kind, payload))
}

/// An [`Error::Damaged`] of the value under `key`.
pub(crate) fn damaged(key: &[u8], reason: &str) -> Error {
    Error::damaged(format!("the value of key {}", hex(key)), reason)
}

/// `bytes` in hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write;
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn checksum(key: &[u8], kind: u8, payload: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(key);
    hasher.update(&[kind]);
    hasher.update(payload);
    hasher.finalize()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_flipped_bit_and_another_key_are_found() {
        let mut bytes = Vec::new();
        write(&mut bytes, b"key", Kind::Whole, b"payload");
        assert_eq!(read(b"key", &bytes).unwrap(), (Kind::Whole, &b"payload"[..]));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert!(matches!(read(b"key", &flipped), Err(Error::Damaged { .. })), "bit {bit}");
        }
        let error = read(b"kez", &bytes).unwrap_err().to_string();
        assert!(error.contains("6b657a"), "{error}");
        assert!(read(b"key", &bytes[..3]).is_err());
    }
}
