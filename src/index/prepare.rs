//! Vectors on their way in: checked, and for cosine brought to unit length.

use super::options::Options;
use crate::compute::distance::{norm, normalize};
use crate::error::{Error, Result};
use crate::model::Metric;
use std::collections::BTreeMap;

/// Longest vector taken for inner product and L2: squares and sums of such stay finite in `f32`.
const MAX_NORM: f64 = 1e18;

/// Checks `vector` and normalizes it where the metric is cosine; `what` names it in errors.
///
/// # Errors
/// [`Error::Dimension`], [`Error::NotFinite`], or [`Error::Invalid`] for a vector of zeros under cosine
/// (it has no direction) and one longer than [`MAX_NORM`] under the other metrics.
pub(super) fn prepare(what: &dyn Fn() -> String, vector: &mut [f32], options: &Options) -> Result<()> {
    if vector.len() != options.dim {
        return Err(Error::Dimension { what: what(), expected: options.dim, found: vector.len() });
    }
    if let Some(position) = vector.iter().position(|value| !value.is_finite()) {
        return Err(Error::NotFinite { what: what(), position });
    }
    if options.metric == Metric::Cosine {
        if normalize(vector) == 0.0 {
            return Err(Error::invalid(
                what(),
                "all zeros",
                "cosine compares directions: give a non-zero vector",
            ));
        }
    } else if norm(vector) > MAX_NORM {
        return Err(Error::invalid(
            what(),
            format!("{:e} long", norm(vector)),
            "a vector is at most 1e18 long",
        ));
    }
    Ok(())
}

/// What happens to each label, with its vector prepared: of several changes the last.
///
/// # Errors
/// As [`prepare`].
pub(super) fn prepared(
    changes: impl IntoIterator<Item = (u32, Option<Vec<f32>>)>,
    options: &Options,
) -> Result<BTreeMap<u32, Option<Vec<f32>>>> {
    let mut prepared = BTreeMap::new();
    for (label, mut vector) in changes {
        if let Some(vector) = &mut vector {
            prepare(&|| format!("the vector of label {label}"), vector, options)?;
        }
        prepared.insert(label, vector);
    }
    Ok(prepared)
}
