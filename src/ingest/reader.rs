//! The reader: every record of a source, one after the other, and the count of what became of them.

use super::clean::{Cleaner, Notes, Refusal};
use super::lines::Lines;
use super::options::{Format, Options};
use super::outlier::Outliers;
use super::report::{Report, count};
use super::rows::{JsonLines, Row, Rows};
use super::source::Source;
use crate::error::{Error, Result};
use crate::model::Record;
use serde::Serialize;
use std::io::Write;

/// An accepted record.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct Line {
    /// Line number in the source, from 1; in Parquet, the row number.
    pub number: u64,
    /// The record, cleaned.
    pub record: Record,
    pub(super) mended: bool,
    /// Fields that were clipped as outliers.
    pub(super) clipped: Vec<String>,
}

impl Line {
    /// Whether anything in it was mended.
    #[must_use]
    pub const fn repaired(&self) -> bool {
        self.mended || !self.clipped.is_empty()
    }
}

/// A refused record. As JSON: `{"source":…,"line":…,"reason":…,"detail":…,"record":…}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Reject {
    /// The file, or `<stdin>`.
    pub source: String,
    /// Line number, from 1; in Parquet, the row number.
    pub line: u64,
    /// The reason, the same for all lines refused for it.
    pub reason: String,
    /// What exactly was found; may be empty.
    pub detail: String,
    /// The line itself; of one over 16 MiB, its beginning; empty where it is of a user who was erased.
    pub record: String,
}

impl Reject {
    /// Writes it as one line of JSON.
    ///
    /// # Errors
    /// [`Error::Io`] where the writer fails.
    pub fn write(&self, mut out: impl Write) -> Result<()> {
        serde_json::to_writer(&mut out, self)
            .map_err(std::io::Error::from)
            .and_then(|()| out.write_all(b"\n"))
            .map_err(|e| Error::io("write", "rejects", e))
    }
}

/// What one record of a source became.
#[derive(Clone, Debug, PartialEq)]
pub enum Entry {
    /// Accepted, perhaps mended.
    Accepted(Line),
    /// Refused.
    Rejected(Reject),
}

/// Reads a source, record by record, as an iterator of [`Entry`]s.
///
/// Accepted records come in the order of the source; up to 10,000 are held back until it is known which numbers are
/// usual. The iterator gives an error once, as its last element, when the source cannot be read, or for the first bad
/// line in strict mode.
///
/// ```
/// use kindred::ingest::{Entry, Options, Reader, Source};
/// let lines = "{\"type\":\"user\",\"id\":\"alice\"}\n{\"type\":\"user\"}\n";
/// let mut reader = Reader::open(Source::reader("example", lines.as_bytes()), &Options::new())?;
/// for entry in &mut reader {
///     match entry? {
///         Entry::Accepted(line) => assert_eq!(line.number, 1),
///         Entry::Rejected(reject) => assert_eq!(reject.reason, "id: missing"),
///     }
/// }
/// let report = reader.into_report();
/// assert_eq!((report.read, report.accepted, report.rejected), (2, 1, 1));
/// # Ok::<(), kindred::Error>(())
/// ```
pub struct Reader {
    source_name: String,
    rows: Rows,
    cleaner: Cleaner,
    strict: bool,
    outliers: Option<Outliers>,
    notes: Notes,
    report: Report,
    state: State,
}

/// How far a reader is.
enum State {
    Reading,
    /// Held records are still to come, then perhaps an error.
    Emptying(Option<Error>),
}

impl Reader {
    /// Opens a source. The format is the option's, else what the file's name says, else CSV if a mapping is given, else
    /// JSON Lines.
    ///
    /// # Errors
    /// [`Error::Io`] if the source cannot be opened, [`Error::Invalid`] if a table lacks its mapping or a column that
    /// the mapping names, [`Error::Feature`] for a table in a build without the feature `tables`.
    pub fn open(source: Source, options: &Options) -> Result<Self> {
        let source_name = source.name();
        let format = format_of(&source, options);
        let rows = open_rows(source, format, options)?;
        let mut report = Report::default();
        rows.unused_columns().iter().for_each(|column| count(&mut report.unused_columns, column, 1));
        Ok(Self {
            source_name,
            rows,
            cleaner: Cleaner { as_is: options.as_is, numbers_are_texts: format == Format::Csv },
            strict: options.strict,
            outliers: options.outlier_limit.filter(|_| !options.as_is).map(Outliers::new),
            notes: Notes::default(),
            report,
            state: State::Reading,
        })
    }

    /// The count so far. Records that are still held back are read, but not yet accepted.
    #[must_use]
    pub const fn report(&self) -> &Report {
        &self.report
    }

    /// The count, to be completed by whoever stored the records.
    #[must_use]
    pub fn into_report(self) -> Report {
        self.report
    }

