//! Sealed files from one process to the next: what is written down of them, and how they are opened again.

use super::durable;
use super::manifest::{Content, Entry, Identity, Manifest, path_in};
use super::options::Options;
use super::scrub::DamagedFiles;
use super::sealed::{Sealed, is_own_name, number_in};
use super::verify::is_of_the_whole;
use super::writer::Index;
use crate::error::{Error, Result};
use crate::model::Problem;
use crate::telemetry::redacted;
use std::io::ErrorKind;
use std::ops::RangeInclusive;
use std::path::Path;
use std::sync::Arc;

impl Index {
    /// The index that the folder's manifest describes, as of the manifest's commit: nothing is read but the headers of
    /// its files, whose each row is, and the mean of their vectors. It is empty, and [`Index::seq`] says so, where there is no manifest, or
    /// none of this `identity` and one of these `commits`, or where a file is not what the manifest says: then all rows
    /// have to come again. What the folder holds of files beside is removed. Without a folder it is a new index.
    ///
    /// Labels that changed since the manifest have to be applied again, as the host's journal names them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options out of range, [`Error::Io`] where the folder, the manifest or a file that it names
    /// cannot be read: nothing is removed then, and the same call may do once the cause is gone.
    pub fn open(options: Options, identity: &Identity, commits: RangeInclusive<u64>) -> Result<Self> {
        let mut index = Self::new(options)?;
        let Some(folder) = index.options.folder.clone() else { return Ok(index) };
        match restored(&folder, &index.options, identity, &commits, &DamagedFiles::default()) {
            Ok(Some((seq, files))) => (index.seq, index.sealed) = (Some(seq), files),
            Ok(None) => durable::remove(&path_in(&folder))?,
            // What cannot be read now may be sound: to make all anew would cost minutes, and lose it.
            Err(error @ Error::Io { .. }) => return Err(error),
            Err(error) => {
                tracing::warn!(error = %redacted(&error), "the index's files cannot be used: it is made anew");
                // A manifest that is wrong now might seem right after some more commits.
                durable::remove(&path_in(&folder))?;
            }
        }
        index.files = index.clear(&folder)?;
        Ok(index)
    }

    /// As [`Index::open`], for who only reads: the store is another process's, which goes on meanwhile. It is empty also where
    /// a file is gone by now or among the `damaged`, and nothing is ever written or removed.
    ///
    /// # Errors
    /// [`Error::Invalid`] for options out of range.
    pub fn read(
        folder: &Path,
        options: Options,
        identity: &Identity,
        commits: RangeInclusive<u64>,
        damaged: &DamagedFiles,
    ) -> Result<Self> {
        let mut index = Self::new(options)?;
        match restored(folder, &index.options, identity, &commits, damaged) {
            Ok(Some((seq, files))) => (index.seq, index.sealed) = (Some(seq), files),
            Ok(None) => {}
            Err(error) => tracing::debug!(%error, "the index's files cannot be used: it is made in memory"),
        }
        Ok(index)
    }

    /// The last commit, if there was any.
    #[must_use]
    pub fn seq(&self) -> Option<u64> {
        self.seq
    }

    /// Tells that no journal names the labels changed so far: a manifest is not given out before all of them are sealed.
    pub fn forgo_journal(&mut self) {
        self.unjournaled = self.unjournaled.max(self.seq);
    }

    /// Tells that it lacks labels that may be there later: no manifest is given out any more, so that the next open looks for them.
    pub fn forgo_manifest(&mut self) {
        self.unjournaled = Some(u64::MAX);
    }

    /// What the sealed files hold as of now, where that is not written down yet. The host writes it, with no lock
    /// held, before it asks for the next; where that fails, it hands it to [`Index::take_back`].
    #[must_use]
    pub fn manifest(&mut self, identity: Identity) -> Option<Manifest> {
        let due = self.unwritten && !self.is_distrusted() && self.unjournaled.is_none();
        let folder = self.options.folder.clone().filter(|_| due)?;
        let files = self.sealed.iter().map(|file| entry(file)).collect::<Option<_>>()?;
        self.unwritten = false;
        Some(Manifest {
            content: Content { identity, seq: self.seq.unwrap_or(0), files },
            folder,
            unsealed: self.rows.keys().copied().collect(),
            replaced: std::mem::take(&mut self.replaced),
        })
    }

    /// Takes back a manifest that could not be written: another is due then, as if it had not been given out.
    pub fn take_back(&mut self, manifest: Manifest) {
        self.unwritten = true;
        self.replaced.extend(manifest.replaced);
    }

