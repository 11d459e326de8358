//! The files of a model folder: read whole, bounded, and hashed into the model's id.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;

use crate::error::{Error, Result};

const MAX_JSON_BYTES: u64 = 64 << 20;
const MAX_WEIGHT_BYTES: u64 = 8 << 30;

/// A model folder, and the hash of all that has been read from it.
pub(super) struct Folder {
    path: PathBuf,
    hasher: blake3::Hasher,
}

impl Folder {
    pub(super) fn new(path: &Path) -> Self {
        Self { path: path.to_owned(), hasher: blake3::Hasher::new() }
    }

    /// An [`Error::Model`] about this folder.
    pub(super) fn error(&self, reason: impl std::fmt::Display) -> Error {
        model_error(&self.path, reason)
    }

    /// The parsed JSON file, which must be there.
    pub(super) fn json<T: DeserializeOwned>(&mut self, name: &str) -> Result<T> {
        let bytes = self.bytes(name, MAX_JSON_BYTES)?;
        serde_json::from_slice(&bytes).map_err(|e| self.error(format_args!("{name}: {e}")))
    }

    /// The parsed JSON file; `None` where there is none.
    pub(super) fn optional_json<T: DeserializeOwned>(&mut self, name: &str) -> Result<Option<T>> {
        if self.path.join(name).exists() { self.json(name).map(Some) } else { Ok(None) }
    }

    /// A JSON file for another parser.
    pub(super) fn json_bytes(&mut self, name: &str) -> Result<Vec<u8>> {
        self.bytes(name, MAX_JSON_BYTES)
    }

    /// The file of weights.
    pub(super) fn weight_bytes(&mut self, name: &str) -> Result<Vec<u8>> {
        self.bytes(name, MAX_WEIGHT_BYTES)
    }

    /// `bert-` and the first 16 hexadecimal digits of the hash over all files read.
    pub(super) fn id(&self) -> String {
        format!("bert-{}", &self.hasher.finalize().to_hex()[..16])
    }

    fn bytes(&mut self, name: &str, limit: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::new();
        File::open(self.path.join(name))
            .and_then(|file| file.take(limit + 1).read_to_end(&mut bytes))
            .map_err(|e| self.error(format_args!("{name}: {e}")))?;
        if bytes.len() as u64 > limit {
            return Err(self.error(format_args!("{name} is larger than {limit} bytes")));
        }
        self.hasher.update(name.as_bytes()).update(&[0]).update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(&bytes);
        Ok(bytes)
    }
}

/// An [`Error::Model`] about the folder at `path`.
pub(super) fn model_error(path: &Path, reason: impl std::fmt::Display) -> Error {
    Error::Model { folder: path.to_owned(), reason: reason.to_string() }
}
