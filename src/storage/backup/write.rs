//! Making a backup: the files that are not there yet, then the manifest, then away with what it does not name. Whenever
//! it ends, the manifest that is there names files that are whole.

use super::chunk::{Chunk, Cut, Cutter};
use super::files::{Files, MANIFEST, Watch};
use super::lookup::Lookup;
use super::manifest::Manifest;
use super::options::BackupOptions;
use super::read::{read_chunk, read_manifest};
use super::report::BackupReport;
use crate::error::{Error, Result};
use crate::model::{OnProgress, Progress, Time};
use crate::storage::{Contents, replica};
use crate::telemetry::redacted;
use std::ops::ControlFlow;
use std::path::Path;

/// Damaged values that a report names.
const NAMED: usize = 100;

/// Called with each key and its value, or with what is wrong with it.
pub(crate) type Visit<'a> = &'a mut dyn FnMut(&[u8], Result<Vec<u8>>) -> Result<ControlFlow<()>>;

/// Looks at a backup as at a store that is opened.
pub(crate) type Check<'a> = &'a dyn Fn(&Contents) -> Result<()>;

/// What a backup is made of.
pub(crate) struct Source<'a> {
    pub(crate) store_id: u128,
    /// Number of the snapshot's commit.
    pub(crate) commit: u64,
    /// Number of the last commit that entries may be of, asked once all were visited.
    pub(crate) until: &'a dyn Fn() -> Result<u64>,
    /// Visits all entries of the snapshot, ascending.
    pub(crate) scan: &'a dyn Fn(Visit<'_>) -> Result<()>,
    /// Whether a key belongs into a backup.
    pub(crate) keep: &'a dyn Fn(&[u8]) -> bool,
}

/// Makes the backup in a folder one of `source`. `check` opens it before it counts: where it finds it damaged, the first backup in a
/// folder is made all the same, since it holds all there is, and its report tells.
///
/// # Errors
/// [`Error::Damaged`] where `check` finds that, and a backup is there already: it stays. [`Error::NotABackup`], and [`Error::Invalid`] for one of another store or of a later commit: the folder is as it was.
/// [`Error::Locked`] while another is made there, [`Error::Damaged`] where its manifest is, [`Error::Io`]: it still
/// holds the backup before.
pub(crate) fn backup(
    source: &Source<'_>,
    to: &Path,
    options: &BackupOptions,
    check: Check<'_>,
    progress: OnProgress<'_>,
) -> Result<BackupReport> {
    Run::start(Files::take(to, UNWATCHED)?, options, Cut::default(), progress).go(source, check)
}

/// [`backup`] that `watch` hears of and may end.
#[cfg(test)]
pub(crate) fn backup_watched(
    source: &Source<'_>,
    to: &Path,
    check: Check<'_>,
    watch: Watch<'_>,
) -> Result<BackupReport> {
    Run::start(Files::take(to, watch)?, &BackupOptions::new(), Cut::default(), &|_| {}).go(source, check)
}

/// Makes the base in a folder, which only the store's own process writes to, one of `source`. There it goes on whatever was there
/// before, and what is there already is read, for nobody else does before it is needed. `go_on` is asked before each chunk that is
/// read back.
///
/// # Errors
/// Those of `source` and `go_on`, of which [`Error::Storage`] is to be one that passes; [`Error::Damaged`], [`Error::Io`]: it still holds the base
/// before.
pub(crate) fn renew_base(
    source: &Source<'_>,
    to: &Path,
    progress: OnProgress<'_>,
    go_on: &dyn Fn() -> Result<()>,
) -> Result<BackupReport> {
    let files = Files::own(to, UNWATCHED)?;
    let options = BackupOptions::new().verify_all(true);
    let renewed = Run::start(files, &options, Cut::default(), progress).renew(source, go_on);
    match &renewed {
        // What was written is of use to the next one.
        Ok(_) | Err(Error::Storage { .. }) => {}
        Err(_) => {
            if let Err(error) = remove_needless(to) {
                tracing::debug!(error = %redacted(&error), "a base that was not renewed takes more space than it needs");
            }
        }
    }
    renewed
}

/// What was written in vain must not fill a disk, time after time.
fn remove_needless(base: &Path) -> Result<()> {
    let named = read_manifest(&base.join(MANIFEST))?.map_or_else(Vec::new, |manifest| manifest.chunks);
    Files::own(base, UNWATCHED)?.keep_only(&named).map(drop)
}

const UNWATCHED: Watch<'_> = &|_, _| Ok(());

/// A backup being made.
pub(super) struct Run<'a> {
    files: Files<'a>,
    options: &'a BackupOptions,
    progress: OnProgress<'a>,
    cutter: Cutter,
    manifest: Manifest,
    /// Places in the manifest of the chunks that were written.
    written: Vec<usize>,
    report: BackupReport,
}

impl<'a> Run<'a> {
    pub(super) fn start(
        files: Files<'a>,
        options: &'a BackupOptions,
        cut: Cut,
        progress: OnProgress<'a>,
    ) -> Self {
        let time = options.time.unwrap_or_else(Time::now);
        let manifest =
            Manifest { store_id: 0, commit: 0, until: 0, time, entries: 0, damaged: 0, chunks: Vec::new() };
        let (cutter, report) = (Cutter::new(cut), BackupReport::default());
        Self { files, options, progress, cutter, manifest, written: Vec::new(), report }
    }

