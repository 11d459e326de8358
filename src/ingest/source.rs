//! Where the bytes come from.

use crate::error::{Error, Result};
use std::fmt;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

/// A source of records: a file, standard input, or any reader.
pub struct Source(Origin);

enum Origin {
    File(PathBuf),
    Stream { name: String, reader: Box<dyn Read + Send> },
}

impl Source {
    /// A file, opened when reading begins.
    pub fn file(path: impl Into<PathBuf>) -> Self {
        Self(Origin::File(path.into()))
    }

    /// Standard input, named `<stdin>`.
    #[must_use]
    pub fn stdin() -> Self {
        Self::reader("<stdin>", std::io::stdin())
    }

    /// Any reader, with the name to be used in messages.
    pub fn reader(name: impl Into<String>, reader: impl Read + Send + 'static) -> Self {
        Self(Origin::Stream { name: name.into(), reader: Box::new(reader) })
    }

    /// The name used in messages: the path, or `<stdin>`.
    #[must_use]
    pub fn name(&self) -> String {
        match &self.0 {
            Origin::File(path) => path.display().to_string(),
            Origin::Stream { name, .. } => name.clone(),
        }
    }

    pub(super) fn path(&self) -> Option<&Path> {
        match &self.0 {
            Origin::File(path) => Some(path),
            Origin::Stream { .. } => None,
        }
    }

    pub(crate) fn open(self) -> Result<Box<dyn Read + Send>> {
        match self.0 {
            Origin::File(path) => match File::open(&path) {
                Ok(file) => Ok(Box::new(file)),
                Err(e) => Err(Error::io("open", path, e)),
            },
            Origin::Stream { reader, .. } => Ok(reader),
        }
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Source").field(&self.name()).finish()
    }
}
