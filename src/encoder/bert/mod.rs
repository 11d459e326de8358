//! BERT-family encoders from local model folders, on candle's CPU matrix product.

mod batch;
mod config;
mod files;
mod forward;
mod kernels;
mod tokens;
mod weights;

use std::num::NonZero;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use super::{Encoder, normalize};
use crate::error::{Error, Result};
use batch::{batches, in_parallel};
use config::{Family, Pooling, Settings};
use files::{Folder, model_error};
use forward::Transformer;
use tokens::Tokens;
use weights::Weights;

/// Texts tokenized as one job.
const TEXTS_PER_JOB: usize = 256;

/// A model of type `bert`, `roberta`, `xlm-roberta`, `camembert` or `distilbert` from a local folder in the usual layout, computing in F32 on
/// the CPU.
///
/// The folder holds `config.json`, `tokenizer.json` and `model.safetensors`; the settings of
/// sentence-transformers (`modules.json`, `1_Pooling/config.json`, `sentence_bert_config.json`) are followed
/// where they are there: mean or CLS pooling, longest input. Without them: mean pooling, and as many tokens as
/// the model has positions. What lies beyond the longest input does not count.
///
/// Texts are tokenized, sorted by length, and laid end to end into batches without padding; batches run on all
/// cores.
///
/// ```no_run
/// use kindred::encoder::{BertEncoder, Encoder};
///
/// let encoder = BertEncoder::open("models/all-MiniLM-L6-v2")?;
/// let rows = encoder.encode(&["fresh fish fillet", "salmon"], &|done| eprintln!("{done} texts"))?;
/// assert_eq!(rows.len(), 2 * encoder.dim());
/// # Ok::<(), kindred::Error>(())
/// ```
pub struct BertEncoder {
    id: String,
    folder: PathBuf,
    tokens: Tokens,
    transformer: Transformer,
    threads: usize,
}

impl BertEncoder {
    /// Loads the model in `folder`; its id is a hash of the files' content.
    ///
    /// # Errors
    /// [`Error::Model`] says which file is missing, malformed or of a kind that is not supported.
    ///
    /// ```
    /// use kindred::encoder::BertEncoder;
    ///
    /// let error = BertEncoder::open("no/such/folder").err().unwrap();
    /// assert!(error.to_string().contains("config.json"));
    /// ```
    pub fn open(folder: impl AsRef<Path>) -> Result<Self> {
        let folder = folder.as_ref();
        // Hostile files reach parsers of other crates, some of which panic where they should return.
        catch_unwind(AssertUnwindSafe(|| Self::load(folder)))
            .unwrap_or_else(|panic| Err(model_error(folder, batch::message(panic.as_ref()))))
    }

    fn load(path: &Path) -> Result<Self> {
        let mut folder = Folder::new(path);
        let settings = Settings::read(&mut folder)?;
        let tokens = Tokens::read(&mut folder, &settings)?;
        let weights = Weights::read(&mut folder, &settings)?;
        let threads = std::thread::available_parallelism().map_or(1, NonZero::get);
        let transformer = Transformer { settings, weights };
        Ok(Self { id: folder.id(), folder: path.to_owned(), tokens, transformer, threads })
    }

    /// The same encoder on this many threads, at least one; all cores unless set.
    #[must_use]
    pub fn with_threads(mut self, threads: usize) -> Self {
        self.threads = threads.max(1);
        self
    }

    fn tokenize(&self, texts: &[&str]) -> Result<Vec<Vec<u32>>> {
        let jobs: Vec<&[&str]> = texts.chunks(TEXTS_PER_JOB).collect();
        let vocabulary = self.transformer.vocabulary();
        let ids = in_parallel(self.threads, &jobs, |texts| {
            let ids: Vec<Vec<u32>> = texts.iter().map(|text| self.tokens.ids(text)).collect::<Result<_>>()?;
            match ids.iter().flatten().find(|id| **id as usize >= vocabulary) {
                Some(id) => {
                    Err(self.error(format_args!("its tokenizer knows token {id}, its weights do not")))
                }
                None => Ok(ids),
            }
        })?;
        Ok(ids.into_iter().flatten().collect())
    }

    fn error(&self, reason: impl std::fmt::Display) -> Error {
        model_error(&self.folder, reason)
    }

    /// The unit rows of one batch, in the batch's order.
    fn run(&self, ids: &[Vec<u32>], batch: &[usize]) -> Result<Vec<f32>> {
        let texts: Vec<&[u32]> = batch.iter().map(|&text| ids[text].as_slice()).collect();
        let mut rows = self.transformer.forward(&texts).map_err(|e| self.error(e))?;
        rows.chunks_exact_mut(self.dim()).for_each(normalize);
        if rows.iter().all(|x| x.is_finite()) {
            Ok(rows)
        } else {
            Err(self.error("it gave a vector that is not finite"))
        }
    }
}

impl Encoder for BertEncoder {
    fn id(&self) -> &str {
        &self.id
    }

    fn dim(&self) -> usize {
        self.transformer.settings.hidden
    }

    fn encode(&self, texts: &[&str], progress: &(dyn Fn(usize) + Sync)) -> Result<Vec<f32>> {
        let ids = self.tokenize(texts)?;
        let batches = batches(&ids, self.threads);
        let done = AtomicUsize::new(texts.len() - batches.iter().map(Vec::len).sum::<usize>());
        let encoded = in_parallel(self.threads, &batches, |batch| {
            let rows = self.run(&ids, batch)?;
            progress(done.fetch_add(batch.len(), Ordering::Relaxed) + batch.len());
            Ok(rows)
        })?;
        let mut rows = vec![0.0; texts.len() * self.dim()];
        for (batch, encoded) in batches.iter().zip(encoded) {
            for (&text, row) in batch.iter().zip(encoded.chunks_exact(self.dim())) {
                rows[text * self.dim()..][..self.dim()].copy_from_slice(row);
            }
        }
        Ok(rows)
    }

    fn describe(&self) -> String {
        let name = self.folder.file_name().map_or_else(|| self.id.clone(), |name| name.display().to_string());
        let family = match self.transformer.settings.family {
            Family::Bert => "BERT",
            Family::Roberta => "RoBERTa",
            Family::DistilBert => "DistilBERT",
        };
        let pooling = match self.transformer.settings.pooling {
            Pooling::Mean => "mean",
            Pooling::Cls => "CLS",
        };
        format!("{name} ({family}, {}-d, {pooling} pooling)", self.dim())
    }
}

#[cfg(test)]
mod tests;
