//! Any bytes as a Parquet file, and a whole one with any of its bytes changed: refused with a reason, or read; never without bound.
#![no_main]

use kindred::ingest::{Entry, Format, Mapping, Options, Reader, Source};
use libfuzzer_sys::fuzz_target;

const MAPPING: &str = r#"
type = "event"
user = "user"
kind = { column = "kind" }
time = "time"
value = "value"
text = "text"
"#;
const WHOLE: [&[u8]; 2] =
    [include_bytes!("../seeds/parquet/plain"), include_bytes!("../seeds/parquet/packed")];

fuzz_target!(
    init: {
        // What panics in the crate below is caught by the reader: that is what is tried here. Others still end the run.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |input: (bool, Vec<(u32, u8)>, Vec<u8>)| {
        let (packed, changes, bytes) = input;
        read(bytes);
        let mut whole = WHOLE[usize::from(packed)].to_vec();
        let length = whole.len();
        for (place, value) in changes {
            whole[place as usize % length] = value;
        }
        read(whole);
    }
);

fn read(bytes: Vec<u8>) {
    let mapping = Mapping::parse("fuzz", MAPPING).expect("the mapping is right");
    let source = Source::reader("fuzz", std::io::Cursor::new(bytes));
    let options = Options::new().mapping(mapping).format(Format::Parquet);
    let Ok(mut reader) = Reader::open(source, &options) else { return };
    let (mut accepted, mut rejected) = (0, 0);
    for entry in &mut reader {
        match entry {
            Ok(Entry::Accepted(_)) => accepted += 1,
            Ok(Entry::Rejected(_)) => rejected += 1,
            // The last there is.
            Err(_) => return,
        }
    }
    let report = reader.into_report();
    assert_eq!((report.read, report.accepted, report.rejected), (accepted + rejected, accepted, rejected));
}
