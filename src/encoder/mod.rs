//! Texts to unit vectors: the [`Encoder`] trait, the built-in [`HashedEncoder`] that needs no weights, and
//! (with the feature `bert`) `BertEncoder` for local model folders.

#[cfg(feature = "bert")]
mod bert;
mod hashed;

#[cfg(feature = "bert")]
pub use bert::BertEncoder;
pub use hashed::HashedEncoder;

use crate::error::{Error, Result};

/// Turns texts into unit vectors.
///
/// A store asks for vectors in batches and keeps each one under the text's hash and [`Encoder::id`], so a text
/// is encoded once. Implement this trait to bring a model of your own:
///
/// ```
/// use kindred::encoder::Encoder;
///
/// /// Counts vowels: a poor model, but a whole one.
/// struct Vowels;
///
/// impl Encoder for Vowels {
///     fn id(&self) -> &str {
///         "vowels-v1"
///     }
///     fn dim(&self) -> usize {
///         5
///     }
///     fn encode(&self, texts: &[&str], progress: &(dyn Fn(usize) + Sync)) -> kindred::Result<Vec<f32>> {
///         let mut rows = Vec::with_capacity(texts.len() * self.dim());
///         for (done, text) in texts.iter().enumerate() {
///             let row = ['a', 'e', 'i', 'o', 'u'].map(|vowel| text.matches(vowel).count() as f32);
///             let norm = row.iter().map(|x| x * x).sum::<f32>().sqrt();
///             rows.extend(row.map(|x| if norm > 0.0 { x / norm } else { 0.0 }));
///             progress(done + 1);
///         }
///         Ok(rows)
///     }
/// }
///
/// let rows = Vowels.encode(&["banana", "kiwi"], &|_| {})?;
/// assert_eq!(rows, [1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0]);
/// # Ok::<(), kindred::Error>(())
/// ```
pub trait Encoder: Send + Sync {
    /// Identifies the model: the same id promises the same vectors. A store remembers it and refuses another.
    fn id(&self) -> &str;

    /// Length of each vector, 1 to [`MAX_DIM`](crate::model::MAX_DIM).
    fn dim(&self) -> usize;

    /// The vectors of `texts`, row-major, `texts.len()` x [`dim`](Self::dim), in the order given.
    ///
    /// Each row has unit length; a text without any content may give a row of zeros. A text's row does not
    /// depend on the texts beside it, but for rounding. `progress` is called with the count of texts done so
    /// far, from any thread and perhaps out of order.
    fn encode(&self, texts: &[&str], progress: &(dyn Fn(usize) + Sync)) -> Result<Vec<f32>>;

    /// A short word for people: the model's name, kind and size.
    fn describe(&self) -> String {
        format!("{} ({}-d)", self.id(), self.dim())
    }

    /// A copy of this encoder that has learned from a store's texts, for encoders that can; `None` for those
    /// that cannot. What it learned is in its [`state`](Self::state), and so in its id.
    fn learn(&self, texts: &mut dyn Iterator<Item = String>) -> Result<Option<Box<dyn Encoder>>> {
        let _ = texts;
        Ok(None)
    }

    /// What [`learn`](Self::learn) learned, to be stored; `None` where nothing was.
    fn state(&self) -> Option<Vec<u8>> {
        None
    }

    /// A copy of this encoder with a [`state`](Self::state) that was stored before.
    ///
    /// # Errors
    /// [`Error::Damaged`] when the bytes are no such state; [`Error::Invalid`] when this encoder keeps none.
    fn with_state(&self, state: &[u8]) -> Result<Box<dyn Encoder>> {
        Err(Error::invalid(
            "encoder state",
            format!("{} bytes", state.len()),
            format!("the encoder {} keeps no state", self.id()),
        ))
    }
}

/// Scales a row to unit length; leaves a row of zeros as it is.
fn normalize(row: &mut [f32]) {
    let norm = row.iter().map(|&x| f64::from(x) * f64::from(x)).sum::<f64>().sqrt();
    if norm > 0.0 {
        let scale = (1.0 / norm) as f32;
        for x in row {
            *x *= scale;
        }
    }
}
