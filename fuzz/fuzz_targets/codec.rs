//! Any bytes as each stored value: no panic, no unbounded memory, and what decodes survives being stored again.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| kindred::fuzzing::codec(bytes));
