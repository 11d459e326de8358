//! The candidates of a walk: sorted, the best first, each with a flag that says whether its links were followed.

use super::coder::Fall;
use crate::compute::{CodeKernels, Eight};

/// A candidate in one number: the key, turned so that larger keys give smaller numbers, over the id and the flag.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Candidate(u64);

const FOLLOWED: u64 = 1;

impl Candidate {
    #[inline]
    pub(super) fn new(key: f32, id: u32) -> Self {
        let bits = key.to_bits();
        let ascending = if bits >> 31 == 1 { !bits } else { bits | 1 << 31 };
        Self(u64::from(!ascending) << 32 | u64::from(id) << 1)
    }

    #[inline]
    pub(super) fn id(self) -> u32 {
        self.0 as u32 >> 1
    }

    #[inline]
    pub(super) fn key(self) -> f32 {
        let ascending = !((self.0 >> 32) as u32);
        f32::from_bits(if ascending >> 31 == 1 { ascending & !(1 << 31) } else { !ascending })
    }
}

/// Stands where there is no candidate; it counts as followed.
const NONE: u64 = u64::MAX;

/// At most `capacity` candidates.
#[derive(Debug, Default)]
pub(super) struct Pool {
    /// The numbers of candidates, ascending, behind them `NONE`; and beyond the capacity, up to a multiple of eight,
    /// whatever fell out.
    sorted: Vec<Eight>,
    len: usize,
    capacity: usize,
    /// Before this all are followed.
    next: usize,
    /// Candidates that are wanted: one that falls too far below the last of these leads nowhere.
    wanted: usize,
    fall: Option<Fall>,
}

impl Pool {
    pub(super) fn reset(&mut self, capacity: usize) {
        self.sorted.clear();
        self.sorted.resize(capacity.div_ceil(8), Eight([NONE; 8]));
        (self.len, self.capacity) = (0, capacity);
        self.next = 0;
        self.fall = None;
    }

    /// Keeps no candidate that falls so far below the best `wanted`.
    pub(super) fn keep_above(&mut self, wanted: usize, fall: Fall) {
        (self.wanted, self.fall) = (wanted, Some(fall));
    }

    #[inline]
    fn numbers(&self) -> &[u64] {
        &bytemuck::cast_slice(&self.sorted)[..self.len]
    }

    /// The key that candidates fall below to lead nowhere.
    #[inline]
    fn floor(&self) -> f32 {
        let last = self.wanted.checked_sub(1).and_then(|at| self.key_of(at));
        last.zip(self.fall).map_or(f32::NEG_INFINITY, |(key, fall)| fall.below(key))
    }

    /// The key of the candidate at a place, the best being at 0.
    #[inline]
    pub(super) fn key_of(&self, at: usize) -> Option<f32> {
        self.numbers().get(at).map(|&candidate| Candidate(candidate).key())
    }

    /// Only candidates above this are worth inserting.
    #[inline]
    pub(super) fn bound(&self) -> f32 {
        if self.len < self.capacity {
            return self.floor();
        }
        self.numbers().last().map_or(f32::NEG_INFINITY, |&last| Candidate(last).key()).max(self.floor())
    }

    #[inline]
    pub(super) fn insert(&mut self, candidate: Candidate, kernels: &CodeKernels) {
        let at = kernels.insert(&mut self.sorted, candidate.0);
        self.len = (self.len + 1).min(self.capacity);
        self.next = self.next.min(at);
    }

    /// The best candidate whose links were not followed yet; they are taken to be followed now.
    #[inline]
    pub(super) fn follow(&mut self) -> Option<u32> {
        let at = self.unfollowed(self.next)?;
        let number = &mut bytemuck::cast_slice_mut(&mut self.sorted)[at];
        *number |= FOLLOWED;
        self.next = at + 1;
        Some(Candidate(*number).id())
    }

