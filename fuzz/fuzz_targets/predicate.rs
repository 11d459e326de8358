//! Any text as a predicate: read, it is the same once written and read again; refused, it is with its place.
#![no_main]

use kindred::Error;
use kindred::model::Predicate;
use libfuzzer_sys::fuzz_target;

/// Written, a predicate may have twice as many words: more than are read, if it had many.
const SHORT: usize = 400;

fuzz_target!(|text: &str| {
    match Predicate::parse(text) {
        Ok(predicate) if text.len() <= SHORT => {
            let written = predicate.to_string();
            assert_eq!(Predicate::parse(&written).ok(), Some(predicate), "{written}");
        }
        Ok(_) => {}
        Err(error @ Error::Predicate { .. }) => assert!(error.to_string().ends_with('^'), "{error}"),
        Err(error) => panic!("{error}"),
    }
});
