//! Any bytes as JSON Lines: every line is accounted for, and an accepted record survives being written and read
//! again; and as an export, whose first line says what the store was made with.
#![no_main]

use kindred::ingest::{Options, Reader};
use kindred::model::Record;
use kindred_fuzz::{memory, read, written};
use libfuzzer_sys::fuzz_target;

fn records(bytes: &[u8], options: &Options) -> Vec<Record> {
    let reader = Reader::open(memory("fuzz", bytes.to_vec()), options).expect("a reader over memory opens");
    let read = read(reader).expect("memory can be read");
    let lines = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes).split(|byte| *byte == b'\n');
    assert_eq!(read.lines.len(), lines.filter(|line| !line.trim_ascii().is_empty()).count());
    read.records
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
