//! A store beside another, made alike, to write some of its records into.

use crate::cli::bench::scratch::Scratch;
use crate::error::{Error, Result};
use crate::ingest::Source;
use crate::model::Record;
use crate::{Options, Snapshot, Store};
use std::io::Cursor;

/// Records that are written in one commit.
const CHUNK: usize = 50_000;

/// A store with the settings of another, and nothing in it.
pub(super) fn empty_like(from: &Snapshot, scratch: &Scratch, options: &Options) -> Result<Store> {
    let settings = serde_json::to_string(&Record::Store(from.settings()))
        .map_err(|error| Error::Bug(format!("no JSON of a store's settings: {error}")))?;
    let source = Source::reader("settings", Cursor::new(settings));
    let (store, _) = options.import(scratch.path().join("beside"), source, &|_| {})?;
    Ok(store)
}

/// Records on their way into a store.
pub(super) struct Writing<'a> {
    store: &'a Store,
    records: Vec<Record>,
}

impl<'a> Writing<'a> {
    pub(super) fn into(store: &'a Store) -> Self {
        Self { store, records: Vec::with_capacity(CHUNK) }
    }

    pub(super) fn put(&mut self, record: Record) -> Result<()> {
        self.records.push(record);
        if self.records.len() < CHUNK { Ok(()) } else { self.flush() }
    }

    pub(super) fn flush(&mut self) -> Result<()> {
        let records = std::mem::take(&mut self.records);
        self.store.write(|tx| records.into_iter().try_for_each(|record| tx.apply(record)))
    }
}
