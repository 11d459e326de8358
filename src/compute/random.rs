//! Numbers that look like chance and are the same on every machine.

/// Sebastiano Vigna's `SplitMix64`: a seeded stream that is the same on every machine.
pub(crate) struct SplitMix(u64);

impl SplitMix {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Another stream for each purpose of one seed.
    pub(crate) fn of(seed: u64, purposes: &[usize]) -> Self {
        let mut random = Self(seed);
        for &purpose in purposes {
            random = Self(random.next() ^ purpose as u64);
        }
        random
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Nearly normal: the sum of four uniform numbers, centred.
    pub(crate) fn gaussian(&mut self) -> f32 {
        let bits = self.next();
        let part = |shift: u32| f32::from((bits >> shift) as u16) / f32::from(u16::MAX);
        part(0) + part(16) + part(32) + part(48) - 2.0
    }

    /// Uniform, at least 0 and less than 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Some of the numbers below `all`, each as likely, in ascending order; all where there are no more than that.
    pub(crate) fn sample(&mut self, all: u32, wanted: usize) -> Vec<u32> {
        let mut numbers = self.drawn(all, wanted);
        numbers.sort_unstable();
        numbers
    }

    /// The numbers below `all`, in any order, each as likely.
    pub(crate) fn shuffled(&mut self, all: u32) -> Vec<u32> {
        self.drawn(all, all as usize)
    }

    /// Some of the numbers below `all`, in the order in which they are drawn (Fisher and Yates).
    fn drawn(&mut self, all: u32, wanted: usize) -> Vec<u32> {
        let mut numbers: Vec<u32> = (0..all).collect();
        let wanted = wanted.min(numbers.len());
        for at in 0..wanted {
            let left = numbers.len() - at;
            numbers.swap(at, at + (self.unit() * left as f64) as usize % left);
        }
        numbers.truncate(wanted);
        numbers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_hold_each_number_once_and_in_time_all_of_them() {
        let mut random = SplitMix::new(7);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..100 {
            let sample = random.sample(20, 5);
            assert_eq!(sample.len(), 5);
            assert!(sample.is_sorted_by(|a, b| a < b), "{sample:?}");
            seen.extend(sample);
        }
        assert_eq!(seen, (0..20).collect());
        assert_eq!(random.sample(3, 9), [0, 1, 2]);
        let mut order = random.shuffled(100);
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert!(order.into_iter().eq(0..100));
        assert_eq!(SplitMix::of(1, &[2, 3]).next(), SplitMix::of(1, &[2, 3]).next());
        assert_ne!(SplitMix::of(1, &[2, 3]).next(), SplitMix::of(1, &[3, 2]).next());
    }
}
