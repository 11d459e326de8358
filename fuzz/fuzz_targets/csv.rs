//! Any bytes as CSV below a fixed header: every row is accounted for, no line of the file is lost, and what is accepted
//! is clean.
#![no_main]

use kindred::ingest::{Mapping, Options, Reader};
use kindred_fuzz::{EVENTS, assert_clean, memory, read};
use libfuzzer_sys::fuzz_target;

const HEADER: &[u8] = b"user,kind,time,value,text\n";

fuzz_target!(|bytes: &[u8]| {
    let mapping = Mapping::parse("fuzz", EVENTS).expect("the mapping is right");
    let source = memory("fuzz.csv", [HEADER, bytes].concat());
    let reader = Reader::open(source, &Options::new().mapping(mapping)).expect("the header is right");
    let read = read(reader).expect("memory can be read");
    assert!(read.lines.is_sorted_by(|a, b| a < b), "a line was read twice");
    if !bytes.contains(&b'"') {
        let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).count();
        assert_eq!(read.lines.len(), lines, "without quotes each line is a row");
    }
    assert_clean(&read.records);
});
