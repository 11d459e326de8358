//! The new store: records go in by the ordinary way, so that all that is derived is made anew.

use super::super::Engine;
use super::super::apply::Outcome;
use super::super::load::text_bytes;
use super::super::reader::Reader;
use super::super::verify::Findings;
use super::super::write::{COMMIT_BYTES, How, OnRefusal};
use crate::error::{ErrorKind, Result};
use crate::model::{OnProgress, Progress, Record};
use crate::storage::keys::{self, Key, TextHash};

/// Records of one commit, and about the bytes of their texts.
const BATCH_RECORDS: usize = 20_000;
const BATCH_BYTES: usize = 16 << 20;

/// The new store, and what could not go into it.
pub(super) struct Target<'a> {
    pub engine: &'a Engine,
    pub lost: Findings,
    progress: OnProgress<'a>,
    batch: Vec<(Key, Record)>,
    bytes: usize,
    done: u64,
}

impl<'a> Target<'a> {
    pub(super) fn new(engine: &'a Engine, lost: Findings, progress: OnProgress<'a>) -> Self {
        Self { engine, lost, progress, batch: Vec::new(), bytes: 0, done: 0 }
    }

    /// Whether the new store makes embeddings itself.
    pub(super) fn embeds(&self) -> bool {
        self.engine.view().attachment().encoder.is_some()
    }

    /// Whether it has the vector of a text.
    pub(super) fn has_vector(&self, hash: TextHash) -> Result<bool> {
        let view = self.engine.view();
        Ok(view.raw(&keys::text_vector(view.attachment().space.encoder, hash))?.is_some())
    }

    /// Puts a record that was stored under `key`; one that the store does not take counts as lost.
    pub(super) fn put(&mut self, key: &[u8], record: Record) -> Result<()> {
        match self.engine.check(&record) {
            Ok(()) => {}
            Err(error) if error.kind() == ErrorKind::Usage => {
                self.lost.add(key, error.to_string());
                return Ok(());
            }
            Err(error) => return Err(error),
        }
        self.bytes += text_bytes(&record);
        self.batch.push((key.to_vec(), record));
        if self.batch.len() < BATCH_RECORDS && self.bytes < BATCH_BYTES { Ok(()) } else { self.flush() }
    }

    /// Writes what waits. A record that changes nothing is one that is there already under another key.
    pub(super) fn flush(&mut self) -> Result<()> {
        let (keys, records): (Vec<Key>, Vec<Record>) = std::mem::take(&mut self.batch).into_iter().unzip();
        self.bytes = 0;
        let how = How { on_refusal: OnRefusal::Skip, fold: false, commit_bytes: Some(COMMIT_BYTES) };
        let outcomes = self.engine.write_past(&records, how, &|_| {})?;
        for (key, _) in keys.iter().zip(outcomes).filter(|(_, outcome)| *outcome != Outcome::Changed) {
            self.lost.add(key, "another record of the store is the same");
        }
        self.done += records.len() as u64;
        (self.progress)(Progress { stage: "saving records", done: self.done, total: None });
        Ok(())
    }
}
