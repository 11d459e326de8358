//! Arithmetic on vectors: distances, bounded selection and small dense products, on the best
//! instructions this machine has.

mod cpu;
pub mod distance;
pub mod matrix;
mod random;
pub mod top_k;

pub use cpu::{Ahead, BLOCK, BLOCK_BYTES, Backend, CodeKernels, Eight, LINE, Levels, Spaced, backends};
pub(crate) use random::SplitMix;
