//! The newest values of keys that writers lately read or wrote: a read of sled costs many times more.

use std::collections::HashMap;

/// A key's newest committed value; `None`: it is known to be absent.
type Value = Option<Box<[u8]>>;

/// Memory of one entry besides its key and value, about.
const ENTRY_BYTES: usize = 112;

/// Values by key in two halves: when the young half is full it becomes the old one, and what was
/// not asked for since is forgotten.
pub(crate) struct Recent {
    young: HashMap<Box<[u8]>, Value>,
    old: HashMap<Box<[u8]>, Value>,
    young_bytes: usize,
    half_bytes: usize,
}

impl Recent {
    /// Keeps at most about `bytes`.
    pub(crate) fn new(bytes: u64) -> Self {
        let half_bytes = usize::try_from(bytes / 2).unwrap_or(usize::MAX);
        Self { young: HashMap::new(), old: HashMap::new(), young_bytes: 0, half_bytes }
    }

    /// The value of `key`, where it is known.
    #[expect(clippy::option_option, reason = "outer: is it known; inner: does the key exist")]
    pub(crate) fn find(&mut self, key: &[u8]) -> Option<Option<Vec<u8>>> {
        if let Some(value) = self.young.get(key) {
            return Some(value.as_deref().map(<[u8]>::to_vec));
        }
        let (key, value) = self.old.remove_entry(key)?;
        let found = value.as_deref().map(<[u8]>::to_vec);
        self.insert(key, value);
        Some(found)
    }

    /// Notes that `value` is the newest of `key`.
    pub(crate) fn note(&mut self, key: &[u8], value: Option<&[u8]>) {
        if let Some(slot) = self.young.get_mut(key) {
            let before = size(slot.as_deref());
            *slot = value.map(Into::into);
            self.young_bytes = self.young_bytes - before + size(value);
            return self.turn();
        }
        self.old.remove(key);
        self.insert(key.into(), value.map(Into::into));
    }

    /// Notes that `value` is the newest of `key`, where that is known: a key that is only written
    /// would push out those that are read.
    pub(crate) fn refresh(&mut self, key: &[u8], value: Option<&[u8]>) {
        if self.young.contains_key(key) || self.old.contains_key(key) {
            self.note(key, value);
        }
    }

    fn insert(&mut self, key: Box<[u8]>, value: Value) {
        self.young_bytes += ENTRY_BYTES + key.len() + size(value.as_deref());
        self.young.insert(key, value);
        self.turn();
    }

    fn turn(&mut self) {
        if self.young_bytes > self.half_bytes {
            self.old = std::mem::take(&mut self.young);
            self.young_bytes = 0;
        }
    }
}

fn size(value: Option<&[u8]>) -> usize {
    value.map_or(0, <[u8]>::len)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_value_is_found_and_what_is_not_asked_for_is_forgotten() {
        let mut recent = Recent::new(100 * 2 * (ENTRY_BYTES as u64 + 5));
        for n in 0..1_000_u32 {
            recent.note(b"hot", Some(&n.to_be_bytes()));
            recent.note(&n.to_be_bytes(), (n % 2 == 0).then_some(&[1]));
            assert_eq!(recent.find(b"hot"), Some(Some(n.to_be_bytes().to_vec())));
            assert!(recent.young.len() + recent.old.len() <= 202);
        }
        assert_eq!(recent.find(&999_u32.to_be_bytes()), Some(None));
        assert_eq!(recent.find(&998_u32.to_be_bytes()), Some(Some(vec![1])));
        assert_eq!(recent.find(&0_u32.to_be_bytes()), None);
        recent.refresh(&0_u32.to_be_bytes(), Some(&[1]));
        recent.refresh(&999_u32.to_be_bytes(), Some(&[2]));
        assert_eq!(recent.find(&0_u32.to_be_bytes()), None);
        assert_eq!(recent.find(&999_u32.to_be_bytes()), Some(Some(vec![2])));
    }
}
