//! Streams of records into the store: one thread reads and cleans, this one writes, a batch at a time.

use super::Engine;
use super::apply::Outcome;
use super::erase::named_user;
use super::write::{COMMIT_BYTES, How, OnRefusal, refusal};
use crate::error::{Error, Result};
use crate::ingest::{Entry, Options, Reader, Reject, Report, Source};
use crate::model::{ArchiveEntry, Attributes, OnProgress, Progress, Record};
use crate::telemetry;
use crossbeam::channel::{Receiver, Sender, bounded};
use std::io::Write;

/// Lines that are handed over at a time, rejected ones included: their texts are encoded together. Up to three times as many are in
/// memory.
const BATCH_RECORDS: usize = 200_000;
/// Text of these, in bytes, about: bounds memory where texts are long.
const BATCH_BYTES: usize = 64 << 20;

/// What the reading thread hands over.
#[derive(Default)]
struct Batch {
    records: Vec<(u64, Record)>,
    rejects: Vec<Reject>,
    bytes: usize,
}

impl Engine {
    /// Reads a source to its end and stores what is good of it, each batch durably; bad lines go to
    /// `rejects`. Old events are folded on the way, or left for [`Engine::fold_due`].
    pub(crate) fn ingest(
        &self,
        source: Source,
        options: &Options,
        fold: bool,
        rejects: &mut dyn Write,
        progress: OnProgress<'_>,
    ) -> Result<Report> {
        let name = source.name();
        let reader = Reader::open(source, options)?;
        std::thread::scope(|scope| {
            let (full, batches) = bounded(1);
            let reading = scope.spawn(move || read(reader, &full));
            let on_refusal = if options.strict { OnRefusal::Stop } else { OnRefusal::Skip };
            let mut stored = Stored {
                engine: self,
                name,
                duplicates: 0,
                expired: 0,
                refused: Vec::new(),
                how: How { on_refusal, fold, commit_bytes: Some(COMMIT_BYTES) },
            };
            let result = stored.all(&batches, rejects, progress);
            drop(batches);
            let read = reading.join().map_err(|_| Error::Bug("the reading thread panicked".to_owned()))?;
            result?;
            let mut report = read?;
            report.count_duplicates(stored.duplicates);
            report.count_expired(stored.expired);
            stored.refused.iter().for_each(|reason| report.refuse(reason));
            Ok(report)
        })
    }
}

/// Reads batches until the source ends or nobody takes them any more.
fn read(mut reader: Reader, full: &Sender<Batch>) -> Result<Report> {
    let mut batch = Batch::default();
    for entry in &mut reader {
        match entry {
            Ok(Entry::Accepted(line)) => {
                batch.bytes += text_bytes(&line.record);
                batch.records.push((line.number, line.record));
            }
            Ok(Entry::Rejected(reject)) => {
                batch.bytes += reject.record.len() + reject.detail.len();
                batch.rejects.push(reject);
            }
            Err(error) => {
                // What came before the error is good, and is stored.
                let _ = full.send(batch);
                return Err(error);
            }
        }
        let lines = batch.records.len() + batch.rejects.len();
        if (lines == BATCH_RECORDS || batch.bytes >= BATCH_BYTES)
            && full.send(std::mem::take(&mut batch)).is_err()
        {
            return Ok(reader.into_report());
        }
    }
    let _ = full.send(batch);
    Ok(reader.into_report())
}

/// Bytes of a record's texts, about.
pub(super) fn text_bytes(record: &Record) -> usize {
    match record {
        Record::Item(item) => item.text.as_ref().map_or(0, String::len) + attribute_bytes(&item.attributes),
        Record::Event(event) => event.text.as_ref().map_or(0, String::len),
        Record::Text(text) => text.text.len(),
        Record::User(user) => {
            user.vector.as_ref().map_or(0, |vector| vector.len() * 4) + attribute_bytes(&user.attributes)
        }
        Record::Archive(archive) => archive.entries.iter().map(archived_bytes).sum(),
        Record::Store(_)
        | Record::Remove(_)
        | Record::Erase(_)
        | Record::Readmit(_)
        | Record::Erased(_)
        | Record::Segment(_) => 0,
    }
}

fn archived_bytes(entry: &ArchiveEntry) -> usize {
    let vector = entry.text.as_ref().and_then(|text| text.vector.as_ref());
    size_of::<ArchiveEntry>() + vector.map_or(0, |vector| vector.len() * 4)
}

fn attribute_bytes(attributes: &Attributes) -> usize {
    attributes.iter().map(|(name, value)| name.len() + value.text_bytes()).sum()
}

