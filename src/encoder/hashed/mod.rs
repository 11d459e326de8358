//! The built-in encoder: hashed words and character n-grams, no weights to fetch.

mod features;
mod idf;

use super::{Encoder, normalize};
use crate::error::{Error, Result};
use crate::model::MAX_DIM;
use features::{Feature, extract, mix};
use idf::{Counter, Idf};

/// Coordinates that each feature adds to: with several, two features rarely collide in all of them.
const COORDINATES: u32 = 4;

/// The encoder that needs no model: words, pairs of neighbouring words and pieces of words, hashed with a sign
/// into a fixed number of dimensions (feature hashing: Weinberger et al. 2009), with sublinear term frequency
/// and, once [learned](Encoder::learn), inverse document frequency.
///
/// It is deterministic on every platform, takes any language (Chinese, Japanese and Thai by runs of one to
/// three characters), folds case, width and Latin accents, and does tens of thousands of short texts a second
/// on one core.
///
/// # Limits
///
/// It compares spelling, not meaning: "sofa" and "couch" are strangers to it, and so are translations. Of word
/// order it sees neighbouring pairs only. Two unrelated texts score within about ±0.1 of zero rather than at
/// zero, since features share dimensions. Characters that a later Unicode adds may fold differently then.
///
/// ```
/// use kindred::encoder::{Encoder, HashedEncoder};
///
/// let encoder = HashedEncoder::default();
/// let rows = encoder.encode(&["fresh fish fillet", "Fish, fresh", "garden chair"], &|_| {})?;
/// let score = |a: usize, b: usize| -> f32 {
///     let row = |i: usize| &rows[i * encoder.dim()..][..encoder.dim()];
///     row(a).iter().zip(row(b)).map(|(x, y)| x * y).sum()
/// };
/// assert!(score(0, 1) > 0.5);
/// assert!(score(0, 2) < 0.2);
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Clone)]
pub struct HashedEncoder {
    dim: usize,
    id: String,
    idf: Option<Idf>,
}

impl HashedEncoder {
    /// Dimensions of [`HashedEncoder::default`].
    pub const DEFAULT_DIM: usize = 384;

    /// An encoder of `dim` dimensions, 16 to [`MAX_DIM`]. Fewer dimensions make more features collide.
    ///
    /// # Errors
    /// [`Error::Invalid`] for another `dim`.
    ///
    /// ```
    /// use kindred::encoder::{Encoder, HashedEncoder};
    ///
    /// assert_eq!(HashedEncoder::new(512)?.id(), "kindred-hashed-v1/512");
    /// assert!(HashedEncoder::new(0).is_err());
    /// # Ok::<(), kindred::Error>(())
    /// ```
    pub fn new(dim: usize) -> Result<Self> {
        if !(16..=MAX_DIM).contains(&dim) {
            return Err(Error::invalid("dim of the built-in encoder", dim, format!("16 to {MAX_DIM}")));
        }
        Ok(Self::with_idf(dim, None))
    }

    fn with_idf(dim: usize, idf: Option<Idf>) -> Self {
        let mut id = format!("kindred-hashed-v1/{dim}");
        if let Some(idf) = &idf {
            let hash = blake3::hash(&idf.to_bytes()).to_hex();
            id.push_str("/idf-");
            id.push_str(&hash[..16]);
        }
        Self { dim, id, idf }
    }

    fn encode_into(&self, text: &str, features: &mut Vec<Feature>, row: &mut [f32]) {
        extract(text, features);
        for same in features.chunk_by(|a, b| a == b) {
            let frequency = 1.0 + (same.len() as f32).ln();
            let rarity = self.idf.as_ref().map_or(1.0, |idf| idf.weight(same[0]));
            scatter(same[0], frequency * rarity * same[0].weight(), row);
        }
        normalize(row);
    }
}

/// Adds `weight` to a few coordinates: 16 bits of the mixed hash name each one and its sign.
fn scatter(feature: Feature, weight: f32, row: &mut [f32]) {
    let mixed = mix(feature.0);
    for part in 0..COORDINATES {
        let bits = (mixed >> (16 * part)) as u16;
        let coordinate = (usize::from(bits >> 1) * row.len()) >> 15;
        row[coordinate] += if bits & 1 == 0 { weight } else { -weight };
    }
}

impl Default for HashedEncoder {
    fn default() -> Self {
        Self::with_idf(Self::DEFAULT_DIM, None)
    }
}

impl Encoder for HashedEncoder {
    fn id(&self) -> &str {
        &self.id
    }

    fn dim(&self) -> usize {
        self.dim
    }

    fn encode(&self, texts: &[&str], progress: &(dyn Fn(usize) + Sync)) -> Result<Vec<f32>> {
        const REPORT_EVERY: usize = 256;
        let mut rows = vec![0.0; texts.len() * self.dim];
        let mut features = Vec::new();
        for (index, (text, row)) in texts.iter().zip(rows.chunks_exact_mut(self.dim)).enumerate() {
            self.encode_into(text, &mut features, row);
            if (index + 1) % REPORT_EVERY == 0 || index + 1 == texts.len() {
                progress(index + 1);
            }
        }
        Ok(rows)
    }

    fn describe(&self) -> String {
        let learned = if self.idf.is_some() { "IDF of this store" } else { "no IDF yet" };
        format!("built-in (hashed words and character n-grams, {}-d, {learned})", self.dim)
    }

    fn learn(&self, texts: &mut dyn Iterator<Item = String>) -> Result<Option<Box<dyn Encoder>>> {
        let mut counter = Counter::new();
        let mut features = Vec::new();
        for text in texts {
            extract(&text, &mut features);
            counter.add(&features);
        }
        Ok(Some(Box::new(Self::with_idf(self.dim, Some(counter.finish())))))
    }

    fn state(&self) -> Option<Vec<u8>> {
        self.idf.as_ref().map(Idf::to_bytes)
    }

    fn with_state(&self, state: &[u8]) -> Result<Box<dyn Encoder>> {
        Ok(Box::new(Self::with_idf(self.dim, Some(Idf::from_bytes(state)?))))
    }
}

#[cfg(test)]
mod tests;
