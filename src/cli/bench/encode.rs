//! `kindred bench encode`: texts per second of an encoder.

use crate::cli::encode::encoder;
use crate::cli::fetch;
use crate::cli::journey::PRODUCTS;
use crate::cli::output::{Output, grouped};
use crate::error::{Error, Result};
use crate::ingest::{Entry, Reader};
use crate::model::{Progress, Record};
use clap::Args;
use serde::Serialize;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Instant;

/// Which texts, by which encoder.
#[derive(Args)]
#[command(after_help = "Example: kindred bench encode --model \"$(kindred fetch model)\"

Without --texts: the 3,903 distinct texts of The Complete Journey's products.")]
pub(crate) struct EncodeArgs {
    /// Lines of text
    #[arg(long, value_name = "FILE")]
    texts: Option<PathBuf>,
    /// A BERT-family model's folder; else the built-in encoder
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// Passes; the fastest counts
    #[arg(long, default_value_t = 2)]
    passes: usize,
}

#[derive(Serialize)]
struct Measured {
    encoder: String,
    texts: usize,
    seconds: f64,
    texts_per_second: f64,
}

pub(crate) fn run(args: &EncodeArgs, output: &Output) -> Result<()> {
    let bars = output.progress();
    let texts: Vec<String> = match &args.texts {
        Some(path) => {
            let text = std::fs::read_to_string(path).map_err(|e| Error::io("read", path, e))?;
            text.lines().map(str::to_owned).collect()
        }
        None => product_texts(&fetch::journey(&|words| bars.step(words))?)?.into_iter().collect(),
    };
    let borrowed: Vec<&str> = texts.iter().map(String::as_str).collect();
    let encoder = encoder(args.model.clone())?;
    let mut seconds = f64::INFINITY;
    for _ in 0..args.passes.max(1) {
        let started = Instant::now();
        encoder.encode(&borrowed, &|done| bars.tell(Progress::of("encoding texts", done, texts.len())))?;
        seconds = seconds.min(started.elapsed().as_secs_f64());
    }
    drop(bars);
    let measured = Measured {
        encoder: encoder.describe(),
        texts: texts.len(),
        seconds,
        texts_per_second: texts.len() as f64 / seconds,
    };
    output.result(&measured, |m| {
        format!(
            "{}: {} texts in {:.2} s, {:.0} texts/s",
            m.encoder,
            grouped(m.texts as u64),
            m.seconds,
            m.texts_per_second
        )
    })
}

/// The distinct texts of the products.
fn product_texts(folder: &std::path::Path) -> Result<BTreeSet<String>> {
    let (source, options) = PRODUCTS.source(folder)?;
    let mut texts = BTreeSet::new();
    for entry in Reader::open(source, &options)? {
        if let Entry::Accepted(line) = entry?
            && let Record::Item(item) = line.record
        {
            texts.extend(item.text);
        }
    }
    Ok(texts)
}
