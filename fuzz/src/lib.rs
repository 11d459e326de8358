//! What the targets of the readers have in common.

use kindred::ingest::{Entry, Options, Reader, Report, Source, write_record};
use kindred::model::Record;

/// A mapping of events with a column each for user, kind, time, value and text.
pub const EVENTS: &str = r#"
type = "event"
user = "user"
kind = { column = "kind" }
time = "time"
value = "value"
text = "text"
"#;

/// What a reader gave.
pub struct Read {
    pub records: Vec<Record>,
    /// Of each entry, accepted or rejected, the number of its line, ascending.
    pub lines: Vec<u64>,
    pub report: Report,
}

/// A source in memory.
#[must_use]
pub fn memory(name: &str, bytes: Vec<u8>) -> Source {
    Source::reader(name, std::io::Cursor::new(bytes))
}

/// Reads to the end, and sees to it that the report says as much as was there; `None` where an error ends it.
#[must_use]
pub fn read(mut reader: Reader) -> Option<Read> {
    let (mut records, mut lines) = (Vec::new(), Vec::new());
    for entry in &mut reader {
        match entry.ok()? {
            Entry::Accepted(line) => {
                lines.push(line.number);
                records.push(line.record);
            }
            Entry::Rejected(reject) => lines.push(reject.line),
        }
    }
    lines.sort_unstable();
    let report = reader.into_report();
    let (all, accepted) = (lines.len() as u64, records.len() as u64);
    assert_eq!((report.read, report.accepted, report.rejected), (all, accepted, all - accepted));
    assert!(report.repaired <= report.accepted);
    Some(Read { records, lines, report })
}

/// Records as JSON Lines.
#[must_use]
pub fn written(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    records.iter().for_each(|record| write_record(record, &mut bytes).expect("memory can be written"));
    bytes
}

/// What was accepted is clean: read again, nothing of it has to be repaired.
pub fn assert_clean(records: &[Record]) {
    let again = Reader::open(memory("fuzz", written(records)), &Options::new());
    let again = read(again.expect("a reader over memory opens")).expect("memory can be read");
    assert_eq!((again.report.accepted, again.report.repaired), (records.len() as u64, 0));
}
