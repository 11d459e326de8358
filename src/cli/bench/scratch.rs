//! A store to measure on, in a folder that goes away.

use crate::cli::journey;
use crate::error::{Error, Result};
use crate::{Options, Store};
use clap::Args;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

/// With which encoder, and where, a store of The Complete Journey is made to measure on.
#[derive(Args)]
pub(crate) struct JourneyArgs {
    /// A BERT-family model's folder; else the built-in encoder
    #[arg(long, value_name = "FOLDER")]
    model: Option<PathBuf>,
    /// Where stores are made and removed again [default: the system's folder for such]
    #[arg(long, value_name = "FOLDER")]
    within: Option<PathBuf>,
}

impl JourneyArgs {
    pub(crate) fn scratch(&self) -> Result<Scratch> {
        Scratch::new(self.within.as_deref())
    }

    pub(crate) fn options(&self) -> Options {
        let options = Store::options().fusion(journey::fusion());
        match &self.model {
            Some(model) => options.model(model),
            None => options,
        }
    }
}

/// Folders this process has made so far, so that no two get one name.
static MADE: AtomicU32 = AtomicU32::new(0);

/// A folder that is removed when dropped.
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// A new folder under `within`, or under the system's folder for such.
    pub(crate) fn new(within: Option<&Path>) -> Result<Self> {
        let within = within.map_or_else(std::env::temp_dir, Path::to_owned);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let path = within.join(format!("kindred-bench-{}-{number}", std::process::id()));
        std::fs::create_dir_all(&within).map_err(|e| Error::io("create", &within, e))?;
        // It must be new: what is there is not ours to remove, and a store in it would be measured along.
        std::fs::create_dir(&path).map_err(|e| Error::io("create", &path, e))?;
        Ok(Self { path })
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes of the files that lie in it.
    pub(crate) fn size_bytes(&self) -> Result<u64> {
        let failed = |e| Error::io("list", &self.path, e);
        let mut bytes = 0;
        for entry in std::fs::read_dir(&self.path).map_err(failed)? {
            bytes += entry.and_then(|entry| entry.metadata()).map_err(failed)?.len();
        }
        Ok(bytes)
    }

    /// A store in it.
    pub(crate) fn store(&self, name: &str, options: &Options) -> Result<Store> {
        options.open(self.path.join(name))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.path) {
            tracing::warn!(path = %self.path.display(), %error, "a folder could not be removed");
        }
    }
}
