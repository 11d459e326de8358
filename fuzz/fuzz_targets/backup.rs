//! Any bytes as the files of a backup, and any entries cut into them: no panic, no unbounded memory, and what is read is
//! what was written.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::collections::BTreeMap;

fuzz_target!(|input: (Vec<u8>, BTreeMap<Vec<u8>, Vec<u8>>)| {
    let (bytes, entries) = input;
    kindred::fuzzing::backup(&bytes, entries);
});
