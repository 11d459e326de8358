//! The Complete Journey: retail transactions of 2,469 households in 2017, as the demo and the benches read them.

use super::output::Bars;
use crate::error::Result;
use crate::ingest::{Mapping, Options, Report, Source};
use crate::{Fusion, Store};
use std::path::Path;

/// A file of the data set and what its columns mean.
#[derive(Clone, Copy)]
pub(crate) struct Table {
    file: &'static str,
    mapping: &'static str,
}

/// What was sold, with texts.
pub(crate) const PRODUCTS: Table = Table {
    file: "products.parquet",
    mapping: include_str!("../../examples/complete-journey/products.toml"),
};
/// What is known of the households.
pub(crate) const DEMOGRAPHICS: Table = Table {
    file: "demographics.parquet",
    mapping: include_str!("../../examples/complete-journey/demographics.toml"),
};
/// What was bought.
pub(crate) const TRANSACTIONS: Table = Table {
    file: "transactions.parquet",
    mapping: include_str!("../../examples/complete-journey/transactions.toml"),
};

impl Table {
    /// The table as a source, with the options to read it.
    pub(crate) fn source(self, folder: &Path) -> Result<(Source, Options)> {
        let options = Options::new().mapping(Mapping::parse(self.file, self.mapping)?);
        Ok((Source::file(folder.join(self.file)), options))
    }

    /// Reads the table into a store.
    pub(crate) fn ingest(self, folder: &Path, store: &Store, bars: &Bars) -> Result<Report> {
        let (source, options) = self.source(folder)?;
        store.ingest(source, &options, &mut std::io::sink(), &|p| bars.tell(p))
    }
}

/// Options of a store for this data.
pub(crate) fn fusion() -> Fusion {
    Fusion { category: "product_type".to_owned(), ..Fusion::default() }
}
