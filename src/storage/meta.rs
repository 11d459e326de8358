//! The reserved keys: what store this is, and up to which commit the backend holds everything.

use std::hash::{BuildHasher, Hasher, RandomState};

use super::backend::Backend;
use super::frame::{self, Kind};
use super::log::file::FORMAT;
use crate::error::{Error, Result};

/// Key of the store's identity; `0xFF 0xFF` begins neither a logical key nor a part's.
pub(super) const STORE_KEY: &[u8] = b"\xFF\xFFstore";
/// Key of the last applied commit's number.
pub(crate) const APPLIED_KEY: &[u8] = b"\xFF\xFFapplied";

const MAGIC: [u8; 8] = *b"KINDRED\0";
/// Bytes of the identity: magic, format u32, store id u128, checksum u32. No frame around it, so
/// that it can be read whatever the frames of a later format look like.
const STORE_BYTES: usize = 32;

/// What store this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Identity {
    /// Drawn when the store was made.
    pub(crate) store_id: u128,
    /// The format that it was last written in.
    pub(crate) format: u32,
}

/// The store's identity, or `None` in a new backend.
///
/// # Errors
/// [`Error::Format`] of a store made by a newer build, [`Error::Damaged`].
pub(crate) fn identity(backend: &dyn Backend) -> Result<Option<Identity>> {
    let Some(bytes) = backend.get(STORE_KEY)? else { return Ok(None) };
    let Ok(bytes) = <[u8; STORE_BYTES]>::try_from(bytes) else {
        return Err(frame::damaged(STORE_KEY, "it has a wrong length"));
    };
    if bytes[..8] != MAGIC {
        return Err(frame::damaged(STORE_KEY, "it does not begin as it should"));
    }
    let [.., f0, f1, f2, f3] = bytes[..12] else { return Ok(None) };
    let format = u32::from_le_bytes([f0, f1, f2, f3]);
    if format > FORMAT {
        return Err(Error::Format { found: format, newest: FORMAT });
    }
    let store_id = bytes[12..28].iter().rev().fold(0, |id: u128, byte| id << 8 | u128::from(*byte));
    let identity = Identity { store_id, format };
    if bytes != encode_store(identity) {
        return Err(frame::damaged(STORE_KEY, "its checksum does not match"));
    }
    Ok(Some(identity))
}

/// Marks a store of an older format as one of the newest, so that no older build opens it.
pub(crate) fn upgrade(backend: &dyn Backend, store_id: u128) -> Result<()> {
    let store = encode_store(Identity { store_id, format: FORMAT });
    backend.apply(&mut [(STORE_KEY, Some(store.as_slice()))].into_iter())?;
    backend.sync()
}

/// Makes a new backend a store's; returns its id.
pub(crate) fn create(backend: &dyn Backend) -> Result<u128> {
    let half = || u128::from(RandomState::new().build_hasher().finish());
    let id = half() << 64 | half();
    create_again(backend, id)?;
    Ok(id)
}

/// Makes a new backend that of the store with this id.
pub(crate) fn create_again(backend: &dyn Backend, id: u128) -> Result<()> {
    let (store, applied) = (encode_store(Identity { store_id: id, format: FORMAT }), encode_applied(0));
    let ops = [(APPLIED_KEY, Some(applied.as_slice())), (STORE_KEY, Some(store.as_slice()))];
    backend.apply(&mut ops.into_iter())?;
    backend.sync()
}

/// Number of the last commit that the backend says it holds.
pub(crate) fn applied(backend: &dyn Backend) -> Result<u64> {
    let bytes = backend.get(APPLIED_KEY)?.ok_or_else(|| frame::damaged(APPLIED_KEY, "it is missing"))?;
    let (_, payload) = frame::read(APPLIED_KEY, &bytes)?;
    let seq = payload.try_into().map_err(|_| frame::damaged(APPLIED_KEY, "it has a wrong length"))?;
    Ok(u64::from_le_bytes(seq))
}

/// The stored form of a last applied commit's number.
pub(crate) fn encode_applied(seq: u64) -> Vec<u8> {
    frame::framed(APPLIED_KEY, Kind::Whole, &seq.to_le_bytes())
}

fn encode_store(identity: Identity) -> [u8; STORE_BYTES] {
    let mut bytes = [0; STORE_BYTES];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&identity.format.to_le_bytes());
    bytes[12..28].copy_from_slice(&identity.store_id.to_le_bytes());
    let crc = crc32fast::hash(&bytes[..28]);
    bytes[28..].copy_from_slice(&crc.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::super::memory::MemoryBackend;
    use super::*;

    #[test]
    fn a_newer_format_is_told_from_damage_and_an_older_one_is_upgraded() {
        let backend = MemoryBackend::default();
        assert_eq!(identity(&backend).unwrap(), None);
        let store_id = create(&backend).unwrap();
        assert_eq!(identity(&backend).unwrap(), Some(Identity { store_id, format: FORMAT }));
        backend.tamper(STORE_KEY, |bytes| *bytes = encode_store(Identity { store_id, format: 1 }).to_vec());
        assert_eq!(identity(&backend).unwrap(), Some(Identity { store_id, format: 1 }));
        upgrade(&backend, store_id).unwrap();
        assert_eq!(identity(&backend).unwrap(), Some(Identity { store_id, format: FORMAT }));
        assert_eq!(applied(&backend).unwrap(), 0);
        backend.tamper(STORE_KEY, |bytes| bytes[20] ^= 1);
        assert!(matches!(identity(&backend), Err(Error::Damaged { .. })));
        backend.tamper(STORE_KEY, |bytes| bytes[8] = FORMAT as u8 + 1);
        assert!(
            matches!(identity(&backend), Err(Error::Format { found, newest: FORMAT }) if found == FORMAT + 1)
        );
    }
}
