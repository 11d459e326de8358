//! Keys order as their fields do, and read back.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|pair: ((u32, i64), (u32, i64))| kindred::fuzzing::key_order(pair.0, pair.1));
