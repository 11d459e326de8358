//! What the vector kernels share: rows taken some together, and the places of the bits of a mask.

use super::Rows;

impl<'a, T> Rows<'a, T> {
    /// The rows of up to four ids; where there are fewer, the last again, whose sum is then thrown away.
    #[inline]
    pub(super) fn four(&self, ids: &[u32]) -> [&'a [T]; 4] {
        std::array::from_fn(|i| self.row(ids[i.min(ids.len() - 1)] as usize))
    }

    /// The rows of eight ids.
    #[cfg(target_arch = "x86_64")]
    #[inline]
    pub(super) fn eight(&self, ids: &[u32; 8]) -> [&'a [T]; 8] {
        let mut rows = [&self.all[..0]; 8];
        for (row, &id) in rows.iter_mut().zip(ids) {
            *row = self.row(id as usize);
        }
        rows
    }

    /// Rows from the given one on; where fewer are left, the last again.
    #[inline]
    pub(super) fn consecutive<const COUNT: usize>(&self, first: usize) -> [&'a [T]; COUNT] {
        std::array::from_fn(|i| self.row(first + i))
    }
}

/// For each mask of eight bits the places of those that are set, ascending, four bits for each place.
pub(super) static PLACES: [u32; 256] = {
    let mut table = [0; 256];
    let mut mask = 0;
    while mask < 256 {
        table[mask] = places(mask);
        mask += 1;
    }
    table
};

const fn places(mask: usize) -> u32 {
    let (mut packed, mut found, mut place) = (0, 0, 0);
    while place < 8 {
        if mask >> place & 1 == 1 {
            packed |= place << (4 * found);
            found += 1;
        }
        place += 1;
    }
    packed
}
