//! Any bytes as the manifest of an index: no panic, no unbounded memory, and what is read says the same once written.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| kindred::fuzzing::index_manifest(bytes));
