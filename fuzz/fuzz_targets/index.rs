//! Random changes, seals and searches of an index against a map and the exact scan.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, Vec<(u8, u8)>)| kindred::fuzzing::index(input.0, &input.1));
