//! CSV, read so that one stray quote costs one line.
//!
//! The usual readers take an unclosed quote to the end of the file, in memory, as one record. Here a record that does
//! not close within [`MAX_RECORD_LINES`], or closes in the middle of a field or with the wrong number of columns, costs its
//! first line only; reading goes on at the next.

use super::clean::{Cleaner, Notes, Refusal};
use super::draft::Loose;
use super::lines::{Extent, Lines};
use super::mapping::Mapping;
use super::rows::{Row, not_utf8, too_long};
use super::table::Table;
use crate::error::{Error, Result};
use crate::model::MAX_TEXT_BYTES;
use std::borrow::Cow;
use std::collections::VecDeque;

/// Lines that one record may span.
const MAX_RECORD_LINES: usize = 1000;

/// The rows of a CSV file.
pub(super) struct CsvRows {
    lines: PushBackLines,
    line: PhysicalLine,
    fields: Fields,
    width: usize,
    table: Table,
    missing: Vec<String>,
    delimiter: u8,
}

impl CsvRows {
    pub(super) fn new(name: &str, lines: Lines, mapping: &Mapping, tabs: bool) -> Result<Self> {
        let delimiter =
            mapping.delimiter.map_or(if tabs { b'\t' } else { b',' }, |delimiter| delimiter as u8);
        let mut lines = PushBackLines { lines, pushed_back: VecDeque::new() };
        let (mut line, mut fields) = (PhysicalLine::default(), Fields::default());
        let no_header = |reason: &str| Error::Line {
            source_name: name.to_owned(),
            line: 1,
            reason: format!("no header line with the names of the columns: {reason}"),
        };
        if !lines.next(&mut line)? {
            return Err(no_header("empty"));
        }
        if line.extent == Extent::Cut || fields.split(&line.bytes, delimiter) == Ending::InsideQuotes {
            return Err(no_header("unclosed quote or too long"));
        }
        let text = |bytes: &[u8]| std::str::from_utf8(bytes).map(|text| text.trim().to_owned());
        let header: Vec<String> = fields
            .iter()
            .map(text)
            .collect::<std::result::Result<_, _>>()
            .map_err(|_| no_header("not UTF-8"))?;
        let table = Table::bind(name, mapping, &header)?;
        let missing = mapping.missing.clone();
        Ok(Self { lines, line, fields, width: header.len(), table, missing, delimiter })
    }

    pub(super) fn unused_columns(&self) -> &[String] {
        &self.table.unused
    }

    pub(super) fn next(&mut self, cleaner: Cleaner, notes: &mut Notes) -> Result<Option<Row>> {
        loop {
            if !self.lines.next(&mut self.line)? {
                return Ok(None);
            }
            if !self.line.bytes.trim_ascii().is_empty() || self.line.extent == Extent::Cut {
                break;
            }
        }
        let number = self.line.number;
        let outcome = match self.read_record()? {
            Ok(()) => self.record(cleaner, notes),
            Err(refusal) => Err(refusal),
        };
        let outcome =
            outcome.map_err(|refusal| (refusal, String::from_utf8_lossy(&self.line.bytes).into_owned()));
        Ok(Some(Row { number, outcome }))
    }

    fn record(
        &self,
        cleaner: Cleaner,
        notes: &mut Notes,
    ) -> std::result::Result<crate::model::Record, Refusal> {
        std::str::from_utf8(&self.line.bytes).map_err(|e| not_utf8(&e))?;
        let cell = |slot: usize| {
            let (_, column) = &self.table.columns[slot];
            let found = std::str::from_utf8(&self.fields.bytes[self.fields.range(*column)]).unwrap_or("");
            let is_missing = self.missing.iter().any(|missing| missing == found.trim());
            if is_missing { Loose::Null } else { Loose::Text(Cow::Borrowed(found)) }
        };
        cleaner.record(self.table.draft(cell), notes)
    }

    /// Parts the current line into fields, and takes further lines while a quote is open.
    fn read_record(&mut self) -> Result<std::result::Result<(), Refusal>> {
        if self.line.extent == Extent::Cut {
            return Ok(Err(too_long()));
        }
        if self.fields.split(&self.line.bytes, self.delimiter) == Ending::Complete {
            return Ok(self.check_width());
        }
        let first_bytes = self.line.bytes.len();
        let mut taken = Vec::new();
        let outcome = self.read_further(&mut taken)?;
        if outcome.is_err() {
            self.line.bytes.truncate(first_bytes);
            self.lines.give_back(taken);
        }
        Ok(outcome)
    }

