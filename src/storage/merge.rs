//! Scans: entries of the backend, chunk by chunk, with newer or older values laid over them.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use super::backend::Backend;
use super::stored::{self, Entry};
use crate::error::Result;

/// Values to be seen instead of the backend's; `None` hides the key.
pub(crate) type Overrides = BTreeMap<Vec<u8>, Option<Vec<u8>>>;

/// Entries in the first chunk and in the largest: most scans are short.
const FIRST_CHUNK: usize = 32;
const LARGEST_CHUNK: usize = 1024;

/// The keys that begin with `prefix` end before this one; `None`: at the end.
pub(crate) fn prefix_end(prefix: &[u8]) -> Option<Vec<u8>> {
    let kept = prefix.iter().rposition(|byte| *byte != u8::MAX)?;
    let mut end = prefix[..=kept].to_vec();
    end[kept] += 1;
    Some(end)
}

/// Calls `visit` with each logical entry in `from <= key < to`, ascending. `overrides` is asked for
/// each stretch of keys after the backend was, so that it knows all that changed meanwhile.
///
/// # Errors
/// A damaged value, when it is reached.
pub(crate) fn scan(
    backend: &dyn Backend,
    from: &[u8],
    to: Option<&[u8]>,
    overrides: impl FnMut(&[u8], Option<&[u8]>) -> Overrides,
    mut visit: impl FnMut(&[u8], &[u8]) -> Result<ControlFlow<()>>,
) -> Result<()> {
    scan_each(backend, from, to, overrides, |key, value| visit(key, &value?))
}

/// As [`scan`], but a damaged value is handed to `visit` with its key, and does not end the scan.
pub(crate) fn scan_each(
    backend: &dyn Backend,
    from: &[u8],
    to: Option<&[u8]>,
    mut overrides: impl FnMut(&[u8], Option<&[u8]>) -> Overrides,
    mut visit: impl FnMut(&[u8], Result<Vec<u8>>) -> Result<ControlFlow<()>>,
) -> Result<()> {
    let mut from = from.to_vec();
    let mut limit = FIRST_CHUNK;
    loop {
        let entries = stored::read_chunk(backend, &from, to, limit)?;
        let next = (entries.len() == limit).then(|| after(&entries[limit - 1].0));
        let over = overrides(&from, next.as_deref().or(to));
        let told = |key: &[u8], value| visit(key, stored::told(backend, value));
        if visit_merged(entries, over, told)?.is_break() {
            return Ok(());
        }
        match next {
            Some(next) => from = next,
            None => return Ok(()),
        }
        limit = (limit * 2).min(LARGEST_CHUNK);
    }
}

/// The smallest key behind `key`.
pub(crate) fn after(key: &[u8]) -> Vec<u8> {
    let mut next = Vec::with_capacity(key.len() + 1);
    next.extend(key);
    next.push(0);
    next
}

fn visit_merged(
    entries: Vec<Entry>,
    overrides: Overrides,
    mut visit: impl FnMut(&[u8], Result<Vec<u8>>) -> Result<ControlFlow<()>>,
) -> Result<ControlFlow<()>> {
    let mut overrides = overrides.into_iter().peekable();
    for (key, value) in entries {
        while let Some((over, value)) = overrides.next_if(|(over, _)| *over < key) {
            if let Some(value) = value
                && visit(&over, Ok(value))?.is_break()
            {
                return Ok(ControlFlow::Break(()));
            }
        }
        let value = match overrides.next_if(|(over, _)| *over == key) {
            Some((_, over)) => over.map(Ok),
            None => Some(value),
        };
        if let Some(value) = value
            && visit(&key, value)?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    for (key, value) in overrides {
        if let Some(value) = value
            && visit(&key, Ok(value))?.is_break()
        {
            return Ok(ControlFlow::Break(()));
        }
    }
    Ok(ControlFlow::Continue(()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_ends_behind_all_that_begin_with_it() {
        assert_eq!(prefix_end(b"a\x01"), Some(b"a\x02".to_vec()));
        assert_eq!(prefix_end(b"a\xff\xff"), Some(b"b".to_vec()));
        assert_eq!(prefix_end(b"\xff"), None);
        assert_eq!(prefix_end(b""), None);
    }
}
