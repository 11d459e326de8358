//! Document frequencies of hashed features, quantized to a byte per bucket.

use super::features::Feature;
use crate::error::{Error, Result};

const BUCKETS: usize = 1 << 16;
const MAGIC: [u8; 4] = *b"KHI1";
const HEADER_BYTES: usize = MAGIC.len() + size_of::<u64>();

/// Steps per doubling of the document frequency: an error of at most 4.5 % of it, .05 in the IDF.
const STEPS_PER_DOUBLING: f32 = 8.0;

/// How rare each feature is among the texts seen.
#[derive(Clone)]
pub(super) struct Idf {
    documents: u64,
    levels: Vec<u8>,
    weights: Vec<f32>,
}

impl Idf {
    fn new(documents: u64, levels: Vec<u8>) -> Self {
        let by_level = std::array::from_fn::<f32, 256, _>(|level| weight(documents, level));
        let weights = levels.iter().map(|&level| by_level[usize::from(level)]).collect();
        Self { documents, levels, weights }
    }

    pub(super) fn weight(&self, feature: Feature) -> f32 {
        self.weights[bucket(feature)]
    }

    /// The state: magic, the count of documents, a level per bucket; little-endian.
    pub(super) fn to_bytes(&self) -> Vec<u8> {
        [&MAGIC[..], &self.documents.to_le_bytes(), &self.levels].concat()
    }

    pub(super) fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let damaged = |reason: String| Error::damaged("the encoder's state", reason);
        if bytes.len() != HEADER_BYTES + BUCKETS {
            return Err(damaged(format!("{} bytes instead of {}", bytes.len(), HEADER_BYTES + BUCKETS)));
        }
        let (header, levels) = bytes.split_at(HEADER_BYTES);
        let (magic, documents) = header.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(damaged(format!("it begins with {magic:?} instead of {MAGIC:?}")));
        }
        let documents = documents.iter().rev().fold(0, |sum, &byte| sum << 8 | u64::from(byte));
        Ok(Self::new(documents, levels.to_vec()))
    }
}

/// Smoothed as if one more document held every feature; a frequency over all documents (colliding features
/// add up) counts as all.
fn weight(documents: u64, level: usize) -> f32 {
    let documents = documents as f32 + 1.0;
    let frequency = (level as f32 / STEPS_PER_DOUBLING).exp2();
    1.0 + (documents / frequency).max(1.0).ln()
}

/// Bits that neither the kind nor the coordinates use.
fn bucket(feature: Feature) -> usize {
    (feature.0 >> 48) as usize
}

/// Counts documents on the way to an [`Idf`].
pub(super) struct Counter {
    documents: u64,
    frequencies: Vec<u32>,
}

impl Counter {
    pub(super) fn new() -> Self {
        Self { documents: 0, frequencies: vec![0; BUCKETS] }
    }

    /// Counts one document by its sorted features.
    pub(super) fn add(&mut self, features: &[Feature]) {
        self.documents += 1;
        for same in features.chunk_by(|a, b| a == b) {
            let frequency = &mut self.frequencies[bucket(same[0])];
            *frequency = frequency.saturating_add(1);
        }
    }

    pub(super) fn finish(self) -> Idf {
        let level = |&frequency: &u32| {
            ((1.0 + f64::from(frequency)).log2() * f64::from(STEPS_PER_DOUBLING)).round().min(255.0) as u8
        };
        Idf::new(self.documents, self.frequencies.iter().map(level).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rarer_features_weigh_more() {
        let [common, rare, unseen] = [1_u64 << 48, 2 << 48, 3 << 48].map(Feature);
        let mut counter = Counter::new();
        for document in 0..100 {
            let features = [common, common, rare];
            counter.add(if document == 0 { &features } else { &features[..2] });
        }
        let idf = counter.finish();
        assert!((idf.weight(common) - 1.0).abs() < 0.05);
        assert!((idf.weight(rare) - (1.0 + (101.0_f32 / 2.0).ln())).abs() < 0.05);
        assert!((idf.weight(unseen) - (1.0 + 101.0_f32.ln())).abs() < 1e-5);
    }

    #[test]
    fn hostile_states_are_refused_or_finite() {
        let state = Counter::new().finish().to_bytes();
        assert!(Idf::from_bytes(&[]).is_err());
        assert!(Idf::from_bytes(&state[..state.len() - 1]).is_err());
        let mut other_magic = state.clone();
        other_magic[0] ^= 1;
        assert!(Idf::from_bytes(&other_magic).is_err());
        let mut absurd = vec![255; state.len()];
        absurd[..4].copy_from_slice(&MAGIC);
        let idf = Idf::from_bytes(&absurd).unwrap();
        assert!(idf.weights.iter().all(|w| w.is_finite() && *w >= 1.0));
    }
}
