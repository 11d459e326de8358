//! The one error type of the crate. Imports nothing of it.

use std::path::PathBuf;

/// What every fallible call of this crate returns.
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Who has to act on an [`Error`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The call, a file's content or an option is wrong: correct it and call again.
    Usage,
    /// The machine refused: disk, permission, lock, missing model. Remove the cause and call again.
    Environment,
    /// Stored bytes are not what was written. What is undamaged can still be read.
    Damage,
    /// A fault of Kindred itself. Please report it.
    Bug,
}

/// Everything that can go wrong, with the values that made it go wrong and what to do.
///
/// Match on [`Error::kind`] to tell a user's mistake from damaged data from a bug;
/// match on a variant only where you can act on it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The operating system refused a file operation.
    #[error("could not {action} {}: {source}", path.display())]
    Io {
        /// What was tried, as a verb: "open", "write", "sync".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The system's own error.
        #[source]
        source: std::io::Error,
    },
    /// A value is outside what the call takes.
    #[error("{what} is {found}: {expected}")]
    Invalid {
        /// Which value.
        what: String,
        /// What was given, shortened for display.
        found: String,
        /// What is taken, and what to do.
        expected: String,
    },
    /// A vector has the wrong number of dimensions.
    #[error("{what} has {found} dimensions, the store has {expected}")]
    Dimension {
        /// Which vector.
        what: String,
        /// Dimensions of the store.
        expected: usize,
        /// Dimensions given.
        found: usize,
    },
    /// A vector holds NaN or an infinity.
    #[error("{what} is not finite at position {position}: vectors must hold finite numbers only")]
    NotFinite {
        /// Which vector.
        what: String,
        /// Index of the first such element.
        position: usize,
    },
    /// No such user, item, event kind or similar in the store.
    #[error("there is no {what} {name:?} in this store{}", suggestion(nearest.as_ref()))]
    Unknown {
        /// "user", "item", "event kind", …
        what: &'static str,
        /// The name asked for.
        name: String,
        /// The nearest known name, where one is near.
        nearest: Option<String>,
    },
    /// A user was erased, and a late record would bring them back.
    #[error(
        "user {user:?} was erased from this store, so it takes nothing more of them: readmit the user first, if that is meant"
    )]
    Erased {
        /// The user's id, as the call gave it.
        user: String,
    },
    /// A line of an ingested file, or a field in it, cannot be read.
    #[error("{source_name}:{line}: {reason}")]
    Line {
        /// The file, or `<stdin>`.
        source_name: String,
        /// Line number, from 1.
        line: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// A predicate, or what it asks of a store, makes no sense.
    #[error("{reason}{}", pointed(line, *line_no, *column))]
    Predicate {
        /// The line of its text that is meant.
        line: String,
        /// The number of that line, from 1.
        line_no: usize,
        /// Where in that line, in characters, from 1.
        column: usize,
        /// What is wrong there, and what to do.
        reason: String,
    },
    /// The store was made with another option than the one given now, or than the store of an export.
    #[error(
        "this store was made with {option} {stored}, which {given} does not fit: take {stored}, or make a new store"
    )]
    OptionMismatch {
        /// Name of the option.
        option: &'static str,
        /// What the store was made with.
        stored: String,
        /// What was asked for.
        given: String,
    },
    /// Another process has the store open.
    #[error("{} is in use by {holder}: close it there first, one process may have a store open", path.display())]
    Locked {
        /// The store's folder.
        path: PathBuf,
        /// The holder as it named itself: process id and command.
        holder: String,
    },
    /// The folder is not a store, or holds something else.
    #[error("{} is not a Kindred store: {reason}", path.display())]
    NotAStore {
        /// The folder.
        path: PathBuf,
        /// What was found there.
        reason: String,
    },
    /// The folder is not a backup, or holds something else beside.
    #[error("{} is not a backup of Kindred: {reason}", path.display())]
    NotABackup {
        /// The folder.
        path: PathBuf,
        /// What was found there.
        reason: String,
    },
    /// The store's format is newer than this build can read.
    #[error("the store has format {found}, this build reads up to {newest}: use a newer Kindred")]
    Format {
        /// Version found.
        found: u32,
        /// Newest version this build reads.
        newest: u32,
    },
    /// A text was given to a store that keeps the host's own vectors.
    #[error("this store has no encoder, which {what} needs: it was made with --dim, for vectors of your own")]
    NoEncoder {
        /// What was asked for.
        what: &'static str,
    },
    /// A vector was given to a store that makes its embeddings itself.
    #[error(
        "this store makes its own embeddings, so {what} takes no vector: make a store with --dim for vectors of your own"
    )]
    OwnEmbeddings {
        /// What was asked for.
        what: &'static str,
    },
    /// A model folder is missing, incomplete or of an unknown kind.
    #[error("the model in {} cannot be used: {reason}", folder.display())]
    Model {
        /// The model folder.
        folder: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Something could not be downloaded.
    #[error("could not fetch {what}: {reason}")]
    Fetch {
        /// What was wanted, in words.
        what: &'static str,
        /// What was tried and how it failed.
        reason: String,
    },
    /// This build lacks a feature.
    #[error("{what} needs a build with the feature `{feature}`")]
    Feature {
        /// What was asked for.
        what: String,
        /// The Cargo feature.
        feature: &'static str,
    },
    /// Stored bytes fail their check.
    #[error(
        "damaged data in {place}: {reason}. What is undamaged can still be read and exported: `verify` names all that is not, and `repair` saves the rest into a new store; or restore from a backup"
    )]
    Damaged {
        /// File or key.
        place: String,
        /// What does not match.
        reason: String,
    },
    /// An earlier failure to write left the store read-only: until it is opened again, or, where sled's files failed, until they open.
    #[error("the store takes no more writes since {reason}: remove the cause and open it again")]
    ReadOnly {
        /// The first failure.
        reason: String,
    },
    /// The storage engine below failed.
    #[error("storage failed to {action}: {reason}")]
    Storage {
        /// What was tried.
        action: &'static str,
        /// The engine's own word.
        reason: String,
    },
    /// The caller's own error, returned out of a closure; nothing was written.
    #[error("{0}")]
    Host(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// Something that cannot happen did.
    #[error("a bug in Kindred: {0}. Please report it")]
    Bug(String),
}

