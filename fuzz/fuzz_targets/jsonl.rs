//! Any bytes as JSON Lines: every line is accounted for, and an accepted record survives being written and read
//! again; and as an export, whose first line says what the store was made with.
#![no_main]

use kindred::ingest::{Entry, Options, Reader, Source, write_record};
use kindred::model::Record;
use libfuzzer_sys::fuzz_target;

fn records(bytes: &[u8], options: &Options) -> Vec<Record> {
    let source = Source::reader("fuzz", std::io::Cursor::new(bytes.to_vec()));
    let mut reader = Reader::open(source, options).expect("a reader over memory opens");
    let (mut records, mut rejected) = (Vec::new(), 0);
    for entry in &mut reader {
        match entry.expect("memory can be read") {
            Entry::Accepted(line) => records.push(line.record),
            Entry::Rejected(_) => rejected += 1,
        }
    }
    let report = reader.into_report();
    let lines = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).split(|byte| *byte == b'\n');
    let lines = lines.filter(|line| !line.trim_ascii().is_empty()).count() as u64;
    assert_eq!(report.read, lines);
    assert_eq!((report.accepted, report.rejected), (records.len() as u64, rejected));
    assert_eq!(report.read, report.accepted + report.rejected);
    assert!(report.repaired <= report.accepted);
    records
}

fn written(records: &[Record]) -> Vec<u8> {
    let mut bytes = Vec::new();
    records.iter().for_each(|record| write_record(record, &mut bytes).expect("memory can be written"));
    bytes
}

fuzz_target!(|bytes: &[u8]| {
    kindred::fuzzing::exported_settings(bytes);
    let as_is = Options::new().as_is(true);
    let exact = records(bytes, &as_is);
    let lines = written(&exact);
    let back = records(&lines, &as_is);
    assert_eq!(back, exact);
    assert_eq!(written(&back), lines);

    let clean = records(bytes, &Options::new());
    assert_eq!(records(&written(&clean), &Options::new()), clean);
});