    /// The next refusal, if the next row is one; accepted rows go to the outliers.
    fn read_row(&mut self) -> Result<Option<Entry>> {
        let Some(Row { number, outcome }) = self.rows.next(self.cleaner, &mut self.notes)? else {
            self.finish(None);
            return Ok(None);
        };
        self.report.read += 1;
        let record = match outcome {
            Ok(record) => record,
            Err((refusal, raw)) => return self.reject(number, &refusal, raw).map(Some),
        };
        if self.strict
            && let Some(name) = self.notes.unknown.first()
        {
            return Err(self.line_error(number, format!("unknown field {name:?}")));
        }
        self.count_notes();
        let line = Line { number, record, mended: !self.notes.repairs.is_empty(), clipped: Vec::new() };
        match &mut self.outliers {
            Some(outliers) => {
                outliers.push(line);
                Ok(None)
            }
            None => Ok(Some(self.accept(line))),
        }
    }

    fn reject(&mut self, line: u64, refusal: &Refusal, record: String) -> Result<Entry> {
        let reason = refusal.reason();
        self.report.reject(&reason);
        if self.strict {
            let detail =
                if refusal.detail.is_empty() { String::new() } else { format!(" ({})", refusal.detail) };
            return Err(self.line_error(line, format!("{reason}{detail}")));
        }
        let (source, detail) = (self.source_name.clone(), refusal.detail.clone());
        Ok(Entry::Rejected(Reject { source, line, reason, detail, record }))
    }

    fn accept(&mut self, line: Line) -> Entry {
        self.report.accepted += 1;
        self.report.repaired += u64::from(line.repaired());
        for field in &line.clipped {
            count(&mut self.report.repairs, &format!("{field}: outlier clipped"), 1);
        }
        Entry::Accepted(line)
    }

    fn count_notes(&mut self) {
        for (field, what) in &self.notes.repairs {
            count(&mut self.report.repairs, &format!("{field}: {what}"), 1);
        }
        self.notes.missing.iter().for_each(|field| count(&mut self.report.missing, field, 1));
        self.notes.unknown.iter().for_each(|field| count(&mut self.report.unknown_fields, field, 1));
    }

    fn finish(&mut self, error: Option<Error>) {
        if let Some(outliers) = &mut self.outliers {
            outliers.settle();
        }
        self.state = State::Emptying(error);
    }

    fn line_error(&self, line: u64, reason: String) -> Error {
        Error::Line { source_name: self.source_name.clone(), line, reason }
    }
}

impl Iterator for Reader {
    type Item = Result<Entry>;

    fn next(&mut self) -> Option<Result<Entry>> {
        loop {
            if let Some(line) = self.outliers.as_mut().and_then(Outliers::pop) {
                return Some(Ok(self.accept(line)));
            }
            match &mut self.state {
                State::Emptying(error) => return error.take().map(Err),
                State::Reading => match self.read_row() {
                    Ok(Some(entry)) => return Some(Ok(entry)),
                    Ok(None) => {}
                    Err(error) => self.finish(Some(error)),
                },
            }
        }
    }
}

fn format_of(source: &Source, options: &Options) -> Format {
    #[cfg(feature = "tables")]
    let otherwise = if options.mapping.is_some() { Format::Csv } else { Format::JsonLines };
    #[cfg(not(feature = "tables"))]
    let otherwise = Format::JsonLines;
    options.format.or_else(|| source.path().and_then(Format::of_path)).unwrap_or(otherwise)
}

#[cfg(feature = "tables")]
fn open_rows(source: Source, format: Format, options: &Options) -> Result<Rows> {
    let name = source.name();
    if format == Format::JsonLines {
        return Ok(Rows::JsonLines(JsonLines::new(Lines::new(&name, source.open()?))));
    }
    let mapping = options.mapping.as_ref().ok_or_else(|| {
        Error::invalid(
            format!("mapping of {name}"),
            "missing",
            "a table needs a file that says what its columns mean",
        )
    })?;
    if format == Format::Csv {
        let tabs = source.path().and_then(std::path::Path::extension).is_some_and(|ending| ending == "tsv");
        let lines = Lines::new(&name, source.open()?);
        return super::csv::CsvRows::new(&name, lines, mapping, tabs).map(|rows| Rows::Csv(Box::new(rows)));
    }
    let file = match source.path() {
        Some(path) => std::fs::File::open(path).map_err(|e| Error::io("open", path, e))?,
        None => spooled(source)?,
    };
    super::parquet::ParquetRows::open(&name, file, mapping).map(|rows| Rows::Parquet(Box::new(rows)))
}

/// A stream in a file without a name, which goes when it is closed: Parquet is read from its end.
#[cfg(feature = "tables")]
fn spooled(source: Source) -> Result<std::fs::File> {
    use std::io::Seek;
    let failed = |e| Error::io("spool", std::env::temp_dir(), e);
    let mut file = tempfile::tempfile().map_err(failed)?;
    std::io::copy(&mut source.open()?, &mut file).map_err(failed)?;
    file.rewind().map_err(failed)?;
    Ok(file)
}

#[cfg(not(feature = "tables"))]
fn open_rows(source: Source, format: Format, _: &Options) -> Result<Rows> {
    let name = source.name();
    if format != Format::JsonLines {
        return Err(Error::Feature { what: format!("reading {name}"), feature: "tables" });
    }
    Ok(Rows::JsonLines(JsonLines::new(Lines::new(&name, source.open()?))))
}
