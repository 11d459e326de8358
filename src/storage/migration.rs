//! Stores of older formats: a second copy of the data first, then the mark of the newest format.

use std::path::Path;
use std::sync::Arc;

use super::backend::Backend;
use super::backup::{self, Source, Visit};
use super::base::Found;
use super::contents::Contents;
use super::folder::BASE_FOLDER;
use super::meta;
use crate::error::{ErrorKind, Result};
use crate::telemetry::redacted;

/// Makes a store of an older format one of the newest. Whenever it ends, the store is of either format, whole.
///
/// What was stored is not changed but for the mark; still the base comes first, so that the data can be made anew from the very
/// first opening on. A damaged value keeps a base from being made, as it does later, but not the store from being opened.
///
/// # Errors
/// [`crate::Error::Io`], [`crate::Error::Storage`]: the store is of the older format, as it was, though an older build may refuse its base.
pub(crate) fn migrate(
    store: &Path,
    backend: &Arc<dyn Backend>,
    store_id: u128,
    seq: u64,
    base: &mut Found,
) -> Result<()> {
    if base.commit.is_none() {
        match write_base(store, backend, store_id, seq) {
            Ok(bytes) => *base = Found { commit: Some(seq), until: seq, bytes, lacks: false },
            Err(error) if error.kind() == ErrorKind::Damage => {
                tracing::error!(error = %redacted(&error), "a store of an older format is opened without a copy of its data");
            }
            Err(error) => return Err(error),
        }
    }
    meta::upgrade(&**backend, store_id)
}

fn write_base(store: &Path, backend: &Arc<dyn Backend>, store_id: u128, seq: u64) -> Result<u64> {
    let contents = Contents { backend: Arc::clone(backend), store_id, seq };
    let scan = |visit: Visit<'_>| contents.scan_each(b"", |key, value| visit(key, Ok(value?)));
    let source = Source { store_id, commit: seq, until: &|| Ok(seq), scan: &scan, keep: &|_| true };
    Ok(backup::renew_base(&source, &store.join(BASE_FOLDER), &|_| {}, &|| Ok(()))?.bytes)
}
