//! One face for the formats: the next record of a source, cleaned or refused.

use super::clean::{Cleaner, Notes, Refusal};
use super::json;
use super::lines::{Extent, Lines, MAX_LINE_BYTES};
use super::source::Source;
use crate::error::{Error, Result};
use crate::model::{Record, StoreSettings};
use std::io::{BufRead, BufReader, Cursor, Read};
use std::path::Path;

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
    if draft.is_of_type("store") {
        settings(text).map(Record::Store)
    } else if draft.is_of_type("archive") {
        archive(text)
    } else if draft.is_of_type("segment") {
        super::segment::segment(text)
    } else if draft.is_of_type("remove") && draft.left_over().contains(&"segment") {
        super::segment::removal(text)
    } else {
        cleaner.record(draft, notes)
    }
}

/// The archive in a line of that type: a tool wrote it, too.
fn archive(text: &str) -> std::result::Result<Record, Refusal> {
    let refusal = |detail: String| Refusal::new("archive", "not an archive of folded events", detail);
    match serde_json::from_str(text) {
        Ok(archive @ Record::Archive(_)) => Ok(archive),
        Ok(_) => Err(refusal("another type".to_owned())),
        Err(e) => Err(refusal(e.to_string())),
    }
}

/// The settings in a line of that type: a tool wrote them, so there is nothing to mend.
fn settings(text: &str) -> std::result::Result<StoreSettings, Refusal> {
    let refusal =
        |e: &dyn std::fmt::Display| Refusal::new("store", "not the settings of a store", e.to_string());
    match serde_json::from_str(text) {
        Ok(Record::Store(settings)) => Ok(settings),
        Ok(_) => Err(refusal(&"another type")),
        Err(e) => Err(refusal(&e)),
    }
}

/// The settings that an export begins with, and the whole of it still to be read; none where it begins otherwise.
pub(crate) fn exported_settings(source: Source) -> Result<(Option<StoreSettings>, Source)> {
    let name = source.name();
    let mut reader = BufReader::new(source.open()?);
    let mut head = Vec::new();
    let read = (&mut reader).take(MAX_LINE_BYTES as u64).read_until(b'\n', &mut head);
    read.map_err(|e| Error::io("read", Path::new(&name), e))?;
    let cleaner = Cleaner { as_is: true, numbers_are_texts: false };
    let settings = match record(head.trim_ascii(), cleaner, &mut Notes::default()) {
        Ok(Record::Store(settings)) => Some(settings),
        Err(Refusal { field: "store", detail, .. }) => {
            let reason = format!("these are no settings that this build knows: {detail}");
            return Err(Error::Line { source_name: name, line: 1, reason });
        }
        // Anything else, also what is no record, is for ingest to read and to refuse.
        _ => None,
    };
    Ok((settings, Source::reader(name, Cursor::new(head).chain(reader))))
}

pub(super) fn not_utf8(error: &std::str::Utf8Error) -> Refusal {
    Refusal::new("line", "not UTF-8", format!("at byte {}", error.valid_up_to() + 1))
}

pub(super) fn too_long() -> Refusal {
    Refusal::new("line", "longer than 16 MiB", "")
}
