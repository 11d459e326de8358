//! Any text as a mapping, up to a line `---`, with any bytes behind it as the CSV that it is of: refused with a reason, or every row is
//! accounted for and what is accepted is clean.
#![no_main]

use kindred::ingest::{Format, Mapping, Options, Reader};
use kindred_fuzz::{assert_clean, memory, read};
use libfuzzer_sys::fuzz_target;

const END: &[u8] = b"\n---\n";

fuzz_target!(|bytes: &[u8]| {
    let Some(at) = bytes.windows(END.len()).position(|window| window == END) else { return };
    let (mapping, table) = (String::from_utf8_lossy(&bytes[..at]), &bytes[at + END.len()..]);
    let Ok(mapping) = Mapping::parse("fuzz", &mapping) else { return };
    let options = Options::new().mapping(mapping).format(Format::Csv);
    let Ok(reader) = Reader::open(memory("fuzz", table.to_vec()), &options) else { return };
    assert_clean(&read(reader).expect("memory can be read").records);
});
