//! Any bytes as CSV below a fixed header: every row is accounted for, no line of the file is lost, and what is accepted
//! is clean.
#![no_main]

use kindred::ingest::{Entry, Mapping, Options, Reader, Source, write_record};
use libfuzzer_sys::fuzz_target;

const HEADER: &[u8] = b"user,kind,time,value,text\n";
const MAPPING: &str = r#"
type = "event"
user = "user"
kind = { column = "kind" }
time = "time"
value = "value"
text = "text"
"#;

fuzz_target!(|bytes: &[u8]| {
    let mapping = Mapping::parse("fuzz", MAPPING).expect("the mapping is right");
    let source = Source::reader("fuzz.csv", std::io::Cursor::new([HEADER, bytes].concat()));
    let mut reader = Reader::open(source, &Options::new().mapping(mapping)).expect("the header is right");
    let (mut clean, mut accepted, mut numbers, mut broken) = (Vec::new(), 0, Vec::new(), 0);
    for entry in &mut reader {
        match entry.expect("memory can be read") {
            Entry::Accepted(line) => {
                accepted += 1;
                numbers.push(line.number);
                write_record(&line.record, &mut clean).expect("memory can be written");
            }
            Entry::Rejected(reject) => {
                broken += 1;
                numbers.push(reject.line);
            }
        }
    }
    let report = reader.into_report();
    assert_eq!((report.read, report.accepted, report.rejected), (accepted + broken, accepted, broken));
    numbers.sort_unstable();
    assert!(numbers.is_sorted_by(|a, b| a < b), "a line was read twice");
    if !bytes.contains(&b'"') {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        assert_eq!(report.read, lines as u64, "without quotes each line is a row");
    }

    let source = Source::reader("fuzz", std::io::Cursor::new(clean));
    let mut again = Reader::open(source, &Options::new()).expect("a reader over memory opens");
    assert!(again.by_ref().all(|entry| matches!(entry, Ok(Entry::Accepted(line)) if !line.repaired())));
    assert_eq!(again.report().read, accepted);
});
