//! `kindred encode`: lines of text to vectors.

use super::files::{read_text, refuse_as_input};
use super::npy::write_npy;
use super::output::{Output, grouped};
use crate::encoder::{Encoder, HashedEncoder};
#[cfg(not(feature = "bert"))]
use crate::error::Error;
use crate::error::Result;
use crate::model::Progress;
use clap::Args;
use serde::Serialize;
use std::path::PathBuf;
use std::time::Instant;

/// What is encoded, with what.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred encode texts.txt vectors.npy --model ~/models/minilm
  cut -f2 catalogue.tsv | kindred encode - vectors.npy")]
pub(crate) struct EncodeArgs {
    /// Lines of text, or - for standard input
    texts: PathBuf,
    /// Where the vectors go: one row for each line, f32
    vectors: PathBuf,
    /// A BERT-family model's folder; else the built-in encoder
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
}

#[derive(Serialize)]
struct Encoded {
    encoder: String,
    texts: usize,
    dim: usize,
    seconds: f64,
    texts_per_second: f64,
}

pub(crate) fn run(args: &EncodeArgs, output: &Output) -> Result<()> {
    let encoder = encoder(args.model.clone())?;
    refuse_as_input(&args.vectors, [&args.texts])?;
    let text = read_text(&args.texts)?;
    let texts: Vec<&str> = text.lines().collect();
    let bars = output.progress();
    let started = Instant::now();
    let vectors =
        encoder.encode(&texts, &|done| bars.tell(Progress::of("encoding texts", done, texts.len())))?;
    let seconds = started.elapsed().as_secs_f64();
    drop(bars);
    write_npy(&args.vectors, &vectors, encoder.dim())?;
    let encoded = Encoded {
        encoder: encoder.describe(),
        texts: texts.len(),
        dim: encoder.dim(),
        seconds,
        texts_per_second: texts.len() as f64 / seconds,
    };
    output.result(&encoded, |encoded| {
        format!(
            "Encoded {} texts by {} in {:.1} s ({:.0} texts/s) to {}",
            grouped(encoded.texts as u64),
            encoded.encoder,
            encoded.seconds,
            encoded.texts_per_second,
            args.vectors.display()
        )
    })
}

/// The encoder of a model folder, or the built-in one.
pub(crate) fn encoder(model: Option<PathBuf>) -> Result<Box<dyn Encoder>> {
    match model {
        None => Ok(Box::new(HashedEncoder::default())),
        #[cfg(feature = "bert")]
        Some(folder) => Ok(Box::new(crate::encoder::BertEncoder::open(folder)?)),
        #[cfg(not(feature = "bert"))]
        Some(folder) => {
            Err(Error::Feature { what: format!("the model in {}", folder.display()), feature: "bert" })
        }
    }
}
