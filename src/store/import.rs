//! Stores out of exports.

use super::{Options, Store};
use crate::engine;
use crate::error::{Error, Result};
use crate::ingest::{self, Format, Report, Source, exported_settings};
use crate::model::OnProgress;
use crate::telemetry::{Operation, observed};
use std::path::Path;

impl Options {
    /// Reads what [`Snapshot::export`](crate::Snapshot::export) wrote into the store in a folder. Where there is none, makes one like the
    /// store that the export is of: with its kinds of events, its fusion, and its encoder, or dimensions and metric.
    /// Where there is one, it must have been made alike; what it holds already is passed over, so that an import that broke
    /// off can be done again.
    ///
    /// An encoder that is not the built-in one must be given ([`Options::model`], [`Options::encoder`]), and be the one of the
    /// export. Exports of builds that did not say yet what the store was made with are read into a store that is there.
    ///
    /// Old events are folded at the end only, where the store's policy lets more go than the export's did.
    ///
    /// The new store has the records, not what [`Store::fit`] learned from them: fit it once more.
    ///
    /// # Errors
    /// [`Error::OptionMismatch`] for another encoder than the export's, or a store that was made otherwise: nothing is
    /// changed. [`Error::Line`] for the first line that cannot be read or taken; what came before it is stored. [`Error::Invalid`] where
    /// there is no store, and the export does not say how to make it. And as [`Options::open`].
    pub fn import(
        &self,
        path: impl AsRef<Path>,
        source: Source,
        progress: OnProgress<'_>,
    ) -> Result<(Store, Report)> {
        let path = path.as_ref();
        let name = source.name();
        let (settings, source) = exported_settings(source)?;
        let store = match settings {
            _ if engine::holds_store(path) => self.open(path)?,
            Some(settings) => Self { request: self.request.clone().like(settings) }.open(path)?,
            None => {
                let expected = "make the store first, as the export's was made, then import into that";
                return Err(Error::invalid(
                    format!("first line of {name}"),
                    "not what a store was made with",
                    expected,
                ));
            }
        };
        let options = ingest::Options::new().as_is(true).strict(true).format(Format::JsonLines);
        let engine = &store.engine;
        // An event that is folded before the archives are read could not be told from those in them.
        let read = || engine.ingest(source, &options, false, &mut std::io::sink(), progress);
        let report = observed(Operation::Ingest, read)?;
        engine.fold_due(progress)?;
        Ok((store, report))
    }
}
