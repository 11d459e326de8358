//! Any bytes as vector files and lists of neighbours: whatever a header declares, no more is read than is there.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| kindred::fuzzing::vector_files(bytes));
