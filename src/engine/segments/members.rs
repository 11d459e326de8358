//! Who is in one segment.

use super::stored::USERS_OF_PART;
use roaring::RoaringBitmap;
use std::sync::Arc;

/// Users with neighbouring numbers who are copied together when one of them comes or goes: as many as a bitmap has in one container.
const USERS_OF_CHUNK: u32 = 1 << 16;

/// Numbers of users. Copies share what is not changed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Members {
    chunks: Vec<Arc<RoaringBitmap>>,
}

impl Members {
    pub(crate) fn has(&self, user: u32) -> bool {
        let chunk = self.chunks.get((user / USERS_OF_CHUNK) as usize);
        chunk.is_some_and(|chunk| chunk.contains(user))
    }

    pub(crate) fn len(&self) -> u64 {
        self.chunks.iter().map(|chunk| chunk.len()).sum()
    }

    /// How many are among others, too.
    pub(crate) fn len_of_both(&self, other: &Self) -> u64 {
        self.chunks.iter().zip(&other.chunks).map(|(one, other)| one.intersection_len(other)).sum()
    }

    /// In their order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    pub(crate) fn to_set(&self) -> RoaringBitmap {
        self.chunks.iter().fold(RoaringBitmap::new(), |all, chunk| all | &**chunk)
    }

    /// Those of a part, by where they are in it.
    pub(super) fn of_part(&self, part: u32) -> impl Iterator<Item = u32> {
        let first = part.saturating_mul(USERS_OF_PART);
        let chunk = self.chunks.get((first / USERS_OF_CHUNK) as usize);
        let users = chunk.map(|chunk| chunk.range(first..=first.saturating_add(USERS_OF_PART - 1)));
        users.into_iter().flatten().map(move |user| user - first)
    }

    /// A user comes in, or leaves.
    pub(super) fn set(&mut self, user: u32, is_in: bool) {
        let no = (user / USERS_OF_CHUNK) as usize;
        if is_in {
            if self.chunks.len() <= no {
                self.chunks.resize_with(no + 1, Arc::default);
            }
            Arc::make_mut(&mut self.chunks[no]).insert(user);
        } else if let Some(chunk) = self.chunks.get_mut(no) {
            Arc::make_mut(chunk).remove(user);
        }
    }
}

impl Extend<u32> for Members {
    fn extend<I: IntoIterator<Item = u32>>(&mut self, users: I) {
        users.into_iter().for_each(|user| self.set(user, true));
    }
}
