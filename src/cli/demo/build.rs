//! Building the demo's store.

use super::{Data, DemoArgs};
use crate::Store;
use crate::cli::fetch;
use crate::cli::journey::{self, DEMOGRAPHICS, PRODUCTS, TRANSACTIONS};
use crate::cli::output::{Bars, Output};
use crate::error::{Error, Result};
use crate::ingest::{Options, Source};
use std::path::{Path, PathBuf};
use std::time::Instant;

const SAMPLE: &str = include_str!("../../../examples/sample/events.jsonl");

/// What was fetched: the model's folder and the data's.
struct Fetched {
    model: PathBuf,
    journey: PathBuf,
}

/// A new store with all its records, fitted and indexed, and the seconds that took.
pub(super) fn build(args: &DemoArgs, output: &Output) -> Result<(Store, Data, f64)> {
    let bars = output.progress();
    let fetched = if args.offline { None } else { fetch(output, &bars)? };
    let started = Instant::now();
    // Made beside and moved at the end, so that a demo that was stopped is not taken for a finished one.
    let unfinished = args.store.with_added_extension("unfinished");
    if unfinished.exists() {
        super::remove_store(&unfinished)?;
    }
    let (store, data) = match &fetched {
        Some(fetched) => (read_journey(fetched, &unfinished, output, &bars)?, Data::Journey),
        None => (read_sample(&unfinished, output, &bars)?, Data::Sample),
    };
    store.fit_with_progress(&|p| bars.tell(p))?;
    store.build_index(&|p| bars.tell(p))?;
    let seconds = started.elapsed().as_secs_f64();
    drop(store);
    finish(args, &unfinished, data)?;
    let store = Store::options().must_exist().open(&args.store)?;
    store.build_index(&|p| bars.tell(p))?;
    Ok((store, data, seconds))
}

fn read_journey(fetched: &Fetched, path: &Path, output: &Output, bars: &Bars) -> Result<Store> {
    let store = Store::options().model(&fetched.model).fusion(journey::fusion()).open(path)?;
    for (what, table) in [("products", PRODUCTS), ("demographics", DEMOGRAPHICS), ("purchases", TRANSACTIONS)]
    {
        output.say(&format!("Reading {what}"))?;
        let report = table.ingest(&fetched.journey, &store, bars)?;
        output.say(&indent(&report.to_string()))?;
    }
    Ok(store)
}

fn read_sample(path: &Path, output: &Output, bars: &Bars) -> Result<Store> {
    let store = Store::options().open(path)?;
    let source = Source::reader("sample", SAMPLE.as_bytes());
    let report = store.ingest(source, &Options::new(), &mut std::io::sink(), &|p| bars.tell(p))?;
    output.say(&format!("Read the sample\n{}", indent(&report.to_string())))?;
    Ok(store)
}

/// Marks the store as finished and moves it to its place.
fn finish(args: &DemoArgs, unfinished: &PathBuf, data: Data) -> Result<()> {
    let marker = unfinished.join("demo.json");
    let json = serde_json::json!({ "data": data }).to_string();
    std::fs::write(&marker, json).map_err(|e| Error::io("write", &marker, e))?;
    std::fs::rename(unfinished, &args.store).map_err(|e| Error::io("move", unfinished, e))
}

/// The model and the data; `None`, and a word about it, where they cannot be had.
fn fetch(output: &Output, bars: &Bars) -> Result<Option<Fetched>> {
    if cfg!(not(feature = "bert")) {
        output.say("This build has no BERT encoder (feature `bert`), so the demo takes the sample and the built-in encoder.")?;
        return Ok(None);
    }
    let step = |words: &str| bars.step(words);
    let fetched =
        fetch::model(&step).and_then(|model| Ok(Fetched { model, journey: fetch::journey(&step)? }));
    match fetched {
        Ok(fetched) => Ok(Some(fetched)),
        Err(error) => {
            output.say(&format!(
                "Could not fetch the model or the data: {error}\n\
                 Going on with a smaller store: the sample records that come with Kindred and its built-in encoder,\n\
                 which compares words, not meanings.\n"
            ))?;
            Ok(None)
        }
    }
}

fn indent(text: &str) -> String {
    text.lines().map(|line| format!("    {line}")).collect::<Vec<_>>().join("\n")
}
