//! How two vectors are compared.

use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// How two vectors are compared. Results carry a *score*: larger is closer, for every metric.
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, bincode::Encode, bincode::Decode,
)]
#[serde(rename_all = "lowercase")]
pub enum Metric {
    /// Cosine of the angle, −1 to 1. Vectors are brought to unit length on the way in.
    #[default]
    Cosine,
    /// Inner product, unbounded.
    #[serde(rename = "ip")]
    InnerProduct,
    /// Euclidean; the score is the negative squared distance, so 0 is the closest.
    L2,
}

impl Metric {
    /// The name used in options and on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cosine => "cosine",
            Self::InnerProduct => "ip",
            Self::L2 => "l2",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Metric {
    type Err = crate::Error;

    fn from_str(text: &str) -> crate::Result<Self> {
        [Self::Cosine, Self::InnerProduct, Self::L2]
            .into_iter()
            .find(|metric| metric.name() == text)
            .ok_or_else(|| crate::Error::invalid("metric", format!("{text:?}"), "one of cosine, ip, l2"))
    }
}