    pub(super) fn go(mut self, source: &Source<'_>, check: Check<'_>) -> Result<BackupReport> {
        (self.manifest.store_id, self.manifest.commit) = (source.store_id, source.commit);
        let continues = self.continues()?;
        self.write_chunks(source, &|| Ok(()))?;
        self.open(check, continues)?;
        self.finish(source)
    }

    fn renew(mut self, source: &Source<'_>, go_on: &dyn Fn() -> Result<()>) -> Result<BackupReport> {
        (self.manifest.store_id, self.manifest.commit) = (source.store_id, source.commit);
        self.write_chunks(source, go_on)?;
        self.finish(source)
    }

    /// Writes what is not there yet, and reads it back.
    fn write_chunks(&mut self, source: &Source<'_>, go_on: &dyn Fn() -> Result<()>) -> Result<()> {
        self.files.clear()?;
        (source.scan)(&mut |key, value| {
            if (source.keep)(key) {
                self.take(key, value)?;
            }
            Ok(ControlFlow::Continue(()))
        })?;
        if let Some(chunk) = self.cutter.finish() {
            self.put(chunk)?;
        }
        self.verify(go_on)
    }

    /// Has all that was written count.
    fn finish(mut self, source: &Source<'_>) -> Result<BackupReport> {
        self.manifest.until = (source.until)()?;
        self.put_manifest()?;
        self.report.chunks_removed = self.files.keep_only(&self.manifest.chunks)?;
        Ok(self.report())
    }

    /// Whether there is a backup that this one continues; refuses to write over any other.
    fn continues(&self) -> Result<bool> {
        let folder = self.files.folder();
        let Some(before) = read_manifest(&folder.join(MANIFEST))? else { return Ok(false) };
        if before.store_id != self.manifest.store_id {
            return Err(Error::invalid(
                "backup folder",
                folder.display(),
                "it holds a backup of another store (a restored store is another one, too): take a folder of its own for each",
            ));
        }
        if before.commit > self.manifest.commit {
            return Err(Error::invalid(
                "backup folder",
                folder.display(),
                format!(
                    "it holds commit {}, but the store is at commit {} and thus an older copy: take another folder",
                    before.commit, self.manifest.commit
                ),
            ));
        }
        Ok(true)
    }

    fn take(&mut self, key: &[u8], value: Result<Vec<u8>>) -> Result<()> {
        let value = match value {
            Ok(value) => value,
            Err(Error::Damaged { place, reason }) => {
                self.note_damage(&place, &reason);
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        self.manifest.entries += 1;
        match self.cutter.push(key, &value) {
            Some(chunk) => self.put(chunk),
            None => Ok(()),
        }
    }

    fn note_damage(&mut self, place: &str, reason: &str) {
        self.manifest.damaged += 1;
        if self.report.damaged_values.len() < NAMED {
            self.report.damaged_values.push(format!("{place}: {reason}"));
        }
    }

    /// Sees to it that a chunk's file is there.
    fn put(&mut self, chunk: Chunk) -> Result<()> {
        let sound = || read_chunk(self.files.folder(), &chunk.named, None, |_, _| Ok(())).is_ok();
        if !self.files.holds(&chunk.named) || (self.options.verify_all && !sound()) {
            self.files.write_chunk(&chunk)?;
            self.written.push(self.manifest.chunks.len());
            self.report.bytes_written += chunk.named.len;
        }
        self.manifest.chunks.push(chunk.named);
        (self.progress)(Progress { stage: "writing the backup", done: self.manifest.entries, total: None });
        Ok(())
    }

    /// Reads back what was written; the rest was read before, if that was asked for.
    fn verify(&self, go_on: &dyn Fn() -> Result<()>) -> Result<()> {
        for (done, &at) in self.written.iter().enumerate() {
            go_on()?;
            let end = self.manifest.chunks.get(at + 1).map(|next| &next.first[..]);
            read_chunk(self.files.folder(), &self.manifest.chunks[at], end, |_, _| Ok(()))?;
            (self.progress)(Progress::of("verifying the backup", done + 1, self.written.len()));
        }
        Ok(())
    }

    /// Opens what a restored store would be opened with, out of the files that the manifest is to name.
    fn open(&mut self, check: Check<'_>, continues: bool) -> Result<()> {
        let Manifest { store_id, commit, ref chunks, .. } = self.manifest;
        let written = Lookup::new(self.files.folder(), chunks)?;
        match check(&replica::of_base(written, store_id, commit)) {
            Err(Error::Damaged { place, reason }) if continues => Err(Error::damaged(
                place,
                format!(
                    "{reason}: a store restored from this backup could not be opened, and the one before is kept; take another folder for it, or repair the store first"
                ),
            )),
            Err(Error::Damaged { place, reason }) => {
                self.report.cannot_open = Some(format!("{place}: {reason}"));
                Ok(())
            }
            checked => checked,
        }
    }

    fn put_manifest(&self) -> Result<()> {
        self.files.write_manifest(&self.manifest.encode(), |path| match read_manifest(path)? {
            Some(read) if read == self.manifest => Ok(()),
            _ => Err(Error::damaged(path.display().to_string(), "it reads back other than it was written")),
        })
    }

    fn report(self) -> BackupReport {
        BackupReport {
            commit: self.manifest.commit,
            entries: self.manifest.entries,
            chunks: self.manifest.chunks.len() as u64,
            chunks_written: self.written.len() as u64,
            bytes: self.manifest.chunk_bytes(),
            damaged: self.manifest.damaged,
            ..self.report
        }
    }
}