    /// Takes note of problems that were found, if they are of files that it still has: then it removes the manifest, so
    /// that the next [`Index::open`] finds nothing, and gives out no other while it has these files. A file that was merged
    /// into another meanwhile is of no use any more, and that one was made of what was still sound. What is wrong with the
    /// index as a whole counts where no file is named: its cause may be any of them.
    ///
    /// No manifest may be on its way to disk.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub fn distrust(&mut self, problems: &[Problem]) -> Result<()> {
        let is_named = |file: &&Arc<Sealed>| problems.iter().any(|problem| problem.place == file.place());
        if !problems.is_empty() && problems.iter().all(is_of_the_whole) {
            return self.distrust_files();
        }
        let found = self.sealed.iter().filter(is_named).inspect(|file| file.distrust()).count();
        // The manifest may name a file that was merged since it was written.
        if found > 0 || self.replaced.iter().any(|file| is_named(&file)) {
            return self.remove_manifest();
        }
        Ok(())
    }

    /// The same where nobody knows which file it is.
    pub(super) fn distrust_files(&mut self) -> Result<()> {
        self.distrusted = true;
        self.remove_manifest()
    }

    fn remove_manifest(&self) -> Result<()> {
        self.options.folder.as_ref().map_or(Ok(()), |folder| durable::remove(&path_in(folder)))
    }

    /// Whether it still has what turned out to be damaged, for [`Index::mend`] to make good.
    #[must_use]
    pub fn is_distrusted(&self) -> bool {
        self.distrusted || self.sealed.iter().any(|file| file.is_distrusted())
    }

    /// Removes own files that are not in use; returns the highest number among all names.
    fn clear(&self, folder: &Path) -> Result<u64> {
        let unfinished = path_in(folder).with_extension(durable::UNFINISHED);
        let mut highest = 0;
        for path in durable::list(folder)? {
            let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
            if !is_own_name(name) && path != unfinished {
                continue;
            }
            highest = highest.max(number_in(name).unwrap_or(0));
            if self.sealed.iter().all(|file| file.name() != Some(name))
                && let Err(error) = std::fs::remove_file(&path)
            {
                tracing::warn!(path = %path.display(), %error, "an index file of no use stays");
            }
        }
        Ok(highest)
    }
}

/// A file as it is now; `None` for one in memory.
fn entry(file: &Sealed) -> Option<Entry> {
    Some(Entry { name: file.name()?.to_owned(), checksum: file.checksum(), dead: file.dead() })
}

type Restored = (u64, Vec<Arc<Sealed>>);

fn restored(
    folder: &Path,
    options: &Options,
    identity: &Identity,
    commits: &RangeInclusive<u64>,
    damaged: &DamagedFiles,
) -> Result<Option<Restored>> {
    let Some(Content { identity: found, seq, files }) = Content::read(folder)? else { return Ok(None) };
    let wrong = |reason: String| Err(Error::damaged(path_in(folder).display().to_string(), reason));
    if found != *identity {
        return wrong("it is of another store, or of another model of this one".to_owned());
    }
    if !commits.contains(&seq) {
        let (first, last) = (commits.start(), commits.end());
        return wrong(format!("it is of commit {seq}, and the store needs one from {first} to {last}"));
    }
    if let Some(file) = files.iter().find(|file| damaged.contain(&(file.name.clone(), file.checksum))) {
        return Err(Error::damaged(
            folder.join(&file.name).display().to_string(),
            "it was found damaged before",
        ));
    }
    let open = |entry: &Entry| opened(&folder.join(&entry.name), entry, options, seq);
    Ok(Some((seq, files.iter().map(open).collect::<Result<_>>()?)))
}

/// Opens a file, if it is the one that was meant, and buries its dead.
fn opened(path: &Path, entry: &Entry, options: &Options, seq: u64) -> Result<Arc<Sealed>> {
    let file = Sealed::open(path).map_err(|error| lost(path, error))?;
    let header = file.header();
    let shape = (header.dim, header.metric) == (options.dim, options.metric);
    let dead = entry.dead.max().is_none_or(|last| (last as usize) < file.rows());
    if file.checksum() != entry.checksum || !shape || header.seq > seq || !dead {
        return Err(Error::damaged(path.display().to_string(), "it is not the file that the manifest names"));
    }
    file.check_opened()?;
    entry.dead.iter().for_each(|row| file.bury(row, seq));
    Ok(Arc::new(file))
}

/// A file that is not there will not come back, unlike one that cannot be read just now.
fn lost(path: &Path, error: Error) -> Error {
    match error {
        Error::Io { source, .. } if source.kind() == ErrorKind::NotFound => {
            Error::damaged(path.display().to_string(), "the manifest names it, and it is not there")
        }
        error => error,
    }
}
