//! What a service sees of a store at work: spans and events by `tracing`, figures by `metrics` where that feature is on.
//!
//! Nothing personal is in either: users, items and texts are numbers at most, and errors are [`redacted`].

mod figures;

pub(crate) use figures::{
    CACHE_HITS, CACHE_MISSES, COMMITS, INDEX_TASK_SECONDS, LOGGED_BYTES, QUERY_SECONDS, RECORDS, REFUSED,
    SYNC_SECONDS, Stopwatch, WAITING_COMMITS, change, count, describe,
};

use crate::error::{Error, ErrorKind, Result};
use figures::{ERRORS, OPERATION_SECONDS};
use std::fmt;
use tracing::Span;

/// What a host calls, or has done in the background.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operation {
    Open,
    Write,
    Ingest,
    Query,
    Profile,
    Fit,
    Seal,
    Compact,
    Verify,
    Checkpoint,
    Expire,
    Backup,
    Restore,
    Repair,
    Export,
    Rules,
    Analyse,
}

impl Operation {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Write => "write",
            Self::Ingest => "ingest",
            Self::Query => "query",
            Self::Profile => "profile",
            Self::Fit => "fit",
            Self::Seal => "seal",
            Self::Compact => "compact",
            Self::Verify => "verify",
            Self::Checkpoint => "checkpoint",
            Self::Expire => "expire",
            Self::Backup => "backup",
            Self::Restore => "restore",
            Self::Repair => "repair",
            Self::Export => "export",
            Self::Rules => "rules",
            Self::Analyse => "analyse",
        }
    }

    /// The rarer and longer it is, the higher its level.
    fn span(self) -> Span {
        match self {
            Self::Open => tracing::info_span!("open"),
            Self::Fit => tracing::info_span!("fit"),
            Self::Compact => tracing::info_span!("compact"),
            Self::Expire => tracing::info_span!("expire"),
            Self::Backup => tracing::info_span!("backup"),
            Self::Restore => tracing::info_span!("restore"),
            Self::Repair => tracing::info_span!("repair"),
            Self::Ingest => tracing::info_span!("ingest"),
            Self::Export => tracing::info_span!("export"),
            Self::Rules => tracing::info_span!("rules"),
            Self::Verify => tracing::info_span!("verify"),
            Self::Analyse => tracing::info_span!("analyse"),
            Self::Seal => tracing::debug_span!("seal"),
            Self::Checkpoint => tracing::debug_span!("checkpoint"),
            Self::Write => tracing::debug_span!("write"),
            Self::Query => tracing::trace_span!("query"),
            Self::Profile => tracing::trace_span!("profile"),
        }
    }
}

/// Runs an operation in its span, and notes how long it took and how it failed.
pub(crate) fn observed<R>(operation: Operation, run: impl FnOnce() -> Result<R>) -> Result<R> {
    let _entered = operation.span().entered();
    let watch = Stopwatch::start();
    let result = run();
    watch.stop(OPERATION_SECONDS, &[("operation", operation.name())]);
    result.inspect_err(|error| failed(operation.name(), error))
}

/// Counts a failure of an operation. Whoever called is told by the error itself.
pub(crate) fn failed(operation: &'static str, error: &Error) {
    let kind = kind_name(error.kind());
    count(ERRORS, &[("operation", operation), ("kind", kind)], 1);
    tracing::debug!(kind, "failed");
}

/// Tells that something is left out of an answer, since values of it are damaged.
pub(crate) fn tell_left_out(lost: Option<&Error>) {
    if let Some(error) = lost {
        failed(Operation::Query.name(), error);
        tracing::warn!(error = %redacted(error), "what is damaged is left out of an answer");
    }
}

const fn kind_name(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Usage => "usage",
        ErrorKind::Environment => "environment",
        ErrorKind::Damage => "damage",
        ErrorKind::Bug => "bug",
    }
}

/// An error for events: without what a caller gave or a key holds, for that may be a user's.
pub(crate) fn redacted(error: &Error) -> Redacted<'_> {
    Redacted(error)
}

pub(crate) struct Redacted<'a>(&'a Error);

impl fmt::Display for Redacted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Error::Damaged { place, reason } => {
                write!(f, "damaged data in {}: {reason}", redacted_place(place))
            }
            Error::Io { .. }
            | Error::Storage { .. }
            | Error::Format { .. }
            | Error::Locked { .. }
            | Error::Feature { .. }
            | Error::Bug(_) => self.0.fmt(f),
            other => write!(f, "an error of kind {}", kind_name(other.kind())),
        }
    }
}

/// A place with the key in it, if there is one, as a hash: some keys hold ids.
pub(crate) fn redacted_place(place: &str) -> String {
    const KEY: &str = "the value of key ";
    match place.strip_prefix(KEY) {
        Some(key) => format!("{KEY}#{}", &blake3::hash(key.as_bytes()).to_hex()[..16]),
        None => place.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_caller_gave_or_a_key_holds_is_not_in_a_redacted_error() {
        for error in [
            Error::Unknown { what: "user", name: "dmitri".into(), nearest: Some("dmitri".into()) },
            Error::Erased { user: "dmitri".into() },
            Error::invalid("the vector of user \"dmitri\"", "dmitri", "dmitri"),
            Error::NotFinite { what: "dmitri".into(), position: 1 },
            Error::Line { source_name: "dmitri".into(), line: 1, reason: "dmitri".into() },
            Error::ReadOnly { reason: "dmitri".into() },
            Error::Predicate { line: "dmitri".into(), line_no: 1, column: 1, reason: "dmitri".into() },
            Error::host("dmitri"),
            Error::damaged("the value of key dmitri", "its checksum does not match"),
        ] {
            let shown = redacted(&error).to_string();
            assert!(error.to_string().contains("dmitri") && !shown.contains("dmitri"), "{shown}");
        }
        let file = Error::damaged("index/7.sealed", "its checksum does not match");
        assert_eq!(
            redacted(&file).to_string(),
            "damaged data in index/7.sealed: its checksum does not match"
        );
    }
}
