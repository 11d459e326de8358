//! A store beside another, made alike, to write some of its records into.

use crate::cli::bench::scratch::Scratch;
use crate::error::{Error, Result};
use crate::ingest::Source;
use crate::model::{Record, StoreSettings};
use crate::{Options, Store};
use std::io::Cursor;
use std::path::PathBuf;

/// Records that are written in one commit.
const CHUNK: usize = 50_000;

/// A store with the settings of another, or nearly, and nothing in it.
pub(in crate::cli) fn empty_like(
    settings: StoreSettings,
    scratch: &Scratch,
    options: &Options,
) -> Result<Store> {
    let settings = serde_json::to_string(&Record::Store(settings))
        .map_err(|error| Error::Bug(format!("no JSON of a store's settings: {error}")))?;
    let source = Source::reader("settings", Cursor::new(settings));
    let (store, _) = options.import(beside(scratch), source, &|_| {})?;
    Ok(store)
}

/// Where that store is.
pub(in crate::cli) fn beside(scratch: &Scratch) -> PathBuf {
    scratch.path().join("beside")
}

/// Records on their way into a store.
pub(in crate::cli) struct Writing<'a> {
    store: &'a Store,
    records: Vec<Record>,
}

impl<'a> Writing<'a> {
    pub(in crate::cli) fn into(store: &'a Store) -> Self {
        Self { store, records: Vec::with_capacity(CHUNK) }
    }

    pub(in crate::cli) fn put(&mut self, record: Record) -> Result<()> {
        self.records.push(record);
        if self.records.len() < CHUNK { Ok(()) } else { self.flush() }
    }

    pub(in crate::cli) fn flush(&mut self) -> Result<()> {
        let records = std::mem::take(&mut self.records);
        self.store.write(|tx| records.into_iter().try_for_each(|record| tx.apply(record)))
    }
}
