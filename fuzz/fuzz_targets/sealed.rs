//! Any bytes as a sealed file, and a whole one with any of its bytes changed: opened or refused, never a panic, and what
//! opens can be searched.
#![no_main]

use libfuzzer_sys::fuzz_target;
use std::sync::LazyLock;

static WHOLE: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let folder = std::env::temp_dir().join(format!("kindred-fuzz-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a temporary folder");
    let file = kindred::fuzzing::sealed_file(&folder).expect("a sealed file");
    std::fs::remove_dir_all(&folder).expect("the folder goes");
    file
});

fuzz_target!(|input: (Vec<(u32, u8)>, Vec<u8>)| {
    let (changes, bytes) = input;
    kindred::fuzzing::sealed(&bytes);
    let mut file = WHOLE.clone();
    let length = file.len();
    for (place, value) in changes {
        file[place as usize % length] = value;
    }
    kindred::fuzzing::sealed(&file);
});
