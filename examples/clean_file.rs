//! Cleans a file and shows what was found: `cargo run --release --example clean_file -- [FILE [MAPPING [OUT]]]`.
//!
//! Without a file it reads the sample data. Rejected lines go to standard error as JSON, clean records to OUT.

use kindred::ingest::{Entry, Options, Reader, Source, write_record};
use kindred::{Error, Result};
use std::fs::File;
use std::io::{BufWriter, Write, sink};
use std::time::Instant;

const SAMPLE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/examples/sample/events.jsonl");

fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let file = arguments.first().map_or(SAMPLE, String::as_str);
    let mut out: Box<dyn Write> = match arguments.get(2) {
        Some(path) => Box::new(BufWriter::new(File::create(path).map_err(|e| Error::io("create", path, e))?)),
        None => Box::new(sink()),
    };
    let started = Instant::now();
    let mut reader = Reader::open(Source::file(file), &options(arguments.get(1))?)?;
    for entry in &mut reader {
        match entry? {
            Entry::Accepted(line) => write_record(&line.record, &mut out)?,
            Entry::Rejected(reject) => reject.write(std::io::stderr())?,
        }
    }
    let report = reader.into_report();
    println!("{report}{:.0} records/s", report.read as f64 / started.elapsed().as_secs_f64());
    Ok(())
}

#[cfg(feature = "tables")]
fn options(mapping: Option<&String>) -> Result<Options> {
    let mapping = mapping.filter(|path| !path.is_empty()).map(kindred::ingest::Mapping::open).transpose()?;
    Ok(mapping.into_iter().fold(Options::new(), Options::mapping))
}

#[cfg(not(feature = "tables"))]
fn options(mapping: Option<&String>) -> Result<Options> {
    match mapping.filter(|path| !path.is_empty()) {
        Some(path) => Err(Error::Feature { what: format!("the mapping {path}"), feature: "tables" }),
        None => Ok(Options::new()),
    }
}
