//! From acts to embeddings: contributions, decay, figures, whitening, factors and fusion. No storage.

mod contribution;
mod decayed_sum;
mod declared;
mod factors;
mod figures;
mod fuse;
mod layout;
mod ridge;
mod space;
mod sums;
mod tally;
mod whiten;

pub(crate) use contribution::{Contribution, Target};
pub(crate) use declared::{Scale, ScaleLearner, attribute_vector, is_fused, sentence};
pub(crate) use factors::{FactorLearner, Factors};
pub(crate) use figures::{Figures, KindFigures};
pub(crate) use fuse::{Parts, VANISHED, user_query};
pub use layout::Block;
pub(crate) use layout::Layout;
pub(crate) use ridge::RidgeLearner;
pub(crate) use space::{Learned, OWN_TEXT, Point, Space};
pub(crate) use sums::Sums;
pub(crate) use tally::Tally;
pub(crate) use whiten::{Whitening, WhiteningLearner};