    fn read_further(&mut self, taken: &mut Vec<PhysicalLine>) -> Result<std::result::Result<(), Refusal>> {
        while taken.len() + 1 < MAX_RECORD_LINES && self.line.bytes.len() <= MAX_TEXT_BYTES {
            let mut further = PhysicalLine::default();
            if !self.lines.next(&mut further)? {
                break;
            }
            let (cut, ending) =
                (further.extent == Extent::Cut, self.fields.resume(&further.bytes, self.delimiter));
            self.line.bytes.push(b'\n');
            self.line.bytes.extend_from_slice(&further.bytes);
            taken.push(further);
            if cut {
                break;
            }
            if ending == Ending::Complete && !self.fields.stray {
                return Ok(self.check_width());
            }
            if ending == Ending::Complete {
                break;
            }
        }
        Ok(Err(Refusal::new("line", "unclosed quote", "")))
    }

    fn check_width(&self) -> std::result::Result<(), Refusal> {
        let found = self.fields.len();
        if found == self.width {
            return Ok(());
        }
        let detail = format!("{found}, the header has {}", self.width);
        Err(Refusal::new("line", "wrong number of columns", detail))
    }
}

#[derive(Debug)]
struct PhysicalLine {
    number: u64,
    extent: Extent,
    bytes: Vec<u8>,
}

impl Default for PhysicalLine {
    fn default() -> Self {
        Self { number: 0, extent: Extent::Whole, bytes: Vec::new() }
    }
}

struct PushBackLines {
    lines: Lines,
    pushed_back: VecDeque<PhysicalLine>,
}

impl PushBackLines {
    fn next(&mut self, line: &mut PhysicalLine) -> Result<bool> {
        if let Some(before) = self.pushed_back.pop_front() {
            *line = before;
            return Ok(true);
        }
        let Some((number, extent)) = self.lines.next(&mut line.bytes)? else { return Ok(false) };
        (line.number, line.extent) = (number, extent);
        Ok(true)
    }

    fn give_back(&mut self, lines: Vec<PhysicalLine>) {
        lines.into_iter().rev().for_each(|line| self.pushed_back.push_front(line));
    }
}

/// The fields of one record: their bytes in a row, and where each ends.
#[derive(Debug, Default)]
struct Fields {
    bytes: Vec<u8>,
    ends: Vec<usize>,
    /// Whether something stands between a closing quote and the end of its field.
    stray: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Ending {
    Complete,
    InsideQuotes,
}

impl Fields {
    /// Parts a record, RFC 4180; a quote inside an unquoted field stands for itself.
    fn split(&mut self, record: &[u8], delimiter: u8) -> Ending {
        self.bytes.clear();
        self.ends.clear();
        self.stray = false;
        self.split_rest(record, delimiter, false)
    }

    /// Goes on with the next line of a record that ended inside quotes.
    fn resume(&mut self, line: &[u8], delimiter: u8) -> Ending {
        self.bytes.push(b'\n');
        self.split_rest(line, delimiter, true)
    }

    fn split_rest(&mut self, mut rest: &[u8], delimiter: u8, mut inside_quotes: bool) -> Ending {
        loop {
            if !inside_quotes && let Some(after) = rest.strip_prefix(b"\"") {
                (rest, inside_quotes) = (after, true);
            }
            if inside_quotes {
                let Some(after) = self.quoted(rest) else { return Ending::InsideQuotes };
                (rest, inside_quotes) = (after, false);
                self.stray |= rest.first().is_some_and(|byte| *byte != delimiter);
            }
            let end = rest.iter().position(|byte| *byte == delimiter);
            self.bytes.extend_from_slice(&rest[..end.unwrap_or(rest.len())]);
            self.ends.push(self.bytes.len());
            match end {
                Some(end) => rest = &rest[end + 1..],
                None => return Ending::Complete,
            }
        }
    }

    /// Takes a quoted field over; gives what follows its closing quote.
    fn quoted<'r>(&mut self, mut rest: &'r [u8]) -> Option<&'r [u8]> {
        loop {
            let Some(quote) = rest.iter().position(|byte| *byte == b'"') else {
                self.bytes.extend_from_slice(rest);
                return None;
            };
            self.bytes.extend_from_slice(&rest[..quote]);
            rest = &rest[quote + 1..];
            let Some(after) = rest.strip_prefix(b"\"") else { return Some(rest) };
            self.bytes.push(b'"');
            rest = after;
        }
    }

    fn len(&self) -> usize {
        self.ends.len()
    }

    fn range(&self, position: usize) -> std::ops::Range<usize> {
        let start = position.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0);
        start..self.ends.get(position).copied().unwrap_or(start)
    }

    fn iter(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).map(|position| &self.bytes[self.range(position)])
    }
}

#[cfg(test)]
mod tests;
