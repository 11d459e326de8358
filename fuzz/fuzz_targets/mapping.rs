//! Any text as a mapping, up to a line `---`, with any bytes behind it as the CSV that it is of: refused with a reason, or every row is
//! accounted for and what is accepted is clean.
#![no_main]

use kindred::ingest::{Entry, Format, Mapping, Options, Reader, Source, write_record};
use libfuzzer_sys::fuzz_target;

const END: &[u8] = b"\n---\n";

fuzz_target!(|bytes: &[u8]| {
    let Some(at) = bytes.windows(END.len()).position(|window| window == END) else { return };
    let (mapping, table) = (String::from_utf8_lossy(&bytes[..at]), &bytes[at + END.len()..]);
    let Ok(mapping) = Mapping::parse("fuzz", &mapping) else { return };
    let source = Source::reader("fuzz", std::io::Cursor::new(table.to_vec()));
    let options = Options::new().mapping(mapping).format(Format::Csv);
    let Ok(mut reader) = Reader::open(source, &options) else { return };
    let (mut clean, mut accepted, mut rejected) = (Vec::new(), 0, 0);
    for entry in &mut reader {
        match entry.expect("memory can be read") {
            Entry::Accepted(line) => {
                accepted += 1;
                write_record(&line.record, &mut clean).expect("memory can be written");
            }
            Entry::Rejected(_) => rejected += 1,
        }
    }
    let report = reader.into_report();
    assert_eq!((report.read, report.accepted, report.rejected), (accepted + rejected, accepted, rejected));

    let source = Source::reader("fuzz", std::io::Cursor::new(clean));
    let mut again = Reader::open(source, &Options::new()).expect("a reader over memory opens");
    assert!(again.by_ref().all(|entry| matches!(entry, Ok(Entry::Accepted(line)) if !line.repaired())));
    assert_eq!(again.report().read, accepted);
});