    /// The two that [`Pool::follow`] gives next, as far as is known now; no node's id where there are fewer.
    #[inline]
    pub(super) fn upcoming(&self) -> [u32; 2] {
        let first = self.unfollowed(self.next);
        let second = first.and_then(|at| self.unfollowed(at + 1));
        [first, second].map(|at| at.map_or(u32::MAX, |at| Candidate(self.numbers()[at]).id()))
    }

    /// Whether all are followed.
    #[inline]
    pub(super) fn is_done(&self) -> bool {
        self.unfollowed(self.next).is_none()
    }

    #[inline]
    fn unfollowed(&self, from: usize) -> Option<usize> {
        let left = self.numbers().get(from..)?;
        let at = from + left.iter().position(|candidate| candidate & FOLLOWED == 0)?;
        // What was kept before the floor rose to where it is.
        (self.fall.is_none() || Candidate(self.numbers()[at]).key() >= self.floor()).then_some(at)
    }

    /// All with their keys, the best first.
    pub(super) fn candidates(&self) -> impl ExactSizeIterator<Item = (u32, f32)> {
        self.numbers().iter().map(|&candidate| (Candidate(candidate).id(), Candidate(candidate).key()))
    }

    /// All, the best first.
    pub(super) fn ids(&self) -> impl ExactSizeIterator<Item = u32> {
        self.numbers().iter().map(|&candidate| Candidate(candidate).id())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compute::distance::backend;
    use proptest::prelude::*;

    #[test]
    fn candidates_keep_key_and_id() {
        for key in [0.0, -0.0, 1.5, -1.5, f32::MAX, f32::MIN, f32::NEG_INFINITY] {
            let candidate = Candidate::new(key, 77);
            assert_eq!((candidate.key().to_bits(), candidate.id()), (key.to_bits(), 77));
        }
        assert!(Candidate::new(2.0, 9) < Candidate::new(-1.0, 1));
        assert!(Candidate::new(2.0, 1) < Candidate::new(2.0, 9));
    }

    #[test]
    fn what_falls_too_far_below_those_wanted_is_neither_kept_nor_followed() {
        let mut pool = Pool::default();
        pool.reset(8);
        pool.keep_above(2, Fall { factor: 1.0, less: 5.0, least: 0.0 });
        let insert = |pool: &mut Pool, key: f32, id| {
            if key > pool.bound() {
                pool.insert(Candidate::new(key, id), backend().codes());
            }
        };
        // With fewer than two there is nothing to fall below.
        insert(&mut pool, 1.0, 1);
        insert(&mut pool, 3.0, 2);
        insert(&mut pool, -3.0, 3);
        insert(&mut pool, -4.5, 4);
        assert_eq!(pool.ids().collect::<Vec<_>>(), [2, 1, 3]);
        // The second best is now 9: what was kept before is not followed any more.
        insert(&mut pool, 9.0, 5);
        insert(&mut pool, 10.0, 6);
        assert_eq!(pool.bound().to_bits(), 4.0_f32.to_bits());
        assert_eq!(std::iter::from_fn(|| pool.follow()).collect::<Vec<_>>(), [6, 5]);
        assert!(pool.is_done());
    }

    proptest! {
        #[test]
        fn the_best_are_kept_in_order(keys in proptest::collection::vec(-9i8..9, 0..60), capacity in 1usize..20) {
            let mut pool = Pool::default();
            pool.reset(capacity);
            let mut expected: Vec<Candidate> = Vec::new();
            for (id, &key) in (0..).zip(&keys) {
                let candidate = Candidate::new(f32::from(key), id);
                pool.insert(candidate, backend().codes());
                expected.push(candidate);
            }
            expected.sort();
            expected.truncate(capacity);
            let ids: Vec<u32> = expected.iter().map(|candidate| candidate.id()).collect();
            prop_assert_eq!(pool.ids().collect::<Vec<_>>(), ids.clone());
            prop_assert_eq!(std::iter::from_fn(|| pool.follow()).collect::<Vec<_>>(), ids);
        }
    }
}