/// Lines and records that the store takes, and the refusal that ends them.
type Checked = (Vec<u64>, Vec<Record>, Option<Error>);

/// The storing end, and what became of the records.
struct Stored<'a> {
    engine: &'a Engine,
    name: String,
    duplicates: u64,
    expired: u64,
    refused: Vec<String>,
    how: How,
}

impl Stored<'_> {
    fn all(
        &mut self,
        batches: &Receiver<Batch>,
        rejects: &mut dyn Write,
        progress: OnProgress<'_>,
    ) -> Result<()> {
        let mut done = 0;
        for batch in batches {
            telemetry::count(telemetry::REFUSED, &[("by", "reader")], batch.rejects.len() as u64);
            for reject in &batch.rejects {
                reject.write(&mut *rejects)?;
            }
            done += batch.records.len() + batch.rejects.len();
            let (lines, records, refusal) = self.checked(batch.records, rejects)?;
            self.store(&lines, &records, rejects, progress)?;
            progress(Progress { stage: "storing records", done: done as u64, total: None });
            if let Some(refusal) = refusal {
                return Err(refusal);
            }
        }
        rejects.flush().map_err(|e| Error::io("write", "rejects", e))
    }

    /// Stores records, those aside that cannot be taken as things are: these go to the rejects.
    fn store(
        &mut self,
        lines: &[u64],
        records: &[Record],
        rejects: &mut dyn Write,
        progress: OnProgress<'_>,
    ) -> Result<()> {
        let outcomes = self.engine.write_past(records, self.how, progress)?;
        for ((&line, record), outcome) in lines.iter().zip(records).zip(&outcomes) {
            match (outcome, refusal(record, *outcome)) {
                (_, Some(error)) if self.is_strict() => return Err(self.refusal(line, &error)),
                (_, Some(error)) => self.reject(line, record, &error, rejects)?,
                (Outcome::Duplicate | Outcome::Absent, None) => self.duplicates += 1,
                (Outcome::Expired, None) => self.expired += 1,
                (_, None) => {}
            }
        }
        Ok(())
    }

    fn is_strict(&self) -> bool {
        self.how.on_refusal == OnRefusal::Stop
    }

    /// The records that the store takes, with their lines; the others go to the rejects. In strict mode those before the
    /// first that it refuses, with the error.
    fn checked(&mut self, records: Vec<(u64, Record)>, rejects: &mut dyn Write) -> Result<Checked> {
        let (mut lines, mut good) = (Vec::with_capacity(records.len()), Vec::with_capacity(records.len()));
        for (line, record) in records {
            match self.engine.check(&record) {
                Ok(()) => {
                    lines.push(line);
                    good.push(record);
                }
                Err(error) if self.is_strict() => return Ok((lines, good, Some(self.refusal(line, &error)))),
                Err(error) => self.reject(line, &record, &error, rejects)?,
            }
        }
        Ok((lines, good, None))
    }

    /// The error of a refused line in strict mode.
    fn refusal(&self, line: u64, error: &Error) -> Error {
        Error::Line { source_name: self.name.clone(), line, reason: error.to_string() }
    }

    fn reject(&mut self, line: u64, record: &Record, error: &Error, rejects: &mut dyn Write) -> Result<()> {
        // Whoever was erased is not to be written down once more, whatever is wrong with the record.
        let erased = named_user(record).map(|user| self.engine.is_erased(user)).transpose()?;
        let (detail, record) = if erased == Some(true) {
            (String::new(), String::new())
        } else {
            (error.to_string(), serde_json::to_string(record).unwrap_or_else(|error| error.to_string()))
        };
        let reject = Reject { source: self.name.clone(), line, reason: reason(error), detail, record };
        reject.write(rejects)?;
        self.refused.push(reject.reason);
        Ok(())
    }
}

/// The same word for all records that are refused alike.
fn reason(error: &Error) -> String {
    match error {
        Error::Unknown { what, name, .. } => format!("unknown {what} {name:?}"),
        Error::Invalid { what, .. } => format!("{what}: out of range"),
        Error::Dimension { .. } => "vector: wrong dimension".to_owned(),
        Error::NotFinite { .. } => "vector: not finite".to_owned(),
        Error::Erased { .. } => "user: was erased".to_owned(),
        Error::OptionMismatch { option, .. } => format!("store: not made with the same {option}"),
        Error::OwnEmbeddings { .. } => "vector: this store makes its own".to_owned(),
        other => other.to_string(),
    }
}
