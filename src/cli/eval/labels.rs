//! `kindred eval labels`: how well an attribute is told from embeddings.

use crate::analysis::{RareValue, ToldAttribute, ToldBy};
use crate::cli::StoreArgs;
use crate::cli::output::{Output, grouped};
use crate::error::Result;
use crate::eval::{ClassQuality, MeanQuality};
use clap::Args;
use std::fmt::Write;

/// What is told.
#[derive(Args)]
#[command(after_help = "Examples:
  kindred eval labels shop --attribute _kids
  kindred eval labels shop --attribute country --folds 10 --neighbors 50

Each fold's values are told from the users of the others: by the nearest of them, and by logistic regression, one value
against all others. Attributes are part of embeddings, unless their names begin with an underscore: one that is gets told from
embeddings that are made without all attributes, unless --as-they-are is said.")]
pub(crate) struct EvalLabelsArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// The attribute
    #[arg(long, value_name = "NAME")]
    attribute: String,
    /// In how many folds users are told
    #[arg(long, default_value_t = 5)]
    folds: usize,
    /// How many of the nearest users are asked
    #[arg(long, default_value_t = 20)]
    neighbors: usize,
    /// At most so many users, drawn where there are more
    #[arg(long, value_name = "USERS", default_value_t = 10_000)]
    sample: usize,
    /// What chance goes by
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// From embeddings as they are, also where the attribute is part of them
    #[arg(long)]
    as_they_are: bool,
}

pub(crate) fn run(args: &EvalLabelsArgs, output: &Output) -> Result<()> {
    let snapshot = args.store.read()?.snapshot();
    let bars = output.progress();
    let told = snapshot
        .tell_attribute(&args.attribute)
        .folds(args.folds)
        .neighbors(args.neighbors)
        .sample(args.sample)
        .seed(args.seed)
        .as_they_are(args.as_they_are)
        .run(&|p| bars.tell(p))?;
    drop(bars);
    if told.is_fused && !told.without_attributes {
        let attribute = &told.attribute;
        output.warn(&format!("{attribute:?} is part of embeddings: the answer is in the question"));
    }
    output.result(&told, text)
}

fn text(told: &ToldAttribute) -> String {
    let from = if told.without_attributes { "embeddings without attributes" } else { "embeddings" };
    let mut out = format!("{:?} of {} users, from {from}", told.attribute, grouped(told.users as u64));
    if told.without_vector > 0 {
        let _ = write!(out, "; {} more have no vector", grouped(told.without_vector as u64));
    }
    out.push('\n');
    for RareValue { value, users } in &told.left_out {
        let _ = writeln!(out, "left out: {value}, which only {users} have");
    }
    for method in &told.methods {
        let name = match method.by {
            ToldBy::Majority => "always the most frequent",
            ToldBy::Neighbors => "by neighbors",
            ToldBy::Logistic => "by logistic regression",
        };
        let _ = writeln!(
            out,
            "\n{name}: accuracy {:.4}\n{:<28}{:>8}{:>11}{:>9}{:>9}{:>9}",
            method.quality.accuracy, "", "users", "precision", "recall", "F1", "AUC"
        );
        for (value, of) in told.values.iter().zip(&method.quality.classes) {
            let ClassQuality { samples, precision, recall, f1, auc, .. } = *of;
            line(&mut out, (value, &grouped(samples as u64)), [precision, recall, f1], auc);
        }
        let MeanQuality { precision, recall, f1, auc } = method.quality.mean;
        line(&mut out, ("mean over values", ""), [precision, recall, f1], auc);
    }
    out
}

fn line(out: &mut String, (name, users): (&str, &str), [precision, recall, f1]: [f64; 3], auc: Option<f64>) {
    let name: String = name.chars().take(27).collect();
    let auc = auc.map(|area| format!("{area:.4}")).unwrap_or_default();
    // Writing to a string cannot fail.
    let _ = writeln!(out, "{name:<28}{users:>8}{precision:>11.4}{recall:>9.4}{f1:>9.4}{auc:>9}");
}
