//! Any bytes as a Parquet file, and a whole one with any of its bytes changed: refused with a reason, or read; never without bound.
#![no_main]

use kindred::ingest::{Format, Mapping, Options, Reader};
use kindred_fuzz::{EVENTS, memory, read};
use libfuzzer_sys::fuzz_target;

const WHOLE: [&[u8]; 2] =
    [include_bytes!("../seeds/parquet/plain"), include_bytes!("../seeds/parquet/packed")];

fuzz_target!(
    init: {
        // What panics in the crate below is caught by the reader: that is what is tried here. Others still end the run.
        std::panic::set_hook(Box::new(|_| {}));
    },
    |input: (bool, Vec<(u32, u8)>, Vec<u8>)| {
        let (packed, changes, bytes) = input;
        open(bytes);
        let mut whole = WHOLE[usize::from(packed)].to_vec();
        let length = whole.len();
        for (place, value) in changes {
            whole[place as usize % length] = value;
        }
        open(whole);
    }
);

fn open(bytes: Vec<u8>) {
    let mapping = Mapping::parse("fuzz", EVENTS).expect("the mapping is right");
    let options = Options::new().mapping(mapping).format(Format::Parquet);
    if let Ok(reader) = Reader::open(memory("fuzz", bytes), &options) {
        // It may end with an error.
        let _ = read(reader);
    }
}
