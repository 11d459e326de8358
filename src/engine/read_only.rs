//! A store that another process may have open, as of one commit.

use super::open::{Files, Loaded, check_complete, load};
use super::published::Published;
use super::reader::Reader;
use super::settings::{Request, Settings};
use crate::error::{Error, Result};
use crate::storage::{self, Contents, View, holds_store, keys};
use std::path::Path;
use std::sync::Arc;

/// The newest snapshot of the store in a folder, whoever has it open. Only its encoder is taken from `request`.
pub(crate) fn read(path: &Path, request: &Request) -> Result<(View<Published>, Arc<Settings>)> {
    if !holds_store(path) {
        let reason = if path.is_dir() { "it holds no store" } else { "there is no such folder" };
        return Err(Error::NotAStore { path: path.to_owned(), reason: reason.into() });
    }
    view(storage::read_only(path)?, path, request)
}

fn view(contents: Contents, path: &Path, request: &Request) -> Result<(View<Published>, Arc<Settings>)> {
    let Some(settings) = contents.read::<Settings>("settings", &keys::meta("settings"))? else {
        return Err(Error::NotAStore { path: path.to_owned(), reason: "it is only being made".into() });
    };
    check_complete(&contents, false)?;
    let (_, encoder) = request.resolve(&settings)?;
    // The index's files are in memory as long as a view has them; what writes to them is not needed.
    let Loaded { published, .. } =
        load(&contents, &settings, encoder, &Files::Others(path), request.head_rows)?;
    Ok((contents.view(published, Arc::new(())), Arc::new(settings)))
}
