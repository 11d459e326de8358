//! `kindred init`: make a new store.

use super::keep::KeepArgs;
use super::output::Output;
use crate::error::{Error, Result};
use crate::model::{EventKind, Metric};
use crate::{Fusion, Options, Store};
use clap::Args;
use serde::Serialize;
use std::path::{Path, PathBuf};

/// What the store is made with.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred init shop                               the built-in encoder
  kindred init shop --model ~/models/minilm       a BERT-family model in a local folder
  kindred init shop --model \"$(kindred fetch model)\"
  kindred init vectors --dim 384 --metric cosine  vectors of your own")]
pub(crate) struct InitArgs {
    /// The folder to make
    store: PathBuf,
    /// A BERT-family model: a folder with config.json, tokenizer.json and model.safetensors
    #[arg(long, value_name = "FOLDER", conflicts_with = "dim")]
    model: Option<PathBuf>,
    /// Dimensions of vectors of your own, 1 to 4096
    #[arg(long)]
    dim: Option<usize>,
    /// How vectors of your own are compared: cosine, ip or l2
    #[arg(long, requires = "dim")]
    metric: Option<Metric>,
    /// Add or change a kind of event: `NAME=WEIGHT,HALF_LIFE_DAYS` (such as rent=0.8,365; "inf" never fades)
    #[arg(long, value_name = "KIND", value_parser = parse_kind)]
    kind: Vec<EventKind>,
    /// The item attribute that names an item's category [default: category]
    #[arg(long, value_name = "ATTRIBUTE", conflicts_with = "dim")]
    category: Option<String>,
    /// How embeddings are put together: a file of JSON, as `kindred tune` prints it; --category is still the last word
    #[arg(long, value_name = "FILE", conflicts_with = "dim")]
    fusion: Option<PathBuf>,
    #[command(flatten)]
    keep: KeepArgs,
}

#[derive(Serialize)]
struct Made {
    store: PathBuf,
    encoder: Option<String>,
    dim: usize,
    metric: Metric,
}

pub(crate) fn run(args: &InitArgs, output: &Output) -> Result<()> {
    let store = options(args)?.open(&args.store)?;
    let stats = store.snapshot().stats()?;
    let made =
        Made { store: args.store.clone(), encoder: stats.encoder, dim: stats.dim, metric: stats.metric };
    output.result(&made, |made| {
        let store = made.store.display();
        match &made.encoder {
            Some(encoder) => format!(
                "Made {store}: embeddings by {encoder}.\nNext: kindred ingest {store} FILE.jsonl, then kindred fit {store}"
            ),
            None => format!(
                "Made {store}: vectors of your own, {} dimensions, {}.\nNext: kindred import {store} VECTORS.npy",
                made.dim, made.metric
            ),
        }
    })
}

fn options(args: &InitArgs) -> Result<Options> {
    let mut options = args.keep.apply(Store::options().must_be_new());
    if let Some(folder) = &args.model {
        options = options.model(folder);
    }
    if let Some(dim) = args.dim {
        options = options.dim(dim).metric(args.metric.unwrap_or_default());
    }
    for kind in &args.kind {
        options = options.kind(kind.clone());
    }
    let fusion = args.fusion.as_deref().map(read_fusion).transpose()?;
    if fusion.is_some() || args.category.is_some() {
        let mut fusion = fusion.unwrap_or_default();
        fusion.category = args.category.clone().unwrap_or(fusion.category);
        options = options.fusion(fusion);
    }
    Ok(options)
}

fn read_fusion(path: &Path) -> Result<Fusion> {
    let json = std::fs::read(path).map_err(|source| Error::io("read", path, source))?;
    serde_json::from_slice(&json).map_err(|error| {
        Error::invalid("--fusion", path.display(), format!("JSON as kindred tune prints it: {error}"))
    })
}

fn parse_kind(text: &str) -> std::result::Result<EventKind, String> {
    let form = || format!("{text:?} is not NAME=WEIGHT,HALF_LIFE_DAYS, such as rent=0.8,365");
    let (name, numbers) = text.split_once('=').ok_or_else(form)?;
    let (weight, half_life) = numbers.split_once(',').ok_or_else(form)?;
    Ok(EventKind {
        name: name.to_owned(),
        weight: weight.trim().parse().map_err(|_| form())?,
        half_life_days: half_life.trim().parse().map_err(|_| form())?,
    })
}
