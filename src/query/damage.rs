//! What is damaged is left out of an answer, which tells so in the log.

use crate::error::{Error, ErrorKind, Result};
use crate::telemetry::{Operation, failed, redacted};

/// What is read, unless it is damaged: then that is noted.
pub(super) fn known<T>(read: Result<T>, lost: &mut Option<Error>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::Damage => {
            *lost = Some(error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Tells that something is left out of an answer, since values of it are damaged.
pub(super) fn tell_left_out(lost: Option<&Error>) {
    if let Some(error) = lost {
        failed(Operation::Query.name(), error);
        tracing::warn!(error = %redacted(error), "what is damaged is left out of an answer");
    }
}
