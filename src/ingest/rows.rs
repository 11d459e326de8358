//! One face for the formats: the next record of a source, cleaned or refused.

use super::clean::{Cleaner, Notes, Refusal};
use super::json;
use super::lines::{Extent, Lines};
use crate::error::Result;
use crate::model::Record;

/// What one record of a source gave.
pub(super) struct Row {
    /// Line (or row) number, from 1.
    pub(super) number: u64,
    pub(super) outcome: std::result::Result<Record, (Refusal, String)>,
}

/// A source in one of the formats.
pub(super) enum Rows {
    JsonLines(JsonLines),
    #[cfg(feature = "tables")]
    Csv(Box<super::csv::CsvRows>),
    #[cfg(feature = "tables")]
    Parquet(Box<super::parquet::ParquetRows>),
}

impl Rows {
    /// The next record; what was noticed in it is in `notes`.
    pub(super) fn next(&mut self, cleaner: Cleaner, notes: &mut Notes) -> Result<Option<Row>> {
        notes.clear();
        match self {
            Self::JsonLines(rows) => rows.next(cleaner, notes),
            #[cfg(feature = "tables")]
            Self::Csv(rows) => rows.next(cleaner, notes),
            #[cfg(feature = "tables")]
            Self::Parquet(rows) => rows.next(cleaner, notes),
        }
    }

    /// Columns that the mapping does not use.
    pub(super) fn unused_columns(&self) -> &[String] {
        match self {
            Self::JsonLines(_) => &[],
            #[cfg(feature = "tables")]
            Self::Csv(rows) => rows.unused_columns(),
            #[cfg(feature = "tables")]
            Self::Parquet(rows) => rows.unused_columns(),
        }
    }
}

pub(super) struct JsonLines {
    lines: Lines,
    line: Vec<u8>,
}

impl JsonLines {
    pub(super) const fn new(lines: Lines) -> Self {
        Self { lines, line: Vec::new() }
    }

    fn next(&mut self, cleaner: Cleaner, notes: &mut Notes) -> Result<Option<Row>> {
        while let Some((number, extent)) = self.lines.next(&mut self.line)? {
            if self.line.trim_ascii().is_empty() && extent == Extent::Whole {
                continue;
            }
            let outcome = match extent {
                Extent::Cut => Err(too_long()),
                Extent::Whole => record(&self.line, cleaner, notes),
            };
            let outcome =
                outcome.map_err(|refusal| (refusal, String::from_utf8_lossy(&self.line).into_owned()));
            return Ok(Some(Row { number, outcome }));
        }
        Ok(None)
    }
}

fn record(line: &[u8], cleaner: Cleaner, notes: &mut Notes) -> std::result::Result<Record, Refusal> {
    let text = std::str::from_utf8(line).map_err(|e| not_utf8(&e))?;
    let draft = json::parse(text).map_err(|e| {
        let what = if e.is_data() { "not a JSON object" } else { "not JSON" };
        Refusal::new("line", what, e.to_string())
    })?;
    cleaner.record(draft, notes)
}

pub(super) fn not_utf8(error: &std::str::Utf8Error) -> Refusal {
    Refusal::new("line", "not UTF-8", format!("at byte {}", error.valid_up_to() + 1))
}

pub(super) fn too_long() -> Refusal {
    Refusal::new("line", "longer than 16 MiB", "")
}
