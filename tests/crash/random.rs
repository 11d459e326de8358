//! Numbers that a seed decides.

/// `SplitMix64`: each seed gives its own sequence.
pub struct Random(u64);

impl Random {
    /// The sequence of a seed and whatever else tells it from others.
    pub fn new(seed: u64, of: &[u64]) -> Self {
        let mut random = Self(seed);
        for part in of {
            random = Self(random.next() ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        }
        random
    }

    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    /// True this often in a hundred.
    pub fn percent(&mut self, share: u64) -> bool {
        self.below(100) < share
    }

    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.below(from.len() as u64) as usize]
    }

    /// Between −1 and 1, never quite 0.
    pub fn component(&mut self) -> f32 {
        (self.below(2001) as f32 - 1000.0).mul_add(1e-3, 3e-4)
    }
}
