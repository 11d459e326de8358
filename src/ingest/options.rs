//! How a source is read and how much is mended.

#[cfg(feature = "tables")]
use super::mapping::Mapping;
use crate::error::{Error, Result};
use std::fmt;
use std::path::Path;
use std::str::FromStr;

/// The form of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// One JSON object per line: every type of record, no mapping.
    JsonLines,
    /// Comma-separated values with a header line; needs a [`Mapping`](super::Mapping).
    Csv,
    /// Parquet, from a file only; needs a [`Mapping`](super::Mapping).
    Parquet,
}

impl Format {
    const ALL: [Self; 3] = [Self::JsonLines, Self::Csv, Self::Parquet];

    /// The name used on the command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::JsonLines => "jsonl",
            Self::Csv => "csv",
            Self::Parquet => "parquet",
        }
    }

    /// The format that the ending of a file name says.
    ///
    /// ```
    /// use kindred::ingest::Format;
    /// assert_eq!(Format::of_path("a/events.JSONL".as_ref()), Some(Format::JsonLines));
    /// assert_eq!(Format::of_path("a/events.doc".as_ref()), None);
    /// ```
    #[must_use]
    pub fn of_path(path: &Path) -> Option<Self> {
        match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
            "jsonl" | "ndjson" | "json" => Some(Self::JsonLines),
            "csv" | "tsv" => Some(Self::Csv),
            "parquet" | "pq" => Some(Self::Parquet),
            _ => None,
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let found = Self::ALL.into_iter().find(|format| format.name() == text);
        found.ok_or_else(|| Error::invalid("format", format!("{text:?}"), "one of jsonl, csv, parquet"))
    }
}

/// How a source is read and how much is mended. The defaults suit a file of a host's own making.
///
/// ```
/// use kindred::ingest::Options;
/// let options = Options::new().strict(true).outlier_limit(None)?;
/// # let _ = options;
/// # Ok::<(), kindred::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) strict: bool,
    pub(super) as_is: bool,
    pub(super) format: Option<Format>,
    pub(super) outlier_limit: Option<f64>,
    #[cfg(feature = "tables")]
    pub(super) mapping: Option<Mapping>,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Robust z-score beyond which a number is an outlier, unless set otherwise.
    ///
    /// Generous on purpose: in a year of retail transactions it touches about three of a million.
    pub const OUTLIER_LIMIT: f64 = 10.0;

    /// The defaults: lenient, cleaning, format by file name, outliers clipped at [`Options::OUTLIER_LIMIT`].
    #[must_use]
    pub const fn new() -> Self {
        Self {
            strict: false,
            as_is: false,
            format: None,
            outlier_limit: Some(Self::OUTLIER_LIMIT),
            #[cfg(feature = "tables")]
            mapping: None,
        }
    }

    /// Whether the first record that must be refused, or that has an unknown field, ends the reading with an error.
    #[must_use]
    pub const fn strict(mut self, strict: bool) -> Self {
        self.strict = strict;
        self
    }

    /// Whether texts, ids and numbers are kept exactly as they are, as for an export that is read back.
    #[must_use]
    pub const fn as_is(mut self, as_is: bool) -> Self {
        self.as_is = as_is;
        self
    }

    /// The format, where the file's name does not say it.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        self.format = Some(format);
        self
    }

    /// The robust z-score to which outlying values, quantities and numeric attributes are clipped; `None` clips
    /// nothing.
    ///
    /// # Errors
    /// [`Error::Invalid`] unless it is finite and at least 2: less would cut what is usual.
    pub fn outlier_limit(mut self, limit: Option<f64>) -> Result<Self> {
        if let Some(limit) = limit.filter(|limit| !limit.is_finite() || *limit < 2.0) {
            return Err(Error::invalid("outlier limit", limit, "it is a robust z-score of at least 2"));
        }
        self.outlier_limit = limit;
        Ok(self)
    }

    /// What the columns of a table mean.
    #[cfg(feature = "tables")]
    #[must_use]
    pub fn mapping(mut self, mapping: Mapping) -> Self {
        self.mapping = Some(mapping);
        self
    }
}
