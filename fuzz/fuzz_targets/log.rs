//! Commits as a log, whole, cut and with a byte changed; any bytes as a record, a stored value, what the reserved keys hold and
//! the lock's file; any text as a name in a store's folder and as `CURRENT`. What is read is what was written, or it is refused.
#![no_main]

use kindred::fuzzing::{self, Commit};
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let place = if memory.is_dir() { memory } else { std::env::temp_dir() };
    let folder = place.join(format!("kindred-fuzz-log-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    folder
});

/// Where and how something is damaged, the length of a value, and of the files, how many are kept and how many of an older format.
type Choices = (u32, u8, u16, u8);

fuzz_target!(|input: (Choices, Vec<Commit>, Vec<u8>, Vec<u8>, String, (u64, u64))| {
    let ((place, change, len, kept), commits, bytes, key, text, (first, last)) = input;
    let place = place as usize;
    fuzzing::log(commits, usize::from(kept >> 4), usize::from(kept & 15), place, change);
    fuzzing::stored(&bytes, &key, len, place, change);
    fuzzing::names(&text, first, last, place, change);
    fuzzing::lock(&FOLDER, &bytes);
});