impl Error {
    /// Who has to act.
    #[must_use]
    pub fn kind(&self) -> ErrorKind {
        match self {
            Self::Io { .. }
            | Self::Locked { .. }
            | Self::Model { .. }
            | Self::Fetch { .. }
            | Self::Feature { .. }
            | Self::ReadOnly { .. }
            | Self::Storage { .. } => ErrorKind::Environment,
            Self::Damaged { .. } => ErrorKind::Damage,
            Self::Bug(_) => ErrorKind::Bug,
            _ => ErrorKind::Usage,
        }
    }

    /// Wraps the host's own error, for use inside `Store::write`.
    pub fn host(error: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self::Host(error.into())
    }

    /// An [`Error::Io`] from the action, the path and the system's error.
    pub fn io(action: &'static str, path: impl Into<PathBuf>, source: std::io::Error) -> Self {
        Self::Io { action, path: path.into(), source }
    }

    /// An [`Error::Invalid`]; `found` is shortened to 80 characters.
    pub fn invalid(
        what: impl Into<String>,
        found: impl std::fmt::Display,
        expected: impl Into<String>,
    ) -> Self {
        Self::Invalid { what: what.into(), found: shorten(&found.to_string()), expected: expected.into() }
    }

    /// An [`Error::Damaged`].
    pub fn damaged(place: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Damaged { place: place.into(), reason: reason.into() }
    }
}

fn suggestion(nearest: Option<&String>) -> String {
    nearest.map(|name| format!(": did you mean {name:?}?")).unwrap_or_default()
}

/// The line with a caret below the place, both shortened where the line is long.
fn pointed(line: &str, line_no: usize, column: usize) -> String {
    const AROUND: usize = 60;
    let column = column.saturating_sub(1);
    let from = column.saturating_sub(AROUND);
    let shown: String =
        line.chars().skip(from).take(2 * AROUND).map(|c| if c.is_control() { ' ' } else { c }).collect();
    let (cut, rest) =
        (if from > 0 { "…" } else { "" }, if line.chars().count() > from + 2 * AROUND { "…" } else { "" });
    let indent = " ".repeat(column - from + cut.chars().count());
    format!(", at line {line_no}, column {}:\n  {cut}{shown}{rest}\n  {indent}^", column + 1)
}

/// A text of at most 80 characters.
pub(crate) fn shorten(text: &str) -> String {
    const SHOWN: usize = 80;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// What cannot fail needs no error.
impl From<std::convert::Infallible> for Error {
    fn from(never: std::convert::Infallible) -> Self {
        match never {}
    }
}

/// What is read, unless it is damaged: then that is noted, and an answer goes on without it.
///
/// # Errors
/// All that is no damage.
pub(crate) fn known<T>(read: Result<T>, lost: &mut Option<Error>) -> Result<Option<T>> {
    match read {
        Ok(value) => Ok(Some(value)),
        Err(error) if error.kind() == ErrorKind::Damage => {
            *lost = Some(error);
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caret_stands_below_the_place() {
        let at = |line: &str, column| {
            let error =
                Error::Predicate { line: line.to_owned(), line_no: 1, column, reason: "no".to_owned() };
            error.to_string()
        };
        assert_eq!(at("age = 1", 5), "no, at line 1, column 5:\n  age = 1\n      ^");
        let long = "ä".repeat(300);
        let shown = at(&long, 200);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!((lines[1].chars().count(), lines[2].chars().count()), (2 + 122, 2 + 62));
        assert_eq!(at("", 1), "no, at line 1, column 1:\n  \n  ^");
    }

    #[test]
    fn long_values_are_shortened_at_a_character() {
        let error = Error::invalid("id", "é".repeat(300), "at most 256 bytes");
        assert!(error.to_string().contains(&format!("{}…", "é".repeat(80))));
        assert_eq!(error.kind(), ErrorKind::Usage);
    }

    #[test]
    fn unknown_names_suggest_the_nearest() {
        let error = Error::Unknown { what: "user", name: "alise".into(), nearest: Some("alice".into()) };
        assert_eq!(error.to_string(), "there is no user \"alise\" in this store: did you mean \"alice\"?");
    }
}
