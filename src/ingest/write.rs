//! Records as JSON Lines.

use crate::error::{Error, Result};
use crate::model::Record;
use std::io::Write;

/// Writes a record as one line, line feed included.
///
/// Nothing is lost: the line, read with [`Options::as_is`](super::Options::as_is), gives an equal record, and writing
/// that again gives the same bytes.
///
/// # Errors
/// [`Error::Io`] where the writer fails.
///
/// ```
/// use kindred::{ingest::write_record, model::{Event, Record, Time}};
/// let event = Event::new("alice", "view", Time::from_secs(0)?).item("p1");
/// let mut line = Vec::new();
/// write_record(&Record::Event(event), &mut line)?;
/// let expected = r#"{"type":"event","user":"alice","item":"p1","kind":"view","time":"1970-01-01T00:00:00Z"}"#;
/// assert_eq!(String::from_utf8(line).unwrap(), format!("{expected}\n"));
/// # Ok::<(), kindred::Error>(())
/// ```
pub fn write_record(record: &Record, mut out: impl Write) -> Result<()> {
    serde_json::to_writer(&mut out, record)
        .map_err(std::io::Error::from)
        .and_then(|()| out.write_all(b"\n"))
        .map_err(|e| Error::io("write", "records", e))
}
