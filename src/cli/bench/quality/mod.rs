//! `kindred bench quality`: how well profiles find twins and tell demographics. Exact search throughout, so that the
//! figures are of the profiles alone.

mod labels;
mod sentences;
mod twins;

use super::scratch::{JourneyArgs, Scratch};
use crate::cli::eval::twins::Twins;
use crate::cli::fetch;
use crate::cli::journey::PRODUCTS;
use crate::cli::output::{Bars, Output};
use crate::error::Result;
use crate::model::Record;
use crate::{Options, Store};
use clap::Args;
use serde::Serialize;
use std::fmt::Write;
use std::path::Path;

/// With which encoder.
#[derive(Args)]
#[command(after_help = "Example: kindred bench quality --model \"$(kindred fetch model)\"

Twins: each household's baskets are split alternately into two users, and each first one looks for its second one
among all second ones. Labels: demographics told from the 20 nearest of the other four of five folds. Sentences: how
much more of what a sentence is about the first 50 households found for it buy.")]
pub(crate) struct QualityArgs {
    #[command(flatten)]
    journey: JourneyArgs,
}

#[derive(Serialize)]
struct Measured {
    encoder: Option<String>,
    twins: Twins,
    labels: labels::Labels,
    sentences: Vec<sentences::Sentence>,
}

pub(crate) fn run(args: &QualityArgs, output: &Output) -> Result<()> {
    let bars = output.progress();
    let folder = fetch::journey(&|words| bars.step(words))?;
    let (scratch, options) = (args.journey.scratch()?, args.journey.options());
    let work = Work { folder: &folder, scratch: &scratch, options: &options, bars: &bars };
    let twins = twins::measure(&work)?;
    let store = labels::store(&work)?;
    let labels = labels::measure(&store, &work)?;
    let sentences = sentences::measure(&store)?;
    let encoder = store.snapshot().stats()?.encoder;
    drop(bars);
    output.result(&Measured { encoder, twins, labels, sentences }, text)
}

fn text(m: &Measured) -> String {
    let mut out = String::new();
    let mut line = |name: &str, value: String| {
        // Writing to a string cannot fail.
        let _ = writeln!(out, "{name:<28}{value}");
    };
    line("encoder", m.encoder.clone().unwrap_or_default());
    let twins = &m.twins;
    let (top_1, mrr) = (twins.top_1, twins.mean_reciprocal_rank);
    line("twins", format!("top-1 {top_1:.4}, MRR {mrr:.4} of {} households", twins.users));
    line("AUC kids", format!("{:.3}", m.labels.kids));
    line("AUC age 45 and more", format!("{:.3}", m.labels.age_45));
    line("AUC income 75K and more", format!("{:.3}", m.labels.income_75k));
    for sentence in &m.sentences {
        let (found, all) = (100.0 * sentence.share_of_found, 100.0 * sentence.share_of_all);
        let value = format!(
            "{found:.1} % of the purchases of the first 50, {all:.1} % of all, lift {:.1}",
            sentence.lift
        );
        line(sentence.text, value);
    }
    out
}

/// What both measurements work with.
struct Work<'a> {
    folder: &'a Path,
    scratch: &'a Scratch,
    options: &'a Options,
    bars: &'a Bars,
}

impl Work<'_> {
    /// A store of all products and these purchases, fitted.
    fn fitted(&self, name: &str, purchases: &[Record]) -> Result<Store> {
        let store = self.scratch.store(name, self.options)?;
        PRODUCTS.ingest(self.folder, &store, self.bars)?;
        for chunk in purchases.chunks(50_000) {
            store.write(|tx| chunk.iter().cloned().try_for_each(|record| tx.apply(record)))?;
        }
        store.fit_with_progress(&|p| self.bars.tell(p))?;
        Ok(store)
    }
}
